/**
 * Sessions of the market data streams (Alpaca: WebSocket Stream).
 *
 * @module
 */
import type { Clock } from "../../application/ports/clock.ts";
import type {
  FeedConnector,
  FeedEvents,
  FeedSession,
} from "../../application/ports/feed_connector.ts";
import { failureOfUpstream, FeedFailure } from "../../application/feeds/feed_failure.ts";
import {
  groupPairs,
  type SubscriptionRequest,
  UPSTREAM_CHANNELS,
  type UpstreamChannel,
} from "../../domain/subscription/pairs.ts";
import type { Connection, Payload } from "./connection.ts";
import type { FrameDecoder, MarketCodec } from "./decode.ts";
import type { Control } from "./messages.ts";
import {
  openSession,
  type Protocol,
  type ReplyQueue,
  type Session,
  type SessionDeadlines,
} from "./session.ts";

/** Errors after the login that end the session. */
const FATAL: ReadonlySet<number> = new Set([401, 402, 404, 406, 407, 411]);
const ALREADY_AUTHENTICATED = 403;

/** Dependencies of a market data connector. */
export interface MarketConnectorParts {
  readonly url: string;
  readonly codec: MarketCodec;
  readonly decoder: FrameDecoder;
  /** Reveals the key pair; called only to log in. */
  readonly credentials: () => { readonly key: string; readonly secret: string };
  /** Channels of this stream, named by a probe without symbols. */
  readonly channels: readonly UpstreamChannel[];
  /** Deliveries since the process started, by which reading is throttled. */
  readonly deliveries?: () => number;
  readonly clock: Clock;
  readonly deadlines: SessionDeadlines;
}

/** Opens sessions of one market data stream. */
export class MarketConnector implements FeedConnector, Protocol<Control> {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly deliveries: (() => number) | undefined;
  readonly decoder: FrameDecoder;
  readonly #parts: MarketConnectorParts;

  constructor(parts: MarketConnectorParts) {
    this.url = parts.url;
    this.headers = { "Content-Type": parts.codec.contentType };
    this.deliveries = parts.deliveries;
    this.decoder = parts.decoder;
    this.#parts = parts;
  }

  connect(events: FeedEvents, signal: AbortSignal): Promise<FeedSession> {
    const { clock, deadlines } = this.#parts;
    return openSession(this, { events, clock, deadlines, signal });
  }

  /** Awaits `connected`, sends `auth`, awaits `authenticated`. */
  async logIn(
    connection: Connection,
    replies: ReplyQueue<Control>,
  ): Promise<void> {
    const { codec, credentials, deadlines: { replyMs } } = this.#parts;
    expect(await replies.next("welcome message", replyMs), "connected");
    connection.send(codec.encode({ action: "auth", ...credentials() }));
    let reply = await replies.next("login reply", replyMs);
    // A repeated welcome message is not the login reply.
    if (isSuccess(reply, "connected")) {
      reply = await replies.next("login reply", replyMs);
    }
    if (!isAlreadyAuthenticated(reply)) expect(reply, "authenticated");
  }

  /** Reports acknowledgements and rejections; a fatal error ends the session. */
  onReply(reply: Control, session: Session, events: FeedEvents): void {
    if (reply.type === "subscription") events.acknowledged(reply.state);
    if (reply.type !== "error") return;
    const { error } = reply;
    if (FATAL.has(error.code)) session.fail(failureOfUpstream(error));
    else if (error.code !== ALREADY_AUTHENTICATED) events.rejected(error);
  }

  encode(request: SubscriptionRequest): Payload {
    const groups = groupPairs(request.pairs);
    // A probe without symbols must still name a channel.
    const channels = groups.size > 0 ? UPSTREAM_CHANNELS : this.#parts.channels;
    const message: Record<string, unknown> = { action: request.action };
    for (const channel of channels) {
      const symbols = groups.get(channel);
      if (symbols || groups.size === 0) message[channel] = symbols ?? [];
    }
    return this.#parts.codec.encode(message);
  }
}

/** @throws FeedFailure unless the reply is the given success message */
function expect(reply: Control, message: string): void {
  if (reply.type === "error") throw failureOfUpstream(reply.error);
  if (isSuccess(reply, message)) return;
  const received = reply.type === "success" ? `"${reply.message}"` : reply.type;
  throw new FeedFailure(`Expected "${message}", received ${received}`, {
    errorType: "upstream_error",
  });
}

function isSuccess(reply: Control, message: string): boolean {
  return reply.type === "success" && reply.message === message;
}

function isAlreadyAuthenticated(reply: Control): boolean {
  return reply.type === "error" && reply.error.code === ALREADY_AUTHENTICATED;
}
