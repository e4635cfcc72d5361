/**
 * A session with the trading stream (Alpaca: Websocket Streaming, trading).
 *
 * There is no welcome: `authenticate` is answered by `authorized`, `listen` by
 * the list of streams that are listened to, and only when `trade_updates` is
 * in that list is the session up. A re-sent `listen` is the heartbeat: it is a
 * replacement set, so repeating it changes nothing.
 *
 * @module
 */
import type { Clock } from "../../application/ports/clock.ts";
import type {
  FeedConnector,
  FeedEvents,
  FeedSession,
} from "../../application/ports/feed_connector.ts";
import { FeedFailure } from "../../application/feeds/feed_failure.ts";
import type { Mailbox } from "./mailbox.ts";
import { openSession, type SessionDeadlines } from "./open_session.ts";
import type { WireSession } from "./session.ts";
import type { TradingDecoder, TradingReply } from "./trading_decoder.ts";
import type { Wire } from "./wire.ts";

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

/** This stream has no code 406: words alone tell a taken place from a bad key. */
const TAKEN = /connection limit|too many connections/i;

/** What a trading connector needs. */
export interface TradingConnectorParts {
  readonly url: string;
  readonly decoder: TradingDecoder;
  /** Reveals the key pair at the moment of logging in, and only then. */
  readonly credentials: () => { readonly key: string; readonly secret: string };
  readonly clock: Clock;
  readonly deadlines: SessionDeadlines;
}

/** Makes sessions of the trading stream. */
export class TradingConnector implements FeedConnector {
  readonly #parts: TradingConnectorParts;

  constructor(parts: TradingConnectorParts) {
    this.#parts = parts;
  }

  connect(events: FeedEvents, signal: AbortSignal): Promise<FeedSession> {
    const { url, decoder, clock, deadlines } = this.#parts;
    return openSession<TradingReply>({
      url,
      headers: {},
      maxMessageBytes: MAX_MESSAGE_BYTES,
      receive: (frame, onReply) => decoder.receive(frame, onReply),
      onFault: (error) => decoder.fault(error),
      logIn: (wire, replies) => this.#logIn(wire, replies),
      encode: () => LISTEN,
      route: watch,
    }, { events, clock, deadlines, signal });
  }

  async #logIn(wire: Wire, replies: Mailbox<TradingReply>): Promise<void> {
    const { credentials, deadlines: { replyMs } } = this.#parts;
    const { key, secret } = credentials();
    wire.send(JSON.stringify({
      action: "authenticate",
      data: { key_id: key, secret_key: secret },
    }));
    const reply = await replies.next("answer to the login", replyMs);
    if (reply.type !== "authorization") throw unexpected(reply);
    if (!reply.authorized) throw unauthorized(reply.message);
    wire.send(LISTEN);
    let answer = await replies.next("answer to listen", replyMs);
    // Being let in twice says nothing about listening.
    if (isLetIn(answer)) {
      answer = await replies.next("answer to listen", replyMs);
    }
    if (!isListening(answer)) throw refusalIn(answer);
  }
}

function isListening(reply: TradingReply): boolean {
  return reply.type === "listening" && reply.streams.includes(TRADE_UPDATES);
}

function isLetIn(reply: TradingReply): boolean {
  return reply.type === "authorization" && reply.authorized;
}

/** After login: whatever says that updates no longer come ends the session. */
function watch(reply: TradingReply, session: WireSession): void {
  if (!isListening(reply) && !isLetIn(reply)) session.fail(refusalIn(reply));
}

function refusalIn(reply: TradingReply): FeedFailure {
  return reply.type === "authorization" && !reply.authorized
    ? unauthorized(reply.message)
    : unexpected(reply);
}

function unauthorized(message: string): FeedFailure {
  const told = message !== "" && message !== "unauthorized";
  const text = told ? `unauthorized: ${message}` : "unauthorized";
  if (TAKEN.test(message)) {
    const kind = "connection_limit";
    return new FeedFailure(text, { kind, errorType: kind });
  }
  return new FeedFailure(text, { kind: "refused", errorType: "auth" });
}

function unexpected(reply: TradingReply): FeedFailure {
  const said = reply.type === "listening"
    ? `listening to [${reply.streams.join(", ")}]`
    : reply.type === "error"
    ? `error "${reply.message}"`
    : reply.type;
  return new FeedFailure(`Trading stream said ${said}`, {
    errorType: "upstream_error",
  });
}
