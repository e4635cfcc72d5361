/**
 * The subscriptions of one feed, with defaults for tests.
 *
 * @module
 */
import type { CountingRule, PlanLimit } from "../../src/domain/subscription/quota.ts";
import {
  createSubscriptions,
  type Subscriptions,
} from "../../src/domain/subscription/reconciler.ts";
import {
  type ChunkLimits,
  type SymbolSets,
  UPSTREAM_CHANNELS,
  type UpstreamChannel,
} from "../../src/domain/subscription/pairs.ts";

/** The counted channels of the default settings. */
export const DEFAULT_COUNTING: CountingRule = {
  stocks: new Set(["trades", "quotes"]),
  options: new Set(["quotes"]),
};

/** A plan without limits on which every channel would count. */
export const NO_LIMIT: PlanLimit = {
  pairs: undefined,
  counts: new Set(UPSTREAM_CHANNELS),
  wildcards: new Set(UPSTREAM_CHANNELS),
  isOpen: true,
};

/** Creates the subscriptions of a feed. */
export function subscriptionsOf(
  limits: ChunkLimits,
  options: {
    readonly plan?: PlanLimit;
    readonly graceMs?: number;
    /** Monotonic ms. @default always 0 */
    readonly now?: () => number;
  } = {},
): Subscriptions {
  const { plan = NO_LIMIT, graceMs = 0, now = () => 0 } = options;
  return createSubscriptions({ plan, limits, graceMs, now });
}

/** Builds sets of symbols from lists. */
export function symbolSets(
  lists: Iterable<readonly [UpstreamChannel, Iterable<string>]>,
): SymbolSets {
  return new Map(
    Array.from(lists, ([channel, symbols]) => [channel, new Set(symbols)]),
  );
}
