/**
 * A session with a market data stream (Alpaca: WebSocket Stream).
 *
 * The login reads like its transcript: `connected`, then `auth`, then
 * `authenticated`, each within its deadline. Afterwards acknowledgements and
 * refusals go to the events, and an error that says the session itself is
 * unusable ends it.
 *
 * @module
 */
import type { Clock } from "../../application/ports/clock.ts";
import type {
  FeedConnector,
  FeedEvents,
  FeedSession,
} from "../../application/ports/feed_connector.ts";
import {
  failureOfUpstream,
  FeedFailure,
} from "../../application/feeds/feed_failure.ts";
import type { SubscriptionRequest } from "../../domain/subscription/request.ts";
import {
  groupPairs,
  UPSTREAM_CHANNELS,
  type UpstreamChannel,
} from "../../domain/subscription/symbol_sets.ts";
import type { Control } from "./control.ts";
import type { FrameDecoder } from "./frame_decoder.ts";
import type { Mailbox } from "./mailbox.ts";
import type { MarketCodec } from "./market_codec.ts";
import { openSession, type SessionDeadlines } from "./open_session.ts";
import type { WireSession } from "./session.ts";
import type { Wire } from "./wire.ts";

/** Errors after login that leave no session to speak of. */
const FATAL: ReadonlySet<number> = new Set([401, 402, 404, 406, 407, 411]);
const ALREADY_AUTHENTICATED = 403;

/** What a market data connector needs. */
export interface MarketConnectorParts {
  readonly url: string;
  readonly codec: MarketCodec;
  readonly decoder: FrameDecoder;
  /** Reveals the key pair at the moment of logging in, and only then. */
  readonly credentials: () => { readonly key: string; readonly secret: string };
  /** Channels that this stream has; a probe without symbols names them. */
  readonly channels: readonly UpstreamChannel[];
  /** Deliveries made so far, by which reading is paced. @default none */
  readonly deliveries?: () => number;
  readonly clock: Clock;
  readonly deadlines: SessionDeadlines;
}

/** Makes sessions of one market data stream. */
export class MarketConnector implements FeedConnector {
  readonly #parts: MarketConnectorParts;

  constructor(parts: MarketConnectorParts) {
    this.#parts = parts;
  }

  connect(events: FeedEvents, signal: AbortSignal): Promise<FeedSession> {
    const { url, codec, decoder, deliveries, clock, deadlines } = this.#parts;
    return openSession<Control>({
      url,
      headers: { "Content-Type": codec.contentType },
      deliveries,
      receive: (frame, onReply) => decoder.receive(frame, onReply),
      onFault: (error) => decoder.fault(error),
      logIn: (wire, replies) => this.#logIn(wire, replies),
      encode: (request) => codec.encode(this.#message(request)),
      route: (control, session) => route(control, session, events),
    }, { events, clock, deadlines, signal });
  }

  async #logIn(wire: Wire, replies: Mailbox<Control>): Promise<void> {
    const { codec, credentials, deadlines: { replyMs } } = this.#parts;
    expect(await replies.next("welcome", replyMs), "connected");
    wire.send(codec.encode({ action: "auth", ...credentials() }));
    let answer = await replies.next("answer to the login", replyMs);
    // A greeting that comes twice says nothing about the login.
    if (isSuccess(answer, "connected")) {
      answer = await replies.next("answer to the login", replyMs);
    }
    if (!isAlreadyAuthenticated(answer)) expect(answer, "authenticated");
  }

  #message(request: SubscriptionRequest): Record<string, unknown> {
    const groups = groupPairs(request.pairs);
    // A probe without symbols still has to name a channel to be a request.
    const channels = groups.size > 0 ? UPSTREAM_CHANNELS : this.#parts.channels;
    const message: Record<string, unknown> = { action: request.action };
    for (const channel of channels) {
      const symbols = groups.get(channel);
      if (symbols || groups.size === 0) message[channel] = symbols ?? [];
    }
    return message;
  }
}

/** @throws FeedFailure when the reply is not the one that the transcript has */
function expect(reply: Control, message: string): void {
  if (reply.type === "error") throw failureOfUpstream(reply.error);
  if (isSuccess(reply, message)) return;
  const said = reply.type === "success" ? `"${reply.message}"` : reply.type;
  throw new FeedFailure(`Expected "${message}", upstream said ${said}`, {
    errorType: "upstream_error",
  });
}

function isSuccess(reply: Control, message: string): boolean {
  return reply.type === "success" && reply.message === message;
}

function isAlreadyAuthenticated(reply: Control): boolean {
  return reply.type === "error" && reply.error.code === ALREADY_AUTHENTICATED;
}

function route(
  control: Control,
  session: WireSession,
  events: FeedEvents,
): void {
  if (control.type === "subscription") events.acknowledged(control.state);
  if (control.type !== "error") return;
  const { error } = control;
  if (FATAL.has(error.code)) session.fail(failureOfUpstream(error));
  else if (error.code !== ALREADY_AUTHENTICATED) events.refused(error);
}
