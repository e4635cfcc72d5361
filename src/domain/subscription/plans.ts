/**
 * Symbol limits of Alpaca's plans (Alpaca: About Market Data API).
 *
 * Alpaca does not document exactly what it counts, so the counted channels are
 * settings. Their default fits what users report: stock trades and quotes jointly,
 * option quotes alone.
 *
 * @module
 */
import type { FeedId } from "../connection/feed.ts";
import type { UpstreamChannel } from "./symbol_sets.ts";

/** The limits of a plan for one feed. */
export interface PlanLimit {
  /** Pairs of channel and symbol; `undefined` when the plan sets no limit. */
  readonly pairs: number | undefined;
  /** Channels whose pairs count. */
  readonly counts: ReadonlySet<UpstreamChannel>;
  /** Channels on which `*` may be requested. */
  readonly wildcards: ReadonlySet<UpstreamChannel>;
  /** True when no plan is configured, so that a limit may be learned. */
  readonly isOpen: boolean;
}

/** A plan by name, or the limits themselves. */
export type Plan =
  | { readonly name: "auto" | "basic" | "plus" | "unlimited" }
  | {
    readonly name: "explicit";
    /** Stock pairs; `undefined` for no limit. */
    readonly stocks: number | undefined;
    /** Option pairs; `undefined` for no limit. */
    readonly options: number | undefined;
  };

/** The channels that count against a limit, per market. */
export interface CountingRule {
  /** Channels of the stock feed. */
  readonly stocks: ReadonlySet<UpstreamChannel>;
  /** Channels of the option feed. */
  readonly options: ReadonlySet<UpstreamChannel>;
}

const BASIC = { stocks: 30, options: 200 };
const PLUS = { stocks: undefined, options: 1000 };
const NO_LIMIT = { stocks: undefined, options: undefined };

const ALL: readonly UpstreamChannel[] = ["trades", "quotes", "bars"];

/** Returns the limits of a plan for a market data feed. */
export function planLimit(
  plan: Plan,
  options: {
    readonly feed: Exclude<FeedId, "trading">;
    readonly counting: CountingRule;
  },
): PlanLimit {
  const { feed, counting } = options;
  const limits = limitsOf(plan);
  const isOpen = plan.name === "auto";
  if (feed === "opra") {
    // Alpaca refuses `*` for option quotes on every plan (error 413).
    return {
      pairs: limits.options,
      counts: counting.options,
      wildcards: new Set(["trades"]),
      isOpen,
    };
  }
  // A plan that limits symbols does not offer `*` on the counted channels.
  const wildcards = limits.stocks === undefined
    ? ALL
    : ALL.filter((channel) => !counting.stocks.has(channel));
  return {
    pairs: limits.stocks,
    counts: counting.stocks,
    wildcards: new Set(wildcards),
    isOpen,
  };
}

function limitsOf(
  plan: Plan,
): {
  readonly stocks: number | undefined;
  readonly options: number | undefined;
} {
  switch (plan.name) {
    case "explicit":
      return plan;
    case "basic":
      return BASIC;
    case "plus":
      return PLUS;
    case "auto":
    case "unlimited":
      return NO_LIMIT;
  }
}
