/**
 * Fetches the deltas of contracts for the selections that have bounds of deltas.
 *
 * An underlying has a query for each part of its chain that they need, limited to the strikes that
 * can have such deltas. It is repeated every five minutes, and immediately when more is needed than
 * the last one had. One query runs at a time, within a budget of requests. A delta that cannot be
 * renewed, or that a reply lacks, is used for an hour; without deltas the bounds do not apply.
 *
 * @module
 */
import type { MarketCalendar } from "../../domain/calendar/market_calendar.ts";
import {
  combineParts,
  contractsIn,
  type DeltaMoment,
  type DeltaPart,
  deltaPartsOf,
  type DeltaRange,
  includesRange,
} from "../../domain/options/delta_range.ts";
import { exchangeDay } from "../../domain/calendar/exchange_time.ts";
import { assumedVolatility, USUAL_VOLATILITY } from "../../domain/options/delta_strikes.ts";
import type { OptionSelection } from "../../domain/options/selection.ts";
import { ApiUnavailable } from "../ports/api_unavailable.ts";
import type { Clock } from "../ports/clock.ts";
import type { Log } from "../ports/log.ts";
import { CONTRACTS_PER_REQUEST, type OptionCatalog } from "../ports/option_catalog.ts";
import type { Chain } from "./chain_entry.ts";
import { KnownDeltas } from "./known_deltas.ts";
import { RequestBudget } from "./request_budget.ts";
import { WakeSignal } from "../timing/wake_signal.ts";

/** Interval of fetching the deltas of an underlying, in ms. */
const INTERVAL_MS = 300_000;
/** Pause after a failure, in ms. */
const RETRY_MS = 60_000;
/** Longest wait of a selection for deltas, in ms. */
const MAX_PENDING_MS = 60_000;
/** Requests for the deltas of all underlyings. */
const DELTA_REQUESTS = { perMinute: 12, burst: 100 };
/** Volatility of which the strikes next to the price alone can have the deltas. */
const LEAST_VOLATILITY = 0.01;
/** How fast a higher volatility is forgotten: with each reply. */
const VOLATILITY_DECAY = 0.8;
/** Queries of one underlying, at most. */
const MAX_QUERIES = 4;

/** A selection by deltas. */
export interface DeltaSelection {
  readonly underlying: string;
  readonly chain: Chain;
  readonly selection: OptionSelection;
  /** Price of the underlying, USD; without it all strikes are fetched. */
  readonly price?: number | undefined;
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

/** What the selections of an underlying need. */
interface Wanted {
  readonly parts: readonly DeltaPart[];
  readonly chain: Chain;
  readonly price: number | undefined;
}

/** One query of an underlying, which waits or has ended. Times are monotonic ms. */
interface Query {
  readonly range: DeltaRange;
  /** Since when it waits. */
  readonly since: number;
  /** When it is repeated; `undefined` before the first answer. A failure is one too. */
  readonly dueAt: number | undefined;
  readonly problem: string | undefined;
}

/** The deltas of one underlying. */
interface Entry {
  readonly deltas: KnownDeltas;
  /** Those that include what is needed. */
  queries: readonly Query[];
  volatility: number;
}

/** A part that is due next. */
interface Due {
  readonly underlying: string;
  readonly part: DeltaPart;
  readonly wanted: Wanted;
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
    return this.#entries.get(underlying)?.queries.find(({ problem }) => problem)?.problem;
  }

  /**
   * Whether a selection waits for the answers to queries that include what it needs, for a minute
   * at most.
   */
  isPending(one: DeltaSelection): boolean {
    const entry = this.#entries.get(one.underlying);
    const now = this.#options.clock.monotonic();
    // More strikes, of a volatile underlying, are not waited for.
    return this.#partsOf(one, LEAST_VOLATILITY).some(({ needed }) => {
      const query = entry && queryOf(entry, needed);
      return !query || (query.dueAt === undefined && now - query.since < MAX_PENDING_MS);
    });
  }

  /** Notes what is needed now, and fetches it soon. */
  wake(): void {
    this.#noteWanted(this.#wanted());
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

  #wanted(): ReadonlyMap<string, Wanted> {
    const wanted = new Map<string, Wanted>();
    for (const one of this.#options.selections()) {
      const parts = this.#partsOf(one);
      if (parts.length === 0) continue;
      const { underlying, chain, price } = one;
      const others = wanted.get(underlying)?.parts ?? [];
      const requests = (range: DeltaRange) => requestsOf(range, chain);
      const all = combineParts([...others, ...parts], MAX_QUERIES, requests);
      wanted.set(underlying, { parts: all, chain, price });
    }
    return wanted;
  }

  #partsOf(
    { underlying, chain, selection, price }: DeltaSelection,
    volatility = this.#entries.get(underlying)?.volatility ?? USUAL_VOLATILITY,
  ): readonly DeltaPart[] {
    const { clock, calendar } = this.#options;
    const moment: DeltaMoment = { now: clock.now(), calendar, price, volatility };
    return deltaPartsOf(chain.contracts, selection, moment);
  }

  /** Removes the underlyings without selections; notes since when queries wait. */
  #noteWanted(wanted: ReadonlyMap<string, Wanted>): void {
    const now = this.#options.clock.monotonic();
    for (const underlying of this.#entries.keys()) {
      if (!wanted.has(underlying)) this.#entries.delete(underlying);
    }
    for (const [underlying, { parts }] of wanted) {
      const entry = this.#entries.get(underlying) ?? newEntry();
      this.#entries.set(underlying, entry);
      const waiting = entry.queries.filter(({ dueAt }) => dueAt === undefined);
      // One that replaces others goes on waiting in their place.
      const since = Math.min(now, ...waiting.map((query) => query.since));
      const query = { since, dueAt: undefined, problem: undefined };
      entry.queries = parts.map(({ range, needed }) =>
        queryOf(entry, needed) ?? { ...query, range }
      );
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

  /**
   * The part that has been due for the longest time, those of underlyings without deltas first; or
   * the ms until one is due or the wait for one is over.
   */
  #next(wanted: ReadonlyMap<string, Wanted>): Due | number {
    const now = this.#options.clock.monotonic();
    const budgetMs = this.#budget.untilReady(now);
    let waitMs = INTERVAL_MS;
    let next: Due | undefined;
    let nextAt = Infinity;
    for (const [underlying, one] of wanted) {
      const entry = this.#entries.get(underlying);
      for (const part of one.parts) {
        const query = entry && queryOf(entry, part.needed);
        const isFirst = entry?.deltas.values === undefined && query?.dueAt === undefined;
        const dueAt = isFirst ? -Infinity : query?.dueAt ?? query?.since ?? -Infinity;
        const untilMs = Math.max(dueAt - now, budgetMs);
        if (untilMs > 0) waitMs = Math.min(waitMs, untilMs);
        else if (next === undefined || dueAt < nextAt) {
          next = { underlying, part, wanted: one };
          nextAt = dueAt;
        }
      }
    }
    return next ?? waitMs;
  }

  async #query({ underlying, part, wanted }: Due, signal: AbortSignal): Promise<void> {
    const { catalog, clock, log, onChange } = this.#options;
    const { range } = part;
    const { chain, price } = wanted;
    const entry = this.#entries.get(underlying);
    if (!entry) return;
    const before = queryOf(entry, part.needed);
    let failure: string | undefined;
    let missing = 0;
    try {
      const values = await catalog.deltas({ underlying, ...range }, signal);
      if (values.size === 0) failure = "Alpaca has no deltas of its contracts";
      else {
        await this.#complete(entry.deltas.add(values, clock.monotonic()), signal);
        missing = entry.deltas.missing(range.expiries);
        const today = exchangeDay(clock.now());
        const volatility = price === undefined
          ? undefined
          : assumedVolatility(chain.contracts, values, { price, today });
        // Parts of a chain have different ones: all of them should be included.
        entry.volatility = Math.max(volatility ?? 0, entry.volatility * VOLATILITY_DECAY);
      }
    } catch (error) {
      if (signal.aborted) return;
      if (!(error instanceof ApiUnavailable)) throw error;
      failure = error.message;
    }
    const now = clock.monotonic();
    this.#budget.spend(requestsOf(range, chain), now);
    if (failure !== undefined && failure !== before?.problem) {
      log.warn("Deltas cannot be fetched", { underlying, cause: failure });
    }
    const dueAt = now + (failure === undefined ? INTERVAL_MS : RETRY_MS);
    const problem = failure ?? missingReason(missing);
    const query = { range, since: before?.since ?? now, dueAt, problem };
    entry.queries = [query, ...entry.queries.filter((each) => each !== before)];
    onChange();
  }
}

function newEntry(): Entry {
  return { deltas: new KnownDeltas(), queries: [], volatility: USUAL_VOLATILITY };
}

/** The query that includes what is needed, one that was answered if possible. */
function queryOf({ queries }: Entry, needed: DeltaRange): Query | undefined {
  const all = queries.filter(({ range }) => includesRange(range, needed));
  return all.find(({ dueAt }) => dueAt !== undefined) ?? all[0];
}

function missingReason(expiries: number): string | undefined {
  if (expiries === 0) return undefined;
  return `the last reply has none of ${expiries === 1 ? "1 expiry" : `${expiries} expiries`}`;
}

/** Requests that a query takes at most. */
function requestsOf(range: DeltaRange, { contracts }: Chain): number {
  return Math.max(1, Math.ceil(contractsIn(contracts, range) / CONTRACTS_PER_REQUEST));
}
