/**
 * Interest, budget and ledger of one feed, wired as the proxy wires them.
 *
 * @module
 */
import { SymbolBudget } from "../../src/domain/subscription/budget.ts";
import { DesiredPairs } from "../../src/domain/subscription/desired_pairs.ts";
import { InterestBook } from "../../src/domain/subscription/interest.ts";
import { Ledger } from "../../src/domain/subscription/ledger.ts";
import type { PlanLimit } from "../../src/domain/subscription/plans.ts";
import type { ChunkLimits } from "../../src/domain/subscription/request.ts";
import { UPSTREAM_CHANNELS } from "../../src/domain/subscription/symbol_sets.ts";

/** A plan without limits on which every channel would count. */
export const NO_LIMIT: PlanLimit = {
  pairs: undefined,
  counts: new Set(UPSTREAM_CHANNELS),
  wildcards: new Set(UPSTREAM_CHANNELS),
  isOpen: true,
};

/** One feed's subscriptions. */
export interface Subscriptions {
  readonly interest: InterestBook;
  readonly budget: SymbolBudget;
  readonly desired: DesiredPairs;
  readonly ledger: Ledger;
}

/** Makes the subscriptions of a feed. */
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
  const interest = new InterestBook(graceMs);
  const budget = new SymbolBudget(plan);
  const desired = new DesiredPairs(interest, budget);
  const ledger = new Ledger(desired, { budget, limits, now });
  return { interest, budget, desired, ledger };
}
