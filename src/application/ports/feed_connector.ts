/**
 * Sessions with upstream, as the use cases see them.
 *
 * A connector dials and logs in; the session it gives carries data until it
 * ends. Market data itself does not pass through here: the adapter decodes and
 * publishes it on the spot, so that the reader of the socket never waits.
 *
 * @module
 */
import type {
  SubscriptionRequest,
  UpstreamError,
} from "../../domain/subscription/request.ts";
import type { SymbolSets } from "../../domain/subscription/symbol_sets.ts";
import type { FeedFailure } from "../feeds/feed_failure.ts";

/** What a session tells while it comes up and while it lives. */
export interface FeedEvents {
  /** The transport is open; logging in begins. */
  opened(): void;
  /** Upstream stated everything that it carries for us. */
  acknowledged(state: SymbolSets): void;
  /** Upstream refused a request; the session lives on. */
  refused(error: UpstreamError): void;
}

/** One authenticated session. */
export interface FeedSession {
  /** Monotonic ms at which the last frame arrived. */
  readonly lastFrameAt: number;
  /** Frames received so far; any frame proves life. */
  readonly frames: number;
  /** Sends a request; a session that has ended ignores it. */
  request(request: SubscriptionRequest): void;
  /** Why the session ended; never rejects. */
  readonly ended: Promise<FeedFailure>;
  /** Ends a session that misbehaves, for the given reason. */
  fail(failure: FeedFailure): void;
  /** Says goodbye (close code 1000) and waits for the answer, within bounds. */
  close(): Promise<void>;
}

/** Makes sessions of one feed, one at a time. */
export interface FeedConnector {
  /**
   * Dials and logs in, within deadlines. When `signal` fires the attempt is
   * given up and its socket closed.
   *
   * @throws FeedFailure
   */
  connect(events: FeedEvents, signal: AbortSignal): Promise<FeedSession>;
}
