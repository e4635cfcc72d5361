/**
 * Follows one feed for ever: sessions end, the story goes on.
 *
 * One session at a time. Whatever ends it is sorted once
 * ({@linkcode FeedFailure}), counted, told, and answered with the wait that
 * its kind asks for; then the next attempt is made. Client streams know
 * nothing of it: they stay open and continue when data does.
 *
 * @module
 */
import {
  backoffDelay,
  type BackoffSettings,
  isDoubted,
} from "../../domain/connection/backoff.ts";
import type { FailureKind } from "../../domain/connection/failure.ts";
import type { FeedId, FeedKind } from "../../domain/connection/feed.ts";
import type { HeartbeatSettings } from "../../domain/connection/heartbeat.ts";
import {
  advance,
  attemptsOf,
  DISCONNECTED,
  type Link,
  type LinkEvent,
} from "../../domain/connection/link.ts";
import type { Clock } from "../ports/clock.ts";
import type { FeedConnector, FeedSession } from "../ports/feed_connector.ts";
import type { Log } from "../ports/log.ts";
import type { Tracing } from "../ports/tracing.ts";
import { type FeedCounters, messagesReceived } from "../status/counters.ts";
import type { FeedStatus } from "../status/proxy_status.ts";
import { WallStamp } from "../status/wall_stamp.ts";
import { type FeedFailure, toFailure } from "./feed_failure.ts";
import { keepAlive } from "./keep_alive.ts";
import type { UpstreamSubscriptions } from "./upstream_subscriptions.ts";

/** A session that lived this long was stable: the next failure starts afresh. */
const STABLE_MS = 10_000;

/** What a link needs. */
export interface FeedLinkParts {
  readonly feed: FeedId;
  readonly kind: FeedKind;
  readonly connector: FeedConnector;
  readonly subscriptions: UpstreamSubscriptions;
  readonly counters: FeedCounters;
  readonly clock: Clock;
  /** Numbers in [0, 1), for jitter. */
  readonly random: () => number;
  readonly log: Log;
  readonly tracing: Tracing;
  /** Takes secrets out of upstream's words, before anybody is told them. */
  readonly redact: (text: string) => string;
  readonly heartbeat: HeartbeatSettings;
  /** What a person can do about a kind of failure, for the log. */
  readonly remedies: Readonly<Partial<Record<FailureKind, string>>>;
  readonly reconnect: BackoffSettings & {
    /**
     * Attempts in a row before the feed is given up; 0 means never. One that
     * led to a session which did not last counts too.
     */
    readonly maxAttempts: number;
  };
}

/** One feed's link to upstream, with its state. */
export class FeedLink {
  readonly #parts: FeedLinkParts;
  #link: Link = DISCONNECTED;
  #failuresInARow = 0;
  #refusalsInARow = 0;
  /** Monotonic ms at which a session last was up. */
  #workedAt: number | undefined;
  #lastConnected: WallStamp | undefined;
  #errorMessage: string | undefined;

  constructor(parts: FeedLinkParts) {
    this.#parts = parts;
  }

  /** A snapshot of the link. */
  get status(): FeedStatus {
    const { feed, kind, subscriptions, counters } = this.#parts;
    return {
      feed,
      kind,
      state: this.#link.at,
      lastConnectedAt: this.#lastConnected?.at,
      errorMessage: this.#errorMessage ?? subscriptions.trouble,
      subscriptionCount: subscriptions.subscriptionCount,
      reconnectAttempts: attemptsOf(this.#link),
      messagesReceived: messagesReceived(counters),
    };
  }

  /**
   * Follows the feed until `signal` fires. A feed whose attempts are exhausted
   * stays in its error state until then.
   */
  async run(signal: AbortSignal): Promise<void> {
    this.#apply({ type: "connect" });
    try {
      while (!signal.aborted && this.#link.at === "connecting") {
        const failure = await this.#holdSession(signal);
        if (signal.aborted) break;
        this.#note(failure);
        await this.#waitForRetry(failure, signal);
      }
      if (!signal.aborted) await aborted(signal);
    } finally {
      this.#apply({ type: "shutdown" });
    }
  }

  /** Connects, and holds the session until it ends; gives the reason. */
  async #holdSession(signal: AbortSignal): Promise<FeedFailure> {
    const { connector, subscriptions, clock, tracing, feed, redact } =
      this.#parts;
    const span = tracing.span("feed.session", {
      "feed.id": feed,
      "feed.attempt": attemptsOf(this.#link),
    });
    try {
      const session = await connector.connect({
        opened: () => this.#apply({ type: "opened" }),
        acknowledged: (state) => subscriptions.acknowledged(state),
        refused: ({ code, message }) =>
          subscriptions.refused({ code, message: redact(message) }),
      }, signal);
      span.event("authenticated");
      this.#accepted();
      const since = clock.monotonic();
      const failure = (await this.#follow(session, signal)).redacted(redact);
      this.#workedAt = clock.monotonic();
      if (clock.monotonic() - since >= STABLE_MS) this.#failuresInARow = 0;
      if (!signal.aborted) span.fail(failure);
      return failure;
    } catch (error) {
      const failure = toFailure(error).redacted(redact);
      if (!signal.aborted) span.fail(failure);
      return failure;
    } finally {
      span.end();
    }
  }

  async #follow(
    session: FeedSession,
    signal: AbortSignal,
  ): Promise<FeedFailure> {
    const { subscriptions, clock, heartbeat: settings } = this.#parts;
    const over = new AbortController();
    const goodbye = () => session.close();
    signal.addEventListener("abort", goodbye);
    let watching: Promise<void> | undefined;
    try {
      if (signal.aborted) goodbye();
      subscriptions.attach(session);
      watching = keepAlive(session, {
        subscriptions,
        clock,
        settings,
        signal: over.signal,
      }).catch((error) => session.fail(toFailure(error)));
      return await session.ended;
    } finally {
      signal.removeEventListener("abort", goodbye);
      over.abort();
      subscriptions.detach();
      await watching;
      // A second dial before upstream has let go of this one would be refused.
      await session.close();
    }
  }

  #accepted(): void {
    this.#apply({ type: "accepted" });
    this.#refusalsInARow = 0;
    this.#workedAt = this.#parts.clock.monotonic();
    this.#lastConnected = new WallStamp(this.#parts.clock);
    this.#errorMessage = undefined;
    this.#parts.log.info("Feed connected");
  }

  #note(failure: FeedFailure): void {
    this.#failuresInARow++;
    this.#parts.counters.errors[failure.errorType]++;
    this.#errorMessage = failure.message;
    if (failure.kind === "refused") this.#refusalsInARow++;
    // A key that worked a moment ago is no error that a person has to mend.
    const rejected = failure.kind === "refused" && !this.#isDoubted &&
      this.#link.at === "authenticating";
    this.#apply({
      type: rejected ? "rejected" : "lost",
      reason: failure.message,
    });
  }

  get #isDoubted(): boolean {
    const sinceAcceptedMs = this.#workedAt === undefined
      ? undefined
      : this.#parts.clock.monotonic() - this.#workedAt;
    return isDoubted({ count: this.#refusalsInARow, sinceAcceptedMs });
  }

  async #waitForRetry(
    failure: FeedFailure,
    signal: AbortSignal,
  ): Promise<void> {
    const { clock, random, reconnect, log, counters, remedies } = this.#parts;
    const { message, kind, retryAfterMs } = failure;
    const { maxAttempts } = reconnect;
    if (maxAttempts > 0 && this.#failuresInARow > maxAttempts) {
      this.#apply({ type: "retry" });
      this.#apply({ type: "exhausted", reason: message });
      log.error("Feed given up: no attempts left", {
        cause: message,
        remedy: remedies[kind],
        maxAttempts,
      });
      return;
    }
    const doubted = this.#isDoubted ? this.#refusalsInARow : undefined;
    const delayMs = backoffDelay(
      { kind, attempt: this.#failuresInARow, retryAfterMs, doubted },
      { settings: reconnect, random: random() },
    );
    log.warn("Feed lost, retrying", {
      cause: message,
      kind,
      remedy: kind === "refused" && this.#isDoubted
        ? undefined
        : remedies[kind],
      delay_ms: Math.round(delayMs),
      attempt: attemptsOf(this.#link) + 1,
    });
    await clock.sleep(delayMs, signal);
    if (signal.aborted) return;
    counters.reconnects++;
    this.#apply({ type: "retry" });
    this.#apply({ type: "delay_elapsed" });
  }

  #apply(event: LinkEvent): void {
    const next = advance(this.#link, event);
    if (next.at !== this.#link.at) {
      this.#parts.log.debug("Feed state", { from: this.#link.at, to: next.at });
    }
    this.#link = next;
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) =>
    signal.addEventListener("abort", () => resolve(), { once: true })
  );
}
