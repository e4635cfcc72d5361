/**
 * How every session comes up: dial, log in, and from then on each reply goes
 * to the session's own route.
 *
 * @module
 */
import type { Clock } from "../../application/ports/clock.ts";
import type { FeedEvents } from "../../application/ports/feed_connector.ts";
import { FeedFailure } from "../../application/feeds/feed_failure.ts";
import type { SubscriptionRequest } from "../../domain/subscription/request.ts";
import { Mailbox } from "./mailbox.ts";
import { type Payload, Pulse, WireSession } from "./session.ts";
import { dial, type Frame, type Wire } from "./wire.ts";

/** Deadlines of a session's steps, in ms. */
export interface SessionDeadlines {
  readonly dialMs: number;
  /** For each reply of the handshake. */
  readonly replyMs: number;
}

/** Ten seconds each: upstream itself gives a client ten seconds to log in. */
export const SESSION_DEADLINES: SessionDeadlines = {
  dialMs: 10_000,
  replyMs: 10_000,
};

/** What one protocol does in its own way. */
export interface SessionScript<R> {
  readonly url: string;
  /** Deliveries made so far, where frames make many. */
  readonly deliveries?: (() => number) | undefined;
  /** Bytes of the largest message. @default that of `dial` */
  readonly maxMessageBytes?: number;
  /** Headers of the upgrade request. */
  readonly headers: Readonly<Record<string, string>>;
  /** Publishes the data of a frame and hands replies on. */
  receive(frame: Frame, onReply: (reply: R) => void): void;
  /** Counts and logs what a handler of a frame or of a reply threw. */
  onFault(error: unknown): void;
  /** The handshake; throws `FeedFailure` when it does not go as it should. */
  logIn(wire: Wire, replies: Mailbox<R>): Promise<void>;
  encode(request: SubscriptionRequest): Payload;
  /** Replies after the handshake. */
  route(reply: R, session: WireSession): void;
}

/**
 * Dials and logs in.
 *
 * @throws FeedFailure; the socket is closed by then
 */
export async function openSession<R>(
  script: SessionScript<R>,
  options: {
    readonly events: FeedEvents;
    readonly clock: Clock;
    readonly deadlines: SessionDeadlines;
    readonly signal: AbortSignal;
  },
): Promise<WireSession> {
  const { events, clock, deadlines, signal } = options;
  const pulse = new Pulse(clock);
  const replies = new Mailbox<R>(clock);
  let onReply = (reply: R) => replies.put(reply);
  const wire = await dial({
    url: script.url,
    headers: script.headers,
    deliveries: script.deliveries,
    maxMessageBytes: script.maxMessageBytes,
    onFrame: (frame) => {
      pulse.beat();
      script.receive(frame, onReply);
    },
    onFault: (error) => script.onFault(error),
    clock,
    timeoutMs: deadlines.dialMs,
    signal,
  });
  const giveUp = () => replies.end(givenUp());
  signal.addEventListener("abort", giveUp);
  if (signal.aborted) giveUp();
  wire.ended.then((failure) => replies.end(failure));
  try {
    events.opened();
    await script.logIn(wire, replies);
  } catch (error) {
    await wire.close();
    throw error;
  } finally {
    signal.removeEventListener("abort", giveUp);
  }
  const session = new WireSession(wire, { pulse, encode: script.encode });
  onReply = (reply) => script.route(reply, session);
  // Replies that arrived together with the one that ended the login.
  for (const reply of replies.takeAll()) {
    try {
      onReply(reply);
    } catch (error) {
      script.onFault(error);
    }
  }
  return session;
}

function givenUp(): FeedFailure {
  return new FeedFailure("Logging in was given up", { errorType: "closed" });
}
