/**
 * What a face (gRPC today) may ask for: one open stream per client call.
 *
 * A stream's life: `open` records the interest (upstream is subscribed if
 * nobody wanted it before) and fixes the stream's place in the channel at that
 * very moment; `batches` delivers; disposing gives everything back at once,
 * also when nothing ever ticked. Opening never waits and disposing twice is
 * safe.
 *
 * @module
 */
import type {
  ChannelEvents,
  ChannelName,
} from "../../domain/market/channels.ts";
import type { OptionSelection } from "../../domain/options/selection.ts";
import type { Envelope } from "../broadcast/envelope.ts";

/** What a client asked for; an empty filter means everything. */
export interface StreamFilter {
  /** Exact tickers or OCC symbols. */
  readonly symbols: readonly string[];
  /** Option channels only: underlyings, OR-ed with `symbols`. */
  readonly underlyings?: readonly string[];
  /** Option channels only: which contracts of the underlyings are wanted. */
  readonly selection?: OptionSelection;
  /** Order channel only: broker order ids, OR-ed with `symbols`. */
  readonly orderIds?: readonly string[];
}

/** Why the proxy has ended a stream whose client does not read. */
export interface Stall {
  /** Messages that waited. */
  readonly waiting: number;
  /** How long none was taken, in ms. */
  readonly stalledMs: number;
}

/**
 * One client's stream, read by one reader: either by `batches`, or, where
 * thousands are read, by `take` and `whenReady`, which cost no promise.
 */
export interface OpenStream<T> extends Disposable {
  /**
   * Batches of whatever is ready, oldest first, never empty; waits when
   * nothing is. Ends when `signal` fires or the stream is disposed. May be
   * called once.
   */
  batches(signal: AbortSignal): AsyncGenerator<readonly Envelope<T>[], void>;
  /**
   * Takes a batch of what is ready, oldest first; empty when nothing is. A
   * stream that has taken nothing for long counts as stalled, so a batch should
   * not be larger than what its client reads in a few seconds.
   *
   * @param limit events, at least 1
   */
  take(limit?: number): readonly Envelope<T>[];
  /**
   * Runs `wake` once, in a turn of its own, when something is ready or the
   * stream has ended.
   */
  whenReady(wake: () => void): void;
  /**
   * Runs `onStall` when messages have waited and none was taken for longer
   * than is allowed. The stream is to be ended then, and disposed.
   */
  whenStalled(onStall: (stall: Stall) => void): void;
  /** Whether the stream was disposed: nothing is ready then, nor will be. */
  readonly ended: boolean;
  /** Events this stream was owed and lost because it fell behind. */
  readonly lost: number;
  /** Events handed out so far. */
  readonly delivered: number;
}

/** Opens streams. */
export interface MarketStreams {
  /**
   * Opens a stream.
   *
   * @throws FeedDisabled when the channel's feed is switched off
   * @throws TooManySymbols when open streams name too many symbols with it
   * @throws QuotaExceeded when the plan has no place for what it wants; nothing
   *   has changed then
   */
  open<C extends ChannelName>(
    channel: C,
    filter: StreamFilter,
  ): OpenStream<ChannelEvents[C]>;
}
