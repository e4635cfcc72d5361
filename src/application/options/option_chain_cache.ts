/**
 * Caches the option chains of the underlyings in use and keeps them current.
 *
 * A chain is loaded when it is first used, again on every new exchange day, and
 * again when a stream requests a contract whose expiry it lacks. One load runs at
 * a time; a failed load is repeated after a growing pause, and one without
 * contracts every five minutes. Until it succeeds the chain is `off` with the
 * reason, or the previous chain stays in use. At most `maxChains` are kept:
 * unused ones are evicted first, the least recently used before the others. When
 * all are in use, a further underlying is `off` until one is released.
 *
 * @module
 */
import { parseOccSymbol } from "../../domain/market/occ_symbol.ts";
import type { OptionContract } from "../../domain/options/contract.ts";
import { exchangeDay } from "../../domain/calendar/exchange_time.ts";
import type { UnderlyingDirectory } from "../../domain/options/underlying_directory.ts";
import type { Clock } from "../ports/clock.ts";
import type { Log } from "../ports/log.ts";
import { ApiUnavailable } from "../ports/api_unavailable.ts";
import type { OptionCatalog } from "../ports/option_catalog.ts";
import { WakeSignal } from "./wake_signal.ts";

/** Pause after the first failure, in ms; doubles with each further one. */
const FIRST_RETRY_MS = 5_000;
const LONGEST_RETRY_MS = 300_000;
/** Pause until an underlying without contracts is looked up again, in ms. */
const EMPTY_RETRY_MS = 300_000;
/** Interval of checking for a new exchange day, in ms. */
const CHECK_INTERVAL_MS = 60_000;
/** Missing expiries per day and chain that cause a reload. */
const MAX_MISSING_EXPIRIES = 8;
/** Most symbols that are kept as observed; above it all are cleared. */
const MAX_OBSERVED = 10_000;

/** Every contract of one underlying. */
export interface Chain {
  readonly contracts: readonly OptionContract[];
  /** Expiration days, nearest first. */
  readonly expiries: readonly number[];
  /** Exchange day on which it was loaded. */
  readonly day: number;
}

/** State of a chain; `reason` says why there is none, or an old one. */
export type ChainState =
  | { readonly at: "loading" }
  | { readonly at: "ready"; readonly chain: Chain; readonly reason: string | undefined }
  | { readonly at: "off"; readonly reason: string };

/** What an option chain cache needs. */
interface OptionChainCacheOptions {
  readonly catalog: OptionCatalog;
  /** Receives the roots of every chain. */
  readonly directory: UnderlyingDirectory;
  readonly clock: Clock;
  readonly log: Log;
  /** Chains kept at most, at least 1. */
  readonly maxChains: number;
  /** Called when the state of a chain has changed. */
  readonly onChange: () => void;
}

/** One underlying that is in use or was. */
class Entry {
  readonly underlying: string;
  users = 0;
  chain: Chain | undefined;
  /** Reason of the last failure; cleared by a success. */
  reason: string | undefined;
  failures = 0;
  /** Monotonic ms before which it is not loaded again. */
  retryAt = 0;
  /** Whether to load again although the chain is of today. */
  needsReload = false;
  /** Expiries requested today that are not in the chain. */
  readonly missingExpiries = new Set<number>();

  constructor(underlying: string) {
    this.underlying = underlying;
  }
}

/** Chains by underlying. */
export class OptionChainCache {
  readonly #options: OptionChainCacheOptions;
  /** Least recently used first. */
  readonly #entries = new Map<string, Entry>();
  /** Those of them without users, in the same order. */
  readonly #unused = new Set<Entry>();
  readonly #observed = new Set<string>();
  readonly #signal = new WakeSignal();

  constructor(options: OptionChainCacheOptions) {
    this.#options = options;
  }

  /** Keeps the chain of an underlying until disposed; disposing is idempotent. */
  use(underlying: string): Disposable {
    const entry = this.#entries.get(underlying) ?? new Entry(underlying);
    this.#addUsers(entry, 1);
    const use = new DisposableStack();
    use.defer(() => this.#addUsers(entry, -1));
    return use;
  }

  /** Returns the state of the chain of an underlying. */
  state(underlying: string): ChainState {
    const entry = this.#entries.get(underlying);
    if (entry?.chain) return { at: "ready", chain: entry.chain, reason: entry.reason };
    if (entry?.reason) return { at: "off", reason: entry.reason };
    return { at: "loading" };
  }

  /** Number of chains in memory. */
  get size(): number {
    return [...this.#entries.values()].filter(({ chain }) => chain).length;
  }

  /**
   * Observes a contract that a stream requests: an expiry that its chain lacks
   * causes a reload. Repeated symbols are skipped.
   */
  observe(symbol: string): void {
    if (this.#observed.has(symbol)) return;
    if (this.#observed.size >= MAX_OBSERVED) this.#observed.clear();
    this.#observed.add(symbol);
    const entry = this.#entries.get(this.#options.directory.underlyingOf(symbol));
    if (!entry?.chain || entry.missingExpiries.size >= MAX_MISSING_EXPIRIES) return;
    const day = parseOccSymbol(symbol)?.expiry;
    if (day === undefined || day < this.#today()) return;
    if (entry.missingExpiries.has(day) || entry.chain.expiries.includes(day)) return;
    entry.missingExpiries.add(day);
    entry.needsReload = true;
    this.#signal.wake();
  }

  /** Loads the chains that are due, until `signal` fires. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    while (!signal.aborted) {
      const entry = this.#nextDue();
      if (entry) await this.#load(entry, signal);
      else await this.#signal.wait(this.#untilRetry(), { clock, signal });
    }
  }

  #today(): number {
    return exchangeDay(this.#options.clock.now());
  }

  /** Makes an entry the most recently used one and evicts unused ones. */
  #addUsers(entry: Entry, count: 1 | -1): void {
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

  /** Underlyings without a chain come before those to be renewed. */
  #nextDue(): Entry | undefined {
    const today = this.#today();
    const now = this.#options.clock.monotonic();
    let renewal: Entry | undefined;
    for (const entry of this.#entries.values()) {
      if (!isDue(entry, today) || entry.retryAt > now) continue;
      if (!entry.chain) return entry;
      renewal ??= entry;
    }
    return renewal;
  }

  #untilRetry(): number {
    const today = this.#today();
    const now = this.#options.clock.monotonic();
    let ms = CHECK_INTERVAL_MS;
    for (const entry of this.#entries.values()) {
      if (isDue(entry, today)) ms = Math.min(ms, entry.retryAt - now);
    }
    return Math.max(0, ms);
  }

  async #load(entry: Entry, signal: AbortSignal): Promise<void> {
    const { catalog, directory, maxChains } = this.#options;
    const { underlying } = entry;
    if (!entry.chain && this.size >= maxChains) {
      entry.failures = 0; // a chain may be released at any time
      const reason = `all ${maxChains} option chains in memory are in use`;
      return this.#failed(entry, reason);
    }
    const day = this.#today();
    entry.needsReload = false;
    try {
      const contracts = await catalog.contracts(underlying, signal);
      if (contracts.length === 0 && entry.chain?.contracts.length) {
        // A chain ends by its expiries, not from one load to the next.
        throw new ApiUnavailable("no contracts are listed any more");
      }
      directory.learn(contracts);
      this.#loaded(entry, { contracts, expiries: expiriesOf(contracts), day });
    } catch (error) {
      if (signal.aborted) return;
      if (!(error instanceof ApiUnavailable)) throw error;
      this.#failed(entry, error.message);
    }
  }

  #loaded(entry: Entry, chain: Chain): void {
    if (entry.chain?.day !== chain.day) entry.missingExpiries.clear();
    const isEmpty = chain.contracts.length === 0;
    const isChange = !isEmpty || entry.chain === undefined || entry.reason !== undefined;
    entry.chain = chain;
    entry.reason = undefined;
    entry.failures = 0;
    // Contracts may be listed later: an empty chain is loaded again.
    entry.needsReload ||= isEmpty;
    entry.retryAt = isEmpty ? this.#options.clock.monotonic() + EMPTY_RETRY_MS : 0;
    // Symbols observed before may have an expiry that the new chain lacks.
    this.#observed.clear();
    if (!isChange) return;
    this.#options.log.info("Option chain loaded", {
      underlying: entry.underlying,
      contracts: chain.contracts.length,
      expiries: chain.expiries.length,
    });
    this.#options.onChange();
  }

  #failed(entry: Entry, reason: string): void {
    const { clock, log, onChange } = this.#options;
    const delayMs = Math.min(FIRST_RETRY_MS * 2 ** Math.min(entry.failures, 30), LONGEST_RETRY_MS);
    const isChange = entry.reason !== reason;
    entry.failures++;
    entry.reason = reason;
    entry.retryAt = clock.monotonic() + delayMs;
    if (!isChange) return;
    log.warn("Option chain cannot be loaded", {
      underlying: entry.underlying,
      cause: reason,
      delay_ms: delayMs,
    });
    onChange();
  }
}

function isDue({ users, chain, needsReload }: Entry, today: number): boolean {
  return users > 0 && (needsReload || chain?.day !== today);
}

function expiriesOf(contracts: readonly OptionContract[]): readonly number[] {
  const days = new Set(contracts.map(({ expiryDay }) => expiryDay));
  return [...days].sort((a, b) => a - b);
}
