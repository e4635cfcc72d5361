/**
 * Schedules retests of what upstream refused, and applies their results.
 *
 * A retest requests one pair alone while there is nothing else to request, so
 * that a refusal affects no other pair: upstream then leaves its state as it
 * was. Three kinds of refusal have timers: the symbol limit (tested with a pair
 * that waits for a slot, or with one that a stream was refused for), `*` on a
 * channel, and single pairs. Pairs that were given up without a rejection are
 * requested again together after {@linkcode RETRY_MS}.
 *
 * @module
 */
import type { DesiredSet } from "./desired_set.ts";
import type { SymbolQuota } from "./quota.ts";
import { RECENT_MS, type Rejection, type RetestTimer, RETRY_MS } from "./rejections.ts";
import {
  countPairs,
  hasPair,
  isOverLimit,
  type Pair,
  pairKey,
  pairsOf,
  type SymbolSets,
  UPSTREAM_CHANNELS,
  type UpstreamError,
  WILDCARD,
} from "./pairs.ts";
import { MAX_ATTEMPTS, type Retest, type SessionState } from "./session_state.ts";

/** Least time between two retests, in ms. */
const SPACING_MS = 1_000;

interface Candidate extends Retest {
  readonly timer: RetestTimer;
  /** Monotonic ms at which it is due. */
  readonly at: number;
}

/** The retests of one feed, over all of its sessions. */
export class RetestScheduler {
  readonly #desired: DesiredSet;
  readonly #quota: SymbolQuota;
  readonly #now: () => number;
  readonly #recent = new RecentlyCarried();
  #session: SessionState;
  /** The last state that carried something. */
  #lastCarried: SymbolSets = new Map();
  /** A pair that a stream was refused for. */
  #refusedPair: Pair | undefined;
  /** Monotonic ms of the last retest. */
  #lastAt = -Infinity;

  /** @param parts.now monotonic ms */
  constructor(session: SessionState, parts: {
    readonly desired: DesiredSet;
    readonly quota: SymbolQuota;
    readonly now: () => number;
  }) {
    this.#session = session;
    this.#desired = parts.desired;
    this.#quota = parts.quota;
    this.#now = parts.now;
  }

  /**
   * Continues with the state of a new session. What the previous one carried
   * last counts as recent, however long no session was connected.
   */
  startSession(session: SessionState): void {
    const now = this.#now();
    const { acknowledged } = this.#session;
    this.#session = session;
    if (countPairs(acknowledged) > 0) this.#lastCarried = acknowledged;
    this.#recent.update(new Map(), now);
    this.#quota.raiseLimit(pairsOf(this.#lastCarried), now);
  }

  /** Lets a learned limit be tested with a pair that a stream was refused for. */
  testLimitWith(pair: Pair): void {
    this.#refusedPair = pair;
  }

  /** Sets aside a pair that upstream rejects. */
  reject(pair: Pair, error: UpstreamError): Rejection {
    const now = this.#now();
    const isRecent = this.#recent.has(pair, now);
    if (pair.symbol === WILDCARD) {
      this.#quota.rejectWildcard(pair.channel, { now, isRecent });
    }
    return this.#session.rejected.reject(pair, error, { now, isRecent });
  }

  /**
   * Applies an acknowledgement. When it contains the pair of the retest in
   * flight, refusals of the same kind are dropped as well.
   */
  acknowledge(carried: SymbolSets): void {
    const session = this.#session;
    const { retest, attempts, rejected } = session;
    session.retest = undefined;
    this.#recent.update(carried, this.#now());
    if (!retest || !hasPair(carried, retest.pair)) return;
    attempts.clear();
    rejected.delete(retest.pair);
    if (retest.of === "pair") rejected.deleteContradicted();
    if (retest.of !== "limit") return;
    session.untested.clear();
    this.#quota.liftLimit(pairsOf(carried), this.#now());
    rejected.deleteOverLimit();
  }

  /**
   * Applies the failure of the retest in flight, whose timer was advanced when
   * it was taken.
   *
   * @param error absent when the reply says nothing about the pair
   */
  fail(error?: UpstreamError): void {
    const session = this.#session;
    const { retest, acknowledged, rejected } = session;
    session.retest = undefined;
    if (!retest || !error) return;
    const { pair, of } = retest;
    if (isOverLimit(error, pair)) {
      const now = this.#now();
      this.#quota.recordLimit(pair, { carried: pairsOf(acknowledged), now });
      return;
    }
    // A rejected pair says nothing about the limit: the next pair tests it.
    if (of === "limit" && !rejected.has(pair)) {
      session.untested.add(pair.channel);
    }
    if (this.#desired.isRequested(pair)) this.reject(pair, error);
  }

  /** Makes the given-up pairs available again once their retry is due. */
  retryGivenUp(): void {
    const session = this.#session;
    if (session.retryAt === undefined || session.retryAt > this.#now()) return;
    session.retryAt = undefined;
    session.attempts.clear();
    session.rejected.deleteGivenUp();
  }

  /** Monotonic ms of the next retest or retry; `undefined` for none. */
  get dueAt(): number | undefined {
    let testAt = Infinity;
    for (const { at } of this.#candidates()) testAt = Math.min(testAt, at);
    const dueAt = Math.min(
      Math.max(testAt, this.#lastAt + SPACING_MS),
      this.#session.retryAt ?? Infinity,
    );
    return dueAt === Infinity ? undefined : dueAt;
  }

  /**
   * Takes the pair to request alone because its retest is due; `undefined` when
   * none is. To be called when there is nothing else to request.
   */
  take(): Pair | undefined {
    const now = this.#now();
    const session = this.#session;
    const hasGivenUp = session.rejected.hasGivenUp ||
      session.attempts.anyAtLeast(MAX_ATTEMPTS);
    if (hasGivenUp) session.retryAt ??= now + RETRY_MS;
    if (now < this.#lastAt + SPACING_MS) return undefined;
    for (const { timer, pair: first, of, at } of this.#candidates()) {
      if (at > now) continue;
      if (timer.at <= now) {
        timer.advance(now);
        if (of === "limit") session.untested = new Set(UPSTREAM_CHANNELS);
      }
      this.#lastAt = now;
      const pair = of === "limit" ? this.#takeLimitPair() : first;
      const retest = pair && this.#retestOf(pair, of);
      if (!retest) continue;
      session.retest = retest;
      return pair;
    }
    return undefined;
  }

  /** What requesting the pair now would test; `undefined` when it tests nothing. */
  #retestOf(pair: Pair, of: Retest["of"]): Retest | undefined {
    const { acknowledged } = this.#session;
    if (hasPair(acknowledged, pair)) return undefined;
    if (of !== "pair" || this.#quota.fits(pair, acknowledged)) {
      return { pair, of };
    }
    // A rejected pair without a slot tests the limit as well.
    return this.#quota.isOverLearnedLimit(acknowledged)(pair) ? { pair, of: "limit" } : undefined;
  }

  *#candidates(): Generator<Candidate> {
    const { limitTimer, wildcardTimers } = this.#quota;
    const { rejected, untested } = this.#session;
    const pair = this.#desired.waiting[0] ?? rejected.firstOverLimit ??
      this.#refusedPair;
    if (limitTimer && pair) {
      const at = untested.size > 0 ? -Infinity : limitTimer.at;
      yield { pair, of: "limit", timer: limitTimer, at };
    }
    for (const [channel, timer] of wildcardTimers) {
      const pair = { channel, symbol: WILDCARD };
      if (!this.#desired.isRequested(pair)) continue;
      yield { pair, of: "wildcard", timer, at: timer.at };
    }
    const next = rejected.nextRetest;
    if (next) yield { ...next, of: "pair", at: next.timer.at };
  }

  /**
   * Takes the pair to test the limit with; none while the limit is not reached.
   * One pair of each channel is tested, because upstream may count only some of
   * them. The pair that a stream was refused for is tested once.
   */
  #takeLimitPair(): Pair | undefined {
    const { acknowledged, untested, rejected } = this.#session;
    const isOver = this.#quota.isOverLearnedLimit(acknowledged);
    for (const channel of untested) {
      untested.delete(channel);
      const isSuitable = (pair: Pair) => pair.channel === channel && isOver(pair);
      const refused = this.#refusedPair;
      if (refused?.channel === channel) this.#refusedPair = undefined;
      const pair = this.#desired.waiting.find(isSuitable) ??
        (refused && isSuitable(refused) ? refused : undefined);
      if (pair) return pair;
    }
    return rejected.firstOverLimit;
  }
}

/**
 * Pairs that are carried, or were within {@linkcode RECENT_MS}, over sessions.
 *
 * Time in which nothing is carried does not count: after an outage of hours, or
 * after sessions in which everything was refused, the pairs carried before are
 * still recent.
 */
class RecentlyCarried {
  #carried: SymbolSets = new Map();
  /** Monotonic ms at which a pair was last carried, by pair, oldest first. */
  readonly #lost = new Map<string, number>();
  /** Monotonic ms since which nothing is carried; absent when something is. */
  #emptySince: number | undefined;

  /**
   * Records that upstream carries `carried` from now on.
   *
   * @param now monotonic ms
   */
  update(carried: SymbolSets, now: number): void {
    this.#skipEmptyTime(now);
    for (const pair of pairsOf(this.#carried)) {
      if (!hasPair(carried, pair)) this.#lost.set(pairKey(pair), now);
    }
    const pairs = pairsOf(carried);
    for (const pair of pairs) {
      if (!hasPair(this.#carried, pair)) this.#lost.delete(pairKey(pair));
    }
    for (const [key, at] of this.#lost) {
      if (now - at <= RECENT_MS) break;
      this.#lost.delete(key);
    }
    this.#carried = carried;
    if (pairs.length === 0) this.#emptySince = now;
  }

  /** Whether a pair is carried or was recently. */
  has(pair: Pair, now: number): boolean {
    if (hasPair(this.#carried, pair)) return true;
    const at = this.#lost.get(pairKey(pair));
    return at !== undefined && (this.#emptySince ?? now) - at <= RECENT_MS;
  }

  /** Moves all times forward by the time in which nothing was carried. */
  #skipEmptyTime(now: number): void {
    const since = this.#emptySince;
    this.#emptySince = undefined;
    if (since === undefined || since === now) return;
    for (const [key, at] of this.#lost) this.#lost.set(key, at + now - since);
  }
}
