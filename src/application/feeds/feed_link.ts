/**
 * Keeps one session of a feed open: connects, follows the session until it ends, backs off and
 * reconnects.
 *
 * There is at most one session at a time. Its failure ({@linkcode FeedFailure}) is counted, logged
 * and shown in the status; its type decides the backoff. Client streams stay open meanwhile and
 * continue when data does.
 *
 * @module
 */
import { backoffDelay, type BackoffSettings, isDoubted } from "../../domain/connection/backoff.ts";
import { type FailureType, type FeedFailure, toFailure } from "../../domain/connection/failure.ts";
import type { FeedId, FeedKind } from "../../domain/connection/feed.ts";
import type { HeartbeatSettings } from "../../domain/connection/heartbeat.ts";
import {
  advance,
  attemptsOf,
  DISCONNECTED,
  type Link,
  type LinkEvent,
  type LinkState,
} from "../../domain/connection/link.ts";
import type { Clock } from "../ports/clock.ts";
import type { FeedConnector, FeedSession } from "../ports/feed_connector.ts";
import type { Log } from "../ports/log.ts";
import type { Tracing } from "../ports/tracing.ts";
import type { UpstreamTap } from "../ports/upstream_tap.ts";
import { type FeedCounters, messagesReceived } from "../status/counters.ts";
import type { FeedStatus } from "../status/status.ts";
import { WallStamp } from "../status/wall_stamp.ts";
import { keepAlive } from "./keep_alive.ts";
import { LinkCheck } from "./link_check.ts";
import type { UpstreamSubscriptions } from "./upstream_subscriptions.ts";

/** A session of this length resets the backoff, unless the settings have another one. */
const STABLE_MS = 10_000;

/** Dependencies of a link. */
export interface FeedLinkOptions {
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
  /** Removes secrets from Alpaca's text. */
  readonly redact: (text: string) => string;
  readonly heartbeat: HeartbeatSettings;
  /** What the operator can do about a failure, for the log. */
  readonly remedies: Readonly<Partial<Record<FailureType, string>>>;
  readonly reconnect: BackoffSettings & {
    /**
     * Consecutive failures after which the feed stops reconnecting; 0 means never. A session that
     * was not stable counts too.
     */
    readonly maxAttempts: number;
    /** Length in ms of a session that resets the backoff. @default 10 s */
    readonly stableMs?: number | undefined;
  };
  /** Notified of sessions. @default none */
  readonly tap?: Pick<UpstreamTap, "up" | "down"> | undefined;
  /** Called whenever the state has changed. */
  readonly onStateChange?: () => void;
}

/** The connection of one feed, with its state. */
export class FeedLink {
  readonly #options: FeedLinkOptions;
  readonly #check = new LinkCheck();
  #session: FeedSession | undefined;
  #link: Link = DISCONNECTED;
  /** Monotonic ms at which the state changed. */
  #changedAt: number;
  /** Time in each state before the present one, in ms. */
  readonly #stateMs: Partial<Record<LinkState, number>> = {};
  #consecutiveFailures = 0;
  #consecutiveAuthFailures = 0;
  /** Monotonic ms at which a session was last up. */
  #authenticatedAt: number | undefined;
  #lastConnected: WallStamp | undefined;
  /** When the session was lost, or when the link started. */
  #down: WallStamp | undefined;
  #lastOutageMs: number | undefined;
  #errorMessage: string | undefined;
  #remedy: string | undefined;
  #retry: { readonly decided: WallStamp; readonly delayMs: number } | undefined;
  /** Whether the session is being closed on request, to be replaced. */
  #isReplacing = false;

  constructor(options: FeedLinkOptions) {
    this.#options = options;
    this.#changedAt = options.clock.monotonic();
  }

  /** Returns a snapshot of the link. */
  get status(): FeedStatus {
    const { feed, kind, subscriptions, counters } = this.#options;
    return {
      feed,
      kind,
      state: this.#link.state,
      stateMs: { ...this.#stateMs, [this.#link.state]: this.#presentStateMs() },
      lastConnectedAt: this.#lastConnected?.at,
      downSince: this.#down?.at,
      lastOutageMs: this.#lastOutageMs,
      errorMessage: this.#errorMessage ?? subscriptions.problem,
      remedy: this.#remedy,
      nextAttemptAt: this.#retry && this.#retry.decided.at + this.#retry.delayMs,
      subscriptionCount: subscriptions.subscriptionCount,
      reconnectAttempts: attemptsOf(this.#link),
      messagesReceived: messagesReceived(counters),
    };
  }

  /** Frames that the session has received; `undefined` without a session. */
  get frames(): number | undefined {
    return this.#session?.frames;
  }

  /** Sends a heartbeat now; without a reply in time the session is failed. */
  requestHeartbeat(): void {
    this.#check.request();
  }

  /**
   * Closes the session cleanly, and opens another one after the first delay of the backoff.
   *
   * @returns false without a session: the next attempt is made anyway
   */
  reconnect(): boolean {
    if (this.#session === undefined) return false;
    this.#isReplacing = true;
    void this.#session.close();
    return true;
  }

  /**
   * Keeps a session open until `signal` fires. After the last attempt the link stays in state
   * `error` until then.
   */
  async run(signal: AbortSignal): Promise<void> {
    this.#down ??= new WallStamp(this.#options.clock);
    this.#apply("connect");
    try {
      while (!signal.aborted && this.#link.state === "connecting") {
        const failure = await this.#runSession(signal);
        if (signal.aborted) break;
        if (this.#isReplacing) {
          await this.#replace(signal);
          continue;
        }
        this.#onFailure(failure);
        await this.#waitForRetry(failure, signal);
      }
      if (!signal.aborted) await aborted(signal);
    } finally {
      this.#apply("shutdown");
    }
  }

  /** Connects and follows the session until it ends; returns the reason. */
  async #runSession(signal: AbortSignal): Promise<FeedFailure> {
    const { clock, tracing, feed, redact } = this.#options;
    const span = tracing.span("feed.session", {
      "feed.id": feed,
      "feed.attempt": attemptsOf(this.#link),
    });
    try {
      const onOpened = () => this.#apply("opened");
      const session = await this.#connect(onOpened, signal);
      span.event("authenticated");
      this.#onConnected();
      const since = clock.monotonic();
      const failure = await this.#follow(session, signal);
      this.#authenticatedAt = clock.monotonic();
      const { stableMs = STABLE_MS } = this.#options.reconnect;
      if (clock.monotonic() - since >= stableMs) this.#consecutiveFailures = 0;
      if (!signal.aborted) span.fail(failure);
      return failure;
    } catch (error) {
      const failure = toFailure(error).redacted(redact);
      this.#options.tap?.down(failure);
      if (!signal.aborted) span.fail(failure);
      return failure;
    } finally {
      span.end();
    }
  }

  async #connect(onOpened: () => void, signal: AbortSignal): Promise<FeedSession> {
    const { connector, subscriptions } = this.#options;
    try {
      return await connector.connect({ onOpened, subscriptions, signal });
    } catch (error) {
      subscriptions.detach();
      throw error;
    }
  }

  async #follow(session: FeedSession, signal: AbortSignal): Promise<FeedFailure> {
    const { subscriptions, clock, heartbeat: settings, tap, redact } = this.#options;
    const over = new AbortController();
    const close = () => session.close();
    signal.addEventListener("abort", close);
    let heartbeat: Promise<void> | undefined;
    try {
      if (signal.aborted) close();
      this.#session = session;
      this.#check.take();
      subscriptions.attach(session);
      heartbeat = keepAlive(session, {
        subscriptions,
        clock,
        settings,
        check: this.#check,
        signal: over.signal,
      }).catch((error) => session.fail(toFailure(error)));
      const failure = (await session.ended).redacted(redact);
      tap?.down(failure);
      return failure;
    } finally {
      signal.removeEventListener("abort", close);
      over.abort();
      this.#session = undefined;
      // From now on no message arrives, so none follows the event that nothing is carried.
      const closed = session.close();
      try {
        subscriptions.detach();
      } finally {
        await heartbeat;
        // Alpaca rejects a second connection until this one is closed.
        await closed;
      }
    }
  }

  #onConnected(): void {
    this.#options.tap?.up();
    this.#apply("accepted");
    this.#consecutiveAuthFailures = 0;
    this.#authenticatedAt = this.#options.clock.monotonic();
    if (this.#lastConnected && this.#down) {
      this.#lastOutageMs = this.#options.clock.now() - this.#down.at;
    }
    this.#lastConnected = new WallStamp(this.#options.clock);
    this.#down = undefined;
    this.#errorMessage = undefined;
    this.#remedy = undefined;
    this.#options.log.info("Feed connected", { product: this.#options.kind });
  }

  #onFailure(failure: FeedFailure): void {
    this.#consecutiveFailures++;
    this.#options.counters.errors[failure.errorType]++;
    this.#errorMessage = failure.message;
    this.#down ??= new WallStamp(this.#options.clock);
    if (failure.errorType === "auth") this.#consecutiveAuthFailures++;
    // A key that worked a moment ago is not an error that the operator can correct.
    const rejected = failure.errorType === "auth" && !this.#isDoubted &&
      this.#link.state === "authenticating";
    this.#apply(rejected ? "rejected" : "lost");
  }

  get #isDoubted(): boolean {
    const sinceAcceptedMs = this.#authenticatedAt === undefined
      ? undefined
      : this.#options.clock.monotonic() - this.#authenticatedAt;
    return isDoubted({ count: this.#consecutiveAuthFailures, sinceAcceptedMs });
  }

  async #waitForRetry(failure: FeedFailure, signal: AbortSignal): Promise<void> {
    const { clock, random, reconnect, log, counters, remedies } = this.#options;
    const { message, errorType, retryAfterMs } = failure;
    const { maxAttempts } = reconnect;
    const doubted = errorType === "auth" && this.#isDoubted
      ? this.#consecutiveAuthFailures
      : undefined;
    this.#remedy = doubted === undefined ? failure.remedy ?? remedies[errorType] : undefined;
    if (maxAttempts > 0 && this.#consecutiveFailures > maxAttempts) {
      this.#apply("retry");
      this.#apply("exhausted");
      log.error("Feed failed: no reconnect attempts left", {
        cause: message,
        remedy: this.#remedy,
        maxAttempts,
      });
      return;
    }
    const delayMs = backoffDelay(
      {
        type: errorType,
        attempt: this.#consecutiveFailures,
        retryAfterMs,
        doubted,
      },
      { settings: reconnect, random: random() },
    );
    log.warn("Feed connection failed, retrying", {
      cause: message,
      error_type: errorType,
      remedy: this.#remedy,
      delay_ms: Math.round(delayMs),
      attempt: attemptsOf(this.#link) + 1,
    });
    this.#retry = { decided: new WallStamp(clock), delayMs };
    await clock.sleep(delayMs, signal);
    this.#retry = undefined;
    if (signal.aborted) return;
    counters.reconnects++;
    this.#apply("retry");
    this.#apply("delay_elapsed");
  }

  /** Prepares the session that replaces one that was closed on request: no failure is counted. */
  async #replace(signal: AbortSignal): Promise<void> {
    const { clock, reconnect, log, counters } = this.#options;
    this.#isReplacing = false;
    this.#down ??= new WallStamp(clock);
    this.#errorMessage = "The session was closed on request";
    this.#apply("lost");
    log.info("Feed session closed on request, reconnecting", {
      delay_ms: reconnect.initialDelayMs,
    });
    await clock.sleep(reconnect.initialDelayMs, signal);
    if (signal.aborted) return;
    counters.reconnects++;
    this.#apply("delay_elapsed");
  }

  /** Time in the present state, earlier times included, in ms. */
  #presentStateMs(): number {
    const before = this.#stateMs[this.#link.state] ?? 0;
    return before + this.#options.clock.monotonic() - this.#changedAt;
  }

  #apply(event: LinkEvent): void {
    const next = advance(this.#link, event);
    const hasChanged = next.state !== this.#link.state;
    if (hasChanged) {
      this.#stateMs[this.#link.state] = this.#presentStateMs();
      this.#changedAt = this.#options.clock.monotonic();
      this.#options.log.debug("Feed state", {
        from: this.#link.state,
        to: next.state,
      });
    }
    this.#link = next;
    if (hasChanged) this.#options.onStateChange?.();
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) =>
    signal.addEventListener("abort", () => resolve(), { once: true })
  );
}
