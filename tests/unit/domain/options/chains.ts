/**
 * Chains for tests: every strike of a grid on every day.
 *
 * @module
 */
import { isAdjustedRoot, type OptionContract } from "../../../../src/domain/options/contract.ts";

/** What a grid is made of. */
export interface Grid {
  readonly underlying?: string;
  readonly root?: string;
  /** Expiration days since 1970-01-01. */
  readonly days: readonly number[];
  readonly strikes: readonly number[];
}

/** A call and a put for each day and strike. */
export function gridOf(grid: Grid): OptionContract[] {
  const { underlying = "SPY", root = underlying, days, strikes } = grid;
  return days.flatMap((expiryDay) =>
    strikes.flatMap((strike) =>
      (["call", "put"] as const).map((right) => ({
        symbol: occSymbol(root, { expiryDay, right, strike }),
        underlying,
        root,
        expiryDay,
        right,
        strike,
        openInterest: 0,
        isAdjusted: isAdjustedRoot(root),
      }))
    )
  );
}

/** Whole strikes from one to another, both included. */
export function strikesFrom(low: number, high: number, step = 1): number[] {
  const strikes: number[] = [];
  for (let strike = low; strike <= high; strike += step) strikes.push(strike);
  return strikes;
}

/** The compact OCC symbol. */
export function occSymbol(
  root: string,
  terms: Pick<OptionContract, "expiryDay" | "right" | "strike">,
): string {
  const { expiryDay, right, strike } = terms;
  const day = new Date(expiryDay * 86_400_000).toISOString()
    .slice(2, 10).replaceAll("-", "");
  const mills = String(Math.round(strike * 1000)).padStart(8, "0");
  return `${root}${day}${right === "call" ? "C" : "P"}${mills}`;
}
