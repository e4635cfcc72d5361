/**
 * Desired against acknowledged, for one connection of one feed.
 *
 * The next request is always computed from the difference between what is
 * desired ({@linkcode DesiredPairs}) and what upstream last said it carries;
 * nothing is tracked by hand, so a late, repeated or contradicting
 * acknowledgement is repaired by the next look; after a request that nothing
 * answered upstream is asked what it carries. One request is in flight at a
 * time. A refused request is halved until the symbol that upstream objects to
 * stands alone; that one is set aside, the others go through. A refusal for
 * want of room, or of `*`, is noted by the budget instead. No refusal is kept:
 * each is retested at growing intervals ({@linkcode Retests}).
 *
 * Answers carry no ids. Once one was overdue on a connection, any answer may be
 * that of another request: no single refusal is believed at once from then on,
 * and what the budget has learned is forgotten with the connection.
 *
 * A pair that upstream neither refuses nor acknowledges, or answers with a
 * fault of its own (500), is asked for {@linkcode MAX_ASKS} times and then set
 * aside as well; equally often it is asked to let go of one. After
 * {@linkcode RETRY_MS} the counts start at zero again.
 *
 * A channel that changes between `*` and names is never without both, unless
 * places are scarce: what goes is given back only when what comes is carried.
 *
 * @module
 */
import { type Action, Asks, MAX_ASKS } from "./asks.ts";
import type { SymbolBudget } from "./budget.ts";
import { type DesiredPairs, isIn } from "./desired_pairs.ts";
import { Difference } from "./difference.ts";
import { type Refusal, Refusals } from "./refusals.ts";
import {
  type ChunkLimits,
  isFull,
  isObjection,
  NOT_ACKNOWLEDGED,
  type SubscriptionRequest,
  takeChunk,
  type UpstreamError,
} from "./request.ts";
import { Retests } from "./retests.ts";
import { Suspects } from "./suspects.ts";
import {
  countPairs,
  type Pair,
  pairsOf,
  type SymbolSets,
  without,
} from "./symbol_sets.ts";

/**
 * Whether the last acknowledgement may be old news: a request has gone
 * `unanswered`, and possibly upstream was `full` afterwards, of we do not know
 * what.
 */
type Doubt = "none" | "unanswered" | "full";

/** Computes requests and digests their answers. */
export class Ledger {
  readonly #desired: DesiredPairs;
  readonly #difference: Difference;
  readonly #budget: SymbolBudget;
  readonly #limits: ChunkLimits;
  readonly #asks = new Asks();
  readonly #refusals = new Refusals();
  readonly #retests: Retests;
  readonly #now: () => number;
  #acknowledged: SymbolSets = new Map();
  #inFlight: SubscriptionRequest | undefined;
  readonly #suspects = new Suspects();
  #givenUp: Refusal[] = [];
  #doubt: Doubt = "none";
  /** An answer was overdue: since then answers may be those of others. */
  #wasLate = false;

  /** @param options.now monotonic ms */
  constructor(
    desired: DesiredPairs,
    options: {
      readonly budget: SymbolBudget;
      readonly limits: ChunkLimits;
      readonly now: () => number;
    },
  ) {
    const { budget, limits, now } = options;
    this.#desired = desired;
    this.#difference = new Difference(desired, budget);
    this.#budget = budget;
    this.#limits = limits;
    this.#now = now;
    const [asks, refusals] = [this.#asks, this.#refusals];
    this.#retests = new Retests({ desired, budget, asks, refusals, now });
  }

  /**
   * A new connection carries nothing yet, and nothing is held against it. What
   * was learned from answers that may have been those of others is forgotten.
   */
  reset(): void {
    this.#retests.reset(this.#acknowledged);
    this.#acknowledged = new Map();
    this.#inFlight = undefined;
    this.#suspects.clear();
    this.#refusals.clear();
    this.#givenUp = [];
    this.#doubt = "none";
    if (this.#wasLate) this.#budget.forget();
    this.#budget.connect(this.#now());
    this.#wasLate = false;
    this.#asks.clear();
  }

  /**
   * Monotonic ms at which {@linkcode Ledger.next} has something to request
   * although nothing else changes; `undefined` when it has not.
   */
  get dueAt(): number | undefined {
    return this.#retests.dueAt;
  }

  /** A stream was refused for want of a place for `pair`: it may test the limit. */
  wish(pair: Pair): void {
    this.#retests.wish(pair);
  }

  /** The pair that is requested again, alone, to test a refusal. */
  get retesting(): Pair | undefined {
    return this.#retests.current?.pair;
  }

  /** The request that waits for its answer. */
  get inFlight(): SubscriptionRequest | undefined {
    return this.#inFlight;
  }

  /** What upstream last said it carries for us. */
  get acknowledged(): SymbolSets {
    return this.#acknowledged;
  }

  /** Entries in the last acknowledgement; `*` counts as one. */
  get acknowledgedCount(): number {
    return countPairs(this.#acknowledged);
  }

  /** Pairs that are wanted but set aside, with upstream's reason. */
  get refusals(): readonly Refusal[] {
    return this.#refusals.all;
  }

  /**
   * Pairs that were set aside since the last call because upstream never
   * acknowledged them: no answer of {@linkcode refuse} told of these.
   */
  takeGivenUp(): readonly Refusal[] {
    const givenUp = this.#givenUp;
    if (givenUp.length > 0) this.#givenUp = [];
    return givenUp;
  }

  /**
   * The next request, now in flight; `undefined` when one already is or when
   * there is nothing to ask for.
   */
  next(): SubscriptionRequest | undefined {
    if (this.#inFlight) return undefined;
    this.#retests.takeBackGivenUp();
    this.#forgetIdleRefusals();
    this.refreshDesired();
    if (this.#giveUp()) this.refreshDesired();
    // On old news nothing is given back: what stays instead may be gone.
    const mayLose = this.#doubt === "unanswered" &&
      this.#difference.hasSurplus(this.#acknowledged);
    if (this.#doubt === "full" || mayLose) return this.#reassert();
    // What is given back first may make room for what is asked for next.
    const request = this.#unsubscribe() ?? this.#subscribe();
    if (!request) {
      this.#forgetIdleAsks();
      return this.#doubt === "none" ? this.#takeRetest() : this.#reassert();
    }
    for (const pair of request.pairs) this.#asks.add(request.action, pair);
    return this.#inFlight = request;
  }

  /** Computes what is desired, as of now. */
  refreshDesired(): void {
    const refusals = this.#refusals;
    this.#desired.refresh(this.#acknowledged, {
      isRefused: (pair) => refusals.has(pair),
      isStuck: (pair) => this.#asks.of("unsubscribe", pair) >= MAX_ASKS,
    });
  }

  /**
   * A request that changes nothing but has to be answered; `undefined` when a
   * request is in flight, which then is the question already.
   */
  probe(): SubscriptionRequest | undefined {
    if (this.#inFlight) return undefined;
    // Asking for what is carried, rather for what is to stay, is no change.
    const pair = this.#desired.anyOf(this.#acknowledged);
    const pairs = pair ? [pair] : [];
    return this.#inFlight = { action: "subscribe", pairs, probe: true };
  }

  /** Upstream said what it carries: the whole state, never a difference. */
  acknowledge(state: SymbolSets): void {
    const carried = pairsOf(state);
    this.#retests.acknowledge(state);
    this.#inFlight = undefined;
    this.#acknowledged = state;
    this.#doubt = "none";
    this.#budget.confirm(carried, this.#now());
  }

  /**
   * Upstream refused what was in flight, whole: state is as before.
   *
   * @returns the pair that is now set aside, if the refusal isolated one
   */
  refuse(error: UpstreamError): Refusal | undefined {
    const request = this.#inFlight;
    this.#inFlight = undefined;
    if (this.#retests.current) return this.#refuseRetest(error);
    const [pair] = request?.pairs ?? [];
    if (!request || !pair) return undefined;
    const { action, pairs, probe } = request;
    if (pairs.length > 1) this.#halve(request);
    // Upstream objects to what it said it carries: then it does not.
    else if (probe) this.#acknowledged = without(this.#acknowledged, pair);
    else if (action === "subscribe") return this.#refusePair(pair, error);
    else if (!this.#isNoObjection({ action, pair }, error)) {
      return { ...pair, error };
    }
    return undefined;
  }

  /**
   * The answer is overdue: whatever is missing will be asked for again. What
   * was asked may have been done all the same.
   */
  expire(): void {
    if (!this.#inFlight) return;
    if (!this.#inFlight.probe) this.#doubt = "unanswered";
    this.#inFlight = undefined;
    this.#retests.refuse();
    this.#wasLate = true;
  }

  #refusePair(pair: Pair, error: UpstreamError): Refusal | undefined {
    if (isFull(error, pair)) return this.#refuseFull(pair, error);
    if (this.#isNoObjection({ action: "subscribe", pair }, error)) {
      return undefined;
    }
    if (!isObjection(error)) return this.#refusals.giveUp(pair, error);
    return this.#retests.reject(pair, error);
  }

  /** No single refusal is believed where answers may be those of others. */
  #refuseRetest(error: UpstreamError): undefined {
    const isBelieved = isObjection(error) && !this.#wasLate;
    this.#retests.refuse(isBelieved ? error : undefined, this.#acknowledged);
  }

  #refuseFull(pair: Pair, error: UpstreamError): Refusal | undefined {
    if (this.#isNoObjection({ action: "subscribe", pair }, error)) {
      this.#doubt = "full";
      return undefined;
    }
    const carried = pairsOf(this.#acknowledged);
    this.#budget.refuseFull(pair, { carried, now: this.#now() });
    // It waits for a place now; the ask stays counted in case there is none
    // although upstream's own words leave room for one.
    const mayAskAgain = this.#asks.of("subscribe", pair) < MAX_ASKS;
    if (mayAskAgain) return { ...pair, error };
    return this.#refusals.addFull(pair, error, this.#budget.placesOf(carried));
  }

  /**
   * Whether an error says nothing of the pair yet: a fault of upstream, or
   * possibly the answer to another request. The ask stays counted.
   */
  #isNoObjection(
    { action, pair }: { readonly action: Action; readonly pair: Pair },
    error: UpstreamError,
  ): boolean {
    const isVague = !isObjection(error) || this.#wasLate;
    return isVague && this.#asks.of(action, pair) < MAX_ASKS;
  }

  #takeRetest(): SubscriptionRequest | undefined {
    const pair = this.#retests.take(this.#acknowledged);
    if (pair === undefined) return undefined;
    return this.#inFlight = {
      action: "subscribe",
      pairs: [pair],
      probe: false,
    };
  }

  #unsubscribe(): SubscriptionRequest | undefined {
    const state = this.#acknowledged;
    const isOpen = (pair: Pair) => this.#difference.isSurplus(pair, state);
    return this.#request(
      "unsubscribe",
      this.#suspects.take("unsubscribe", isOpen),
    ) ??
      this.#request("unsubscribe", this.#difference.surplus(state));
  }

  #subscribe(): SubscriptionRequest | undefined {
    const state = this.#acknowledged;
    const isOpen = (pair: Pair) => this.#difference.isMissing(pair, state);
    return this.#request(
      "subscribe",
      this.#suspects.take("subscribe", isOpen),
    ) ??
      this.#request("subscribe", this.#desired.missing);
  }

  #halve(request: SubscriptionRequest): void {
    this.#suspects.halve(request);
    const { action, pairs } = request;
    for (const pair of pairs) this.#asks.takeBack(action, pair);
  }

  #request(
    action: Action,
    candidates: Iterable<Pair>,
  ): SubscriptionRequest | undefined {
    const pairs = takeChunk(candidates, this.#limits);
    return pairs.length > 0 ? { action, pairs, probe: false } : undefined;
  }

  /** Sets aside what was asked for often enough; true when something was. */
  #giveUp(): boolean {
    const before = this.#givenUp.length;
    for (const pair of this.#desired.missing) {
      if (this.#asks.of("subscribe", pair) < MAX_ASKS) continue;
      this.#givenUp.push(this.#refusals.giveUp(pair, NOT_ACKNOWLEDGED));
    }
    return this.#givenUp.length > before;
  }

  /**
   * A symbol that nobody wants any more gets a fresh chance when it returns;
   * one that is carried after all is not refused, and one that there was no
   * place for may have one as soon as fewer are taken.
   */
  #forgetIdleRefusals(): void {
    const taken = () => this.#budget.placesOf(pairsOf(this.#acknowledged));
    for (const pair of this.#refusals.takeRoomed(taken)) {
      this.#asks.forget("subscribe", pair);
    }
    for (const pair of this.#refusals.all) {
      const wanted = this.#desired.isWanted(pair);
      if (!wanted || isIn(this.#acknowledged, pair)) {
        this.#refusals.delete(pair);
      }
      if (!wanted) this.#asks.forget("subscribe", pair);
    }
  }

  /**
   * Lets go of counts that can matter no more, so that a connection which sees
   * ever new symbols does not grow. Only when nothing is left to ask: until
   * then the counts are what keeps a contrary upstream from being asked for
   * ever. At most one count per pair that is desired or carried is kept.
   */
  #forgetIdleAsks(): void {
    if (this.#asks.size <= this.#desired.size + this.acknowledgedCount) return;
    this.#asks.forgetUnless((pair) =>
      this.#desired.isWanted(pair) || isIn(this.#acknowledged, pair)
    );
  }

  /** Asks for the truth, once per doubt: it may be refused as well. */
  #reassert(): SubscriptionRequest | undefined {
    this.#doubt = "none";
    return this.probe();
  }
}
