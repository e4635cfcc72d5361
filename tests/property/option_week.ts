/**
 * The option market of eight days around Thanksgiving for property tests: prices, listings and
 * faults by seed, as Alpaca's REST API has them.
 *
 * The days have a third Friday, a holiday and an early close. The market shares no code with the
 * selection: when contracts stop trading is listed here by hand.
 *
 * @module
 */
import { ApiUnavailable } from "../../src/application/ports/api_unavailable.ts";
import type { RestPurpose } from "../../src/application/status/counters.ts";
import { type Fault, type FaultKind, makeFaults, withFault } from "./option_week_faults.ts";

export const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;
/** New York is five hours behind UTC on all of these days. */
const ZONE_MS = 5 * 3_600_000;
/** Thursday, 19 November 2026, 15:00 in New York. */
export const START = Date.UTC(2026, 10, 19, 20);
/** Up to Friday, 27 November, 13:30 in New York. */
export const MINUTES = (Date.UTC(2026, 10, 27, 18, 30) - START) / MINUTE_MS;
const FIRST_DAY = Math.floor((START - ZONE_MS) / DAY_MS);
/** Minutes of the day at which trading ends, by days since the first; Thursday is a holiday. */
const CLOSES = new Map([[0, 960], [1, 960], [4, 960], [5, 960], [6, 960], [8, 780]]);
const OPEN = 570;
/** Expiries by days since the first, the monthly ones among them. */
const EXPIRIES = [0, 1, 4, 5, 6, 8];
const MONTHLY = [1, 29, 120];
/** Before the loads of the morning of some days. */
const MORNINGS = [1, 4, 5, 6].map((day) => minuteAt(day, 8, 58));
/** Contracts that a fault leaves tradable. */
const LEFT_TRADABLE = 6;
/** Listed for some underlyings, on Monday at 07:00 and on Tuesday at 11:40. */
const NEW_EXPIRIES = [
  { after: 15, from: minuteAt(4, 7, 0) },
  { after: 22, from: minuteAt(5, 11, 40) },
];
/** The weekly root, and how long the monthly one trades after the close of its last day. */
const INDEXES = new Map([
  ["SPX", { weekly: "SPXW", price: 5_700, afterClose: 60 }],
  ["NDX", { weekly: "NDXP", price: 2_100, afterClose: 15 }],
]);
const STRIKES_EACH_SIDE = 10;
/** Strikes around the prices are listed on every day at 08:30. */
const NEW_STRIKES = 510;

/** A contract that was listed at any time. */
export interface Listed {
  readonly symbol: string;
  readonly root: string;
  /** Days since 1970-01-01. */
  readonly day: number;
  readonly right: "call" | "put";
  readonly strike: number;
  /** Minute of the week. */
  readonly listedAt: number;
  readonly isActive: boolean;
  readonly isAdjusted: boolean;
  /** Minute of the week from which it does not trade. */
  readonly endsAt: number;
}

/** A list of contracts that was sent. */
export interface Reply {
  readonly minute: number;
  readonly contracts: readonly Listed[];
  readonly fault: FaultKind | undefined;
}

/** Stocks that are hard to borrow unless they are illiquid, and what their options imply. */
const HARD_TO_BORROW: ReadonlySet<string> = new Set([3, 9, 15, 21].map(nameOf));
const IMPLIED_PART = 0.86;

/** What happens to an underlying. */
export type WeekEvent = "split" | "jump" | "wrong print" | "halt";

/** One underlying. */
export class Underlying {
  readonly name: string;
  readonly isIndex: boolean;
  readonly #expiries: readonly { day: number; from: number }[];
  /** Whether it trades every hundredth minute only. */
  readonly isIlliquid: boolean;
  /** Whether it is hard to borrow, so that options imply less than the price of its trades. */
  readonly isHardToBorrow: boolean;
  /** Price in each minute of the week. */
  readonly prices: number[] = [];
  price: number;
  /** Minute of its last trade. */
  tradedAt = 0;
  haltedUntil = -1;
  /** A price at which it has not traded, and until when it is sent. */
  wrongPrint: { readonly price: number; readonly until: number } | undefined;
  /** Minutes of trading, across nights, since the last event, halt, fault, or first reply. */
  calmMinutes = 0;
  /** Minute of the last event of a kind. */
  readonly events = new Map<WeekEvent, number>();
  /** Minute of the trade or the quotes that were sent last. */
  pricedAt: number | undefined;
  /** Minute of the first price that was sent. */
  firstPricedAt: number | undefined;
  /** The last list that had no fault, or the first one. */
  known: Reply | undefined;
  /** The last reply, a failure included. */
  last: Reply | undefined;
  readonly bySymbol = new Map<string, Listed>();
  #contracts: Listed[] = [];

  constructor(name: string, price: number, random: () => number) {
    const index = INDEXES.get(name);
    this.name = name;
    this.isIndex = index !== undefined;
    this.isIlliquid = !index && random() < 0.08;
    this.isHardToBorrow = !this.isIlliquid && HARD_TO_BORROW.has(name);
    this.price = index?.price ?? price;
    const days = EXPIRIES.filter(() => index || random() < 0.7);
    this.#expiries = [
      ...[...days, 29, 120].map((after) => ({ day: FIRST_DAY + after, from: 0 })),
      ...NEW_EXPIRIES.filter(() => random() < 0.5)
        .map(({ after, from }) => ({ day: FIRST_DAY + after, from })),
    ];
    this.listStrikes(0);
  }

  /** What is listed, of one expiry or of all; contracts of today also after they have ended. */
  listed(minute: number, expiry?: number): readonly Listed[] {
    const today = dayAt(minute);
    return this.#contracts.filter(({ listedAt, day }) =>
      day >= today && listedAt <= minute && (expiry === undefined || day === expiry)
    );
  }

  /**
   * Whether the price may be the one that options imply although it trades at another one: it was
   * calm for at most `minutes`.
   */
  isContradicted(minutes: number): boolean {
    return this.isHardToBorrow && this.calmMinutes <= minutes;
  }

  /** The price jumps; strikes around it are listed some minutes later. */
  jump(factor: number, { minute, listedAt }: { minute: number; listedAt: number }): void {
    this.events.set("jump", minute);
    this.price *= factor;
    this.listStrikes(listedAt);
  }

  /** The old contracts are renamed and adjusted; others are listed around the new price. */
  split(ratio: number, minute: number): void {
    this.events.set("split", minute);
    this.price /= ratio;
    const old = this.#contracts;
    this.#contracts = [];
    const root = `${this.name}1`;
    for (const contract of old) {
      this.#add({ ...contract, root, symbol: symbolOf({ ...contract, root }), isAdjusted: true });
    }
    this.listStrikes(minute);
  }

  /** Lists ten strikes on each side of the price, and one near it that is not active. */
  listStrikes(listedAt: number): void {
    const step = this.price < 5 ? 0.5 : this.price < 50 ? 1 : this.price < 500 ? 5 : 25;
    const at = Math.round(this.price / step);
    const known = new Set(
      this.#contracts.filter(({ isAdjusted }) => !isAdjusted).map(({ strike }) => strike),
    );
    const strikes = [];
    for (let i = Math.max(1, at - STRIKES_EACH_SIDE); i <= at + STRIKES_EACH_SIDE; i++) {
      if (!known.has(i * step)) strikes.push({ strike: i * step, isActive: true });
    }
    const between = (at + 0.5) * step;
    if (!known.has(between)) strikes.push({ strike: between, isActive: false });
    for (const { day, from } of this.#expiries) {
      for (const root of this.#rootsOf(day)) {
        for (const { strike, isActive } of strikes) {
          for (const right of ["call", "put"] as const) {
            const terms = { root, day, right, strike };
            this.#add({
              ...terms,
              symbol: symbolOf(terms),
              listedAt: Math.max(from, listedAt),
              isActive,
              isAdjusted: false,
              endsAt: this.#endOf(root, day),
            });
          }
        }
      }
    }
  }

  #rootsOf(day: number): readonly string[] {
    const index = INDEXES.get(this.name);
    if (!index) return [this.name];
    return MONTHLY.includes(day - FIRST_DAY) ? [this.name, index.weekly] : [index.weekly];
  }

  #endOf(root: string, day: number): number {
    const { afterClose } = INDEXES.get(root) ?? {};
    // The monthly ones of the indexes are settled in the morning, on a Friday.
    return afterClose === undefined ? closeOf(day) : closeOf(day - 1) + afterClose;
  }

  #add(contract: Listed): void {
    this.#contracts.push(contract);
    this.bySymbol.set(contract.symbol, contract);
  }
}

/** The market, and the replies about it. */
export class OptionWeek {
  readonly underlyings: readonly Underlying[];
  readonly byName: ReadonlyMap<string, Underlying>;
  readonly faults: readonly Fault[];
  /** The minute of the week. */
  minute = 0;
  readonly #random: () => number;
  /** The last minute in which options have traded. */
  #lastOpen = 0;

  /** @param count underlyings, the indexes included */
  constructor(count: number, random: () => number) {
    this.#random = random;
    const names = [
      ...INDEXES.keys(),
      ...Array.from({ length: count - INDEXES.size }, (_, index) => nameOf(index)),
    ];
    this.underlyings = names.map((name) => {
      const price = Math.exp(random() * 5 + 0.7);
      return new Underlying(name, price, random);
    });
    this.byName = new Map(this.underlyings.map((each) => [each.name, each]));
    this.faults = makeFaults(random, { mornings: MORNINGS, minutes: MINUTES });
  }

  /** Whether options trade in a minute of the week. */
  isOpen(minute = this.minute): boolean {
    const close = CLOSES.get(dayAt(minute) - FIRST_DAY);
    const ofDay = minuteOfDay(minute);
    return close !== undefined && ofDay >= OPEN && ofDay < close;
  }

  /** Whether options trade in a minute and have done so for some minutes. */
  isOpenSince(minutes: number): boolean {
    return this.isOpen(this.minute - minutes) && this.isOpen(this.minute + 1);
  }

  get today(): number {
    return dayAt(this.minute);
  }

  /** Moves the prices of the minute. */
  move(): void {
    const { minute } = this;
    const random = this.#random;
    const isOpen = this.isOpen();
    if (isOpen) this.#lastOpen = minute;
    if (isOpen && minuteOfDay(minute) === OPEN) this.#open();
    if (minuteOfDay(minute) === NEW_STRIKES) {
      for (const each of this.underlyings) each.listStrikes(minute);
    }
    for (const each of this.underlyings) {
      if (isOpen && each.haltedUntil <= minute) {
        if (random() < 0.0005) {
          each.events.set("halt", minute);
          each.haltedUntil = minute + 5 + Math.floor(random() * 60);
        }
        if (!each.isIndex && random() < 0.0008) {
          each.events.set("wrong print", minute);
          const factor = [0.0001, 0.5, 1.7][Math.floor(random() * 3)] ?? 2;
          each.wrongPrint = {
            price: each.price * factor,
            until: minute + 1 + (random() < 0.3 ? 1 : 0),
          };
        }
        each.price = Math.max(0.3, each.price * (1 + (random() - 0.5) * 0.004));
        if (!each.isIlliquid || random() < 0.01) each.tradedAt = minute;
      }
      const isDisturbed = each.haltedUntil > minute || this.fault() !== undefined ||
        [...each.events.values()].includes(minute);
      if (isDisturbed) each.calmMinutes = 0;
      else if (isOpen) each.calmMinutes++;
      each.prices[minute] = each.price;
    }
  }

  /** Some prices jump overnight, and some companies split their shares. */
  #open(): void {
    const { minute } = this;
    const random = this.#random;
    const stocks = this.underlyings.filter(({ isIndex }) => !isIndex);
    for (let i = 0; i < 3; i++) {
      const each = stocks[Math.floor(random() * stocks.length)];
      if (each?.events.get("split") === minute || each?.events.get("jump") === minute) continue;
      if (i === 0 && !each?.events.has("split")) each?.split(random() < 0.5 ? 10 : 4, minute);
      else {
        const listedAt = minute + Math.floor(random() * 60);
        each?.jump(random() < 0.5 ? 0.55 : 1.45, { minute, listedAt });
      }
    }
  }

  fault(minute = this.minute): FaultKind | undefined {
    return this.faults.find(({ from, to }) => from <= minute && minute < to)?.kind;
  }

  /** Whether replies had a fault in the last minutes. */
  hadFault(minutes: number): boolean {
    return this.faults.some(({ from, to }) => from <= this.minute && this.minute < to + minutes);
  }

  /**
   * The body of a reply.
   *
   * @throws ApiUnavailable
   */
  reply({ pathname, searchParams: query }: URL, purpose: RestPurpose): unknown {
    const fault = this.fault();
    if (purpose === "prices") return this.#trades(query.get("symbols") ?? "", fault);
    if (purpose === "first_events") return { quotes: {} };
    const isList = pathname.endsWith("/contracts");
    const name = isList ? query.get("underlying_symbols") : pathname.split("/").at(-1);
    const underlying = this.byName.get(name ?? "");
    if (!underlying) return { option_contracts: [], snapshots: {} };
    if (isList) return this.#contracts(underlying, fault);
    if (fault === "down") throw new ApiUnavailable("HTTP 503", 503);
    return this.#snapshots(underlying, query);
  }

  #contracts(underlying: Underlying, fault: FaultKind | undefined): unknown {
    const { minute } = this;
    const { price } = underlying;
    const contracts = withFault(underlying.listed(minute), fault, { price, minute });
    const reply = underlying.last = { minute, contracts, fault };
    if (fault === "down") throw new ApiUnavailable("HTTP 503", 503);
    if (!fault || !underlying.known?.contracts.length) {
      if (!underlying.known?.contracts.length) underlying.calmMinutes = 0;
      underlying.known = reply;
    }
    return {
      option_contracts: contracts.map((it, at) => ({
        symbol: it.symbol,
        underlying_symbol: underlying.name,
        root_symbol: it.root,
        expiration_date: dateOf(it.day),
        type: it.right,
        strike_price: String(it.strike),
        status: hasActiveStatus(it) ? "active" : "inactive",
        tradable: it.isActive && (fault !== "untradable" || at < LEFT_TRADABLE),
        open_interest: "10",
        size: "100",
      })),
      next_page_token: null,
    };
  }

  #trades(symbols: string, fault: FaultKind | undefined): unknown {
    if (fault === "down") throw new ApiUnavailable("HTTP 503", 503);
    const names = symbols.split(",").flatMap((name) => this.byName.get(name) ?? []);
    const index = names.find(({ isIndex }) => isIndex);
    if (index) throw new ApiUnavailable(`data: HTTP 400 invalid symbol: ${index.name}`, 400);
    const trades = names.map((each) => {
      const { wrongPrint } = each;
      if (wrongPrint && wrongPrint.until > this.minute) {
        return [each.name, { p: wrongPrint.price, t: timeOf(this.minute) }];
      }
      this.#notePrice(each, each.tradedAt);
      const p = each.prices[each.tradedAt] ?? each.price;
      return [each.name, { p, t: timeOf(each.tradedAt) }];
    });
    return { trades: Object.fromEntries(trades) };
  }

  #snapshots(underlying: Underlying, query: URLSearchParams): unknown {
    const expiry = Date.parse(query.get("expiration_date") ?? "") / DAY_MS;
    const low = Number(query.get("strike_price_gte") ?? 0);
    const high = Number(query.get("strike_price_lte") ?? Infinity);
    const price = underlying.price * (underlying.isHardToBorrow ? IMPLIED_PART : 1);
    // Quotes are those of the last session.
    const at = this.#lastOpen;
    const t = timeOf(at);
    if (underlying.isIndex) this.#notePrice(underlying, at);
    const quotes = underlying.listed(this.minute, expiry)
      .filter(({ strike, isActive }) => strike >= low && strike <= high && isActive)
      .map(({ symbol, right, strike }) => {
        const inner = Math.max(0, right === "call" ? price - strike : strike - price);
        return [symbol, { latestQuote: { bp: inner + 0.1, ap: inner + 0.12, t } }];
      });
    return { snapshots: Object.fromEntries(quotes), next_page_token: null };
  }

  #notePrice(underlying: Underlying, at: number): void {
    underlying.pricedAt = at;
    if (underlying.firstPricedAt === undefined) underlying.calmMinutes = 0;
    underlying.firstPricedAt ??= this.minute;
  }
}

/** Of the contracts that do not trade, the puts are not tradable and the calls not even active. */
export function hasActiveStatus({ isActive, right }: Listed): boolean {
  return isActive || right === "put";
}

/** Days since 1970-01-01 of a minute in New York. */
export function dayAt(minute: number): number {
  return Math.floor((START - ZONE_MS + minute * MINUTE_MS) / DAY_MS);
}

/** Minutes since midnight in New York. */
export function minuteOfDay(minute: number): number {
  return (15 * 60 + minute) % 1_440;
}

/** Minute of the week of a time in New York. @param after days since the first */
function minuteAt(after: number, hour: number, minute: number): number {
  return (after * 24 + hour - 15) * 60 + minute;
}

/**
 * When the machine is suspended, in minutes of the week: most evenings and nights but for the
 * minutes around midnight, and the weekend.
 */
const SUSPENSIONS: readonly (readonly [from: number, to: number])[] = [
  ...[0, 4, 6, 7].map((day) => [minuteAt(day, 20, 10), minuteAt(day, 23, 55)] as const),
  ...[1, 4, 5, 7, 8].map((day) => [minuteAt(day, 0, 10), minuteAt(day, 8, 0)] as const),
  [minuteAt(1, 20, 10), minuteAt(3, 23, 55)],
];

/** Minutes that the machine is suspended for in a minute of the week. */
export function suspensionAt(minute: number): number {
  const [, to = minute] = SUSPENSIONS.find(([from]) => from === minute) ?? [];
  return to - minute;
}

/** Minute of the week of the close of a day. */
function closeOf(day: number): number {
  const close = CLOSES.get(day - FIRST_DAY) ?? 960;
  return (day - FIRST_DAY) * 1_440 + close - 15 * 60;
}

function timeOf(minute: number): string {
  return new Date(START + minute * MINUTE_MS).toISOString();
}

function dateOf(day: number): string {
  return new Date(day * DAY_MS).toISOString().slice(0, 10);
}

function nameOf(index: number): string {
  return `Q${String.fromCharCode(65 + Math.floor(index / 26), 65 + index % 26)}`;
}

/** The compact OCC symbol. */
function symbolOf({ root, day, right, strike }: Pick<Listed, "root" | "day" | "right" | "strike">) {
  const date = dateOf(day).slice(2).replaceAll("-", "");
  const mills = String(Math.round(strike * 1_000)).padStart(8, "0");
  return `${root}${date}${right === "call" ? "C" : "P"}${mills}`;
}
