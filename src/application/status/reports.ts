/**
 * Reports on open client streams, and on symbols that are subscribed for them.
 *
 * @module
 */
import type { FeedId } from "../../domain/connection/feed.ts";
import type { StreamKind } from "../../domain/market/channels.ts";
import type { UnderlyingPrice } from "../../domain/options/tracked_price.ts";
import type { ShareReport } from "../../domain/subscription/identity_shares.ts";
import type { UpstreamChannel } from "../../domain/subscription/pairs.ts";

/**
 * What happens when a client is slow: the oldest message is dropped; older messages of a symbol are
 * replaced by newer ones; the stream ends.
 */
export type DeliveryPolicy = "every" | "latest" | "every_or_end";

/** One open client stream. */
export interface StreamReport {
  /** By which an operator names it; unique over restarts of the proxy. */
  readonly id: string;
  readonly channel: StreamKind;
  /** The filter as the client sent it; empty means everything. */
  readonly filter: string;
  /** Events handed to the transport, which the client may not have read yet. */
  readonly sent: number;
  /** Bytes of the messages that were written, without those of HTTP/2, if counted. */
  readonly bytes?: number | undefined;
  /** Events queued for the client: its lag. */
  readonly queued: number;
  /** Events dropped because the client fell behind. */
  readonly dropped: number;
  /** Wall clock ms at which the oldest queued event was received; undefined without one. */
  readonly oldestQueuedAt?: number | undefined;
  /** Wall clock ms. */
  readonly openedAt: number;
  /** Name of the client's identity; "" or absent while authentication is off. */
  readonly identity?: string | undefined;
  /** How the identity was authenticated: `token`, `jwt` or `certificate`, if known. */
  readonly credential?: string | undefined;
  /** Name of the method, such as `StreamQuotes`, if known. */
  readonly rpc?: string | undefined;
  /** Symbols, underlyings and order ids of the filter. */
  readonly filterSize?: number | undefined;
  /** Address and port of the client, if known. */
  readonly peer?: string | undefined;
  /** What the client calls itself, of limited length. */
  readonly userAgent?: string | undefined;
  /** Only of a stream with options. */
  readonly options?: OptionsReport | undefined;
}

/** What a stream with options has beyond others. */
export interface OptionsReport {
  /** The id by which the client acknowledges messages. */
  readonly streamId: string;
  readonly delivery: DeliveryPolicy;
  /** Names of the options that the client has set, such as `snapshot`. */
  readonly names?: readonly string[] | undefined;
  /** Events replaced by newer ones of the same symbol. */
  readonly conflated: number;
  /** Events sent and not acknowledged; undefined without a limit on them. */
  readonly unacknowledged: number | undefined;
}

/** A report for a reader without the grant for orders: a filter names symbols and order ids. */
export function withoutOrders(report: StreamReport): StreamReport {
  if (report.channel !== "orderUpdates") return report;
  return { ...report, filter: "hidden: orders are not granted", filterSize: undefined };
}

/** Makes a report of every open stream on demand, in no particular order. */
export type StreamsReport = () => readonly StreamReport[];

/**
 * State of a symbol on a channel: `acknowledged` by Alpaca; `requested` and not acknowledged yet;
 * `waiting` for a free slot of the quota; `rejected` by Alpaca; `lingering`: no stream requests it
 * any more, and it is unsubscribed after the grace period.
 */
export type SymbolState =
  | "acknowledged"
  | "requested"
  | "waiting"
  | "rejected"
  | "lingering";

/** One symbol on one channel; `*` is every symbol. */
export interface SymbolReport {
  readonly symbol: string;
  readonly state: SymbolState;
  /** Streams that request it; 0 while it lingers. */
  readonly streams: number;
  /** Upstream's error message, or why the symbol waits. */
  readonly reason: string | undefined;
  /** Whether no data arrives although it is expected. @default false */
  readonly isStale?: boolean;
}

/** One upstream channel. */
export interface ChannelReport {
  readonly channel: UpstreamChannel;
  readonly symbols: readonly SymbolReport[];
  /**
   * Streams without a filter that receive what is subscribed for others, because `*` cannot be
   * requested here.
   */
  readonly unfiltered: number;
}

/** The symbol quota of a feed. */
export interface QuotaReport {
  /** Pairs allowed; `undefined` when no limit is known. */
  readonly limit: number | undefined;
  /** True when the limit was learned from a rejection, not set. */
  readonly learned: boolean;
  /** Counted pairs that streams request. */
  readonly used: number;
}

/** The quota of one feed with its failures, for metrics. */
export interface FeedQuota extends QuotaReport {
  readonly feed: FeedId;
  /** Requested pairs that wait for a slot. */
  readonly waiting: number;
  /** Requested pairs that upstream rejects. */
  readonly rejected: number;
  /** Slots of each identity; none while authentication is off. @default none */
  readonly shares?: readonly ShareReport[] | undefined;
}

/** An underlying whose contracts are chosen for streams. */
export interface ExpansionReport {
  readonly underlying: string;
  readonly channel: UpstreamChannel;
  readonly streams: number;
  /** Contracts chosen at the moment. */
  readonly contracts: number;
  /** `off` when the option catalog cannot be read; `reason` says why. */
  readonly state: "loading" | "ready" | "off";
  /** Why it has fewer contracts than requested, or can be inaccurate. */
  readonly reason: string | undefined;
  /** Price that the strikes are measured from, USD. */
  readonly centre: number | undefined;
  /** OCC symbols of the contracts chosen at the moment. */
  readonly selected: ReadonlySet<string>;
  /** Contracts that it would have with enough slots of the symbol quota. */
  readonly wanted: number;
  /** Where the underlying's price is from; `undefined` while it is unknown. */
  readonly priceSource: PriceSource | undefined;
  /** Wall clock ms at which the underlying had this price, if known. */
  readonly pricedAt: number | undefined;
}

/**
 * Where the price of an underlying is from: its last trade; put-call parity of its options; or a
 * guess, the median strike of the open interest.
 */
export type PriceSource = UnderlyingPrice["source"];

/** Everything about one feed's subscriptions. */
export interface FeedSubscriptions {
  readonly feed: FeedId;
  readonly channels: readonly ChannelReport[];
  readonly quota: QuotaReport;
  readonly expansions: readonly ExpansionReport[];
}

/** Returns a report per market data feed. */
export type SubscriptionSource = () => readonly FeedSubscriptions[];

/** Returns the quota of every market data feed. */
export type QuotaSource = () => readonly FeedQuota[];

/** One edge of a hub. */
export interface EdgeReport {
  /** The name that its process has chosen. */
  readonly edge: string;
  /** Wall clock ms. */
  readonly attachedAt: number;
  /** Feeds on which it has a session. */
  readonly feeds: readonly FeedId[];
  /** Pairs of channel and symbol that it has subscribed. */
  readonly pairs: number;
  /** Time since its last sign of life, in ms. */
  readonly silenceMs: number;
}

/** What an edge receives of one feed from the hub that it follows. */
export interface FollowedFeed {
  readonly feed: FeedId;
  /** Term of the hub; `undefined` before the first. */
  readonly term: number | undefined;
  /** Wall clock ms since which the edge follows it. */
  readonly since: number | undefined;
  /** Time since something arrived, in ms; `undefined` before the first. */
  readonly silenceMs: number | undefined;
  /** Entries that did not arrive since the process started. */
  readonly missing: number;
}

/** The hub that an edge follows: the latest term of its feeds, and what holds for all of them. */
export interface FollowedHubReport extends Omit<FollowedFeed, "feed"> {
  /** Why no hub serves the edge; `undefined` while one does. */
  readonly problem: string | undefined;
  /** The enabled feeds. */
  readonly feeds: readonly FollowedFeed[];
}
