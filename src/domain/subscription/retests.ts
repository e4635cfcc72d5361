/**
 * Notes what upstream refuses, and chooses what is requested again of it.
 *
 * A retest requests one pair alone, at a time when nothing else is to be
 * requested, so that a refusal disturbs no other pair: upstream then leaves its
 * state as it was. Three kinds of refusal have timers: the symbol limit (tested
 * with a pair that waits for a place, or with one that a stream was refused
 * for), `*` on a channel, and single pairs.
 *
 * @module
 */
import { type Asks, MAX_ASKS } from "./asks.ts";
import type { SymbolBudget } from "./budget.ts";
import { CarriedLately } from "./carried_lately.ts";
import { type DesiredPairs, isIn } from "./desired_pairs.ts";
import type { Refusal, Refusals } from "./refusals.ts";
import { isFull, type UpstreamError } from "./request.ts";
import { type RetestTimer, RETRY_MS } from "./retest.ts";
import {
  countPairs,
  type Pair,
  pairsOf,
  type SymbolSets,
  UPSTREAM_CHANNELS,
  type UpstreamChannel,
  WILDCARD,
} from "./symbol_sets.ts";

/** Least time between two retests, in ms. */
const SPACING_MS = 1_000;

/** A pair to request alone, and the refusal that it tests. */
export interface Retest {
  readonly pair: Pair;
  readonly of: "limit" | "wildcard" | "pair";
}

interface Candidate extends Retest {
  readonly timer: RetestTimer;
  /** Monotonic ms at which it is due. */
  readonly at: number;
}

/** Refusals of one feed and their retests. */
export class Retests {
  readonly #desired: DesiredPairs;
  readonly #budget: SymbolBudget;
  readonly #asks: Asks;
  readonly #refusals: Refusals;
  readonly #now: () => number;
  readonly #lately = new CarriedLately();
  /** The last state that carried something. */
  #last: SymbolSets = new Map();
  #wish: Pair | undefined;
  #current: Retest | undefined;
  #lastAt = -Infinity;
  /** Channels that the limit is still to be tested with before its timer ends. */
  #untested = new Set<UpstreamChannel>();
  /** Monotonic ms at which what was given up is requested again. */
  #retryAt: number | undefined;

  /** @param parts.now monotonic ms */
  constructor(parts: {
    readonly desired: DesiredPairs;
    readonly budget: SymbolBudget;
    readonly asks: Asks;
    readonly refusals: Refusals;
    readonly now: () => number;
  }) {
    this.#desired = parts.desired;
    this.#budget = parts.budget;
    this.#asks = parts.asks;
    this.#refusals = parts.refusals;
    this.#now = parts.now;
  }

  /**
   * A connection that carried `state` ends, or the next one begins: what was
   * carried last counts as recent, however long nothing was connected.
   */
  reset(state: SymbolSets): void {
    const now = this.#now();
    this.#current = undefined;
    this.#retryAt = undefined;
    this.#untested.clear();
    if (countPairs(state) > 0) this.#last = state;
    this.#lately.note(new Map(), now);
    this.#budget.confirm(pairsOf(this.#last), now);
  }

  /** A stream was refused for want of a place for `pair`: it may test the limit. */
  wish(pair: Pair): void {
    this.#wish = pair;
  }

  /** Sets a pair aside that upstream rejects. */
  reject(pair: Pair, error: UpstreamError): Refusal {
    const now = this.#now();
    const isRecent = this.#lately.has(pair, now);
    if (pair.symbol === WILDCARD) {
      this.#budget.refuseWildcard(pair.channel, { now, isRecent });
    }
    return this.#refusals.reject(pair, error, { now, isRecent });
  }

  /** The retest that is in flight. */
  get current(): Retest | undefined {
    return this.#current;
  }

  /**
   * Upstream stated what it carries. When the pair of the retest in flight is
   * among it, refusals of the same kind are void as well.
   */
  acknowledge(state: SymbolSets): void {
    const retest = this.#current;
    this.#current = undefined;
    this.#lately.note(state, this.#now());
    if (!retest || !isIn(state, retest.pair)) return;
    const { pair, of } = retest;
    this.#asks.clear();
    this.#refusals.delete(pair);
    if (of === "pair") this.#refusals.forgetDoubted();
    if (of !== "limit") return;
    this.#untested.clear();
    this.#budget.acceptRetest(pairsOf(state), this.#now());
    this.#refusals.forgetFull();
  }

  /**
   * The retest in flight failed; its timer was advanced when it was taken.
   *
   * @param error absent when upstream said nothing of the pair
   */
  refuse(error?: UpstreamError, carried: SymbolSets = new Map()): void {
    const retest = this.#current;
    this.#current = undefined;
    if (!retest || !error) return;
    const { pair, of } = retest;
    if (isFull(error, pair)) {
      const now = this.#now();
      this.#budget.refuseFull(pair, { carried: pairsOf(carried), now });
      return;
    }
    // An objection to the pair says nothing of the limit: the next pair tests it.
    if (of === "limit" && !this.#refusals.has(pair)) {
      this.#untested.add(pair.channel);
    }
    if (this.#desired.isWanted(pair)) this.reject(pair, error);
  }

  /** What was given up without an error of upstream is requested again in time. */
  takeBackGivenUp(): void {
    if (this.#retryAt === undefined || this.#retryAt > this.#now()) return;
    this.#retryAt = undefined;
    this.#asks.clear();
    this.#refusals.forgetGivenUp();
  }

  /** Monotonic ms of what is next to request again; `undefined` for nothing. */
  get dueAt(): number | undefined {
    let testAt = Infinity;
    for (const { at } of this.#candidates()) testAt = Math.min(testAt, at);
    const dueAt = Math.min(
      Math.max(testAt, this.#lastAt + SPACING_MS),
      this.#retryAt ?? Infinity,
    );
    return dueAt === Infinity ? undefined : dueAt;
  }

  /**
   * The pair to request alone because its retest is due; `undefined` when none
   * is. It is called when nothing else is to be requested.
   */
  take(acknowledged: SymbolSets): Pair | undefined {
    const now = this.#now();
    const hasGivenUp = this.#refusals.hasGivenUp ||
      this.#asks.hasReached(MAX_ASKS);
    if (hasGivenUp) this.#retryAt ??= now + RETRY_MS;
    if (now < this.#lastAt + SPACING_MS) return undefined;
    for (const { timer, pair: first, of, at } of this.#candidates()) {
      if (at > now) continue;
      if (timer.at <= now) {
        timer.advance(now);
        if (of === "limit") this.#untested = new Set(UPSTREAM_CHANNELS);
      }
      this.#lastAt = now;
      const pair = of === "limit" ? this.#limitPair(acknowledged) : first;
      if (pair === undefined || isIn(acknowledged, pair)) continue;
      if (of !== "pair" || this.#budget.fits(pair, acknowledged)) {
        this.#current = { pair, of };
      } else if (this.#budget.isReached(acknowledged)(pair)) {
        // A rejected pair that has no place tests the limit as well.
        this.#current = { pair, of: "limit" };
      } else continue;
      return pair;
    }
    return undefined;
  }

  *#candidates(): Generator<Candidate> {
    const { limitTimer } = this.#budget;
    const pair = this.#desired.waiting[0] ?? this.#refusals.firstFull ??
      this.#wish;
    if (limitTimer && pair) {
      const at = this.#untested.size > 0 ? -Infinity : limitTimer.at;
      yield { pair, of: "limit", timer: limitTimer, at };
    }
    for (const [channel, timer] of this.#budget.wildcardTimers) {
      const pair = { channel, symbol: WILDCARD };
      if (!this.#desired.isWanted(pair)) continue;
      yield { pair, of: "wildcard", timer, at: timer.at };
    }
    const next = this.#refusals.nextRetest;
    if (next) yield { ...next, of: "pair", at: next.timer.at };
  }

  /**
   * The pair to test the limit with; none while the limit is not reached. One
   * pair of each channel is tested, because perhaps only some of them count. A
   * wish is used up by the test of its channel.
   */
  #limitPair(acknowledged: SymbolSets): Pair | undefined {
    const isReached = this.#budget.isReached(acknowledged);
    for (const channel of this.#untested) {
      this.#untested.delete(channel);
      const isToTest = (pair: Pair) =>
        pair.channel === channel && isReached(pair);
      const wish = this.#wish;
      if (wish?.channel === channel) this.#wish = undefined;
      const pair = this.#desired.waiting.find(isToTest) ??
        (wish && isToTest(wish) ? wish : undefined);
      if (pair) return pair;
    }
    return this.#refusals.firstFull;
  }
}
