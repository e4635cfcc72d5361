/**
 * Decides whether a newly read list of contracts replaces the chain in use.
 *
 * Contracts end by expiring; more are listed than delisted. A list from which many
 * unexpired contracts are missing is probably incomplete, so that they stay in the
 * chain, together with all that is listed, until the same list has been read again
 * for a while. What counts is the number per expiry, not the symbols: a split
 * renames every contract.
 *
 * @module
 */
import type { OptionContract } from "./contract.ts";

/** Unexpired contracts of the chain that a plausible list has at least, as a fraction. */
const LEAST_OF_CHAIN = 0.9;
/** The same for each unexpired expiry. */
const LEAST_OF_EXPIRY = 0.5;
/** Lists of about the same length that confirm a shorter chain. */
const CONFIRMING_LISTS = 3;
/** Difference of their lengths, as a fraction of the longer one. */
const CONFIRMING_DIFFERENCE = 0.1;
/** Least ms from the first to the last of them. */
const CONFIRM_MS = 30 * 60_000;
/** The same when less than half of the chain is left. */
const CONFIRM_LARGE_LOSS_MS = 24 * 3_600_000;

/** A list of contracts of one underlying. */
export interface ContractList {
  readonly contracts: readonly OptionContract[];
  /** Their symbols. */
  readonly symbols: ReadonlySet<string>;
}

/** When a list was read. */
interface ReadMoment {
  /** First expiry whose contracts still trade, as days since 1970-01-01. */
  readonly firstDay: number;
  /** Monotonic ms. */
  readonly now: number;
}

/** The chain that follows from a list. */
interface ReviewedChain extends ContractList {
  /** Contracts of it that are not listed. */
  readonly unlisted: number;
  /** Consecutive lists that have been doubted; 0 when this one was accepted. */
  readonly doubted: number;
  /** Whether a shorter chain was accepted because it was confirmed. */
  readonly isConfirmed: boolean;
}

/** Lists that are shorter than the chain, of about the same length. */
interface Doubt {
  /** Monotonic ms of the first one. */
  readonly since: number;
  readonly lists: number;
  /** Contracts of the latest one. */
  readonly length: number;
}

/** Reviews the lists of one underlying. */
export class ChainReview {
  /** The last list that was accepted. */
  #accepted: readonly OptionContract[] = [];
  #doubt: Doubt | undefined;
  #doubted = 0;

  /** Returns the chain after a list was read; the first list is always accepted. */
  review(listed: ContractList, moment: ReadMoment): ReviewedChain {
    const { contracts, symbols } = listed;
    const loss = lossOf(this.#accepted, contracts, moment.firstDay);
    const isConfirmed = loss !== "none" && this.#isConfirmed(contracts, loss, moment.now);
    if (loss === "none" || isConfirmed) {
      this.#accepted = contracts;
      this.#doubt = undefined;
      this.#doubted = 0;
      return { contracts, symbols, unlisted: 0, doubted: 0, isConfirmed };
    }
    this.#doubted++;
    const kept = this.#accepted.filter(({ symbol, expiryDay }) =>
      expiryDay >= moment.firstDay && !symbols.has(symbol)
    );
    const all = new Set(symbols);
    for (const { symbol } of kept) all.add(symbol);
    return {
      contracts: [...contracts, ...kept],
      symbols: all,
      unlisted: kept.length,
      doubted: this.#doubted,
      isConfirmed: false,
    };
  }

  #isConfirmed(listed: readonly OptionContract[], loss: Loss, now: number): boolean {
    const { length } = listed;
    const before = this.#doubt;
    const doubt = before && isSimilar(before.length, length)
      ? { since: before.since, lists: before.lists + 1, length }
      : { since: now, lists: 1, length };
    this.#doubt = doubt;
    const leastMs = loss === "large" ? CONFIRM_LARGE_LOSS_MS : CONFIRM_MS;
    return doubt.lists >= CONFIRMING_LISTS && now - doubt.since >= leastMs;
  }
}

/** How much of a chain a list lacks; `large` is more than half of it. */
type Loss = "none" | "some" | "large";

function lossOf(
  before: readonly OptionContract[],
  listed: readonly OptionContract[],
  firstDay: number,
): Loss {
  const old = countByExpiry(before, firstDay);
  const now = countByExpiry(listed, firstDay);
  const most = total(old);
  const left = total(now);
  if (left < most / 2) return "large";
  const isPlausible = left >= most * LEAST_OF_CHAIN &&
    [...old].every(([day, count]) => (now.get(day) ?? 0) >= count * LEAST_OF_EXPIRY);
  return isPlausible ? "none" : "some";
}

function countByExpiry(
  contracts: readonly OptionContract[],
  firstDay: number,
): ReadonlyMap<number, number> {
  const counts = new Map<number, number>();
  for (const { expiryDay } of contracts) {
    if (expiryDay >= firstDay) counts.set(expiryDay, (counts.get(expiryDay) ?? 0) + 1);
  }
  return counts;
}

function total(counts: ReadonlyMap<number, number>): number {
  let sum = 0;
  for (const count of counts.values()) sum += count;
  return sum;
}

function isSimilar(a: number, b: number): boolean {
  return Math.abs(a - b) <= CONFIRMING_DIFFERENCE * Math.max(a, b);
}

/** How many contracts two chains do not share. */
export function countChanges(
  before: readonly OptionContract[],
  after: ReadonlySet<string>,
): { readonly added: number; readonly removed: number } {
  const removed = before.filter(({ symbol }) => !after.has(symbol)).length;
  return { added: after.size - (before.length - removed), removed };
}
