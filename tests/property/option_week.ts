/**
 * A week of an option market for property tests: prices, listings and faults by seed.
 *
 * It shares no code with the selection: which strikes are on both sides of the price is decided
 * from the listing alone.
 *
 * @module
 */
import { ApiUnavailable } from "../../src/application/ports/api_unavailable.ts";
import type {
  LastTrades,
  OptionCatalog,
  QuotesQuery,
} from "../../src/application/ports/option_catalog.ts";
import type { OptionContract } from "../../src/domain/options/contract.ts";
import type { BidAsk } from "../../src/domain/options/implied_price.ts";

export const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;
/** Contracts on a page and symbols of a request for prices, as Alpaca has them. */
const PAGE = 1_000;

/** Faults of the catalog, with the minutes of the week in which they begin and end. */
interface Fault {
  readonly kind: "empty" | "cut" | "down";
  readonly from: number;
  readonly to: number;
}

/** One underlying. */
class Underlying {
  readonly name: string;
  price: number;
  /** When its last trade was, in ms since the epoch. */
  tradedAt = 0;
  /** Minute of the week until which it does not trade. */
  haltedUntil = -1;
  #strikes: { readonly strike: number; readonly listedAt: number }[] = [];
  readonly #expiries: readonly number[];
  #listings = 0;
  #key = "";
  #contracts: readonly OptionContract[] = [];

  constructor(name: string, price: number, expiries: readonly number[]) {
    this.name = name;
    this.price = price;
    this.#expiries = expiries;
    this.#list(0);
  }

  /** Strikes that are listed by a minute of the week. */
  strikes(minute: number): readonly number[] {
    return this.#strikes.filter(({ listedAt }) => listedAt <= minute).map(({ strike }) => strike);
  }

  expiries(today: number): readonly number[] {
    return this.#expiries.filter((day) => day >= today);
  }

  /** The price jumps; strikes around it are listed some minutes later. */
  jump(factor: number, listedAt: number): void {
    this.price *= factor;
    this.#list(listedAt);
  }

  /** A split: the old strikes are replaced by those around the new price. */
  split(ratio: number, listedAt: number): void {
    this.price /= ratio;
    this.#strikes = [];
    this.#list(listedAt);
  }

  /** The contracts that are listed; the same list until one changes. */
  contracts(minute: number, today: number): readonly OptionContract[] {
    const strikes = this.strikes(minute);
    const key = `${this.#listings} ${strikes.length} ${today}`;
    if (key !== this.#key) {
      this.#key = key;
      this.#contracts = this.expiries(today).flatMap((expiryDay) =>
        strikes.flatMap((strike) =>
          (["call", "put"] as const).map((right) => ({
            symbol: symbolOf(this.name, expiryDay, right, strike),
            underlying: this.name,
            root: this.name,
            expiryDay,
            right,
            strike,
            openInterest: 10,
            isAdjusted: false,
          }))
        )
      );
    }
    return this.#contracts;
  }

  /** Lists ten strikes on each side of the price. */
  #list(listedAt: number): void {
    this.#listings++;
    const step = this.price < 5 ? 0.5 : this.price < 50 ? 1 : 5;
    const at = Math.round(this.price / step);
    const known = new Set(this.#strikes.map(({ strike }) => strike));
    for (let i = Math.max(1, at - 10); i <= at + 10; i++) {
      const strike = i * step;
      if (!known.has(strike)) this.#strikes.push({ strike, listedAt });
    }
  }
}

/** The market of one week. */
export class OptionWeek implements OptionCatalog {
  readonly underlyings: readonly Underlying[];
  readonly faults: Fault[] = [];
  /** Requests in each minute of the week. */
  readonly requests: number[] = [];
  /** The minute of the week. */
  minute = 0;
  readonly #start: number;
  readonly #byName: ReadonlyMap<string, Underlying>;
  readonly #random: () => number;

  /**
   * @param start first midnight in New York, in ms since the epoch
   * @param count underlyings
   */
  constructor(start: number, count: number, random: () => number) {
    this.#start = start;
    this.#random = random;
    const today = Math.floor(start / DAY_MS);
    this.underlyings = Array.from({ length: count }, (_, index) => {
      const price = Math.exp(random() * 5 + 0.7);
      const expiries = [0, 1, 2, 3, 4, 8, 11].filter(() => random() < 0.6)
        .map((days) => today + days);
      return new Underlying(nameOf(index), price, [...expiries, today + 18]);
    });
    this.#byName = new Map(this.underlyings.map((each) => [each.name, each]));
    for (let i = 0; i < 4; i++) {
      const from = Math.floor(random() * 7 * 1_440);
      const kinds = ["empty", "cut", "down"] as const;
      const kind = kinds[Math.floor(random() * kinds.length)] ?? "down";
      this.faults.push({ kind, from, to: from + Math.floor(random() * 90) });
    }
  }

  get today(): number {
    return Math.floor((this.#start + this.minute * MINUTE_MS) / DAY_MS);
  }

  /** The time in ms since the epoch. */
  get now(): number {
    return this.#start + this.minute * MINUTE_MS;
  }

  /** Advances by a minute of a market that is open or closed. */
  step(isOpen: boolean): void {
    this.minute++;
    const random = this.#random;
    for (const each of this.underlyings) {
      const atOpen = this.minute % 1_440 === 9 * 60 + 30;
      if (atOpen && random() < 0.02) each.split(random() < 0.5 ? 10 : 4, this.minute);
      else if (atOpen && random() < 0.05) {
        each.jump(random() < 0.5 ? 0.55 : 1.45, this.minute + Math.floor(random() * 60));
      }
      if (!isOpen || each.haltedUntil > this.minute) continue;
      if (random() < 0.0005) each.haltedUntil = this.minute + 5 + Math.floor(random() * 60);
      each.price = Math.max(0.3, each.price * (1 + (random() - 0.5) * 0.004));
      each.tradedAt = this.now;
    }
  }

  fault(): Fault | undefined {
    return this.faults.find(({ from, to }) => from <= this.minute && this.minute < to);
  }

  contracts(underlying: string): Promise<readonly OptionContract[]> {
    const kind = this.fault()?.kind;
    const listed = this.#find(underlying)?.contracts(this.minute, this.today) ?? [];
    this.#count(Math.max(1, Math.ceil(listed.length / PAGE)));
    if (kind === "down") return Promise.reject(new ApiUnavailable("HTTP 500"));
    return Promise.resolve(
      kind === "empty" ? [] : kind === "cut" ? listed.slice(0, 1) : listed,
    );
  }

  lastTrades(underlyings: readonly string[]): Promise<LastTrades> {
    this.#count(Math.ceil(underlyings.length / 200));
    if (this.fault()?.kind === "down") return Promise.reject(new ApiUnavailable("HTTP 500"));
    const trades = underlyings.flatMap((name) => {
      const found = this.#find(name);
      return found ? [[name, { price: found.price, at: found.tradedAt }] as const] : [];
    });
    return Promise.resolve({ trades: new Map(trades), rejected: new Set<string>() });
  }

  quotes({ underlying, expiryDay, strikes }: QuotesQuery): Promise<ReadonlyMap<string, BidAsk>> {
    this.#count(1);
    if (this.fault()?.kind === "down") return Promise.reject(new ApiUnavailable("HTTP 500"));
    const found = this.#find(underlying);
    const [low, high] = strikes ?? [0, Infinity];
    const quotes = (found?.contracts(this.minute, this.today) ?? []).flatMap((contract) => {
      const { strike, right, symbol } = contract;
      if (!found || contract.expiryDay !== expiryDay || strike < low || strike > high) return [];
      const inner = Math.max(0, right === "call" ? found.price - strike : strike - found.price);
      return [[symbol, { bid: inner + 0.1, ask: inner + 0.12, at: this.now }] as const];
    });
    return Promise.resolve(new Map(quotes));
  }

  deltas(): Promise<ReadonlyMap<string, number>> {
    this.#count(1);
    return Promise.resolve(new Map());
  }

  #find(name: string): Underlying | undefined {
    return this.#byName.get(name);
  }

  #count(requests: number): void {
    this.requests[this.minute] = (this.requests[this.minute] ?? 0) + requests;
  }
}

function nameOf(index: number): string {
  return `Q${String.fromCharCode(65 + Math.floor(index / 26), 65 + index % 26)}`;
}

/** The compact OCC symbol. */
function symbolOf(
  root: string,
  expiryDay: number,
  right: "call" | "put",
  strike: number,
): string {
  const day = new Date(expiryDay * DAY_MS).toISOString().slice(2, 10).replaceAll("-", "");
  const mills = String(Math.round(strike * 1_000)).padStart(8, "0");
  return `${root}${day}${right === "call" ? "C" : "P"}${mills}`;
}
