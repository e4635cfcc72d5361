/**
 * The port to upstream sessions.
 *
 * A connector dials and logs in; its session carries data until it ends. Market data does not pass
 * through this port: the adapter decodes and publishes it synchronously, so that the upstream
 * reader never waits.
 *
 * @module
 */
import type {
  Pair,
  SubscriptionRequest,
  SymbolSets,
  UpstreamError,
} from "../../domain/subscription/pairs.ts";
import type { HubQuota } from "../../domain/subscription/quota.ts";
import type { FeedFailure } from "../../domain/connection/failure.ts";

/** Receives the replies to the requests of a session. */
export interface SubscriptionReplies {
  /**
   * Upstream acknowledged: `state` is all that is subscribed.
   *
   * @param since wall clock ms since when messages of what is new arrive. @default now
   */
  acknowledged(state: SymbolSets, since?: number): void;
  /**
   * Upstream rejected a request; the session continues. The message has no secret.
   *
   * @param pair the pair of the request that was rejected. @default unknown
   */
  rejected(error: UpstreamError, pair?: Pair): void;
  /**
   * A hub reported its limit and what other edges use of it, `undefined` while it knows no limit;
   * also while a session is opened. Absent where nothing is limited.
   */
  quotaReported?(quota: HubQuota | undefined): void;
}

/** What a new session needs. */
export interface ConnectOptions {
  /** Called when the transport is open; logging in begins. */
  readonly onOpened: () => void;
  readonly subscriptions: SubscriptionReplies;
  /** Ends the attempt and closes its socket; without effect once the session is up. */
  readonly signal: AbortSignal;
}

/** One authenticated session. */
export interface FeedSession {
  /** Monotonic ms at which the last frame arrived. */
  readonly lastFrameAt: number;
  /** Frames received so far; any frame counts as activity. */
  readonly frames: number;
  /** Sends a request; a session that has ended ignores it. */
  request(request: SubscriptionRequest): void;
  /** Why the session ended; never rejects. */
  readonly ended: Promise<FeedFailure>;
  /** Ends the session for the given reason. */
  fail(failure: FeedFailure): void;
  /** Closes the session (code 1000) and waits for the reply, up to a deadline. */
  close(): Promise<void>;
}

/** Makes sessions of one feed, one at a time. */
export interface FeedConnector {
  /**
   * Dials and logs in, within deadlines.
   *
   * @throws FeedFailure
   */
  connect(options: ConnectOptions): Promise<FeedSession>;
}
