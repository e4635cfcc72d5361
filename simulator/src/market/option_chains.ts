/**
 * Option chains: which contracts are listed.
 *
 * @module
 */
import { formatOptionSymbol, parseOptionSymbol } from "../protocol/option_symbol.ts";
import { isMonthly, nextFridays } from "./calendar.ts";
import type { OptionContract } from "./prices.ts";
import { type Issue, LISTED_ISSUES, SPX } from "./universe.ts";

/** Number of weeks with weekly expirations. */
const WEEKS = 5;
/** Number of weeks with monthly expirations. */
const MONTHLY_WEEKS = 27;
const STRIKES_EACH_SIDE = 10;
/** SPY's chain alone exceeds the 1000 quotes of a plan. */
const WIDE_STRIKES_EACH_SIDE = 40;

/** Of the roots of adjusted contracts. */
const DIGITS = "123456789";

/** One root of an underlying and its expirations. */
interface Root {
  readonly root: string;
  readonly expiries: "all" | "monthly";
}

/**
 * The listed option contracts, created per underlying on first use.
 *
 * Every well-known stock has a chain. SPX has two roots (SPX monthly, settled in
 * the morning; SPXW on all days), BRK.B loses its dot, and CSGP also has the adjusted root CSGP1.
 */
export class OptionChains {
  readonly #fridays: readonly string[];
  readonly #issues = new Map<string, Issue>();
  readonly #underlyingOfRoot = new Map<string, string>();
  readonly #chains = new Map<string, ReadonlyMap<string, OptionContract>>();
  #version = 0;

  /** Expirations follow the day of `nowMs`. */
  constructor(nowMs: number) {
    this.#fridays = nextFridays(nowMs, MONTHLY_WEEKS)
      .filter((day, index) => index < WEEKS || isMonthly(day));
    for (const issue of [...LISTED_ISSUES, SPX]) {
      this.#issues.set(issue.symbol, issue);
      for (const { root } of rootsOf(issue.symbol)) {
        this.#underlyingOfRoot.set(root, issue.symbol);
      }
    }
  }

  /** Changes when other contracts are listed. */
  get version(): number {
    return this.#version;
  }

  /**
   * Renames the contracts of an underlying whose shares are split, so that they deliver
   * `ratio` times as many shares, and lists others around the new price.
   * Throws a RangeError for a symbol without options, or without a root that is free.
   */
  split(underlying: string, { ratio, price }: { ratio: number; price: number }): void {
    const issue = this.#issues.get(underlying);
    if (!issue) throw new RangeError(`${underlying} has no options`);
    const old = this.contracts(underlying);
    const [{ root } = { root: underlying }] = rootsOf(underlying);
    const adjusted = [...DIGITS].map((digit) => root.slice(0, 5) + digit)
      .find((name) => !this.#underlyingOfRoot.has(name));
    if (adjusted === undefined) throw new RangeError(`${underlying} has no free root`);
    this.#underlyingOfRoot.set(adjusted, underlying);
    const renamed = old.map((contract) => {
      if (contract.root !== root) return contract;
      const terms = { ...contract, root: adjusted };
      return { ...terms, symbol: formatOptionSymbol(terms), size: 100 * ratio };
    });
    const added = listContracts({ ...issue, price }, this.#fridays)
      .filter((contract) => contract.root === root);
    const all = [...renamed, ...added].sort((a, b) => a.symbol < b.symbol ? -1 : 1);
    this.#chains.set(underlying, new Map(all.map((item) => [item.symbol, item])));
    this.#version++;
  }

  /** Symbols that have options. */
  underlyings(): readonly string[] {
    return [...this.#issues.keys()];
  }

  /** Contracts of one underlying, in symbol order; empty for an unknown one. */
  contracts(underlying: string): readonly OptionContract[] {
    return [...this.#chain(underlying).values()];
  }

  /** One contract by its OCC symbol. */
  find(symbol: string): OptionContract | undefined {
    const root = parseOptionSymbol(symbol)?.root;
    const underlying = root && this.#underlyingOfRoot.get(root);
    return underlying ? this.#chain(underlying).get(symbol) : undefined;
  }

  #chain(underlying: string): ReadonlyMap<string, OptionContract> {
    const known = this.#chains.get(underlying);
    if (known) return known;
    const issue = this.#issues.get(underlying);
    const made = new Map(
      issue ? listContracts(issue, this.#fridays).map((item) => [item.symbol, item]) : [],
    );
    if (issue) this.#chains.set(underlying, made);
    return made;
  }
}

function rootsOf(underlying: string): readonly Root[] {
  if (underlying === "SPX") {
    return [
      { root: "SPX", expiries: "monthly" },
      { root: "SPXW", expiries: "all" },
    ];
  }
  const root = underlying.replace(".", "");
  const own: Root = { root, expiries: "all" };
  return underlying === "CSGP" ? [own, { root: "CSGP1", expiries: "monthly" }] : [own];
}

function listContracts(
  issue: Issue,
  fridays: readonly string[],
): OptionContract[] {
  const strikes = strikesAround(issue);
  const contracts: OptionContract[] = [];
  for (const { root, expiries } of rootsOf(issue.symbol)) {
    for (const expiration of fridays) {
      if (expiries === "monthly" && !isMonthly(expiration)) continue;
      for (const type of ["call", "put"] as const) {
        for (const strike of strikes) {
          const terms = { root, expiration, type, strike };
          contracts.push({
            ...terms,
            symbol: formatOptionSymbol(terms),
            underlying: issue.symbol,
            style: issue.symbol === SPX.symbol ? "european" : "american",
          });
        }
      }
    }
  }
  return contracts.sort((a, b) => a.symbol < b.symbol ? -1 : 1);
}

function strikesAround({ symbol, price }: Issue): number[] {
  const step = symbol === "SPY" ? 1 : strikeStep(price);
  const side = symbol === "SPY" ? WIDE_STRIKES_EACH_SIDE : STRIKES_EACH_SIDE;
  const middle = Math.round(price / step);
  const strikes: number[] = [];
  for (let offset = -side; offset <= side; offset++) {
    const strike = (middle + offset) * step;
    if (strike > 0) strikes.push(strike);
  }
  return strikes;
}

function strikeStep(price: number): number {
  if (price < 25) return 0.5;
  if (price < 100) return 1;
  if (price < 250) return 2.5;
  return price < 1000 ? 5 : 25;
}
