/**
 * Desired against acknowledged, for one connection of one feed.
 *
 * The next request is always computed from the difference between what is
 * desired ({@linkcode DesiredPairs}) and what upstream last said it carries;
 * nothing is tracked by hand, so a late, repeated or contradicting
 * acknowledgement is repaired by the next look; after a request that nothing
 * answered upstream is asked what it carries. One request is in flight at a
 * time. A refused request is halved until the symbol that upstream objects to
 * stands alone; that one is set aside for as long as it is wanted on this
 * connection, the others go through. A refusal for want of room, or of `*`, is
 * learned by the budget instead, and outlives the connection.
 *
 * Answers carry no ids. Once one was overdue on a connection, any answer may be
 * that of another request: no single refusal is believed at once from then on,
 * and what the budget has learned is forgotten with the connection.
 *
 * A pair that upstream neither refuses nor acknowledges, or answers with a
 * fault of its own (500), is asked for {@linkcode MAX_ASKS} times and then set
 * aside as well; equally often it is asked to let go of one. So even a contrary
 * upstream is not asked for ever, but trouble passes: {@linkcode Ledger.retry}
 * starts afresh, at a pace that is its caller's.
 *
 * A channel that changes between `*` and names is never without both, unless
 * places are scarce: what goes is given back only when what comes is carried.
 *
 * @module
 */
import { type Action, Asks } from "./asks.ts";
import type { SymbolBudget } from "./budget.ts";
import { type DesiredPairs, isIn } from "./desired_pairs.ts";
import { type Refusal, Refusals } from "./refusals.ts";
import {
  type ChunkLimits,
  isObjection,
  NOT_ACKNOWLEDGED,
  type SubscriptionRequest,
  takeChunk,
  type UpstreamError,
} from "./request.ts";
import { Suspects } from "./suspects.ts";
import {
  countPairs,
  type Pair,
  pairsOf,
  type SymbolSets,
  WILDCARD,
} from "./symbol_sets.ts";

/** How often one pair is asked for on one connection. */
export const MAX_ASKS = 3;

const SYMBOL_LIMIT_EXCEEDED = 405;

/**
 * Whether the last acknowledgement may be old news: a request has gone
 * `unanswered`, and possibly upstream was `full` afterwards, of we do not know
 * what.
 */
type Doubt = "none" | "unanswered" | "full";

/** Computes requests and digests their answers. */
export class Ledger {
  readonly #desired: DesiredPairs;
  readonly #budget: SymbolBudget;
  readonly #limits: ChunkLimits;
  readonly #asks = new Asks();
  readonly #refusals = new Refusals();
  #acknowledged: SymbolSets = new Map();
  #inFlight: SubscriptionRequest | undefined;
  readonly #suspects = new Suspects();
  #givenUp: Refusal[] = [];
  #doubt: Doubt = "none";
  /** An answer was overdue: since then answers may be those of others. */
  #wasLate = false;

  constructor(
    desired: DesiredPairs,
    options: {
      readonly budget: SymbolBudget;
      readonly limits: ChunkLimits;
    },
  ) {
    this.#desired = desired;
    this.#budget = options.budget;
    this.#limits = options.limits;
  }

  /**
   * A new connection carries nothing yet, and nothing is held against it. What
   * was learned from answers that may have been those of others is forgotten.
   */
  reset(): void {
    this.#acknowledged = new Map();
    this.#inFlight = undefined;
    this.#suspects.clear();
    this.#refusals.clear();
    this.#givenUp = [];
    this.#doubt = "none";
    if (this.#wasLate) this.#budget.unlearn();
    this.#wasLate = false;
    this.#asks.clear();
  }

  /** Whether something was given up that upstream never objected to. */
  get hasGivenUp(): boolean {
    return this.#refusals.hasGivenUp || this.#asks.hasReached(MAX_ASKS);
  }

  /** What was given up without an objection may be asked for again. */
  retry(): void {
    this.#asks.clear();
    this.#refusals.forgetGivenUp();
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
    this.#forgetIdleRefusals();
    this.refreshDesired();
    if (this.#giveUp()) this.refreshDesired();
    // On old news nothing is given back: what stays instead may be gone.
    const mayLose = this.#doubt === "unanswered" && this.#hasSurplus();
    if (this.#doubt === "full" || mayLose) return this.#reassert();
    // What is given back first may make room for what is asked for next.
    const request = this.#unsubscribe() ?? this.#subscribe();
    if (!request) {
      this.#forgetIdleAsks();
      return this.#doubt === "none" ? undefined : this.#reassert();
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
    this.#acknowledged = state;
    this.#inFlight = undefined;
    this.#doubt = "none";
    this.#budget.learnCarried(pairsOf(state));
  }

  /**
   * Upstream refused what was in flight, whole: state is as before.
   *
   * @returns the pair that is now set aside, if the refusal isolated one
   */
  refuse(error: UpstreamError): Refusal | undefined {
    const request = this.#inFlight;
    this.#inFlight = undefined;
    const [pair] = request?.pairs ?? [];
    if (!request || !pair) return undefined;
    const { action, pairs, probe } = request;
    if (pairs.length > 1) this.#halve(request);
    else if (probe) this.#forgetCarried(pair);
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
    this.#wasLate = true;
  }

  #refusePair(pair: Pair, error: UpstreamError): Refusal | undefined {
    const isFull = error.code === SYMBOL_LIMIT_EXCEEDED &&
      pair.symbol !== WILDCARD;
    if (isFull) return this.#refuseFull(pair, error);
    if (this.#isNoObjection({ action: "subscribe", pair }, error)) {
      return undefined;
    }
    if (pair.symbol === WILDCARD && isObjection(error)) {
      this.#budget.learnNoWildcard(pair.channel);
    }
    return this.#refusals.add(pair, error);
  }

  #refuseFull(pair: Pair, error: UpstreamError): Refusal | undefined {
    if (this.#isNoObjection({ action: "subscribe", pair }, error)) {
      this.#doubt = "full";
      return undefined;
    }
    const carried = pairsOf(this.#acknowledged);
    this.#budget.learnFull(pair, carried);
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

  /** Upstream objects to what it said it carries: then it does not. */
  #forgetCarried({ channel, symbol }: Pair): void {
    const symbols = new Set(this.#acknowledged.get(channel));
    symbols.delete(symbol);
    this.#acknowledged = new Map(this.#acknowledged).set(channel, symbols);
  }

  #unsubscribe(): SubscriptionRequest | undefined {
    const isOpen = (pair: Pair) => this.#isSurplus(pair);
    return this.#request(
      "unsubscribe",
      this.#suspects.take("unsubscribe", isOpen),
    ) ??
      this.#request("unsubscribe", this.#surplus());
  }

  #subscribe(): SubscriptionRequest | undefined {
    const isOpen = (pair: Pair) => this.#isMissing(pair);
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

  *#surplus(): Generator<Pair> {
    for (const [channel, symbols] of this.#acknowledged) {
      for (const symbol of symbols) {
        const pair = { channel, symbol };
        if (this.#isSurplus(pair)) yield pair;
      }
    }
  }

  #hasSurplus(): boolean {
    return this.#surplus().next().done !== true;
  }

  #isSurplus(pair: Pair): boolean {
    if (this.#desired.has(pair) || !isIn(this.#acknowledged, pair)) {
      return false;
    }
    return !this.#isStillNeeded(pair);
  }

  /**
   * Whether a surplus pair stands in for one that is not carried yet. Where
   * places are counted, nobody's place is held up for that.
   */
  #isStillNeeded(pair: Pair): boolean {
    const { channel, symbol } = pair;
    const isCounted = this.#budget.limit !== undefined;
    if (isCounted && this.#budget.takesPlace(pair)) return false;
    if (symbol !== WILDCARD) {
      return this.#isMissing({ channel, symbol: WILDCARD });
    }
    return this.#desired.missing.some((pair) => pair.channel === channel);
  }

  #isMissing(pair: Pair): boolean {
    return this.#desired.has(pair) && !isIn(this.#acknowledged, pair);
  }

  /** Sets aside what was asked for often enough; true when something was. */
  #giveUp(): boolean {
    const before = this.#givenUp.length;
    for (const pair of this.#desired.missing) {
      if (this.#asks.of("subscribe", pair) < MAX_ASKS) continue;
      this.#givenUp.push(this.#refusals.add(pair, NOT_ACKNOWLEDGED));
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
