/**
 * Reconciles the acknowledged (channel, symbol) pairs of a session with the
 * desired set of its feed. docs/subscriptions.md has the rules.
 *
 * Each request is computed from the difference between the desired set and the
 * last acknowledgement, which is always the full state. So a late, repeated or
 * contradicting acknowledgement is corrected by the next request; after an
 * unanswered request, upstream is asked for its state. One request is in flight.
 *
 * A rejected request is bisected until the rejected symbol is alone; that one is
 * set aside, as is a pair that stays without effect {@linkcode MAX_ATTEMPTS} times.
 * {@linkcode RetestScheduler} requests them again later. The quota records a
 * rejection because of the symbol limit, or of `*`.
 *
 * Replies carry no ids. Once one was overdue in a session, any reply may belong
 * to another request: from then on a single rejection is not conclusive, and what
 * the quota has learned is discarded with the session.
 *
 * @module
 */
import { DesiredSet } from "./desired_set.ts";
import {
  type Action,
  type ChunkLimits,
  countPairs,
  hasPair,
  isOverLimit,
  isRejection,
  NOT_ACKNOWLEDGED,
  type Pair,
  pairKey,
  pairsOf,
  type SubscriptionRequest,
  type SymbolSets,
  takeChunk,
  UPSTREAM_CHANNELS,
  type UpstreamError,
  without,
} from "./pairs.ts";
import { IdentityShares } from "./identity_shares.ts";
import { type HubQuota, type PlanLimit, SymbolQuota } from "./quota.ts";
import { SymbolRefCounts } from "./ref_counts.ts";
import type { Rejection } from "./rejections.ts";
import { RetestScheduler } from "./retests.ts";
import { MAX_ATTEMPTS, SessionState } from "./session_state.ts";

/** How the subscriptions of a feed are managed. */
export interface SubscriptionSettings {
  readonly plan: PlanLimit;
  readonly limits: ChunkLimits;
  /** How long a symbol stays subscribed after its last stream has closed, in ms. */
  readonly graceMs: number;
  /** Monotonic ms. */
  readonly now: () => number;
  /** Slots that are reserved, by identity. @default there are no identities */
  readonly reserved?: ReadonlyMap<string, number> | undefined;
}

/** The subscriptions of one feed, from reference counts to requests. */
export interface Subscriptions {
  readonly refCounts: SymbolRefCounts;
  readonly quota: SymbolQuota;
  readonly desired: DesiredSet;
  readonly reconciler: SubscriptionReconciler;
  /** What each identity uses; `undefined` while there are no identities. */
  readonly shares: IdentityShares | undefined;
}

/** Creates the subscriptions of one feed. */
export function createSubscriptions(settings: SubscriptionSettings): Subscriptions {
  const refCounts = new SymbolRefCounts(settings.graceMs);
  const quota = new SymbolQuota(settings.plan);
  const { reserved } = settings;
  const excluded = (): readonly Pair[] => [
    ...reconciler.rejections.filter(({ isTransient }) => !isTransient),
    ...UPSTREAM_CHANNELS.flatMap((channel) => [...refCounts.ended(channel).values()]),
  ];
  const shares = reserved && new IdentityShares({ quota, reserved, excluded });
  const desired = new DesiredSet(refCounts, quota, shares);
  const reconciler: SubscriptionReconciler = new SubscriptionReconciler(desired, quota, settings);
  return { refCounts, quota, desired, reconciler, shares };
}

/** Computes requests and applies their replies. */
export class SubscriptionReconciler {
  readonly #desired: DesiredSet;
  readonly #quota: SymbolQuota;
  readonly #limits: ChunkLimits;
  readonly #now: () => number;
  readonly #retests: RetestScheduler;
  #session = new SessionState();

  /** @param settings.now monotonic ms */
  constructor(
    desired: DesiredSet,
    quota: SymbolQuota,
    settings: { readonly limits: ChunkLimits; readonly now: () => number },
  ) {
    const { limits, now } = settings;
    this.#desired = desired;
    this.#quota = quota;
    this.#limits = limits;
    this.#now = now;
    this.#retests = new RetestScheduler(this.#session, { desired, quota, now });
  }

  /**
   * Starts a session that has acknowledged nothing and has no failed pairs. What
   * the quota learned from unreliable replies is discarded.
   */
  reset(): void {
    const { repliesUnreliable } = this.#session;
    this.#session = new SessionState();
    this.#retests.startSession(this.#session);
    if (repliesUnreliable) this.#quota.resetLearned();
    this.#quota.startSession(this.#now());
  }

  /**
   * Monotonic ms at which {@linkcode SubscriptionReconciler.next} has a request
   * although nothing else changes; `undefined` for never.
   */
  get dueAt(): number | undefined {
    return this.#retests.dueAt;
  }

  /** Tests a learned limit with a pair of a stream that was refused. */
  testLimitWith(pair: Pair): void {
    this.#retests.testLimitWith(pair);
  }

  /**
   * Records what the hub of this edge reports of the quota. Pairs that had no slot are requested
   * again when they fit now.
   *
   * @returns whether that is another report than before
   */
  setHubQuota(quota: HubQuota | undefined): boolean {
    const isOther = this.#quota.setHubQuota(quota, this.#now());
    if (isOther) this.#retests.restoreOverLimit();
    return isOther;
  }

  /** The pair that is requested alone to retest a rejection. */
  get retesting(): Pair | undefined {
    return this.#session.retest?.pair;
  }

  /** The request that waits for its reply. */
  get inFlight(): SubscriptionRequest | undefined {
    return this.#session.inFlight;
  }

  /** Every pair that upstream last acknowledged. */
  get acknowledged(): SymbolSets {
    return this.#session.acknowledged;
  }

  /** Number of acknowledged pairs; `*` counts as one. */
  get acknowledgedCount(): number {
    return countPairs(this.#session.acknowledged);
  }

  /** Pairs that are requested by streams but excluded, with upstream's error. */
  get rejections(): readonly Rejection[] {
    return Array.from(this.#session.rejected.values(), ({ rejection }) => rejection);
  }

  /**
   * Takes the pairs that were set aside since the last call because upstream
   * never acknowledged them; {@linkcode reject} does not return these.
   */
  takeGivenUp(): readonly Rejection[] {
    return this.#session.givenUp.splice(0);
  }

  /**
   * Returns the next request, now in flight; `undefined` when one already is or
   * when there is nothing to request.
   */
  next(): SubscriptionRequest | undefined {
    const session = this.#session;
    const { acknowledged, attempts } = session;
    const desired = this.#desired;
    if (session.inFlight) return undefined;
    this.#retests.retryGivenUp();
    this.#restoreRejected();
    desired.refresh(acknowledged, session);
    if (this.#giveUp()) desired.refresh(acknowledged, session);
    // While the acknowledged state is uncertain nothing is unsubscribed: what is
    // believed to replace it may not be subscribed.
    const isUncertain = session.ackState === "unanswered" &&
      desired.surplus(acknowledged).next().done !== true;
    if (session.ackState === "over_limit" || isUncertain) return this.#requestState();
    const renewed = this.#takeRenewals();
    if (renewed.length > 0) {
      return session.inFlight = { action: "unsubscribe", pairs: renewed, probe: false };
    }
    // Unsubscribing first may free slots for the next subscribe.
    for (const action of ["unsubscribe", "subscribe"] as const) {
      // Parts of rejected requests come first.
      const part = session.takePart(action, (pair) => desired.needs(action, pair, acknowledged));
      const all = action === "subscribe" ? desired.missing : desired.surplus(acknowledged);
      const pairs = takeChunk(part.length > 0 ? part : all, this.#limits);
      if (pairs.length === 0) continue;
      for (const pair of pairs) attempts.increment(action, pair);
      return session.inFlight = { action, pairs, probe: false };
    }
    this.#dropIdleAttempts();
    if (session.ackState !== "current") return this.#requestState();
    const pair = this.#retests.take();
    if (pair) session.inFlight = { action: "subscribe", pairs: [pair], probe: false };
    return session.inFlight;
  }

  /**
   * Unsubscribes acknowledged pairs that stay desired, so that they are subscribed again after the
   * acknowledgement. Others are ignored.
   */
  renew(pairs: readonly Pair[]): void {
    for (const pair of pairs) this.#session.renewals.set(pairKey(pair), pair);
  }

  /** Recomputes the desired set. */
  refreshDesired(): void {
    this.#desired.refresh(this.#session.acknowledged, this.#session);
  }

  /**
   * Returns a request that changes nothing but has to be answered; `undefined`
   * when a request is in flight, whose reply then serves the same purpose.
   */
  probe(): SubscriptionRequest | undefined {
    const session = this.#session;
    if (session.inFlight) return undefined;
    // Subscribing an acknowledged pair is no change; one that is to stay is preferred.
    const acknowledged = pairsOf(session.acknowledged);
    const pair = acknowledged.find((pair) => this.#desired.has(pair)) ?? acknowledged[0];
    return session.inFlight = { action: "subscribe", pairs: pair ? [pair] : [], probe: true };
  }

  /** Applies an acknowledgement: everything that is subscribed. */
  acknowledge(state: SymbolSets): void {
    const session = this.#session;
    this.#retests.acknowledge(state);
    session.inFlight = undefined;
    session.acknowledged = state;
    session.ackState = "current";
    this.#quota.raiseLimit(pairsOf(state), this.#now());
  }

  /**
   * Applies an error reply to the request in flight, of which upstream then has
   * applied nothing.
   *
   * @param named the pair that the error is about. @default unknown: the request is bisected
   * @returns the pair that is now set aside, if the rejection isolated one
   */
  reject(error: UpstreamError, named?: Pair): Rejection | undefined {
    const session = this.#session;
    const request = session.inFlight;
    session.inFlight = undefined;
    if (session.retest) {
      const isConclusive = isRejection(error) && !session.repliesUnreliable;
      this.#retests.fail(isConclusive ? error : undefined);
      return undefined;
    }
    const [pair] = request?.pairs ?? [];
    if (!request || !pair) return undefined;
    const { action, pairs, probe } = request;
    const rejected = named && pairs.find((each) => pairKey(each) === pairKey(named));
    if (pairs.length > 1 && rejected && action === "subscribe") {
      for (const each of pairs) if (each !== rejected) session.attempts.decrement(action, each);
      return this.#rejectPair(rejected, error);
    } else if (pairs.length > 1) {
      session.bisect(request);
      for (const pair of pairs) session.attempts.decrement(action, pair);
    } else if (probe) {
      // Upstream rejects a pair that it acknowledged: it is not subscribed.
      session.acknowledged = without(session.acknowledged, pair);
    } else if (action === "subscribe") {
      return this.#rejectPair(pair, error);
    } else if (this.#isConclusive(action, pair, error)) {
      return { ...pair, error };
    }
    return undefined;
  }

  /**
   * Records that the request in flight got no reply in time: pairs still missing
   * are requested again. Upstream may have applied the request all the same.
   *
   * @returns whether what upstream has applied is uncertain since then
   */
  expire(): boolean {
    const session = this.#session;
    const { inFlight } = session;
    if (!inFlight) return false;
    const isUncertain = !inFlight.probe || inFlight === session.stateQuestion;
    if (isUncertain) session.ackState = "unanswered";
    session.inFlight = undefined;
    session.repliesUnreliable = true;
    this.#retests.fail();
    return isUncertain;
  }

  /** Takes the pairs of the next request that renews some. */
  #takeRenewals(): readonly Pair[] {
    const { renewals, acknowledged, attempts } = this.#session;
    for (const [key, pair] of renewals) {
      if (!this.#desired.has(pair) || !hasPair(acknowledged, pair)) renewals.delete(key);
    }
    const pairs = takeChunk(renewals.values(), this.#limits);
    for (const pair of pairs) {
      renewals.delete(pairKey(pair));
      attempts.forget("subscribe", pair);
    }
    return pairs;
  }

  #rejectPair(pair: Pair, error: UpstreamError): Rejection | undefined {
    const session = this.#session;
    const isFull = isOverLimit(error, pair);
    if (!this.#isConclusive("subscribe", pair, error)) {
      if (isFull) session.ackState = "over_limit";
      return undefined;
    }
    if (!isFull) {
      return isRejection(error)
        ? this.#retests.reject(pair, error)
        : session.setAside({ rejection: { ...pair, error } });
    }
    const acknowledged = pairsOf(session.acknowledged);
    this.#quota.recordLimit(pair, { acknowledged, now: this.#now() });
    // The pair now waits for a slot. The attempt stays counted, in case upstream
    // rejects it although its own limit leaves a slot.
    const mayRetry = session.attempts.of("subscribe", pair) < MAX_ATTEMPTS;
    if (mayRetry) return { ...pair, error };
    return session.setAside({
      rejection: { ...pair, error, isTransient: true },
      usedSlots: this.#quota.slotsOf(acknowledged),
    });
  }

  /**
   * Whether an error is accepted as the reply about the pair. An internal error
   * of upstream, or possibly the reply to another request, is not until the pair
   * was requested often enough.
   */
  #isConclusive(action: Action, pair: Pair, error: UpstreamError): boolean {
    const { repliesUnreliable, attempts } = this.#session;
    if (isRejection(error) && !repliesUnreliable) return true;
    return attempts.of(action, pair) >= MAX_ATTEMPTS;
  }

  /** Sets aside pairs requested often enough; true when there were some. */
  #giveUp(): boolean {
    const session = this.#session;
    const { attempts, givenUp } = session;
    const before = givenUp.length;
    for (const pair of this.#desired.missing) {
      if (attempts.of("subscribe", pair) < MAX_ATTEMPTS) continue;
      givenUp.push(session.setAside({ rejection: { ...pair, error: NOT_ACKNOWLEDGED } }));
    }
    return givenUp.length > before;
  }

  /**
   * Restores pairs that are set aside: those that may have a slot by now, those
   * that are acknowledged after all, and those that no stream requests any more, so
   * that they start again when a stream requests them again.
   */
  #restoreRejected(): void {
    const session = this.#session;
    const { rejected, attempts, acknowledged } = session;
    if (rejected.size === 0) return;
    const used = this.#quota.slotsOf(pairsOf(acknowledged));
    for (const pair of session.restore(({ usedSlots = -Infinity }) => usedSlots > used)) {
      attempts.forget("subscribe", pair);
    }
    const isRequested = (pair: Pair) => this.#desired.isRequested(pair);
    const restored = session.restore(({ rejection }) =>
      !isRequested(rejection) || hasPair(acknowledged, rejection)
    );
    for (const pair of restored) if (!isRequested(pair)) attempts.forget("subscribe", pair);
  }

  /**
   * Drops counts of pairs that are neither requested nor acknowledged, so that a
   * session which sees ever new symbols does not grow. Called only when there is
   * nothing to request: until then the counts bound the retries. At most one
   * count per pair that is desired or acknowledged is kept.
   */
  #dropIdleAttempts(): void {
    const { attempts, acknowledged } = this.#session;
    if (attempts.size <= this.#desired.size + this.acknowledgedCount) return;
    attempts.retain((pair) => this.#desired.isRequested(pair) || hasPair(acknowledged, pair));
  }

  /** Asks upstream for its state until it replies; a rejection is a reply as well. */
  #requestState(): SubscriptionRequest | undefined {
    this.#session.ackState = "current";
    return this.#session.stateQuestion = this.probe();
  }
}
