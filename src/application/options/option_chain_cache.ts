/**
 * Caches the option chains of the underlyings in use and keeps them current.
 *
 * A chain is loaded when it is first used, on every new exchange day, in the
 * morning, and when something shows that it may be outdated: see
 * {@linkcode LOAD_CAUSES}. One load runs at a time. The requests of first loads and
 * of reloads have a budget each, so that neither keeps the other waiting and many
 * chains that are due together do not use up the rate limit of the account.
 *
 * A failed load is repeated after a growing pause. Until it succeeds the chain is
 * `off` with the reason, or the previous chain stays in use; a list that lacks many
 * contracts does not replace it. At most `maxChains` are kept: unused ones are
 * evicted first, the least recently used before the others. When all are in use, a
 * further underlying is `off` until one is released.
 *
 * @module
 */
import type { MarketCalendar } from "../../domain/calendar/market_calendar.ts";
import { parseOccSymbol } from "../../domain/market/occ_symbol.ts";
import type { ContractList } from "../../domain/options/chain_review.ts";
import type { OptionContract } from "../../domain/options/contract.ts";
import type { UnderlyingDirectory } from "../../domain/options/underlying_directory.ts";
import type { Clock } from "../ports/clock.ts";
import type { Log } from "../ports/log.ts";
import { ApiUnavailable } from "../ports/api_unavailable.ts";
import { CONTRACTS_PER_REQUEST, type OptionCatalog } from "../ports/option_catalog.ts";
import { type Chain, ChainEntry, type SelectionOutcome } from "./chain_entry.ts";
import { LOAD_CAUSES, type LoadCause } from "./load_causes.ts";
import { RequestBudget } from "./request_budget.ts";
import { WakeSignal } from "../timing/wake_signal.ts";

export type { Chain } from "./chain_entry.ts";

/**
 * Requests to the catalog for chains that are missing, and for those that are
 * loaded again: at most 40 per minute together in the long run.
 */
export const CHAIN_REQUESTS = {
  first: { perMinute: 20, burst: 100 },
  again: { perMinute: 20, burst: 60 },
} as const;

/** Requests that loads of each hour leave to others, which do not wait for many of them. */
const LEFT_TO_OTHERS = CHAIN_REQUESTS.again.burst / 2;

/** Interval of checking for a new exchange day, in ms. */
const CHECK_INTERVAL_MS = 60_000;
/** Contracts that are processed without a pause: less than a page takes to parse. */
const CONTRACTS_PER_TURN = 5_000;
/** Most symbols that are kept as observed; above it all are cleared. */
const MAX_OBSERVED = 10_000;
/** Most symbols that wait for their chain; above it the oldest is left out. */
const MAX_WAITING = 2_000;

/**
 * State of a chain; `reason` says why there is none, or an old one. Its expiries are confirmed when
 * its standard contracts have had no others for 45 minutes.
 */
export type ChainState =
  | { readonly at: "loading" }
  | {
    readonly at: "ready";
    readonly chain: Chain;
    readonly reason: string | undefined;
    readonly areExpiriesConfirmed: boolean;
  }
  | { readonly at: "off"; readonly reason: string };

/** What an option chain cache needs. */
interface OptionChainCacheOptions {
  readonly catalog: OptionCatalog;
  /** Receives the roots of every chain. */
  readonly directory: UnderlyingDirectory;
  readonly clock: Clock;
  /** When contracts stop trading. */
  readonly calendar: MarketCalendar;
  readonly log: Log;
  /** Chains kept at most, at least 1. */
  readonly maxChains: number;
  /** Called when the state of a chain has changed. */
  readonly onChange: () => void;
  /** Numbers in [0, 1), which spread the loads of the morning. */
  readonly random: () => number;
}

/** A load that may start, and since when, in monotonic ms. */
interface DueLoad {
  readonly entry: ChainEntry;
  readonly cause: LoadCause;
  readonly at: number;
}

/**
 * Kinds of loads: of chains that are missing, or again, each without those that failed last and
 * with these alone; and again only to confirm a list or to find what was added.
 */
const LOAD_KINDS = ["first", "again", "firstFailed", "againFailed", "confirming"] as const;

/** One of {@linkcode LOAD_KINDS}. */
type LoadKind = typeof LOAD_KINDS[number];

/** Kinds that wait while a chain is to be loaded for the first time, which no failure delays. */
const WAITS_FOR_FIRST: ReadonlySet<LoadKind> = new Set(["firstFailed", "confirming"]);
/** How long they wait, in ms: clients can request other underlyings without end. */
const LONGEST_WAIT_FOR_FIRST_MS = 300_000;
/** Causes of loads that wait for others. */
const CONFIRMING: ReadonlySet<LoadCause> = new Set(["unconfirmed", "routine"]);

/** The load to start, or the ms until one may be due. */
type NextLoad = DueLoad | { readonly waitMs: number };

/** Chains by underlying. */
export class OptionChainCache {
  readonly #options: OptionChainCacheOptions;
  /** Least recently used first. */
  readonly #entries = new Map<string, ChainEntry>();
  /** Those of them without users, in the same order. */
  readonly #unused = new Set<ChainEntry>();
  /** Symbols that need not be looked up again until the next load. */
  readonly #observed = new Set<string>();
  /** Contracts that were observed before their chain was loaded, oldest first. */
  readonly #waiting = new Set<string>();
  readonly #budgets = {
    first: new RequestBudget(CHAIN_REQUESTS.first),
    again: new RequestBudget(CHAIN_REQUESTS.again),
  };
  readonly #signal = new WakeSignal();
  /** The kind of the next load, if one of it is due, and the others in order. */
  #turns: readonly LoadKind[] = LOAD_KINDS;

  constructor(options: OptionChainCacheOptions) {
    this.#options = options;
  }

  /** Keeps the chain of an underlying until disposed; disposing is idempotent. */
  use(underlying: string): Disposable {
    const { clock, calendar, random } = this.#options;
    const entry = this.#entries.get(underlying) ??
      new ChainEntry(underlying, { clock, calendar, random: random() });
    entry.noteOpened();
    this.#addUsers(entry, 1);
    const use = new DisposableStack();
    use.defer(() => this.#addUsers(entry, -1));
    return use;
  }

  /** Returns the state of the chain of an underlying. */
  state(underlying: string): ChainState {
    const entry = this.#entries.get(underlying);
    if (entry?.chain) {
      const { chain, reason, areExpiriesConfirmed } = entry;
      return { at: "ready", chain, reason, areExpiriesConfirmed };
    }
    if (entry?.reason) return { at: "off", reason: entry.reason };
    return { at: "loading" };
  }

  /** Number of chains in memory. */
  get size(): number {
    return [...this.#entries.values()].filter(({ chain }) => chain).length;
  }

  /**
   * Observes a contract that a stream requests: one that its chain lacks causes a
   * reload, also when the chain is loaded later. Repeated symbols are skipped.
   */
  observe(symbol: string): void {
    if (this.#observed.has(symbol)) return;
    const entry = this.#entries.get(this.#options.directory.underlyingOf(symbol));
    const day = parseOccSymbol(symbol)?.expiry;
    if (day !== undefined && !entry?.chain) this.#wait(symbol);
    if (day !== undefined && entry?.noteContract(symbol, day)) return this.#signal.wake();
    if (this.#observed.size >= MAX_OBSERVED) this.#observed.clear();
    this.#observed.add(symbol);
  }

  /**
   * Notes the result of a selection from the chain of an underlying. An empty one that
   * contracts can be listed for, one that lacks expiries or strikes, a price that an expiry
   * has no strikes on both sides of, and one far from that at the load cause a reload.
   */
  noteSelection(underlying: string, outcome: SelectionOutcome): void {
    if (this.#entries.get(underlying)?.noteSelection(outcome)) this.#signal.wake();
  }

  #wait(symbol: string): void {
    const [oldest] = this.#waiting;
    if (this.#waiting.size >= MAX_WAITING && oldest !== undefined) this.#waiting.delete(oldest);
    this.#waiting.add(symbol);
  }

  /** Observes the contracts that have waited for a chain. */
  #observeWaiting(underlying: string): void {
    const { directory } = this.#options;
    for (const symbol of this.#waiting) {
      if (directory.underlyingOf(symbol) !== underlying) continue;
      this.#waiting.delete(symbol);
      this.observe(symbol);
    }
  }

  /** Loads the chains that are due, until `signal` fires. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    while (!signal.aborted) {
      const next = this.#next();
      if ("entry" in next) await this.#load(next.entry, { cause: next.cause, signal });
      else await this.#signal.wait(next.waitMs, { clock, signal });
    }
  }

  /** Makes an entry the most recently used one and evicts unused ones. */
  #addUsers(entry: ChainEntry, count: 1 | -1): void {
    entry.users += count;
    this.#entries.delete(entry.underlying);
    this.#entries.set(entry.underlying, entry);
    this.#unused.delete(entry);
    if (entry.users === 0) this.#unused.add(entry);
    for (const unused of this.#unused) {
      if (this.#entries.size <= this.#options.maxChains) break;
      this.#entries.delete(unused.underlying);
      this.#unused.delete(unused);
    }
    this.#signal.wake();
  }

  /**
   * Kinds of loads take turns, and of one kind the load that has waited longest comes first: many
   * missing chains delay no reload that a stream needs, and chains whose loads fail slowly delay no
   * others.
   */
  #next(): NextLoad {
    const now = this.#options.clock.monotonic();
    const { first, again } = this.#budgets;
    const firstMs = first.untilReady(now);
    const againMs = again.untilReady(now);
    const routineMs = again.untilReady(now, LEFT_TO_OTHERS);
    let waitMs = CHECK_INTERVAL_MS;
    const due = new Map<LoadKind, DueLoad>();
    for (const entry of this.#entries.values()) {
      const load = entry.next;
      if (load === undefined) continue;
      const { cause, at } = load;
      const budgetMs = cause === "routine" ? routineMs : againMs;
      const untilMs = Math.max(at - now, entry.chain ? budgetMs : firstMs);
      if (untilMs > 0) {
        waitMs = Math.min(waitMs, untilMs);
        continue;
      }
      const kind = kindOf(entry, cause);
      due.set(kind, earlier(due.get(kind), { entry, cause, at }));
    }
    return this.#takeTurn(due) ?? { waitMs };
  }

  #takeTurn(due: ReadonlyMap<LoadKind, DueLoad>): DueLoad | undefined {
    const latest = this.#options.clock.monotonic() - LONGEST_WAIT_FOR_FIRST_MS;
    const isDue = (kind: LoadKind) => {
      const load = due.get(kind);
      const waits = WAITS_FOR_FIRST.has(kind) && due.has("first");
      return load !== undefined && (!waits || load.at < latest);
    };
    const kind = this.#turns.find(isDue);
    // When nothing waits, missing chains come first again.
    if (kind === undefined) this.#turns = LOAD_KINDS;
    else this.#turns = [...this.#turns.filter((each) => each !== kind), kind];
    return kind && due.get(kind);
  }

  async #load(
    entry: ChainEntry,
    options: { readonly cause: LoadCause; readonly signal: AbortSignal },
  ): Promise<void> {
    const { catalog, clock, maxChains } = this.#options;
    const { cause, signal } = options;
    if (!entry.chain && this.size >= maxChains) {
      const reason = `all ${maxChains} option chains in memory are in use`;
      return this.#failed(entry, reason, { waits: true, cause });
    }
    const budget = entry.chain ? this.#budgets.again : this.#budgets.first;
    entry.begin(cause);
    let requests = 1;
    try {
      const contracts = await catalog.contracts(entry.underlying, signal);
      requests = Math.max(1, Math.ceil(contracts.length / CONTRACTS_PER_REQUEST));
      const symbols = await this.#learn(contracts, signal);
      if (!signal.aborted) this.#loaded(entry, { contracts, symbols }, cause);
    } catch (error) {
      if (signal.aborted) return;
      if (!(error instanceof ApiUnavailable)) throw error;
      this.#failed(entry, error.message, { waits: false, cause });
    } finally {
      budget.spend(requests, clock.monotonic());
    }
  }

  /** Adds the roots to the directory; returns the symbols. Pauses for other work. */
  async #learn(
    contracts: readonly OptionContract[],
    signal: AbortSignal,
  ): Promise<ReadonlySet<string>> {
    const { clock, directory } = this.#options;
    const symbols = new Set<string>();
    for (let at = 0; at < contracts.length; at += CONTRACTS_PER_TURN) {
      if (at > 0) await clock.sleep(0, signal);
      const some = contracts.slice(at, at + CONTRACTS_PER_TURN);
      directory.learn(some);
      for (const { symbol } of some) symbols.add(symbol);
    }
    return symbols;
  }

  #loaded(entry: ChainEntry, listed: ContractList, cause: LoadCause): void {
    if (!this.#isKept(entry)) return;
    const before = { chain: entry.chain, reason: entry.reason };
    const result = entry.succeed(listed, cause);
    const { unlisted, untradable, adjustedOnly, isConfirmed, added, removed } = result;
    // Symbols observed before may be missing in the new chain.
    this.#observed.clear();
    this.#observeWaiting(entry.underlying);
    const { underlying, chain, reason } = entry;
    const { log, onChange } = this.#options;
    const isNews = before.chain === undefined || before.reason !== undefined || added + removed > 0;
    if (reason !== undefined) {
      if (reason !== before.reason) {
        log.warn("Option chain is kept, because fewer contracts are listed", {
          underlying,
          cause: LOAD_CAUSES[cause].label,
          contracts: listed.contracts.length,
          unlisted,
          untradable,
          adjusted_only: adjustedOnly,
        });
      }
    } else {
      log[isNews ? "info" : "debug"]("Option chain loaded", {
        underlying,
        cause: isConfirmed ? "the shorter list is confirmed" : LOAD_CAUSES[cause].label,
        contracts: listed.contracts.length,
        expiries: chain?.expiries.length,
        added,
        removed,
      });
    }
    if (isNews || listed.contracts.length > 0) onChange();
  }

  #failed(
    entry: ChainEntry,
    reason: string,
    { waits, cause }: { readonly waits: boolean; readonly cause: LoadCause },
  ): void {
    if (!this.#isKept(entry)) return;
    const { log, onChange } = this.#options;
    const isNews = entry.reason !== reason;
    const delayMs = waits ? entry.postpone(reason) : entry.fail(reason, cause);
    if (!isNews) return;
    log.warn("Option chain cannot be loaded", {
      underlying: entry.underlying,
      cause: reason,
      delay_ms: delayMs,
    });
    onChange();
  }

  /** Whether an entry was not evicted while it was loaded. */
  #isKept(entry: ChainEntry): boolean {
    return this.#entries.get(entry.underlying) === entry;
  }
}

function kindOf({ chain, hasFailed }: ChainEntry, cause: LoadCause): LoadKind {
  if (chain && CONFIRMING.has(cause)) return "confirming";
  if (chain) return hasFailed ? "againFailed" : "again";
  return hasFailed ? "firstFailed" : "first";
}

function earlier(some: DueLoad | undefined, other: DueLoad): DueLoad {
  return some && some.at <= other.at ? some : other;
}
