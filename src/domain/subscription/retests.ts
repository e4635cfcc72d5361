/**
 * Schedules retests of what upstream rejected, and applies their results.
 *
 * A retest requests one pair alone while there is nothing else to request, so
 * that a rejection affects no other pair: upstream then leaves its state as it
 * was. Three kinds of rejection have timers: the symbol limit (tested with a pair
 * that waits for a slot, or with one of a stream that was refused), `*` on a
 * channel, and single pairs. Pairs that were given up without a rejection are
 * requested again together after {@linkcode RETRY_MS}.
 *
 * @module
 */
import type { DesiredSet } from "./desired_set.ts";
import {
  countPairs,
  hasPair,
  isOverLimit,
  isRejection,
  type Pair,
  pairKey,
  pairsOf,
  type SymbolSets,
  UPSTREAM_CHANNELS,
  type UpstreamChannel,
  type UpstreamError,
  WILDCARD,
} from "./pairs.ts";
import type { SymbolQuota } from "./quota.ts";
import {
  advanceTimer,
  CONTRADICTED,
  RECENT_MS,
  REJECTED,
  type RejectedPair,
  type Rejection,
  type RetestTimer,
  RETRY_MS,
  startTimer,
} from "./rejections.ts";
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
  readonly #recent = new RecentlyAcknowledged();
  #session: SessionState;
  /** The last state with a pair. */
  #lastAcknowledged: SymbolSets = new Map();
  /** A pair of a stream that was refused. */
  #refusedPair: Pair | undefined;
  /** Monotonic ms of the last retest. */
  #lastAt = -Infinity;

  /** @param options.now monotonic ms */
  constructor(session: SessionState, options: {
    readonly desired: DesiredSet;
    readonly quota: SymbolQuota;
    readonly now: () => number;
  }) {
    this.#session = session;
    this.#desired = options.desired;
    this.#quota = options.quota;
    this.#now = options.now;
  }

  /**
   * Continues with the state of a new session. What the previous one acknowledged
   * last counts as recent, however long no session was connected.
   */
  startSession(session: SessionState): void {
    const now = this.#now();
    const { acknowledged } = this.#session;
    this.#session = session;
    if (countPairs(acknowledged) > 0) this.#lastAcknowledged = acknowledged;
    this.#recent.update(new Map(), now);
    this.#quota.raiseLimit(pairsOf(this.#lastAcknowledged), now);
  }

  /** Tests a learned limit with a pair of a stream that was refused. */
  testLimitWith(pair: Pair): void {
    this.#refusedPair = pair;
  }

  /** Sets aside a pair that upstream rejects. */
  reject(pair: Pair, error: UpstreamError): Rejection {
    const now = this.#now();
    const session = this.#session;
    const isRecent = this.#recent.has(pair, now);
    const rejection = { ...pair, error, ...(isRecent && { isTransient: true as const }) };
    if (pair.symbol === WILDCARD) {
      // The quota, which outlives the session, has the timer.
      this.#quota.rejectWildcard(pair.channel, { now, isRecent });
      return session.setAside({ rejection });
    }
    const pace = isRecent ? CONTRADICTED : REJECTED;
    const timer = startTimer(pace, now, session.rejected.get(pairKey(pair))?.timer);
    return session.setAside({ rejection, timer });
  }

  /**
   * Applies an acknowledgement. When it contains the pair of the retest in
   * flight, rejections of the same kind are dropped as well.
   */
  acknowledge(acknowledged: SymbolSets): void {
    const session = this.#session;
    const { retest, attempts, rejected } = session;
    session.retest = undefined;
    this.#recent.update(acknowledged, this.#now());
    if (!retest || !hasPair(acknowledged, retest.pair)) return;
    attempts.clear();
    rejected.delete(pairKey(retest.pair));
    if (retest.of === "pair") session.restore(({ timer }) => timer?.pace === CONTRADICTED);
    if (retest.of !== "limit") return;
    session.untested.clear();
    this.#quota.liftLimit(pairsOf(acknowledged), this.#now());
    session.restore(isOfLimit);
  }

  /**
   * Applies the failure of the retest in flight, whose timer was advanced when
   * it was taken.
   *
   * @param error absent when the reply says nothing about the pair
   */
  fail(error?: UpstreamError): void {
    const session = this.#session;
    const { retest, acknowledged } = session;
    session.retest = undefined;
    if (!retest || !error) return;
    const { pair, of } = retest;
    if (isOverLimit(error, pair)) {
      const now = this.#now();
      this.#quota.recordLimit(pair, { acknowledged: pairsOf(acknowledged), now });
      return;
    }
    // A rejected pair says nothing about the limit: the next pair tests it.
    if (of === "limit" && !session.isRejected(pair)) session.untested.add(pair.channel);
    if (this.#desired.isRequested(pair)) this.reject(pair, error);
  }

  /** Makes the given-up pairs available again once their retry is due. */
  retryGivenUp(): void {
    const session = this.#session;
    if (session.retryAt === undefined || session.retryAt > this.#now()) return;
    session.retryAt = undefined;
    session.attempts.clear();
    session.restore(isGivenUp);
  }

  /** Makes the pairs available again that upstream had no slot for and that fit now. */
  restoreOverLimit(): void {
    const { attempts, acknowledged } = this.#session;
    const { fits } = this.#quota.allocate(pairsOf(acknowledged));
    const restored = this.#session.restore((each) => isOfLimit(each) && fits(each.rejection));
    for (const pair of [...restored, ...this.#desired.waiting.filter(fits)]) {
      attempts.forget("subscribe", pair);
    }
  }

  /** Monotonic ms of the next retest or retry; `undefined` for none. */
  get dueAt(): number | undefined {
    const testAt = Math.min(...Array.from(this.#candidates(), ({ at }) => at));
    const spacedAt = Math.max(testAt, this.#lastAt + SPACING_MS);
    const dueAt = Math.min(spacedAt, this.#session.retryAt ?? Infinity);
    return dueAt === Infinity ? undefined : dueAt;
  }

  /**
   * Takes the pair to request alone because its retest is due; `undefined` when
   * none is. To be called when there is nothing else to request.
   */
  take(): Pair | undefined {
    const now = this.#now();
    const session = this.#session;
    const hasGivenUp = session.rejected.values().some(isGivenUp) ||
      session.attempts.pairs().some(({ count }) => count >= MAX_ATTEMPTS);
    if (hasGivenUp) session.retryAt ??= now + RETRY_MS;
    if (now < this.#lastAt + SPACING_MS) return undefined;
    for (const { timer, pair: first, of, at } of this.#candidates()) {
      if (at > now) continue;
      if (timer.at <= now) {
        advanceTimer(timer, now);
        if (of === "limit") session.untested = this.#waitingChannels();
      }
      this.#lastAt = now;
      const pair = of === "limit" ? this.#takeLimitPair() : first;
      session.retest = pair && this.#retestOf(pair, of);
      if (session.retest) return pair;
    }
    return undefined;
  }

  /** What requesting the pair now would test; `undefined` when it tests nothing. */
  #retestOf(pair: Pair, of: Retest["of"]): Retest | undefined {
    const { acknowledged } = this.#session;
    if (hasPair(acknowledged, pair)) return undefined;
    if (of !== "pair" || this.#quota.fits(pair, acknowledged)) return { pair, of };
    // A rejected pair without a slot tests the limit as well.
    return this.#quota.isOverLearnedLimit(acknowledged)(pair) ? { pair, of: "limit" } : undefined;
  }

  *#candidates(): Generator<Candidate> {
    const { limitTimer, wildcardTimers } = this.#quota;
    const { rejected, untested } = this.#session;
    const pair = this.#desired.waiting[0] ?? this.#firstOfLimit ?? this.#refusedPair;
    if (limitTimer && pair) {
      const at = untested.size > 0 ? -Infinity : limitTimer.at;
      yield { pair, of: "limit", timer: limitTimer, at };
    }
    for (const [channel, timer] of wildcardTimers) {
      const pair = { channel, symbol: WILDCARD };
      if (!this.#desired.isRequested(pair)) continue;
      yield { pair, of: "wildcard", timer, at: timer.at };
    }
    let next: Candidate | undefined;
    for (const { rejection: { channel, symbol }, timer } of rejected.values()) {
      if (!timer || (next && next.at <= timer.at)) continue;
      next = { pair: { channel, symbol }, of: "pair", timer, at: timer.at };
    }
    if (next) yield next;
  }

  /** The channels with a pair that could test the limit. */
  #waitingChannels(): Set<UpstreamChannel> {
    const channels = new Set(this.#desired.waiting.map(({ channel }) => channel));
    if (this.#refusedPair) channels.add(this.#refusedPair.channel);
    return new Set(UPSTREAM_CHANNELS.filter((channel) => channels.has(channel)));
  }

  /**
   * Takes the pair to test the limit with; none while the limit is not reached.
   * One pair of each channel is tested, because upstream may count only some of
   * them. The pair of a stream that was refused is tested once.
   */
  #takeLimitPair(): Pair | undefined {
    const { acknowledged, untested } = this.#session;
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
    return this.#firstOfLimit;
  }

  /** The first pair that upstream had no slot for. */
  get #firstOfLimit(): Pair | undefined {
    return this.#session.rejected.values().find(isOfLimit)?.rejection;
  }
}

function isOfLimit({ usedSlots }: RejectedPair): boolean {
  return usedSlots !== undefined;
}

/** Whether a pair was set aside without being rejected. */
function isGivenUp({ rejection }: RejectedPair): boolean {
  return !isRejection(rejection.error);
}

/**
 * Pairs that are acknowledged, or were within {@linkcode RECENT_MS}, over sessions.
 *
 * Time in which nothing is acknowledged does not count: after an outage of hours,
 * or after sessions in which everything was rejected, the pairs acknowledged before
 * are still recent.
 */
class RecentlyAcknowledged {
  #acknowledged: SymbolSets = new Map();
  /** Monotonic ms at which a pair was last acknowledged, by pair, oldest first. */
  readonly #lost = new Map<string, number>();
  /** Monotonic ms since which nothing is acknowledged; absent when something is. */
  #emptySince: number | undefined;

  /**
   * Records what upstream acknowledges from now on.
   *
   * @param now monotonic ms
   */
  update(acknowledged: SymbolSets, now: number): void {
    this.#skipEmptyTime(now);
    for (const pair of pairsOf(this.#acknowledged)) {
      if (!hasPair(acknowledged, pair)) this.#lost.set(pairKey(pair), now);
    }
    const pairs = pairsOf(acknowledged);
    for (const pair of pairs) {
      if (!hasPair(this.#acknowledged, pair)) this.#lost.delete(pairKey(pair));
    }
    for (const [key, at] of this.#lost) {
      if (now - at <= RECENT_MS) break;
      this.#lost.delete(key);
    }
    this.#acknowledged = acknowledged;
    if (pairs.length === 0) this.#emptySince = now;
  }

  /** Whether a pair is acknowledged or was recently. */
  has(pair: Pair, now: number): boolean {
    if (hasPair(this.#acknowledged, pair)) return true;
    const at = this.#lost.get(pairKey(pair));
    return at !== undefined && (this.#emptySince ?? now) - at <= RECENT_MS;
  }

  /** Moves all times forward by the time in which nothing was acknowledged. */
  #skipEmptyTime(now: number): void {
    const since = this.#emptySince;
    this.#emptySince = undefined;
    if (since === undefined || since === now) return;
    for (const [key, at] of this.#lost) this.#lost.set(key, at + now - since);
  }
}
