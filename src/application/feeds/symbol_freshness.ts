/**
 * Finds the symbols of one feed that are silent although messages are expected.
 *
 * Once a round, the number of messages of each requested pair is read. When the messages of a pair
 * are overdue, upstream is asked for what it carries, at most once in {@linkcode ASK_INTERVAL_MS}
 * for all such pairs together, because the reply lists every symbol. The reply follows everything
 * that was sent before it, so a pair that is still silent then is stale. If the reply lacks the
 * pair, it is subscribed again like any missing one.
 *
 * @module
 */
import type { Rhythm } from "../../domain/freshness/arrival_rate.ts";
import { type Period, SymbolSilence } from "../../domain/freshness/silence.ts";
import type { FeedNotice } from "../../domain/market/notices.ts";
import { type Pair, type UpstreamChannel, WILDCARD } from "../../domain/subscription/pairs.ts";
import type { Subscriptions } from "../../domain/subscription/reconciler.ts";
import type { Clock } from "../ports/clock.ts";
import type { UpstreamSubscriptions } from "./upstream_subscriptions.ts";

/** Pairs that are sampled without a pause; each takes about a microsecond. */
const SLICE = 200;
/** Pause between two slices, in ms. */
const PAUSE_MS = 10;

/** Time between two requests for what upstream carries, in ms. */
const ASK_INTERVAL_MS = 10_000;

/** A pair is silent alone when it is silent for so much longer than the feed, in ms. */
const ALONE_MS = 1_500;

/** Pairs whose rate is learned; those beyond are not judged. Bounds the memory to 30 MB. */
const MAX_PAIRS = 50_000;

/** Symbols that a notice lists, about 20 KB. */
const MAX_NOTICE_SYMBOLS = 1_000;
/** Times of a last message that have notices of their own; with more, one time stands for all. */
const MAX_TIMES = 32;

/** Channels on which messages can be expected; the others are silent for days. */
const RHYTHMS: Readonly<Partial<Record<UpstreamChannel, Rhythm>>> = {
  quotes: "random",
  trades: "random",
  bars: "minutely",
  dailyBars: "minutely",
};

/** Pairs of one channel whose freshness has changed together. */
interface SymbolsChange {
  readonly channel: UpstreamChannel;
  readonly isStale: boolean;
  /** Wall clock ms of the last message, or of the first after the silence. */
  readonly since: number;
  readonly reason: string;
  readonly symbols: string[];
}

/** What the symbols of one feed are read from. */
interface SymbolSources {
  readonly subscriptions: Subscriptions;
  readonly upstream: Pick<UpstreamSubscriptions, "acknowledgedAt" | "probe">;
  /** Messages of a pair, of all symbols for `*`; `undefined` while they are not counted. */
  readonly messagesOf: (pair: Pair) => number | undefined;
  readonly clock: Clock;
}

/** The feed at the start of a round. */
interface FeedSample {
  readonly period: Period;
  readonly silentMs: number;
  /** Whether the whole feed may be silent; symbols are then not judged. */
  readonly isOverdue: boolean;
  /** Whether what this says still holds. */
  readonly isCurrent: () => boolean;
}

/** A requested pair. */
interface Watch {
  readonly pair: Pair;
  readonly silence: SymbolSilence;
  /** The last round in which the pair was requested. */
  round: number;
  /** Monotonic ms from which on its messages are overdue. */
  overdueAt: number | undefined;
  /** Wall clock ms of the last message, and why no other has arrived; only of a stale pair. */
  stale: { readonly since: number; readonly reason: string } | undefined;
}

const SUBSCRIBED = "No message for longer than its recent rate explains; Alpaca acknowledges the " +
  "subscription. The symbol may be halted";
const NOT_SUBSCRIBED = "No message, and Alpaca no longer acknowledges the subscription; it is " +
  "requested again";

/** Samples the requested pairs of one feed. */
export class SymbolFreshness {
  readonly #sources: SymbolSources;
  /** By the object that the reference counts keep per pair, which needs no key to be built. */
  readonly #watches = new Map<Pair, Watch>();
  readonly #stale = new Set<Watch>();
  #round = 0;
  #expectedRate = 0;
  /** Monotonic ms. */
  #askedAt = -Infinity;

  constructor(sources: SymbolSources) {
    this.#sources = sources;
  }

  /** Number of stale pairs. */
  get staleCount(): number {
    return this.#stale.size;
  }

  /** Whether a pair is stale. */
  isStale(pair: Pair): boolean {
    return this.#find(pair)?.stale !== undefined;
  }

  /**
   * The stale symbols of a channel, in notices of at most {@linkcode MAX_NOTICE_SYMBOLS} symbols.
   * Of symbols with many different last messages, the time of the newest is given: all of them are
   * silent since then.
   *
   * @param symbols those to report; `undefined` for all
   */
  staleOf(channel: UpstreamChannel, symbols?: ReadonlySet<string>): readonly FeedNotice[] {
    if (this.#stale.size === 0) return [];
    const exact = new ChangeList(this.#sources.clock.now());
    const byReason = new Map<string, SymbolsChange>();
    for (const { pair, stale } of this.#staleAmong(channel, symbols)) {
      if (!stale) continue;
      const change = { isStale: true, ...stale };
      exact.add(pair, change);
      const same = byReason.get(stale.reason);
      byReason.set(stale.reason, {
        ...change,
        channel,
        since: Math.max(stale.since, same?.since ?? 0),
        symbols: same?.symbols ?? [],
      });
      byReason.get(stale.reason)?.symbols.push(pair.symbol);
    }
    const changes = exact.all.length > MAX_TIMES ? [...byReason.values()] : exact.all;
    return changes.flatMap(staleNotices);
  }

  /**
   * Messages per ms that all pairs together can be expected to have, without the busiest pair of
   * each channel where there are several, and without pairs that were silent while others were not:
   * their silence is not that of the feed.
   */
  get expectedRate(): number {
    return this.#expectedRate;
  }

  /** Makes no pair stale: the state of the whole feed has changed. */
  clear(): void {
    for (const watch of this.#watches.values()) this.#reset(watch);
  }

  /**
   * Samples every pair, with pauses; returns the changes, or none if the feed has changed in a
   * pause.
   */
  async sample(feed: FeedSample, signal: AbortSignal): Promise<readonly SymbolsChange[]> {
    const { subscriptions, clock } = this.#sources;
    const round = ++this.#round;
    const changes = new ChangeList(clock.now());
    const rates = new Map<UpstreamChannel, ChannelRate>();
    let needsReply = false;
    let sampled = 0;
    for (const pair of subscriptions.refCounts.pairs()) {
      if (++sampled % SLICE === 0) {
        await clock.sleep(PAUSE_MS, signal);
        if (signal.aborted || !feed.isCurrent()) return [];
      }
      const watch = this.#watchOf(pair);
      if (!watch) continue;
      watch.round = round;
      this.#sampleOne(watch, feed, changes);
      if (watch.overdueAt !== undefined && !watch.stale) needsReply = true;
      const isAlone = watch.silence.silentMs > feed.silentMs + ALONE_MS;
      if (!isAlone) this.#addRate(rates, watch);
    }
    if (this.#watches.size > sampled) this.#removeUnrequested(round);
    this.#expectedRate = sum(Array.from(rates.values(), expectedOf));
    if (needsReply) this.#ask();
    return changes.all;
  }

  /** The watch of a pair that a stream requests. */
  #find({ channel, symbol }: Pair): Watch | undefined {
    if (this.#stale.size === 0) return undefined;
    const requested = this.#sources.subscriptions.refCounts.symbols(channel).get(symbol);
    return requested && this.#watches.get(requested);
  }

  /** At least the watches of a channel that are stale, of the given symbols or of all. */
  *#staleAmong(
    channel: UpstreamChannel,
    symbols: ReadonlySet<string> | undefined,
  ): Generator<Watch> {
    if (symbols && symbols.size < this.#stale.size) {
      for (const symbol of symbols) {
        const watch = this.#find({ channel, symbol });
        if (watch) yield watch;
      }
      return;
    }
    for (const watch of this.#stale) {
      const { pair } = watch;
      if (pair.channel === channel && (!symbols || symbols.has(pair.symbol))) yield watch;
    }
  }

  #watchOf(pair: Pair): Watch | undefined {
    const known = this.#watches.get(pair);
    if (known || this.#watches.size >= MAX_PAIRS) return known;
    const rhythm = RHYTHMS[pair.channel];
    if (rhythm === undefined) return undefined;
    const watch: Watch = {
      pair,
      silence: new SymbolSilence(rhythm),
      round: 0,
      overdueAt: undefined,
      stale: undefined,
    };
    this.#watches.set(pair, watch);
    return watch;
  }

  #sampleOne(watch: Watch, feed: FeedSample, changes: ChangeList): void {
    const { messagesOf, clock, upstream } = this.#sources;
    const { silence, pair } = watch;
    const count = messagesOf(pair);
    if (count === undefined) return this.#pause(watch);
    if (silence.sample(count, clock.monotonic(), feed.period)) {
      if (watch.stale) changes.add(pair, { isStale: false, since: clock.now(), reason: "" });
      return this.#reset(watch);
    }
    if (watch.stale) return;
    if (!silence.isOverdue) {
      watch.overdueAt = undefined;
      return;
    }
    if (watch.overdueAt === undefined) {
      // What is not subscribed is reported by the state of its subscription.
      if (this.#isCarried(pair)) watch.overdueAt = clock.monotonic();
      else silence.restart();
      return;
    }
    if (feed.isOverdue || (upstream.acknowledgedAt ?? -Infinity) <= watch.overdueAt) return;
    const since = clock.now() - silence.silentMs;
    const reason = this.#isCarried(pair) ? SUBSCRIBED : NOT_SUBSCRIBED;
    watch.stale = { since, reason };
    this.#stale.add(watch);
    changes.add(pair, { isStale: true, since, reason });
  }

  #isCarried({ channel, symbol }: Pair): boolean {
    const symbols = this.#sources.subscriptions.reconciler.acknowledged.get(channel);
    return symbols !== undefined && (symbols.has(symbol) || symbols.has(WILDCARD));
  }

  #addRate(rates: Map<UpstreamChannel, ChannelRate>, { pair, silence }: Watch): void {
    const rate = silence.expectedRate;
    if (rate === 0 || !this.#isCarried(pair)) return;
    const { channel, symbol } = pair;
    let all = rates.get(channel);
    if (!all) rates.set(channel, all = { count: 0, sum: 0, busiest: 0, wildcard: 0 });
    if (symbol === WILDCARD) all.wildcard = rate;
    else {
      all.count++;
      all.sum += rate;
      all.busiest = Math.max(all.busiest, rate);
    }
  }

  #removeUnrequested(round: number): void {
    for (const [pair, watch] of this.#watches) {
      if (watch.round === round) continue;
      this.#stale.delete(watch);
      this.#watches.delete(pair);
    }
  }

  /** Ends what is known of the silence of a pair that is not counted at the moment. */
  #pause(watch: Watch): void {
    this.#reset(watch);
    watch.silence.restart();
  }

  #reset(watch: Watch): void {
    watch.overdueAt = undefined;
    if (!watch.stale) return;
    watch.stale = undefined;
    this.#stale.delete(watch);
  }

  #ask(): void {
    const now = this.#sources.clock.monotonic();
    if (now - this.#askedAt < ASK_INTERVAL_MS) return;
    this.#askedAt = now;
    this.#sources.upstream.probe();
  }
}

function staleNotices({ since, reason, symbols }: SymbolsChange): readonly FeedNotice[] {
  const notices: FeedNotice[] = [];
  for (let at = 0; at < symbols.length; at += MAX_NOTICE_SYMBOLS) {
    const some = symbols.slice(at, at + MAX_NOTICE_SYMBOLS);
    notices.push({ freshness: "stale", since, reason, symbols: some });
  }
  return notices;
}

/** Expected rates of the pairs of one channel. */
interface ChannelRate {
  /** Pairs beside `*`, and their rates. */
  count: number;
  sum: number;
  busiest: number;
  wildcard: number;
}

function expectedOf({ count, sum, busiest, wildcard }: ChannelRate): number {
  // The messages of `*` contain those of the names.
  return Math.max(wildcard, count > 1 ? sum - busiest : sum);
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((all, each) => all + each, 0);
}

/** Changes of one round, in as few lists of symbols as possible. */
class ChangeList {
  readonly #changes = new Map<string, SymbolsChange>();
  readonly #now: number;

  constructor(now: number) {
    this.#now = now;
  }

  add(
    { channel, symbol }: Pair,
    change: Pick<SymbolsChange, "isStale" | "since" | "reason">,
  ): void {
    // Samples are a second apart, so times within one are equal.
    const since = this.#now - Math.round((this.#now - change.since) / 1_000) * 1_000;
    const key = `${channel} ${since} ${change.reason}`;
    const known = this.#changes.get(key);
    if (known) known.symbols.push(symbol);
    else this.#changes.set(key, { ...change, channel, since, symbols: [symbol] });
  }

  get all(): readonly SymbolsChange[] {
    return [...this.#changes.values()];
  }
}
