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
  isStale: boolean;
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
  #round = 0;
  #staleCount = 0;
  #expectedRate = 0;
  /** Monotonic ms. */
  #askedAt = -Infinity;

  constructor(sources: SymbolSources) {
    this.#sources = sources;
  }

  /** Number of stale pairs. */
  get staleCount(): number {
    return this.#staleCount;
  }

  /** Whether a pair is stale. */
  isStale(pair: Pair): boolean {
    if (this.#staleCount === 0) return false;
    const { refCounts } = this.#sources.subscriptions;
    const requested = refCounts.symbols(pair.channel).get(pair.symbol);
    return (requested && this.#watches.get(requested)?.isStale) ?? false;
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
    this.#staleCount = 0;
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
      if (watch.overdueAt !== undefined && !watch.isStale) needsReply = true;
      const isAlone = watch.silence.silentMs > feed.silentMs + ALONE_MS;
      if (!isAlone) this.#addRate(rates, watch);
    }
    if (this.#watches.size > sampled) this.#removeUnrequested(round);
    this.#expectedRate = sum(Array.from(rates.values(), expectedOf));
    if (needsReply) this.#ask();
    return changes.all;
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
      isStale: false,
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
      if (watch.isStale) {
        this.#staleCount--;
        changes.add(pair, { isStale: false, since: clock.now(), reason: "" });
      }
      return this.#reset(watch);
    }
    if (watch.isStale) return;
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
    watch.isStale = true;
    this.#staleCount++;
    const since = clock.now() - silence.silentMs;
    const reason = this.#isCarried(pair) ? SUBSCRIBED : NOT_SUBSCRIBED;
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
      if (watch.isStale) this.#staleCount--;
      this.#watches.delete(pair);
    }
  }

  /** Ends what is known of the silence of a pair that is not counted at the moment. */
  #pause(watch: Watch): void {
    if (watch.isStale) this.#staleCount--;
    this.#reset(watch);
    watch.silence.restart();
  }

  #reset(watch: Watch): void {
    watch.overdueAt = undefined;
    watch.isStale = false;
  }

  #ask(): void {
    const now = this.#sources.clock.monotonic();
    if (now - this.#askedAt < ASK_INTERVAL_MS) return;
    this.#askedAt = now;
    this.#sources.upstream.probe();
  }
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
