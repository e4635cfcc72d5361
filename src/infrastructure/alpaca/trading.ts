/**
 * Sessions of the trading stream (Alpaca: Websocket Streaming, trading), whose frames are JSON
 * objects in text or binary frames.
 *
 * There is no welcome message: `authorized` answers `authenticate`, and the list of streams answers
 * `listen`. The session is up when `trade_updates` is in that list. A repeated `listen` is the
 * heartbeat: it replaces the set of streams, so it changes nothing.
 *
 * @module
 */
import { FeedFailure } from "../../domain/connection/failure.ts";
import type { Clock } from "../../application/ports/clock.ts";
import type { EventSink } from "../../application/ports/event_sink.ts";
import type { ConnectOptions, FeedConnector } from "../../application/ports/feed_connector.ts";
import type { Log } from "../../application/ports/log.ts";
import type { FrameSink } from "../../application/ports/upstream_tap.ts";
import type { FeedCounters } from "../../application/status/counters.ts";
import type { SymbolSets } from "../../domain/subscription/pairs.ts";
import { type OrderUpdate, unknownEnums } from "../../domain/market/order_events.ts";
import { moneyCodec } from "./codecs.ts";
import { FrameDecoder, type StreamFormat } from "./decode.ts";
import {
  errorMessage,
  InvalidField,
  isMessage,
  type Message,
  type MessageNotes,
  printable,
} from "./fields.ts";
import { readOrderUpdate } from "./order_messages.ts";
import { Session, type SessionDeadlines } from "./session.ts";
import type { UpstreamProxy } from "./tunnel_agent.ts";

const TRADE_UPDATES = "trade_updates";
const LISTEN = JSON.stringify({ action: "listen", data: { streams: [TRADE_UPDATES] } });

/**
 * Bytes of the largest message. An update of 64 legs has about 100 kB; parsed with the text of
 * every number, 1 MiB of the worst JSON takes 180 MB of heap.
 */
const MAX_MESSAGE_BYTES = 512 * 1024;

/** This stream has no code 406: only the message names the connection limit. */
const CONNECTION_LIMIT = /connection limit|too many connections/i;

/** Unknown enum values of one update that are logged. */
const MAX_LOGGED_VALUES = 8;
/** This stream has no symbols. */
const NO_SYMBOLS: SymbolSets = new Map();
/** Names in a list of streams that are read; Alpaca has three. */
const MAX_STREAMS = 16;

/** A message of the trading stream about the session. */
export type TradingReply =
  | { readonly type: "authorization"; readonly authorized: boolean; readonly message: string }
  | { readonly type: "listening"; readonly streams: readonly string[] }
  | { readonly type: "error"; readonly message: string };

/** The trading stream; updates are read also while no stream is open, to count what is unknown. */
export function tradingFormat(
  sink: EventSink<OrderUpdate>,
  { keepsSource }: Pick<StreamFormat<TradingReply>, "keepsSource"> = {},
): StreamFormat<TradingReply> {
  return {
    keepsSource,
    codec: moneyCodec,
    typeKey: "stream",
    handlers: new Map([
      [TRADE_UPDATES, { type: "order_update", read: readUpdate, sink, isAlwaysRead: true }],
    ]),
    readReply,
  };
}

/** What the sessions of the trading stream need. */
export interface TradingStream {
  readonly url: string;
  /** The HTTP proxy between this program and Alpaca. @default none */
  readonly proxy?: UpstreamProxy | undefined;
  readonly sink: EventSink<OrderUpdate>;
  /** Whether updates keep the frames as Alpaca sent them. @default false */
  readonly keepsSource?: boolean | undefined;
  /** Receives every frame after its updates. @default none */
  readonly tap?: FrameSink | undefined;
  /** Reveals the key pair; called only to log in. */
  readonly credentials: () => { readonly key: string; readonly secret: string };
  readonly counters: FeedCounters;
  readonly clock: Clock;
  readonly log: Log;
  readonly deadlines: SessionDeadlines;
  /** Fires when another process may open a session, so that this one ends now. @default never */
  readonly revoked?: AbortSignal | undefined;
}

/** Opens sessions of the trading stream. */
export function createTradingConnector(stream: TradingStream): FeedConnector {
  const decoder = new FrameDecoder({ ...stream, format: tradingFormat(stream.sink, stream) });
  return {
    connect: async (options) => await new TradingSession(stream, decoder, options).open(),
  };
}

class TradingSession extends Session<TradingReply> {
  readonly #credentials: TradingStream["credentials"];

  constructor(stream: TradingStream, decoder: FrameDecoder<TradingReply>, options: ConnectOptions) {
    super({ ...stream, decoder, maxMessageBytes: MAX_MESSAGE_BYTES }, options);
    this.#credentials = stream.credentials;
  }

  /** Sends `authenticate`, then `listen`, and awaits the reply to each. */
  protected async logIn(): Promise<void> {
    const { key, secret } = this.#credentials();
    const data = { key_id: key, secret_key: secret };
    this.socket.send(JSON.stringify({ action: "authenticate", data }));
    const login = await this.nextReply("login reply");
    if (login.type !== "authorization") throw unexpected(login);
    if (!login.authorized) throw unauthorized(login.message);
    this.socket.send(LISTEN);
    let reply = await this.nextReply("listen reply");
    // A repeated login reply is not the reply to `listen`.
    if (isAuthorized(reply)) reply = await this.nextReply("listen reply");
    if (!isListening(reply)) throw failureOf(reply);
  }

  /** Reports that updates arrive; ends the session when a reply says that they no longer do. */
  protected readonly onReply = (reply: TradingReply): void => {
    // Not after the login, because an update may follow in the same frame.
    if (isListening(reply)) this.connectOptions.subscriptions.acknowledged(NO_SYMBOLS);
    if (!this.isLoggedIn) return this.loginReplies.add(reply);
    if (!isListening(reply) && !isAuthorized(reply)) this.fail(failureOf(reply));
  };

  request(): void {
    this.socket.send(LISTEN);
  }
}

function isListening(reply: TradingReply): boolean {
  return reply.type === "listening" && reply.streams.includes(TRADE_UPDATES);
}

function isAuthorized(reply: TradingReply): boolean {
  return reply.type === "authorization" && reply.authorized;
}

function failureOf(reply: TradingReply): FeedFailure {
  return reply.type === "authorization" && !reply.authorized
    ? unauthorized(reply.message)
    : unexpected(reply);
}

function unauthorized(message: string): FeedFailure {
  const hasReason = message !== "" && message !== "unauthorized";
  const text = hasReason ? `unauthorized: ${message}` : "unauthorized";
  return new FeedFailure(text, {
    errorType: CONNECTION_LIMIT.test(message) ? "connection_limit" : "auth",
  });
}

function unexpected(reply: TradingReply): FeedFailure {
  const received = reply.type === "listening"
    ? `listening to [${reply.streams.join(", ")}]`
    : reply.type === "error"
    ? `error "${reply.message}"`
    : reply.type;
  return new FeedFailure(`Unexpected reply of the trading stream: ${received}`, {
    errorType: "upstream_error",
  });
}

/** Reads an order update; unknown enum values are noted and kept. */
function readUpdate({ data }: Message, notes: MessageNotes): OrderUpdate {
  if (!isMessage(data)) throw new InvalidField("data", data);
  const update = readOrderUpdate(data);
  const unknown = unknownEnums(update);
  if (unknown.length > 0) {
    const logged = unknown.slice(0, MAX_LOGGED_VALUES);
    notes.unknownValues(logged.map(({ field, value }) => `${field}: ${printable(value)}`));
  }
  return update;
}

function readReply({ stream, action, data: value }: Message): TradingReply | undefined {
  const data = isMessage(value) ? value : {};
  if (action === "error") return { type: "error", message: errorMessage(data.error_message) };
  switch (stream) {
    case "authorization":
      return {
        type: "authorization",
        authorized: data.status === "authorized",
        message: errorMessage(data.message) || errorMessage(data.status),
      };
    case "listening":
      return typeof data.error === "string"
        ? { type: "error", message: errorMessage(data.error) }
        : { type: "listening", streams: textsOf(data.streams) };
    default:
      return undefined;
  }
}

function textsOf(value: unknown): readonly string[] {
  if (!Array.isArray(value)) return [];
  return value.slice(0, MAX_STREAMS).map(errorMessage).filter((text) => text !== "");
}
