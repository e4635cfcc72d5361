/**
 * Fetches the deltas of contracts for the selections that have bounds of deltas.
 *
 * One query per underlying has the range of all of its selections. It is repeated
 * every five minutes, and immediately for a range that the last one did not have. One
 * query runs at a time, within a budget of requests. A delta that cannot be renewed, or that
 * a reply lacks, is used for an hour; without deltas the bounds do not apply.
 *
 * @module
 */
import type { MarketCalendar } from "../../domain/calendar/market_calendar.ts";
import {
  type DeltaRange,
  deltaRangeOf,
  includesRange,
  mergeRanges,
  neededRangeOf,
} from "../../domain/options/delta_range.ts";
import type { OptionSelection } from "../../domain/options/selection.ts";
import type { TradingMoment } from "../../domain/options/requested_series.ts";
import { ApiUnavailable } from "../ports/api_unavailable.ts";
import type { Clock } from "../ports/clock.ts";
import type { Log } from "../ports/log.ts";
import { CONTRACTS_PER_REQUEST, type OptionCatalog } from "../ports/option_catalog.ts";
import type { Chain } from "./chain_entry.ts";
import { KnownDeltas } from "./known_deltas.ts";
import { RequestBudget } from "./request_budget.ts";
import { WakeSignal } from "./wake_signal.ts";

/** Interval of fetching the deltas of an underlying, in ms. */
const INTERVAL_MS = 300_000;
/** Pause after a failure, in ms. */
const RETRY_MS = 60_000;
/** Longest wait of a selection for deltas of another range than the known ones, in ms. */
const MAX_PENDING_MS = 60_000;
/** Requests for the deltas of all underlyings. */
const DELTA_REQUESTS = { perMinute: 6, burst: 100 };

/** A selection by deltas. */
export interface DeltaSelection {
  readonly underlying: string;
  readonly chain: Chain;
  readonly selection: OptionSelection;
}

/** What the deltas are fetched with. */
interface OptionDeltasOptions {
  readonly catalog: OptionCatalog;
  readonly clock: Clock;
  /** When contracts stop trading. */
  readonly calendar: MarketCalendar;
  readonly log: Log;
  /** The open selections; those without bounds of deltas are ignored. */
  readonly selections: () => readonly DeltaSelection[];
  /** Called when deltas were fetched or have become too old. */
  readonly onChange: () => void;
}

/** A range to fetch and how many contracts it may have. */
interface Wanted {
  readonly range: DeltaRange;
  readonly chain: Chain;
}

/** The deltas of one underlying. */
interface Entry {
  readonly deltas: KnownDeltas;
  /** Monotonic ms of the next query of the same range. */
  dueAt: number;
  /** The range of the last query, as text. */
  range: string;
  /** The range of the last query that has ended, also of one that has failed. */
  answered: DeltaRange | undefined;
  /** Monotonic ms since which another range is needed. */
  changedAt: number | undefined;
  problem: string | undefined;
}

/** Deltas by underlying. */
export class OptionDeltas {
  readonly #options: OptionDeltasOptions;
  readonly #entries = new Map<string, Entry>();
  readonly #budget = new RequestBudget(DELTA_REQUESTS);
  readonly #signal = new WakeSignal();

  constructor(options: OptionDeltasOptions) {
    this.#options = options;
  }

  /** Deltas by contract; another map after each query, `undefined` while none are known. */
  of(underlying: string): ReadonlyMap<string, number> | undefined {
    return this.#entries.get(underlying)?.deltas.values;
  }

  /** Why the deltas of an underlying are old or not known. */
  problemOf(underlying: string): string | undefined {
    return this.#entries.get(underlying)?.problem;
  }

  /**
   * Whether a selection waits for the answer to a query that includes all of its expiries, for a
   * minute at most when there was an answer to another query.
   */
  isPending({ underlying, chain: { contracts }, selection }: DeltaSelection): boolean {
    const needed = neededRangeOf(contracts, selection, this.#moment());
    if (needed === undefined) return false;
    const { answered, changedAt } = this.#entries.get(underlying) ?? {};
    if (answered === undefined) return true;
    if (includesRange(answered, needed)) return false;
    return changedAt === undefined ||
      this.#options.clock.monotonic() - changedAt < MAX_PENDING_MS;
  }

  /** Fetches deltas for new selections soon. */
  wake(): void {
    this.#signal.wake();
  }

  /** Keeps the deltas current until `signal` fires. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    while (!signal.aborted) {
      const wanted = this.#wanted();
      this.#noteWanted(wanted);
      const next = this.#next(wanted);
      if (typeof next !== "number") await this.#query(next, signal);
      else {
        await this.#removeOld(signal);
        await this.#signal.wait(next, { clock, signal });
      }
    }
  }

  /** Ranges by underlying. */
  #wanted(): ReadonlyMap<string, Wanted> {
    const wanted = new Map<string, Wanted>();
    const moment = this.#moment();
    for (const { underlying, chain, selection } of this.#options.selections()) {
      const range = deltaRangeOf(chain.contracts, selection, moment);
      if (range === undefined) continue;
      const other = wanted.get(underlying);
      wanted.set(underlying, { range: other ? mergeRanges(other.range, range) : range, chain });
    }
    return wanted;
  }

  #moment(): TradingMoment {
    const { clock, calendar } = this.#options;
    return { now: clock.now(), calendar };
  }

  /** Removes the underlyings without selections; notes since when another range is needed. */
  #noteWanted(wanted: ReadonlyMap<string, Wanted>): void {
    for (const [underlying, entry] of this.#entries) {
      const range = wanted.get(underlying)?.range;
      if (range === undefined) this.#entries.delete(underlying);
      else if (entry.range === rangeKey(range)) entry.changedAt = undefined;
      else entry.changedAt ??= this.#options.clock.monotonic();
    }
  }

  async #removeOld(signal: AbortSignal): Promise<void> {
    const now = this.#options.clock.monotonic();
    let isChanged = false;
    for (const { deltas } of this.#entries.values()) {
      if (await this.#complete(deltas.removeOld(now), signal)) isChanged = true;
    }
    if (isChanged) this.#options.onChange();
  }

  /** Completes work that pauses for other work. */
  async #complete<T>(steps: Generator<void, T>, signal: AbortSignal): Promise<T> {
    for (;;) {
      const step = steps.next();
      if (step.done) return step.value;
      await this.#options.clock.sleep(0, signal);
    }
  }

  /** The underlying that has been due for the longest time, or the ms until one is due. */
  #next(wanted: ReadonlyMap<string, Wanted>): readonly [string, Wanted] | number {
    const now = this.#options.clock.monotonic();
    const budgetMs = this.#budget.untilReady(now);
    let waitMs = INTERVAL_MS;
    let next: readonly [string, Wanted] | undefined;
    let nextAt = Infinity;
    for (const [underlying, one] of wanted) {
      const entry = this.#entries.get(underlying);
      const dueAt = entry?.range === rangeKey(one.range) ? entry.dueAt : -Infinity;
      const untilMs = Math.max(dueAt - now, budgetMs);
      if (untilMs > 0) waitMs = Math.min(waitMs, untilMs);
      else if (next === undefined || dueAt < nextAt) [next, nextAt] = [[underlying, one], dueAt];
    }
    return next ?? waitMs;
  }

  async #query(
    [underlying, { range, chain }]: readonly [string, Wanted],
    signal: AbortSignal,
  ): Promise<void> {
    const { catalog, clock, log, onChange } = this.#options;
    const entry = this.#entries.get(underlying) ?? newEntry();
    this.#entries.set(underlying, entry);
    entry.range = rangeKey(range);
    let problem: string | undefined;
    let missing = 0;
    try {
      const values = await catalog.deltas({ underlying, ...range }, signal);
      if (values.size === 0) problem = "Alpaca has no deltas of its contracts";
      else {
        await this.#complete(entry.deltas.add(values, clock.monotonic()), signal);
        missing = entry.deltas.missing(range.expiries);
      }
    } catch (error) {
      if (signal.aborted) return;
      if (!(error instanceof ApiUnavailable)) throw error;
      problem = error.message;
    }
    const now = clock.monotonic();
    this.#budget.spend(requestsOf(range, chain), now);
    entry.answered = range;
    entry.dueAt = now + (problem === undefined ? INTERVAL_MS : RETRY_MS);
    if (problem !== undefined && problem !== entry.problem) {
      log.warn("Deltas cannot be fetched", { underlying, cause: problem });
    }
    entry.problem = problem ?? missingReason(missing);
    onChange();
  }
}

function newEntry(): Entry {
  return {
    deltas: new KnownDeltas(),
    dueAt: 0,
    range: "",
    answered: undefined,
    changedAt: undefined,
    problem: undefined,
  };
}

function missingReason(expiries: number): string | undefined {
  if (expiries === 0) return undefined;
  return `the last reply has none of ${expiries === 1 ? "1 expiry" : `${expiries} expiries`}`;
}

function rangeKey({ expiries, right, strikes }: DeltaRange): string {
  return JSON.stringify([expiries, right, strikes]);
}

/** Requests that a query takes at most. */
function requestsOf({ expiries: [first, last] }: DeltaRange, { contracts }: Chain): number {
  let count = 0;
  for (const { expiryDay } of contracts) if (expiryDay >= first && expiryDay <= last) count++;
  return Math.max(1, Math.ceil(count / CONTRACTS_PER_REQUEST));
}
