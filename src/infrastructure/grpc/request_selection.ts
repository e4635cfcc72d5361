/**
 * Reads the option selection of a request: fills in defaults and adds a violation for each value
 * and each combination that is not possible.
 *
 * A default never contradicts a field that the request sets: expiries by date replace the default
 * range of days; a number of strikes, or a range of strikes or deltas, replaces the default
 * window. `selection_maxima.ts` reads the maxima.
 *
 * @module
 */
import { dateOfDay, dayOfDate, exchangeDay } from "../../domain/calendar/exchange_time.ts";
import type { MarketCalendar } from "../../domain/calendar/market_calendar.ts";
import { isAdjustedRoot, type OptionRight as DomainRight } from "../../domain/options/contract.ts";
import { stopsBeforeExpiry } from "../../domain/options/last_trading.ts";
import { type OptionSelection, SELECTION_BOUNDS } from "../../domain/options/selection.ts";
import { certainUnderlying } from "../../domain/options/underlying_directory.ts";
import {
  OptionRight,
  type OptionSelection as SelectionMessage,
} from "../../gen/cream/v1/stream_proxy_pb.ts";
import { type CheckSymbol, normalizeRoot, normalizeUnderlying } from "./normalize_symbols.ts";
import { quoted, type RequestValidator } from "./request_validator.ts";
import { readMaxima } from "./selection_maxima.ts";

const FIELD = "option_selection";

/** Numeric fields by their names in the API, with their names in the domain. */
const NUMBERS = {
  min_days: { name: "minDays", bounds: SELECTION_BOUNDS.days },
  max_days: { name: "maxDays", bounds: SELECTION_BOUNDS.days },
  strike_window_percent: {
    name: "strikeWindowPercent",
    bounds: SELECTION_BOUNDS.strikeWindowPercent,
  },
  max_contracts: { name: "maxContracts", bounds: SELECTION_BOUNDS.maxContracts },
  strikes_each_side: { name: "strikesEachSide", bounds: SELECTION_BOUNDS.strikesEachSide },
  max_expiries: { name: "maxExpiries", bounds: SELECTION_BOUNDS.maxExpiries },
  max_contracts_per_expiry: {
    name: "maxContractsPerExpiry",
    bounds: SELECTION_BOUNDS.maxContracts,
  },
  min_strike: { name: "minStrike", bounds: SELECTION_BOUNDS.strike },
  max_strike: { name: "maxStrike", bounds: SELECTION_BOUNDS.strike },
  min_abs_delta: { name: "minAbsDelta", bounds: SELECTION_BOUNDS.absDelta },
  max_abs_delta: { name: "maxAbsDelta", bounds: SELECTION_BOUNDS.absDelta },
  weight: { name: "weight", bounds: SELECTION_BOUNDS.weight },
} as const;

const RIGHTS: ReadonlyMap<OptionRight, DomainRight | undefined> = new Map([
  [OptionRight.UNSPECIFIED, undefined],
  [OptionRight.CALL, "call"],
  [OptionRight.PUT, "put"],
]);

/** What a selection is read with. */
interface SelectionContext {
  /** Used for fields that the message does not set. */
  readonly defaults: Pick<
    OptionSelection,
    | "minDays"
    | "maxDays"
    | "strikeWindowPercent"
    | "strikesEachSide"
    | "right"
    | "maxExpiries"
    | "maxContracts"
  >;
  /** Whether contracts of underlyings are selected. */
  readonly optionChains: boolean;
  readonly validator: RequestValidator;
  /** Underlyings of the request, as the client wrote them. */
  readonly underlyings: readonly string[];
  /** The time in ms, at which expiries have passed; 0 means that none has. */
  readonly now: number;
  readonly calendar: MarketCalendar;
}

/**
 * Returns the selection with defaults for absent fields; `undefined` without a message. Each
 * invalid field becomes a violation; the result is not to be used then.
 */
export function readSelection(
  message: SelectionMessage | undefined,
  context: SelectionContext,
): OptionSelection | undefined {
  return message && new SelectionReader(message, context).read();
}

/** Days since 1970-01-01; `undefined` for what the request does not set or what is invalid. */
interface Expiries {
  readonly list: readonly number[];
  readonly from: number | undefined;
  readonly to: number | undefined;
}

/** Reads one message. */
class SelectionReader {
  readonly #message: SelectionMessage;
  readonly #context: SelectionContext;
  /** Today at the exchanges, as days since 1970-01-01. */
  readonly #today: number;

  constructor(message: SelectionMessage, context: SelectionContext) {
    this.#message = message;
    this.#context = context;
    this.#today = exchangeDay(context.now);
  }

  read(): OptionSelection {
    const { defaults, underlyings, optionChains } = this.#context;
    const { right, weight, onlySelected } = this.#message;
    if (underlyings.length === 0) {
      const text = "selects contracts of underlyings; set underlyings, or leave it out";
      this.#context.validator.addViolation(FIELD, text);
    }
    if (onlySelected && !optionChains) {
      const text = "is set, and STREAM_PROXY_OPTION_CHAINS is false, so that no contracts are " +
        "selected; leave it out, or name contracts in symbols";
      this.#invalid("only_selected", text);
    }
    this.#checkNumbers();
    if (!RIGHTS.has(right)) {
      const text = `is ${right}; it must be OPTION_RIGHT_CALL, OPTION_RIGHT_PUT or unset`;
      this.#invalid("right", text);
    }
    const roots = this.#roots();
    const expiries = this.#expiries();
    this.#checkLastDay(roots, expiries);
    const includeAdjusted = this.#message.includeAdjusted || roots.some(isAdjustedRoot);
    return {
      ...expiries,
      ...this.#strikes(),
      ...readMaxima(this.#message, {
        defaults,
        expiries: expiries.expiries?.filter((day) => day >= this.#today).length ?? 0,
        invalid: (field, text) => this.#invalid(field, text),
      }),
      right: right === OptionRight.UNSPECIFIED ? defaults.right : RIGHTS.get(right),
      ...(roots.length > 0 && { roots }),
      ...(includeAdjusted && { includeAdjusted }),
      ...given({ weight }),
    };
  }

  #checkNumbers(): void {
    for (const [field, { name, bounds }] of Object.entries(NUMBERS)) {
      const { min, max } = bounds;
      const value = this.#message[name];
      if (value === undefined || isWithin(bounds, value)) continue;
      const isDelta = name === "minAbsDelta" || name === "maxAbsDelta";
      const remedy = isDelta && value < 0 && value >= -1
        ? `; for puts of ${value}, set ${-value} and right OPTION_RIGHT_PUT`
        : "";
      this.#invalid(field, `is ${value}; it must be from ${min} to ${max}${remedy}`);
    }
  }

  #expiries() {
    const { minDays, maxDays } = this.#message;
    const { defaults } = this.#context;
    const { list, from, to } = this.#dates();
    const hasDates = list.length > 0 || from !== undefined || to !== undefined;
    const { days } = SELECTION_BOUNDS;
    const selected = {
      minDays: minDays ?? (hasDates ? days.min : defaults.minDays),
      maxDays: maxDays ?? (hasDates ? days.max : defaults.maxDays),
      ...(list.length > 0 && { expiries: list }),
      ...given({ expiryFrom: from, expiryTo: to }),
    };
    if (!hasDates) this.#checkDays(selected);
    const farthest = this.#today + selected.maxDays;
    if (from !== undefined && from > farthest && isWithin(days, maxDays)) {
      const text = `is ${dateOfDay(from)}, after the last expiry by max_days ${maxDays}, ` +
        `${dateOfDay(farthest)}; raise max_days, or set expiry_to instead`;
      this.#invalid("expiry_from", text);
    }
    const nearest = this.#today + selected.minDays;
    if (to !== undefined && to < nearest && isWithin(days, minDays)) {
      const text = `is ${dateOfDay(to)}, before the first expiry by min_days ${minDays}, ` +
        `${dateOfDay(nearest)}; lower min_days, or set expiry_from instead`;
      this.#invalid("expiry_to", text);
    }
    return selected;
  }

  /** Checks the range of days; reports the field that the client set. */
  #checkDays({ minDays, maxDays }: { readonly minDays: number; readonly maxDays: number }): void {
    if (minDays <= maxDays) return;
    const byDefault = this.#message.minDays === undefined ? " by default; set it too" : "";
    if (this.#message.maxDays === undefined) {
      const text = `is ${minDays}, above max_days, which is ${maxDays} by default; set it too`;
      this.#invalid("min_days", text);
    } else {
      this.#invalid("max_days", `is ${maxDays}, below min_days, which is ${minDays}${byDefault}`);
    }
  }

  #dates(): Expiries {
    const { expiries, expiryFrom, expiryTo, minDays, maxDays } = this.#message;
    const others = given({
      min_days: minDays,
      max_days: maxDays,
      expiry_from: expiryFrom,
      expiry_to: expiryTo,
    });
    for (const [field, value] of expiries.length > 0 ? Object.entries(others) : []) {
      const text = `has ${expiries.length} entries and ${field} is ${shown(value)}; ` +
        "set only one of the two";
      this.#invalid("expiries", text);
    }
    const dates = this.#context.validator.shortList(
      `${FIELD}.expiries`,
      expiries,
      undefined,
      (date) => expiryDay(date) === undefined ? NOT_A_DATE : undefined,
    );
    const list = dates.map((date) => expiryDay(date) ?? 0).sort((a, b) => a - b);
    const last = list.at(-1);
    if (last !== undefined && last < this.#today) {
      const text = `are all in the past, the last one is ${dateOfDay(last)} and today is ` +
        `${dateOfDay(this.#today)}; set later ones, or leave it out`;
      this.#invalid("expiries", text);
    }
    const from = this.#date("expiry_from", expiryFrom);
    const to = this.#date("expiry_to", expiryTo);
    this.#exclude("expiry_from", expiryFrom, { min_days: minDays });
    this.#exclude("expiry_to", expiryTo, { max_days: maxDays });
    if (from !== undefined && to !== undefined && from > to) {
      const text = `is ${dateOfDay(from)}, after expiry_to, which is ${
        dateOfDay(to)
      }; exchange them`;
      this.#invalid("expiry_from", text);
    } else if (to !== undefined && to < this.#today) {
      const text = `is ${dateOfDay(to)}, which is in the past; today is ${dateOfDay(this.#today)}`;
      this.#invalid("expiry_to", text);
    }
    this.#checkTradingDays({ list, from, to });
    return { list, from, to };
  }

  /** Refuses expiries of which none is a day on which options trade. */
  #checkTradingDays({ list, from, to }: Expiries): void {
    const coming = list.filter((day) => day >= this.#today);
    if (coming.length > 0 && !coming.some((day) => this.#isTradingDay(day))) {
      const text = `have no day on which options trade (${
        coming.slice(0, MAX_NAMED).map(dateOfDay).join(", ")
      }); contracts expire on trading days only`;
      this.#invalid("expiries", text);
    }
    if (from === undefined || to === undefined || from > to || to < this.#today) return;
    for (let day = Math.max(from, this.#today); day <= to; day++) {
      if (this.#isTradingDay(day)) return;
    }
    const text = `is ${dateOfDay(to)}, and options do not trade from ${
      dateOfDay(from)
    } to that day; contracts expire on trading days only`;
    this.#invalid("expiry_to", text);
  }

  #isTradingDay(day: number): boolean {
    return this.#context.calendar.hours("options", day) !== undefined;
  }

  #date(field: string, text: string | undefined): number | undefined {
    const day = text === undefined ? undefined : expiryDay(text.trim());
    if (text !== undefined && day === undefined) {
      this.#invalid(field, `${shown(text)} ${NOT_A_DATE}`);
    }
    return day;
  }

  #strikes() {
    const { strikeWindowPercent, strikesEachSide } = this.#message;
    const { minStrike, maxStrike, minAbsDelta, maxAbsDelta } = this.#message;
    const { defaults } = this.#context;
    this.#exclude("strikes_each_side", strikesEachSide, {
      strike_window_percent: strikeWindowPercent,
    });
    this.#checkOrder("min_strike", minStrike, { max_strike: maxStrike });
    this.#checkOrder("min_abs_delta", minAbsDelta, { max_abs_delta: maxAbsDelta });
    // Strikes and small deltas may be far outside of the default window.
    const hasRange = [minStrike, maxStrike, minAbsDelta, maxAbsDelta].some(isDefined);
    const window = hasRange
      ? SELECTION_BOUNDS.strikeWindowPercent.max
      : defaults.strikeWindowPercent;
    const isDefault = strikeWindowPercent === undefined && strikesEachSide === undefined;
    const usesDefault = !hasRange && strikeWindowPercent === undefined;
    const isByDeltaOnly = hasRange && !isDefined(minStrike) && !isDefined(maxStrike);
    return {
      strikeWindowPercent: strikeWindowPercent ?? window,
      ...given({
        strikesEachSide: strikesEachSide ?? (usesDefault ? defaults.strikesEachSide : undefined),
        minStrike,
        maxStrike,
        minAbsDelta,
        maxAbsDelta,
        // Without known deltas, the whole chain would be within the selection.
        withoutDeltas: isByDeltaOnly && isDefault
          ? {
            strikeWindowPercent: defaults.strikeWindowPercent,
            ...given({ strikesEachSide: defaults.strikesEachSide }),
          }
          : undefined,
      }),
    };
  }

  /** Refuses today's expiry of roots that have stopped trading on the day before. */
  #checkLastDay(
    roots: readonly string[],
    { expiries, expiryTo }: Pick<OptionSelection, "expiries" | "expiryTo">,
  ): void {
    if (roots.length === 0 || !roots.every(stopsBeforeExpiry)) return;
    const text = `and contracts of ${roots.slice(0, MAX_NAMED).join(", ")} stop trading on the ` +
      "day before they expire; allow a later expiry, or add a root that trades until then, " +
      "such as SPXW";
    if (this.#message.maxDays === 0) this.#invalid("max_days", `is 0, ${text}`);
    if (expiryTo === this.#today) {
      this.#invalid("expiry_to", `is ${dateOfDay(expiryTo)}, which is today, ${text}`);
    }
    if (expiries?.at(-1) === this.#today) {
      this.#invalid("expiries", `have none after today, ${text}`);
    }
  }

  #roots(): readonly string[] {
    const { validator, underlyings } = this.#context;
    const { roots } = this.#message;
    if (roots.length === 0) return [];
    const requested = new Set(underlyings.map((entry) => normalizeUnderlying(entry.trim())));
    const check: CheckSymbol = (root) => {
      if (!ROOT.test(root)) return NOT_A_ROOT;
      const underlying = certainUnderlying(root);
      if (underlying === undefined || requested.size === 0 || requested.has(underlying)) {
        return undefined;
      }
      return `is a root of ${underlying}; set underlyings to ${underlying}, or leave it out`;
    };
    return validator.shortList(`${FIELD}.roots`, roots, normalizeRoot, check);
  }

  /** Refuses a field that is set together with another one. */
  #exclude(field: string, value: unknown, other: Readonly<Record<string, unknown>>): void {
    for (const [name, set] of Object.entries(given(other))) {
      if (value === undefined) continue;
      const text = `is ${shown(value)} and ${name} is ${shown(set)}; set only one of the two`;
      this.#invalid(field, text);
    }
  }

  /** Refuses a minimum above its maximum. */
  #checkOrder(
    field: string,
    min: number | undefined,
    max: Readonly<Record<string, number | undefined>>,
  ): void {
    for (const [name, value] of Object.entries(max)) {
      if (min === undefined || value === undefined || min <= value) continue;
      this.#invalid(field, `is ${min}, above ${name}, which is ${value}; exchange them`);
    }
  }

  #invalid(field: string, description: string): void {
    this.#context.validator.addViolation(`${FIELD}.${field}`, description);
  }
}

const NOT_A_DATE = "is not a date; use YYYY-MM-DD with a day that exists, such as 2027-01-15";
const ROOT = /^[A-Z0-9]{1,6}$/;
const NOT_A_ROOT = "is not the root of an OCC symbol, such as SPXW, BRKB or CSGP1: " +
  "letters and digits, at most six";

/** Roots that a description names. */
const MAX_NAMED = 3;

/** Contracts expire in the years 2000 to 2099: their symbols have two digits for the year. */
function expiryDay(date: string): number | undefined {
  return date.startsWith("20") ? dayOfDate(date) : undefined;
}

function isDefined(value: unknown): boolean {
  return value !== undefined;
}

function isWithin(
  { min, max }: { readonly min: number; readonly max: number },
  value: number | undefined,
): boolean {
  return value !== undefined && value >= min && value <= max;
}

function shown(value: unknown): string {
  return typeof value === "string" ? quoted(value) : `${value}`;
}

/** The fields that have a value. */
function given<T extends object>(fields: T): { [K in keyof T]?: NonNullable<T[K]> } {
  const entries = Object.entries(fields).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as { [K in keyof T]?: NonNullable<T[K]> };
}
