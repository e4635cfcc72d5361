/**
 * How a session starts: connect, log in, and from then on pass replies to the
 * protocol.
 *
 * @module
 */
import type { Clock } from "../../application/ports/clock.ts";
import type { FeedEvents, FeedSession } from "../../application/ports/feed_connector.ts";
import { FeedFailure } from "../../application/feeds/feed_failure.ts";
import type { SubscriptionRequest } from "../../domain/subscription/pairs.ts";
import { Connection, type Frame, type Payload } from "./connection.ts";

/** Deadlines of the steps of a session, in ms. */
export interface SessionDeadlines {
  readonly dialMs: number;
  /** For each reply of the login. */
  readonly replyMs: number;
}

/** Ten seconds each, the time that Alpaca gives a client to log in. */
export const SESSION_DEADLINES: SessionDeadlines = {
  dialMs: 10_000,
  replyMs: 10_000,
};

/** What differs between the market data streams and the trading stream. */
export interface Protocol<R> {
  readonly url: string;
  /** Headers of the upgrade request. */
  readonly headers: Readonly<Record<string, string>>;
  /** Bytes of the largest message. @default that of `Connection` */
  readonly maxMessageBytes?: number | undefined;
  /** Deliveries since the process started, by which reading is throttled. */
  readonly deliveries?: (() => number) | undefined;
  readonly decoder: {
    /** Publishes the data of a frame and passes its replies on, in order. */
    receive(frame: Frame, onReply: (reply: R) => void): void;
    /** Counts and logs that handling a frame or a reply failed; never throws. */
    fail(error: unknown): void;
  };
  /** Logs in; throws `FeedFailure` when a reply is not the expected one. */
  logIn(connection: Connection, replies: ReplyQueue<R>): Promise<void>;
  /** Handles a reply after the login. */
  onReply(reply: R, session: Session, events: FeedEvents): void;
  encode(request: SubscriptionRequest): Payload;
}

/**
 * Connects and logs in.
 *
 * @throws FeedFailure; the connection is closed by then
 */
export async function openSession<R>(
  protocol: Protocol<R>,
  options: {
    readonly events: FeedEvents;
    readonly clock: Clock;
    readonly deadlines: SessionDeadlines;
    readonly signal: AbortSignal;
  },
): Promise<Session> {
  const { events, clock, deadlines, signal } = options;
  const { decoder } = protocol;
  const replies = new ReplyQueue<R>(clock);
  const connection = await Connection.open({
    url: protocol.url,
    headers: protocol.headers,
    maxMessageBytes: protocol.maxMessageBytes,
    deliveries: protocol.deliveries,
    onFrame: (frame) => decoder.receive(frame, replies.add),
    onError: (error) => decoder.fail(error),
    clock,
    timeoutMs: deadlines.dialMs,
    signal,
  });
  const abort = () => replies.end(new FeedFailure("Login aborted", { errorType: "closed" }));
  signal.addEventListener("abort", abort);
  if (signal.aborted) abort();
  connection.ended.then((failure) => replies.end(failure));
  try {
    events.opened();
    await protocol.logIn(connection, replies);
  } catch (error) {
    await connection.close();
    throw error;
  } finally {
    signal.removeEventListener("abort", abort);
  }
  const session = new Session(
    connection,
    (request) => protocol.encode(request),
  );
  replies.forwardTo(
    (reply) => protocol.onReply(reply, session, events),
    (error) => decoder.fail(error),
  );
  return session;
}

/** An authenticated session. */
export class Session implements FeedSession {
  readonly ended: Promise<FeedFailure>;
  readonly #connection: Connection;
  readonly #encode: (request: SubscriptionRequest) => Payload;
  readonly #failed = Promise.withResolvers<FeedFailure>();

  constructor(
    connection: Connection,
    encode: (request: SubscriptionRequest) => Payload,
  ) {
    this.#connection = connection;
    this.#encode = encode;
    this.ended = Promise.race([this.#failed.promise, connection.ended]);
  }

  get lastFrameAt(): number {
    return this.#connection.lastFrameAt;
  }

  get frames(): number {
    return this.#connection.frames;
  }

  request(request: SubscriptionRequest): void {
    this.#connection.send(this.#encode(request));
  }

  fail(failure: FeedFailure): void {
    this.#failed.resolve(failure);
  }

  async close(): Promise<void> {
    await this.#connection.close();
    const closed = new FeedFailure("Closed by the proxy", {
      errorType: "closed",
    });
    // A peer that does not reply to the close frame must not keep it open.
    this.#failed.resolve(
      await Promise.race([this.#connection.ended, closed]),
    );
  }
}

/** Replies that wait for the login; more than these are dropped. */
const MAX_WAITING_REPLIES = 64;

/**
 * Queues the replies of a login, which sends a request and then waits for the
 * next reply within a deadline. After the login it forwards every reply.
 */
export class ReplyQueue<R> {
  readonly #clock: Clock;
  readonly #replies: R[] = [];
  #arrival: PromiseWithResolvers<void> | undefined;
  #ended: FeedFailure | undefined;
  #forward: ((reply: R) => void) | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Adds a reply. */
  readonly add = (reply: R): void => {
    if (this.#forward) return this.#forward(reply);
    if (this.#replies.length < MAX_WAITING_REPLIES) this.#replies.push(reply);
    this.#arrival?.resolve();
  };

  /** Ends the queue: no further reply will arrive. */
  end(failure: FeedFailure): void {
    this.#ended ??= failure;
    this.#arrival?.resolve();
  }

  /**
   * Returns the next reply.
   *
   * @param expected names the reply in the message of a timeout
   * @throws FeedFailure on timeout or when the queue has ended
   */
  async next(expected: string, timeoutMs: number): Promise<R> {
    const done = new AbortController();
    let isLate = false;
    const timeout = this.#clock.sleep(timeoutMs, done.signal).then(() => {
      isLate = !done.signal.aborted;
    });
    try {
      while (this.#replies.length === 0) {
        if (this.#ended) throw this.#ended;
        if (isLate) {
          throw new FeedFailure(`No ${expected} within ${timeoutMs} ms`, {
            errorType: "timeout",
          });
        }
        this.#arrival = Promise.withResolvers();
        await Promise.race([this.#arrival.promise, timeout]);
      }
      return this.#replies.shift() as R;
    } finally {
      done.abort();
    }
  }

  /**
   * Forwards the waiting replies, those that arrived together with the last one
   * of the login, and every later reply.
   *
   * @param onError called with what `handle` throws for a waiting reply
   */
  forwardTo(
    handle: (reply: R) => void,
    onError: (error: unknown) => void,
  ): void {
    this.#forward = handle;
    for (const reply of this.#replies.splice(0)) {
      try {
        handle(reply);
      } catch (error) {
        onError(error);
      }
    }
  }
}
