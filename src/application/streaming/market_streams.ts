/**
 * The port of API adapters (gRPC today): one open stream per client call.
 *
 * `open` adds the symbols to the upstream subscriptions and subscribes to the channel at that
 * moment; `batches` iterates over the events; disposing removes both immediately, also if no event
 * ever arrived. Opening never waits; disposing is idempotent.
 *
 * @module
 */
import type { IdentityLimits } from "../../domain/access/grants.ts";
import type { FeedId } from "../../domain/connection/feed.ts";
import type { ChannelEvents, ChannelName } from "../../domain/market/channels.ts";
import type { OptionSelection } from "../../domain/options/selection.ts";
import type { StreamEnd } from "../admin/stream_audit.ts";
import type { Envelope } from "../broadcast/envelope.ts";
import type { PendingBatch } from "../broadcast/event_queue.ts";
import type { Notice, StreamOptions } from "./stream_options.ts";

/** What a client requests; an empty filter means everything. */
export interface StreamFilter {
  /** Exact tickers or OCC symbols. */
  readonly symbols: readonly string[];
  /** Option channels only: underlyings, OR-ed with `symbols`. */
  readonly underlyings?: readonly string[];
  /** Option channels only: the contracts of the underlyings. */
  readonly selection?: OptionSelection;
  /** Option channels only: no contracts of the underlyings beside `symbols` and the selection. */
  readonly onlySelected?: boolean;
  /** Order channel only: Alpaca's order ids, OR-ed with `symbols`. */
  readonly orderIds?: readonly string[];
  /** Order channel only: prefixes of client order ids, AND-ed with the other fields. */
  readonly clientOrderIdPrefixes?: readonly string[];
  /** Order channel only: also updates that were derived after an outage. @default false */
  readonly reconciled?: boolean;
  /** Order channel only: events as Alpaca spells them, AND-ed with the other fields. */
  readonly events?: readonly string[];
}

/** Why the proxy ended a stream whose client does not read. */
export interface Stall {
  /** Messages in the queue. */
  readonly queued: number;
  /** Time since the last message was taken, in ms. */
  readonly stalledMs: number;
}

/** The client of a stream. */
export interface StreamClient {
  /** Name of its identity; `""` while authentication is off. @default "" */
  readonly identity?: string | undefined;
  /** Limits of its identity. @default none */
  readonly limits?: IdentityLimits | undefined;
  /** Address and port, as the status page shows it. @default unknown */
  readonly peer?: string | undefined;
  /** What the client calls itself. @default unknown */
  readonly userAgent?: string | undefined;
  /** Called once if messages were queued and none was taken for longer than allowed. */
  readonly onStall?: ((stall: Stall) => void) | undefined;
  /** How its identity was authenticated, for the audit log. @default not known */
  readonly credential?: string | undefined;
  /** Name of the method, such as `StreamQuotes`, for reports. @default unknown */
  readonly rpc?: string | undefined;
  /** Returns why the stream has ended, once it is disposed. @default its client has ended it */
  readonly end?: (() => StreamEnd) | undefined;
  /** Called when the proxy ends the stream, with the reason for the client. */
  readonly onEnd?: ((reason: string) => void) | undefined;
  /** Bytes of the messages that were written so far. @default unknown */
  readonly written?: { readonly bytes: number } | undefined;
}

/** A connection that is open for one client, whether or not it has a stream. */
export interface ClientConnection {
  /** Address and port of the client. */
  readonly peer: string;
  /** Whether the client has a stream, with whose end the connection ends. */
  readonly hasStream: boolean;
  /** Closes it, with the reason for the client; idempotent. */
  shutDown(reason: string): void;
}

/** A notice in a stream. */
export interface NoticeItem {
  readonly notice: Notice;
}

/** What a stream with options consists of. */
export type StreamItem<T> = Envelope<T> | NoticeItem;

/** One client's stream of items of type `I`. */
export interface OpenStream<I> extends Disposable {
  /**
   * Iterates over batches until `signal` fires or the stream is disposed; waits while no event is
   * ready. Asking for the next batch means that the last one was sent. To be called once.
   *
   * A stream that takes nothing for long counts as stalled, so a batch should not be larger than
   * what its client reads in a few seconds.
   */
  batches(signal: AbortSignal): AsyncGenerator<PendingBatch<I>, void>;
  /** Events taken so far, to be handed to the transport. */
  readonly sent: number;
  /** Events dropped because this stream fell behind. */
  readonly dropped: number;
}

/** An open stream of which the events can be taken without a promise, where few are ready. */
export interface OpenQueue<I> extends OpenStream<I>, PendingBatch<I> {
  /** Whether something can be taken. */
  readonly isReady: boolean;
  /** Whether it has ended. */
  readonly isEnded: boolean;
  /** Calls `wake` once, when something is ready that is not now, or when the stream ends. */
  onReady(wake: () => void): void;
  /** Counts the last batch out: it was sent. */
  releaseInFlight(): void;
}

/** A stream with options. */
export interface OpenAnnotatedStream<T> extends OpenStream<StreamItem<T>> {
  /** Why the proxy ended the stream; `undefined` while it has not. */
  readonly endReason: string | undefined;
  /**
   * Reports an event of this stream that could not be encoded.
   *
   * @returns what to send in its place; `undefined` for nothing
   */
  unencodable(envelope: Envelope<T>): NoticeItem | undefined;
}

/** Opens streams. */
export interface MarketStreams {
  /**
   * Opens a stream.
   *
   * @throws Draining while the proxy accepts no new streams, {@linkcode NoHub} without a hub
   * @throws FeedDisabled when the channel's feed is disabled
   * @throws IdentityLimitExceeded when it exceeds a limit of its identity
   * @throws OpenedTooOften when its identity opens streams too often
   * @throws TooManySymbols when it exceeds the symbols of all open streams
   * @throws QuotaExceeded when it exceeds the plan's symbol quota, or the part of it that is left
   *   for its identity; nothing has changed then
   */
  open<C extends ChannelName>(
    channel: C,
    filter: StreamFilter,
    client?: StreamClient,
  ): OpenQueue<Envelope<ChannelEvents[C]>>;
  /** Opens a stream with options; see {@linkcode MarketStreams.open}. */
  openWithOptions<C extends ChannelName>(
    channel: C,
    filter: StreamFilter,
    options: StreamOptions,
    client?: StreamClient,
  ): OpenAnnotatedStream<ChannelEvents[C]>;
  /**
   * Messages of a stream up to a sequence were processed.
   *
   * @param identity name of the identity that acknowledges; by default that of no authentication
   * @returns whether the stream is open and of this identity
   */
  acknowledge(streamId: string, sequence: number, identity?: string): boolean;
}

/** The proxy accepts no new streams; its message is the reason. */
export class Draining extends Error {
  override readonly name: string = "Draining";
}

/** The proxy accepts no new streams until a hub answers; its message is the reason. */
export class NoHub extends Draining {
  override readonly name = "NoHub";
}

/** The feed of a stream is not enabled: it would never receive anything. */
export class FeedDisabled extends Error {
  override readonly name = "FeedDisabled";
  readonly feed: FeedId;

  constructor(feed: FeedId) {
    super(`The ${feed} feed is disabled; add it to STREAM_PROXY_FEEDS`);
    this.feed = feed;
  }
}

/** Streams that are opening have used the memory for snapshots and replays; retry shortly. */
export class OpeningsExceeded extends Error {
  override readonly name = "OpeningsExceeded";

  constructor() {
    super("The memory for snapshots and replays of all streams is used up; retry shortly");
  }
}

/**
 * Entries of the filters of all streams together: the limit, those of open streams, and those that
 * a new one adds. Counted like `StreamRegistry.symbols`: ten repeated symbols are one entry.
 */
interface SymbolExcess {
  readonly limit: number;
  readonly used: number;
  readonly requested: number;
}

/** A new stream has more symbols, underlyings and order ids than are left. */
export class TooManySymbols extends Error {
  override readonly name = "TooManySymbols";
  readonly excess: SymbolExcess;

  constructor(excess: SymbolExcess) {
    const { limit, used, requested } = excess;
    super(
      `The limit on the symbols, underlyings and order ids of all open ` +
        `streams is exceeded by ${used + requested - limit}: ` +
        `${limit} allowed, ${used} used, ${requested} more requested`,
    );
    this.excess = excess;
  }
}
