/**
 * A connector whose sessions do what the test says.
 *
 * @module
 */
import type { UpstreamSubscriptions } from "../../../../src/application/feeds/upstream_subscriptions.ts";
import { FeedFailure } from "../../../../src/domain/connection/failure.ts";
import type { Clock } from "../../../../src/application/ports/clock.ts";
import type {
  ConnectOptions,
  FeedConnector,
  FeedSession,
  SubscriptionReplies,
} from "../../../../src/application/ports/feed_connector.ts";
import type { Span, SpanAttributes, Tracing } from "../../../../src/application/ports/tracing.ts";
import type { SubscriptionRequest } from "../../../../src/domain/subscription/pairs.ts";

/** A session that records what is asked of it. */
export class ScriptedSession implements FeedSession {
  readonly requests: SubscriptionRequest[] = [];
  readonly #ended = Promise.withResolvers<FeedFailure>();
  readonly #clock: Clock;
  frames = 0;
  lastFrameAt: number;
  closes = 0;
  open = true;
  /** Called on every request, after it was recorded. */
  onRequest: (request: SubscriptionRequest) => void = () => {};

  constructor(clock: Clock) {
    this.#clock = clock;
    this.lastFrameAt = clock.monotonic();
  }

  get ended(): Promise<FeedFailure> {
    return this.#ended.promise;
  }

  /** A frame arrives. */
  hear(): void {
    this.frames++;
    this.lastFrameAt = this.#clock.monotonic();
  }

  request(request: SubscriptionRequest): void {
    this.requests.push(request);
    this.onRequest(request);
  }

  fail(failure: FeedFailure): void {
    this.#ended.resolve(failure);
  }

  /** Upstream drops the connection. */
  drop(message = "dropped"): void {
    this.fail(new FeedFailure(message, { errorType: "closed" }));
  }

  close(): Promise<void> {
    this.closes++;
    this.open = false;
    this.fail(new FeedFailure("Closed by the proxy", { errorType: "closed" }));
    return Promise.resolve();
  }
}

/** How one attempt goes. */
export type Attempt =
  | "accept"
  /** Never answers; ends when it is aborted. */
  | "hang"
  | { readonly failure: FeedFailure; readonly opened: boolean };

/** A connector that plays a script; the last attempt repeats. */
export class ScriptedConnector implements FeedConnector {
  readonly sessions: ScriptedSession[] = [];
  readonly dialedAt: number[] = [];
  readonly #clock: Clock;
  readonly #script: readonly Attempt[];
  subscriptions: SubscriptionReplies | undefined;
  /** Called with every new session before it is handed out. */
  onSession: (session: ScriptedSession) => void = () => {};

  constructor(clock: Clock, script: readonly Attempt[]) {
    this.#clock = clock;
    this.#script = script;
  }

  /** The session that was made last. */
  get last(): ScriptedSession {
    const session = this.sessions.at(-1);
    if (!session) throw new Error("There is no session yet");
    return session;
  }

  async connect({ onOpened, subscriptions, signal }: ConnectOptions): Promise<FeedSession> {
    const open = this.sessions.filter((session) => session.open).length;
    if (open > 0) throw new Error(`Dialed while ${open} session(s) were open`);
    this.dialedAt.push(this.#clock.monotonic());
    // A dial never succeeds in the turn in which it is begun.
    await Promise.resolve();
    this.subscriptions = subscriptions;
    const attempt = this.#script[this.dialedAt.length - 1] ??
      this.#script.at(-1) ?? "accept";
    if (attempt === "hang") {
      await this.#clock.sleep(Infinity, signal);
      throw new FeedFailure("Connection attempt aborted", {
        errorType: "closed",
      });
    }
    if (attempt !== "accept") {
      if (attempt.opened) onOpened();
      throw attempt.failure;
    }
    onOpened();
    const session = new ScriptedSession(this.#clock);
    this.sessions.push(session);
    this.onSession(session);
    return session;
  }
}

/** Subscriptions that only record how they are used. */
export class RecordingSubscriptions implements UpstreamSubscriptions {
  readonly calls: string[] = [];
  subscriptionCount = 0;
  isComplete = false;
  problem: string | undefined;
  acknowledgedAt: number | undefined;

  attach(): void {
    this.calls.push("attach");
  }
  detach(): void {
    this.calls.push("detach");
  }
  probe(): void {
    this.calls.push("probe");
  }
  acknowledged(): void {
    this.calls.push("acknowledged");
  }
  rejected(): void {
    this.calls.push("rejected");
  }
}

/** Tracing that counts spans, so that none stays open unseen. */
export class CountingTracing implements Tracing {
  readonly started: string[] = [];
  readonly failed: string[] = [];
  /** What failed spans were given, with where it was thrown and its causes. */
  readonly causes: string[] = [];
  open = 0;

  span(name: string, _attributes?: SpanAttributes): Span {
    this.started.push(name);
    this.open++;
    let ended = false;
    return {
      event: () => {},
      set: () => {},
      fail: (cause) => {
        this.failed.push(name);
        this.causes.push(Deno.inspect(cause));
      },
      end: () => {
        if (!ended) this.open--;
        ended = true;
      },
    };
  }
}
