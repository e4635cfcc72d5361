/**
 * Decides whether a newly read list of contracts replaces the chain in use.
 *
 * Contracts end by expiring; more are listed than delisted. A list from which many
 * contracts are missing that still trade is probably incomplete, so that they stay in
 * the chain, together with all that is listed, until the same list has been read again
 * for a while. Contracts that are not tradable any more count as missing. What counts
 * is the number per expiry and right, and the strikes unless most of them are others:
 * a split renames every contract or replaces its strike.
 *
 * @module
 */
import { tradableOf } from "./chain_index.ts";
import type { OptionContract } from "./contract.ts";

/** Calls, and puts, of each expiry that a plausible list has at least, as a fraction. */
const LEAST_OF_RIGHT = 0.9;
/** With more than this fraction of the same strikes the others are missing, not replaced. */
const MOST_REPLACED = 0.5;
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
  /** Whether a contract still trades; others may be missing. */
  readonly isTrading: (contract: OptionContract) => boolean;
  /** Monotonic ms. */
  readonly now: number;
}

/** The chain that follows from a list. */
interface ReviewedChain extends ContractList {
  /** Contracts of it that are not listed. */
  readonly unlisted: number;
  /** Contracts of it that are listed as not tradable, and stay tradable. */
  readonly untradable: number;
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
  /** Tradable contracts of the latest one. */
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
    const loss = lossOf(this.#accepted, contracts, moment.isTrading);
    const isConfirmed = loss !== "none" && this.#isConfirmed(contracts, loss, moment.now);
    if (loss === "none" || isConfirmed) {
      this.#accepted = contracts;
      this.#doubt = undefined;
      this.#doubted = 0;
      return { contracts, symbols, unlisted: 0, untradable: 0, doubted: 0, isConfirmed };
    }
    this.#doubted++;
    const kept = this.#accepted.filter((one) => !symbols.has(one.symbol) && moment.isTrading(one));
    const all = new Set(symbols);
    for (const { symbol } of kept) all.add(symbol);
    const used = withTradable(contracts, this.#accepted);
    return {
      contracts: [...used, ...kept],
      symbols: all,
      unlisted: kept.length,
      untradable: used.filter((contract, at) => contract !== contracts[at]).length,
      doubted: this.#doubted,
      isConfirmed: false,
    };
  }

  #isConfirmed(listed: readonly OptionContract[], loss: Loss, now: number): boolean {
    const { length } = tradableOf(listed);
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
  isTrading: ReadMoment["isTrading"],
): Loss {
  const expected = tradableOf(before).filter(isTrading);
  const found = tradableOf(listed).filter(isTrading);
  const terms = new Set(found.map(termsOf));
  const same = countByRight(expected.filter((contract) => terms.has(termsOf(contract))));
  const now = countByRight(found);
  if (found.length < expected.length / 2) return "large";
  const isPlausible = [...countByRight(expected)].every(([key, count]) => {
    const least = count * LEAST_OF_RIGHT;
    const left = same.get(key) ?? 0;
    return (now.get(key) ?? 0) >= least && (left >= least || left <= count * MOST_REPLACED);
  });
  return isPlausible ? "none" : "some";
}

/** Expiry, right and strike of a contract: what follows the root in its OCC symbol. */
function termsOf({ symbol }: OptionContract): string {
  return symbol.slice(-15);
}

/** Contracts by expiry and right: twice the day for calls, one more for puts. */
function countByRight(contracts: readonly OptionContract[]): ReadonlyMap<number, number> {
  const counts = new Map<number, number>();
  for (const { expiryDay, right } of contracts) {
    const key = 2 * expiryDay + (right === "call" ? 0 : 1);
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  return counts;
}

/** The listed contracts; those that are tradable in the accepted list alone are taken from it. */
function withTradable(
  listed: readonly OptionContract[],
  accepted: readonly OptionContract[],
): readonly OptionContract[] {
  if (!listed.some(({ isTradable }) => isTradable === false)) return listed;
  const tradable = new Map<string, OptionContract>();
  for (const one of accepted) if (one.isTradable !== false) tradable.set(one.symbol, one);
  return listed.map((one) => one.isTradable === false ? tradable.get(one.symbol) ?? one : one);
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
