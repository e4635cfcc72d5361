/**
 * Sessions of the trading stream (Alpaca: Websocket Streaming, trading), and the
 * decoder of its frames: JSON objects in text or binary frames.
 *
 * There is no welcome message: `authorized` answers `authenticate`, and the list
 * of streams answers `listen`. The session is up when `trade_updates` is in that
 * list. A repeated `listen` is the heartbeat: it replaces the set of streams, so
 * it changes nothing.
 *
 * @module
 */
import type { Clock } from "../../application/ports/clock.ts";
import type { EventSink } from "../../application/ports/event_sink.ts";
import type {
  FeedConnector,
  FeedEvents,
  FeedSession,
} from "../../application/ports/feed_connector.ts";
import type { Log } from "../../application/ports/log.ts";
import { FeedFailure } from "../../application/feeds/feed_failure.ts";
import { type FeedCounters, observe } from "../../application/status/counters.ts";
import { type OrderUpdate, unknownEnums } from "../../domain/market/order_events.ts";
import type { Connection, Frame, Payload } from "./connection.ts";
import { countFailedFrame, FrameLog, NOT_A_MAP } from "./decode.ts";
import { errorMessage, InvalidField, isMessage, type Message, printable } from "./fields.ts";
import { parseWithNumberText } from "./lossless_json.ts";
import { readOrderUpdate } from "./order_messages.ts";
import {
  openSession,
  type Protocol,
  type ReplyQueue,
  type Session,
  type SessionDeadlines,
} from "./session.ts";

const TRADE_UPDATES = "trade_updates";
const LISTEN = JSON.stringify({
  action: "listen",
  data: { streams: [TRADE_UPDATES] },
});

/**
 * Bytes of the largest message. An update of 64 legs has about 100 kB; parsed
 * with the text of every number, 1 MiB of the worst JSON takes 180 MB of heap.
 */
const MAX_MESSAGE_BYTES = 512 * 1024;

/** This stream has no code 406: only the message names the connection limit. */
const CONNECTION_LIMIT = /connection limit|too many connections/i;

/** Dependencies of a trading connector. */
export interface TradingConnectorParts {
  readonly url: string;
  readonly decoder: TradingDecoder;
  /** Reveals the key pair; called only to log in. */
  readonly credentials: () => { readonly key: string; readonly secret: string };
  readonly clock: Clock;
  readonly deadlines: SessionDeadlines;
}

/** Opens sessions of the trading stream. */
export class TradingConnector implements FeedConnector, Protocol<TradingReply> {
  readonly url: string;
  readonly headers = {};
  readonly maxMessageBytes = MAX_MESSAGE_BYTES;
  readonly decoder: TradingDecoder;
  readonly #parts: TradingConnectorParts;

  constructor(parts: TradingConnectorParts) {
    this.url = parts.url;
    this.decoder = parts.decoder;
    this.#parts = parts;
  }

  connect(events: FeedEvents, signal: AbortSignal): Promise<FeedSession> {
    const { clock, deadlines } = this.#parts;
    return openSession(this, { events, clock, deadlines, signal });
  }

  /** Sends `authenticate`, then `listen`, and awaits the reply to each. */
  async logIn(
    connection: Connection,
    replies: ReplyQueue<TradingReply>,
  ): Promise<void> {
    const { credentials, deadlines: { replyMs } } = this.#parts;
    const { key, secret } = credentials();
    connection.send(JSON.stringify({
      action: "authenticate",
      data: { key_id: key, secret_key: secret },
    }));
    const login = await replies.next("login reply", replyMs);
    if (login.type !== "authorization") throw unexpected(login);
    if (!login.authorized) throw unauthorized(login.message);
    connection.send(LISTEN);
    let reply = await replies.next("listen reply", replyMs);
    // A repeated login reply is not the reply to `listen`.
    if (isAuthorized(reply)) {
      reply = await replies.next("listen reply", replyMs);
    }
    if (!isListening(reply)) throw failureOf(reply);
  }

  /** Ends the session when a reply says that updates no longer arrive. */
  onReply(reply: TradingReply, session: Session): void {
    if (!isListening(reply) && !isAuthorized(reply)) {
      session.fail(failureOf(reply));
    }
  }

  encode(): Payload {
    return LISTEN;
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
  return new FeedFailure(
    `Unexpected reply of the trading stream: ${received}`,
    {
      errorType: "upstream_error",
    },
  );
}

/** A message of the trading stream about the session. */
export type TradingReply =
  | {
    readonly type: "authorization";
    readonly authorized: boolean;
    readonly message: string;
  }
  | { readonly type: "listening"; readonly streams: readonly string[] }
  | { readonly type: "error"; readonly message: string };

/** Dependencies of a trading decoder. */
export interface TradingDecoderParts {
  readonly sink: EventSink<OrderUpdate>;
  readonly counters: FeedCounters;
  readonly clock: Clock;
  readonly log: Log;
}

const NO_DATA = new TypeError("No data");
/** Unknown enum values of one update that are logged. */
const MAX_LOGGED_VALUES = 8;
/** Names in a list of streams that are read; Alpaca has three. */
const MAX_STREAMS = 16;
/** Keep-alive byte of an older version of the stream. */
const KEEP_ALIVE = 0x01;

/** Decodes the frames of the trading stream. */
export class TradingDecoder {
  readonly #parts: TradingDecoderParts;
  readonly #utf8 = new TextDecoder("utf-8", { fatal: true });
  readonly #frameLog: FrameLog;

  constructor(parts: TradingDecoderParts) {
    this.#parts = parts;
    this.#frameLog = new FrameLog(parts.log);
  }

  /**
   * Publishes order updates and passes replies on, in order. Never throws, not
   * even when the sink or `onReply` throws.
   */
  receive(frame: Frame, onReply: (reply: TradingReply) => void): void {
    if (isKeepAlive(frame)) return;
    const { clock, counters } = this.#parts;
    try {
      const receivedAt = clock.now();
      const start = clock.monotonic();
      const decoded = this.#decode(frame);
      if (decoded === undefined) return;
      const messages = Array.isArray(decoded) ? decoded : [decoded];
      this.#frameLog.start();
      for (const message of messages) {
        this.#handle(message, receivedAt, onReply);
      }
      this.#frameLog.end();
      const seconds = (clock.monotonic() - start) / 1000;
      observe(counters.processing, { seconds, messages: messages.length });
    } catch (error) {
      this.fail(error);
    }
  }

  /** Counts and logs that handling a frame failed; never throws. */
  fail(error: unknown): void {
    countFailedFrame(this.#parts, error);
  }

  #decode(frame: Frame): unknown {
    try {
      return parseWithNumberText(this.#utf8.decode(frame));
    } catch (error) {
      this.#parts.counters.errors.malformed_frame++;
      this.#parts.log.warn("Cannot decode a frame", { cause: error });
      return undefined;
    }
  }

  #handle(
    message: unknown,
    receivedAt: number,
    onReply: (reply: TradingReply) => void,
  ): void {
    try {
      if (!isMessage(message)) throw NOT_A_MAP;
      if (message.stream === TRADE_UPDATES) {
        this.#parts.sink.publish(this.#readUpdate(message.data), receivedAt);
      } else this.#reply(message, onReply);
    } catch (error) {
      this.#invalid(error);
    }
  }

  /** Reads an order update; unknown enum values are counted and kept. */
  #readUpdate(data: unknown): OrderUpdate {
    const { counters } = this.#parts;
    counters.received.order_update++;
    if (!isMessage(data)) throw NO_DATA;
    const update = readOrderUpdate(data);
    const unknown = unknownEnums(update);
    if (unknown.length > 0) {
      counters.errors.unknown_word++;
      this.#frameLog.warn("Order update with unknown values", {
        values: unknown.slice(0, MAX_LOGGED_VALUES).map(({ field, value }) =>
          `${field}: ${printable(value)}`
        ),
      });
    }
    return update;
  }

  #reply(message: Message, onReply: (reply: TradingReply) => void): void {
    const { counters } = this.#parts;
    const reply = readReply(message);
    if (reply) {
      counters.received.control++;
      return onReply(reply);
    }
    counters.received.unknown++;
    counters.errors.unknown_type++;
    this.#frameLog.warn("Message of an unknown stream", {
      stream: printable(message.stream),
    });
  }

  #invalid(error: unknown): void {
    this.#parts.counters.errors.malformed_element++;
    const isInvalidInput = error === NOT_A_MAP || error === NO_DATA ||
      error instanceof InvalidField;
    if (isInvalidInput) {
      this.#frameLog.warn("Invalid order update", { cause: error });
    } else {
      this.#frameLog.error("Failed to handle a message", { cause: error });
    }
  }
}

function isKeepAlive(frame: Frame): boolean {
  return frame.length === 1 && frame[0] === KEEP_ALIVE;
}

function readReply(message: Message): TradingReply | undefined {
  const data = isMessage(message.data) ? message.data : {};
  if (message.action === "error") {
    return { type: "error", message: errorMessage(data.error_message) };
  }
  switch (message.stream) {
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
  return value.slice(0, MAX_STREAMS).map(errorMessage)
    .filter((text) => text !== "");
}
