import type { FeedId } from "../../domain/connection/feed.ts";
import type { FeedNotice, GapReason } from "../../domain/market/notices.ts";
import type { UpstreamChannel } from "../../domain/subscription/pairs.ts";
import type { SymbolState } from "../status/reports.ts";

/** The pairs of one channel; `channel` is undefined for order updates, whose only symbol is `*`. */
export interface Carriage {
  readonly feed: FeedId;
  readonly channel: UpstreamChannel | undefined;
  /** Symbols; `*` is every symbol. A symbol is carried while it or `*` is. */
  readonly symbols: readonly string[];
}

/** The state of a requested symbol on one channel. */
export interface SymbolChange {
  readonly symbol: string;
  /** Never `lingering`: a stream requests the symbol. */
  readonly state: SymbolState;
  /** Upstream's error message, or why the symbol waits; otherwise empty. */
  readonly reason: string;
}

/** Receives what changes upstream, for the streams that it concerns. */
export interface UpstreamEvents {
  /**
   * The freshness of a feed has changed, or that of some symbols of one of its channels; `channel`
   * is undefined for the whole feed, which then replaces what was reported of symbols.
   */
  freshness(feed: FeedId, channel: UpstreamChannel | undefined, notice: FeedNotice): void;
  /**
   * Upstream has acknowledged pairs that were not acknowledged before.
   *
   * @param since wall clock ms since when their messages arrive. @default now
   */
  carried(pairs: Carriage, since?: number): void;
  /**
   * Pairs are no longer acknowledged: the session ended (`upstream_lost`), they were rejected or
   * are over the quota (`not_subscribed`), or no stream requests them any more (`undefined`).
   *
   * @param since wall clock ms of the last frame of a session that has ended: what was sent after
   *   it is missing too. @default now
   */
  notCarried(pairs: Carriage, reason: GapReason | undefined, since?: number): void;
  /**
   * The states of requested pairs have changed, at most once per symbol and call. The end of a
   * session changes none, although it ends every acknowledgement; `freshness` reports it.
   */
  subscription(feed: FeedId, channel: UpstreamChannel, changes: readonly SymbolChange[]): void;
}
