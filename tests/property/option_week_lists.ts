/**
 * A list of contracts that was sent, by expiry.
 *
 * @module
 */
import type { OptionSelection } from "../../src/domain/options/selection.ts";
import type { Reply } from "./option_week.ts";
import { dayAt } from "./option_week.ts";

/** An expiry with standard contracts that trade. */
export class LiveExpiry {
  /** Days since 1970-01-01. */
  readonly day: number;
  /** Lowest first. */
  readonly #strikes: readonly number[];

  constructor(day: number, strikes: Iterable<number>) {
    this.day = day;
    this.#strikes = [...strikes].sort((a, b) => a - b);
  }

  /** Whether there are strikes on both sides of a price, or at it. */
  straddles(price: number): boolean {
    return (this.#strikes[0] ?? Infinity) <= price && (this.#strikes.at(-1) ?? 0) >= price;
  }

  /** The strikes next to two prices, below the lower one and above the higher one. */
  around(low: number, high: number): readonly [number, number] {
    const below = this.#strikes.findLast((strike) => strike <= low);
    const above = this.#strikes.find((strike) => strike >= high);
    return [below ?? this.#strikes[0] ?? 0, above ?? this.#strikes.at(-1) ?? 0];
  }
}

/** Strikes of one expiry and root. */
interface Series {
  readonly day: number;
  readonly endsAt: number;
  readonly strikes: Set<number>;
  readonly rights: Set<string>;
}

const LISTS = new WeakMap<Reply, KnownList>();
const NOTHING: Reply = { minute: Infinity, contracts: [], fault: undefined };

/** The standard contracts of a list that are active. */
export class KnownList {
  readonly reply: Reply;
  /** The expiries of all contracts, as days since 1970-01-01. */
  readonly days: ReadonlySet<number>;
  readonly #series: readonly Series[];

  constructor(reply: Reply) {
    const series = new Map<string, Series>();
    for (const { isActive, isAdjusted, root, day, strike, right, endsAt } of reply.contracts) {
      if (!isActive || isAdjusted) continue;
      const key = `${day} ${root}`;
      const known = series.get(key) ?? { day, endsAt, strikes: new Set(), rights: new Set() };
      series.set(key, known);
      known.strikes.add(strike);
      known.rights.add(right);
    }
    this.reply = reply;
    this.days = new Set(reply.contracts.map(({ day }) => day));
    this.#series = [...series.values()];
  }

  /** The index of a reply, which is made once. */
  static of(reply: Reply = NOTHING): KnownList {
    const known = LISTS.get(reply) ?? new KnownList(reply);
    LISTS.set(reply, known);
    return known;
  }

  /** Minute of the reply; Infinity without one. */
  get since(): number {
    return this.reply.minute;
  }

  /** The number of these expiries with a root that lists only calls or only puts. */
  unpaired(selection: OptionSelection, minute: number): number {
    const days = new Set(this.live(selection, minute).map(({ day }) => day));
    const unpaired = this.#series.filter(({ day, endsAt, rights }) =>
      days.has(day) && endsAt > minute && rights.size < 2
    );
    return new Set(unpaired.map(({ day }) => day)).size;
  }

  /** The expiries that a selection includes and that trade in a minute, nearest first. */
  live({ maxDays, maxExpiries }: OptionSelection, minute: number): readonly LiveExpiry[] {
    const today = dayAt(minute);
    const byDay = new Map<number, Set<number>>();
    for (const { day, endsAt, strikes } of this.#series) {
      if (endsAt <= minute || day < today || day > today + maxDays) continue;
      byDay.set(day, (byDay.get(day) ?? new Set()).union(strikes));
    }
    return [...byDay].sort(([a], [b]) => a - b).slice(0, maxExpiries)
      .map(([day, strikes]) => new LiveExpiry(day, strikes));
  }
}
