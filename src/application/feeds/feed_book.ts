/**
 * Everything about one feed's subscriptions: who wants what, what the plan
 * allows, what upstream carries, and why something is not carried.
 *
 * @module
 */
import type { FeedId } from "../../domain/connection/feed.ts";
import { SymbolBudget } from "../../domain/subscription/budget.ts";
import { DesiredPairs, isIn } from "../../domain/subscription/desired_pairs.ts";
import { InterestBook } from "../../domain/subscription/interest.ts";
import { Ledger } from "../../domain/subscription/ledger.ts";
import type { PlanLimit } from "../../domain/subscription/plans.ts";
import {
  type ChunkLimits,
  errorText,
} from "../../domain/subscription/request.ts";
import {
  type Pair,
  pairKey,
  UPSTREAM_CHANNELS,
  type UpstreamChannel,
  WILDCARD,
} from "../../domain/subscription/symbol_sets.ts";
import type { BudgetFigures } from "../status/budget_figures.ts";
import type {
  ChannelReport,
  ExpansionReport,
  FeedSubscriptions,
  SymbolReport,
  SymbolState,
} from "../status/subscription_report.ts";
import { OverBudget } from "../streaming/over_budget.ts";

/** How a feed's subscriptions are kept. */
export interface SubscriptionSettings {
  readonly plan: PlanLimit;
  readonly limits: ChunkLimits;
  /** How long a symbol that nobody wants any more stays subscribed, in ms. */
  readonly graceMs: number;
  /** Monotonic ms. */
  readonly now: () => number;
}

/** The subscriptions of one feed. */
export class FeedBook {
  readonly feed: FeedId;
  readonly interest: InterestBook;
  readonly budget: SymbolBudget;
  readonly desired: DesiredPairs;
  readonly ledger: Ledger;

  constructor(feed: FeedId, settings: SubscriptionSettings) {
    this.feed = feed;
    const { plan, limits, graceMs, now } = settings;
    this.interest = new InterestBook(graceMs);
    const budget = this.budget = new SymbolBudget(plan);
    this.desired = new DesiredPairs(this.interest, budget);
    this.ledger = new Ledger(this.desired, { budget, limits, now });
  }

  /**
   * Checks whether a new stream's symbols have a place; subscribes nothing. A
   * stream that is refused because of a learned limit may have it tested.
   *
   * @throws OverBudget
   */
  admit(channel: UpstreamChannel, symbols: Iterable<string>): void {
    const { limit } = this.budget;
    if (limit === undefined) return;
    const requested = Array.from(new Set(symbols), (symbol) => ({
      channel,
      symbol,
    })).filter((pair) =>
      this.budget.takesPlace(pair) && this.interest.streamsOf(pair) === 0
    );
    const [first] = requested;
    if (first === undefined) return;
    const used = this.#used();
    if (used + requested.length <= limit) return;
    if (this.budget.learned) this.ledger.wish(first);
    throw new OverBudget({
      feed: this.feed,
      limit,
      used,
      requested: requested.length,
    });
  }

  /**
   * Places left on a channel, below 0 when more is wanted than there is room
   * for; `undefined` where no limit is known or counts.
   */
  freePlaces(channel: UpstreamChannel): number | undefined {
    const { limit } = this.budget;
    const counts = this.budget.takesPlace({ channel, symbol: "" });
    if (limit === undefined || !counts) return undefined;
    return limit - this.#used();
  }

  /** What upstream does not give us at the moment, in words. */
  trouble(): string | undefined {
    const { refusals } = this.ledger;
    const [first] = refusals;
    if (first) {
      const { channel, symbol, error } = first;
      const others = refusals.length - 1;
      return `${errorText(error)}: ${channel} ${symbol}` +
        (others > 0 ? ` and ${others} more` : "");
    }
    const waiting = this.desired.waiting.length;
    if (waiting === 0) return undefined;
    const places = this.#places;
    return `symbol limit exceeded: ${waiting} wait for one of ${places} places`;
  }

  /** The budget in numbers. */
  figures(): BudgetFigures {
    return {
      feed: this.feed,
      limit: this.budget.limit ?? Infinity,
      used: this.#used(),
      waiting: this.desired.waiting.length,
      refused: this.ledger.refusals.length,
    };
  }

  /** The state of every symbol. */
  report(expansions: readonly ExpansionReport[]): FeedSubscriptions {
    this.ledger.refreshDesired();
    const explain = this.#explainer();
    return {
      feed: this.feed,
      channels: UPSTREAM_CHANNELS
        .map((channel) => this.#reportChannel(channel, explain))
        .filter(({ symbols, unfiltered }) => symbols.length + unfiltered > 0),
      budget: {
        limit: this.budget.limit,
        learned: this.budget.learned,
        used: this.#used(),
      },
      expansions,
    };
  }

  /** Places in force: what upstream has shown, or else what the plan says. */
  get #places(): number | undefined {
    const { ceiling, limit } = this.budget;
    if (ceiling === undefined || limit === undefined) return ceiling ?? limit;
    return Math.min(ceiling, limit);
  }

  /**
   * Places that streams take or wait for. Refused pairs need none, unless the
   * refusal is expected to pass: otherwise others were admitted in their place.
   */
  #used(): number {
    const refused = this.ledger.refusals.filter((pair) =>
      !pair.isPassing && this.interest.streamsOf(pair) > 0
    );
    const { budget, interest } = this;
    return budget.placesOf(interest.pairs()) - budget.placesOf(refused);
  }

  #reportChannel(channel: UpstreamChannel, explain: Explain): ChannelReport {
    const symbols: SymbolReport[] = [];
    let unfiltered = 0;
    for (const pair of this.interest.wanted(channel).values()) {
      const { symbol, streams } = pair;
      if (symbol === WILDCARD && !this.desired.has(pair)) unfiltered = streams;
      else symbols.push({ symbol, streams, ...explain(pair) });
    }
    for (const pair of this.interest.lingering()) {
      if (pair.channel !== channel) continue;
      if (!isIn(this.ledger.acknowledged, pair)) continue;
      const { symbol } = pair;
      symbols.push({
        symbol,
        streams: 0,
        state: "lingering",
        reason: undefined,
      });
    }
    return { channel, symbols, unfiltered };
  }

  #explainer(): Explain {
    const { acknowledged, refusals } = this.ledger;
    const refused = new Map(
      refusals.map((refusal) => [pairKey(refusal), refusal.error]),
    );
    const waiting = new Set(this.desired.waiting.map(pairKey));
    return (pair) => {
      if (isIn(acknowledged, pair)) {
        return { state: "acknowledged", reason: undefined };
      }
      const error = refused.get(pairKey(pair));
      if (error) {
        return { state: "refused", reason: errorText(error) };
      }
      if (waiting.has(pairKey(pair))) {
        const reason = `all ${this.#places} places are taken`;
        return { state: "waiting", reason };
      }
      return { state: "requested", reason: undefined };
    };
  }
}

type Explain = (
  pair: Pair,
) => { readonly state: SymbolState; readonly reason: string | undefined };
