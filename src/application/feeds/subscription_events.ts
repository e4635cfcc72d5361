/**
 * Reports what the subscriptions of one feed carry, and the states of their pairs, as events for
 * streams.
 *
 * Two views are kept. The carried pairs are exactly what the session acknowledged last, so that a
 * lost session ends all of them. The reported states outlast a session: a pair that is acknowledged
 * before and after an outage is reported once, and the outage itself is an event of the feed. So a
 * reconnect with 20,000 symbols reports only those whose state differs afterwards.
 *
 * @module
 */
import type { FeedId } from "../../domain/connection/feed.ts";
import type { GapReason } from "../../domain/market/notices.ts";
import {
  hasPair,
  type Pair,
  pairKey,
  perChannel,
  type SymbolSets,
  UPSTREAM_CHANNELS,
  type UpstreamChannel,
} from "../../domain/subscription/pairs.ts";
import type { Subscriptions } from "../../domain/subscription/reconciler.ts";
import { symbolChanges } from "../../domain/subscription/symbol_changes.ts";
import type { SymbolChange, UpstreamEvents } from "../streaming/upstream_events.ts";
import { ENDED_STATE, excludedPairs, type PairState } from "./report_subscriptions.ts";

const NOTHING: SymbolSets = new Map();

/** Changes of states, by channel. */
type Changes = Readonly<Record<UpstreamChannel, SymbolChange[]>>;

/** Emits the events of the subscriptions of one feed. */
export class SubscriptionEvents {
  readonly #feed: FeedId;
  readonly #subscriptions: Subscriptions;
  readonly #events: UpstreamEvents;
  /** The acknowledged state that was reported last. */
  #carried: SymbolSets = NOTHING;
  /** Symbols whose reported state is `requested`. */
  readonly #requested = perChannel(() => new Set<string>());
  /** Pairs whose reported state is neither `requested` nor `acknowledged`, by pair. */
  readonly #excluded = new Map<string, PairState>();

  constructor(feed: FeedId, subscriptions: Subscriptions, events: UpstreamEvents) {
    this.#feed = feed;
    this.#subscriptions = subscriptions;
    this.#events = events;
  }

  /** Records what a new stream requests; its present states are those of {@linkcode statesOf}. */
  requested(channel: UpstreamChannel, symbols: Iterable<string>): void {
    for (const symbol of symbols) {
      const pair = { channel, symbol };
      const isExcluded = this.#excluded.size > 0 && this.#excluded.has(pairKey(pair));
      if (!isExcluded && !hasPair(this.#carried, pair)) this.#requested[channel].add(symbol);
    }
  }

  /** Forgets the pairs that no stream requests any more. */
  released(channel: UpstreamChannel, symbols: Iterable<string>): void {
    for (const symbol of symbols) {
      const pair = { channel, symbol };
      if (this.#isRequested(pair)) continue;
      this.#requested[channel].delete(symbol);
      if (this.#excluded.size > 0) this.#excluded.delete(pairKey(pair));
    }
  }

  /** Forgets pairs that have ended, and reports those of them that streams name. */
  ended(channel: UpstreamChannel, symbols: readonly string[]): void {
    this.released(channel, symbols);
    const ended = this.#subscriptions.refCounts.ended(channel);
    const named = symbols.filter((symbol) => (ended.get(symbol)?.named ?? 0) > 0);
    const changes = named.map((symbol) => ({ symbol, ...ENDED_STATE }));
    if (changes.length === 0) return;
    this.#events.subscription(this.#feed, channel, changes);
  }

  /** Returns the state of each symbol that a stream requests, as reported last. */
  statesOf(channel: UpstreamChannel, symbols: Iterable<string>): readonly SymbolChange[] {
    return Array.from(symbols, (symbol) => {
      const pair = { channel, symbol };
      if (this.#subscriptions.refCounts.ended(channel).has(symbol)) {
        return { symbol, ...ENDED_STATE };
      }
      if (hasPair(this.#carried, pair)) return { symbol, state: "acknowledged", reason: "" };
      const { state = "requested", reason = "" } = this.#excluded.get(pairKey(pair)) ?? {};
      return { symbol, state, reason };
    });
  }

  /**
   * Emits what has changed since the last call: first what is carried, so that a symbol that `*`
   * replaces, or that replaces `*`, is carried throughout; then the states.
   *
   * @param since wall clock ms since when what is new is carried. @default now
   */
  update(since?: number): void {
    const changes: Changes = perChannel(() => []);
    const lost = this.#updateCarried(changes, since);
    this.#updateStates(changes, lost);
    for (const channel of UPSTREAM_CHANNELS) {
      if (changes[channel].length === 0) continue;
      this.#events.subscription(this.#feed, channel, changes[channel]);
    }
  }

  /**
   * Emits that nothing is carried any more, because the session has ended.
   *
   * @param since wall clock ms of its last frame
   */
  lost(since: number): void {
    const carried = this.#carried;
    this.#carried = NOTHING;
    for (const [channel, symbols] of carried) {
      if (symbols.size === 0) continue;
      const pairs = { feed: this.#feed, channel, symbols: [...symbols] };
      this.#events.notCarried(pairs, "upstream_lost", since);
    }
  }

  /** Returns the requested pairs that are no longer acknowledged. */
  #updateCarried(states: Changes, since: number | undefined): readonly Pair[] {
    const before = this.#carried;
    const { acknowledged } = this.#subscriptions.reconciler;
    if (before === acknowledged) return [];
    this.#carried = acknowledged;
    const changes = symbolChanges(before, acknowledged);
    for (const { channel, added } of changes) {
      if (added.length === 0) continue;
      this.#events.carried({ feed: this.#feed, channel, symbols: added }, since);
      for (const symbol of added) {
        if (!this.#forget({ channel, symbol })) continue;
        states[channel].push({ symbol, state: "acknowledged", reason: "" });
      }
    }
    const lost: Pair[] = [];
    for (const { channel, removed } of changes) {
      const missing: string[] = [];
      const released: string[] = [];
      for (const symbol of removed) {
        const pair = { channel, symbol };
        if (this.#isRequested(pair)) {
          missing.push(symbol);
          lost.push(pair);
        } else released.push(symbol);
      }
      this.#emitNotCarried(channel, missing, "not_subscribed");
      this.#emitNotCarried(channel, released, undefined);
    }
    return lost;
  }

  /** @param lost pairs whose state was reported as `acknowledged` */
  #updateStates(states: Changes, lost: readonly Pair[]): void {
    const present = excludedPairs(this.#subscriptions);
    const excluded = this.#excluded;
    const toRequested = (pair: Pair) => {
      this.#requested[pair.channel].add(pair.symbol);
      states[pair.channel].push({ symbol: pair.symbol, state: "requested", reason: "" });
    };
    for (const [key, pair] of excluded) {
      if (present.has(key)) continue;
      excluded.delete(key);
      toRequested(pair);
    }
    for (const pair of lost) if (!present.has(pairKey(pair))) toRequested(pair);
    for (const [key, pair] of present) {
      const { channel, symbol, state, reason } = pair;
      const before = excluded.get(key);
      if (before?.state === state && before.reason === reason) continue;
      this.#requested[channel].delete(symbol);
      excluded.set(key, pair);
      states[channel].push({ symbol, state, reason });
    }
  }

  /** Forgets a reported state; false when there was none but `acknowledged`. */
  #forget(pair: Pair): boolean {
    const wasRequested = this.#requested[pair.channel].delete(pair.symbol);
    if (this.#excluded.size === 0) return wasRequested;
    return this.#excluded.delete(pairKey(pair)) || wasRequested;
  }

  #isRequested(pair: Pair): boolean {
    return this.#subscriptions.refCounts.streamsOf(pair) > 0;
  }

  #emitNotCarried(
    channel: UpstreamChannel,
    symbols: readonly string[],
    reason: GapReason | undefined,
  ): void {
    if (symbols.length === 0) return;
    this.#events.notCarried({ feed: this.#feed, channel, symbols }, reason);
  }
}
