/**
 * Decides whether a newly read list of contracts replaces the chain in use.
 *
 * Contracts end by expiring; more are listed than delisted. A list from which many
 * contracts are missing that still trade is probably incomplete, so that they stay in
 * the chain, together with all that is listed, until the same list has been read again
 * for a while. Contracts that are not tradable any more count as missing. What counts
 * is the number per expiry and right, and the strikes unless most of them are others:
 * a split renames every contract or replaces its strike. Also probably incomplete is a
 * list without strikes between others, and one with adjusted contracts only of an
 * expiry that had standard ones.
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
  /** Expiries of which it has lost the standard contracts, so that adjusted ones are left. */
  readonly adjustedOnly: number;
  /** Contracts that still trade and that it has lost, although the list was accepted. */
  readonly lost: number;
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

const NOTHING_KEPT = { unlisted: 0, untradable: 0, adjustedOnly: 0 } as const;

/** Reviews the lists of one underlying. */
export class ChainReview {
  /** The last list that was accepted. */
  #accepted: readonly OptionContract[] = [];
  #doubt: Doubt | undefined;
  #doubted = 0;

  /** Returns the chain after a list was read; the first list is always accepted. */
  review(listed: ContractList, { isTrading, now }: ReadMoment): ReviewedChain {
    const { contracts, symbols } = listed;
    const before = this.#accepted;
    const missing = missingOf(before, listed, isTrading);
    const loss = lossOf({ before, listed: contracts, missing }, isTrading);
    const isConfirmed = loss !== "none" && this.#isConfirmed(contracts, loss, now);
    if (loss === "none" || isConfirmed) {
      this.#accepted = contracts;
      this.#doubt = undefined;
      this.#doubted = 0;
      const lost = missing.length;
      return { contracts, symbols, ...NOTHING_KEPT, lost, doubted: 0, isConfirmed };
    }
    this.#doubted++;
    const all = new Set(symbols);
    for (const { symbol } of missing) all.add(symbol);
    const used = withTradable(contracts, before);
    const left = standardDays([...used, ...missing], isTrading);
    return {
      contracts: [...used, ...missing],
      symbols: all,
      unlisted: missing.length,
      untradable: used.filter((contract, at) => contract !== contracts[at]).length,
      adjustedOnly: standardDays(before, isTrading).difference(left).size,
      lost: 0,
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

/**
 * The contracts that trade and that a list lacks. Those that it has with another root, under which
 * they were not listed before, are renamed.
 */
function missingOf(
  before: readonly OptionContract[],
  { contracts, symbols }: ContractList,
  isTrading: ReadMoment["isTrading"],
): readonly OptionContract[] {
  const gone = before.filter((one) => !symbols.has(one.symbol) && isTrading(one));
  if (gone.length === 0) return gone;
  const known = new Set(before.map(({ symbol }) => symbol));
  const renamed = new Set(contracts.filter(({ symbol }) => !known.has(symbol)).map(termsOf));
  return gone.filter((one) => !renamed.has(termsOf(one)));
}

/** Two lists, and the contracts that the later one lacks. */
interface Comparison {
  readonly before: readonly OptionContract[];
  readonly listed: readonly OptionContract[];
  readonly missing: readonly OptionContract[];
}

function lossOf(
  { before, listed, missing }: Comparison,
  isTrading: ReadMoment["isTrading"],
): Loss {
  const expected = tradableOf(before).filter(isTrading);
  const found = tradableOf(listed).filter(isTrading);
  if (found.length < expected.length / 2) return "large";
  const terms = new Set(found.map(termsOf));
  const same = countByRight(expected.filter((contract) => terms.has(termsOf(contract))));
  const now = countByRight(found);
  const standard = new Set(found.filter(isStandard).map(rightKey));
  if (expected.some((one) => isStandard(one) && !standard.has(rightKey(one)))) return "some";
  const replaced = new Set<number>();
  for (const [key, count] of countByRight(expected)) {
    const least = count * LEAST_OF_RIGHT;
    const left = same.get(key) ?? 0;
    if (left <= count * MOST_REPLACED) replaced.add(key);
    else if (left < least) return "some";
    if ((now.get(key) ?? 0) < least) return "some";
  }
  const kept = missing.filter((one) => !replaced.has(rightKey(one)));
  return areBetween(kept, found) ? "some" : "none";
}

/** Whether a contract has a strike between listed ones of the same expiry, root and right. */
function areBetween(
  missing: readonly OptionContract[],
  listed: readonly OptionContract[],
): boolean {
  if (missing.length === 0) return false;
  const ranges = new Map<string, [low: number, high: number]>();
  const nameOf = (one: OptionContract) => `${one.root} ${rightKey(one)}`;
  const names = new Set(missing.map(nameOf));
  for (const one of listed) {
    const name = nameOf(one);
    if (!names.has(name)) continue;
    const [low, high] = ranges.get(name) ?? [Infinity, 0];
    ranges.set(name, [Math.min(low, one.strike), Math.max(high, one.strike)]);
  }
  return missing.some((one) => {
    const [low, high] = ranges.get(nameOf(one)) ?? [Infinity, 0];
    return low < one.strike && one.strike < high;
  });
}

/** The days on which standard contracts that trade expire. */
function standardDays(
  contracts: readonly OptionContract[],
  isTrading: ReadMoment["isTrading"],
): ReadonlySet<number> {
  const standard = tradableOf(contracts).filter((one) => isStandard(one) && isTrading(one));
  return new Set(standard.map(({ expiryDay }) => expiryDay));
}

function isStandard({ isAdjusted }: OptionContract): boolean {
  return !isAdjusted;
}

/** Expiry, right and strike of a contract: what follows the root in its OCC symbol. */
function termsOf({ symbol }: OptionContract): string {
  return symbol.slice(-15);
}

/** Contracts by {@linkcode rightKey}. */
function countByRight(contracts: readonly OptionContract[]): ReadonlyMap<number, number> {
  const counts = new Map<number, number>();
  for (const contract of contracts) {
    const key = rightKey(contract);
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  return counts;
}

/** Expiry and right: twice the day for calls, one more for puts. */
function rightKey({ expiryDay, right }: OptionContract): number {
  return 2 * expiryDay + (right === "call" ? 0 : 1);
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
