/**
 * The option chains that somebody uses, kept current.
 *
 * A chain is loaded when it is first used, again on every new exchange day, and
 * again when a contract turns up whose expiry it lacks. Loads follow one
 * another; one that fails is repeated after a growing pause, and one without
 * contracts every five minutes. Meanwhile the
 * chain is `off` with the reason, or, when there is one of before, that one
 * stays in use. At most so many chains are kept: those that nobody uses go
 * first, the least recently used before the others; when all are in use a
 * further underlying is `off` until one is given up.
 *
 * @module
 */
import { parseOccSymbol } from "../../domain/market/occ_symbol.ts";
import type { OptionContract } from "../../domain/options/contract.ts";
import {
  dayOfExpiration,
  exchangeDay,
} from "../../domain/options/exchange_day.ts";
import type { UnderlyingDirectory } from "../../domain/options/underlying_directory.ts";
import type { Clock } from "../ports/clock.ts";
import type { Log } from "../ports/log.ts";
import {
  CatalogUnavailable,
  type OptionCatalog,
} from "../ports/option_catalog.ts";
import { Bell } from "./bell.ts";

/** Pause after the first failure; it doubles with each further one. */
const FIRST_RETRY_MS = 5_000;
const LONGEST_RETRY_MS = 300_000;
/** How long an underlying without contracts is believed to have none, in ms. */
const EMPTY_MS = 300_000;
/** How soon a new day is noticed. */
const LOOK_EVERY_MS = 60_000;
/** New expiries that a day's surprises may reload a chain for. */
const MOST_SURPRISES = 8;
/** Symbols remembered as looked at; then all are forgotten. */
const MOST_NOTICED = 10_000;

/** Every contract of one underlying. */
export interface Chain {
  readonly contracts: readonly OptionContract[];
  /** Expiration days, nearest first. */
  readonly expiries: readonly number[];
  /** Exchange day on which it was loaded. */
  readonly day: number;
}

/** Where a chain stands; `reason` says why there is none, or an old one. */
export type ChainState =
  | { readonly at: "loading" }
  | {
    readonly at: "ready";
    readonly chain: Chain;
    readonly reason: string | undefined;
  }
  | { readonly at: "off"; readonly reason: string };

/** What a chain book needs. */
export interface ChainBookParts {
  readonly catalog: OptionCatalog;
  /** Learns the roots of every chain. */
  readonly directory: UnderlyingDirectory;
  readonly clock: Clock;
  readonly log: Log;
  /** Chains kept at most, at least 1. */
  readonly maxChains: number;
  /** Told that the state of some chain has changed. */
  readonly onChange: () => void;
}

/** One underlying that is used or was. */
interface Entry {
  readonly underlying: string;
  users: number;
  chain: Chain | undefined;
  /** Of the last failure; gone with the next success. */
  reason: string | undefined;
  failures: number;
  /** Monotonic ms before which it is not tried again. */
  retryAt: number;
  /** Asks for a load although the chain is of today. */
  surprised: boolean;
  /** Expiries that turned up today without being in the chain. */
  surprises: Set<number>;
}

/** Chains by underlying. */
export class ChainBook {
  readonly #parts: ChainBookParts;
  /** Least recently used first. */
  readonly #entries = new Map<string, Entry>();
  /** Those of them without users, in the same order. */
  readonly #unused = new Set<Entry>();
  readonly #noticed = new Set<string>();
  readonly #bell = new Bell();

  constructor(parts: ChainBookParts) {
    this.#parts = parts;
  }

  /** Keeps the chain of an underlying; disposing gives it up, twice or once. */
  use(underlying: string): Disposable {
    const entry = this.#entries.get(underlying) ?? newEntry(underlying);
    entry.users++;
    this.#touch(entry);
    this.#trim();
    this.#bell.ring();
    let used = true;
    return {
      [Symbol.dispose]: () => {
        if (!used) return;
        used = false;
        entry.users--;
        this.#touch(entry);
        this.#trim();
        this.#bell.ring();
      },
    };
  }

  /** Where the chain of an underlying stands. */
  state(underlying: string): ChainState {
    const entry = this.#entries.get(underlying);
    if (entry?.chain) {
      return { at: "ready", chain: entry.chain, reason: entry.reason };
    }
    if (entry?.reason) return { at: "off", reason: entry.reason };
    return { at: "loading" };
  }

  /** Chains in memory. */
  get size(): number {
    return this.#withChain;
  }

  /**
   * Looks at a contract that somebody names: an expiry that its chain lacks
   * makes the chain load again. Cheap when repeated.
   */
  notice(symbol: string): void {
    if (this.#noticed.has(symbol)) return;
    if (this.#noticed.size >= MOST_NOTICED) this.#noticed.clear();
    this.#noticed.add(symbol);
    const entry = this.#entries.get(this.#parts.directory.underlyingOf(symbol));
    if (!entry?.chain || entry.surprises.size >= MOST_SURPRISES) return;
    const day = dayOfExpiration(parseOccSymbol(symbol)?.expiration ?? "");
    if (day === undefined || day < this.#today()) return;
    if (entry.surprises.has(day) || entry.chain.expiries.includes(day)) return;
    entry.surprises.add(day);
    entry.surprised = true;
    this.#bell.ring();
  }

  /** Loads what is due, until `signal` fires. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock } = this.#parts;
    while (!signal.aborted) {
      const entry = this.#nextDue();
      if (entry) await this.#load(entry, signal);
      else await this.#bell.wait(this.#untilRetry(), { clock, signal });
    }
  }

  get #withChain(): number {
    let count = 0;
    for (const { chain } of this.#entries.values()) if (chain) count++;
    return count;
  }

  #today(): number {
    return exchangeDay(this.#parts.clock.now());
  }

  #touch(entry: Entry): void {
    this.#entries.delete(entry.underlying);
    this.#entries.set(entry.underlying, entry);
    this.#unused.delete(entry);
    if (entry.users === 0) this.#unused.add(entry);
  }

  #trim(): void {
    for (const entry of this.#unused) {
      if (this.#entries.size <= this.#parts.maxChains) return;
      this.#entries.delete(entry.underlying);
      this.#unused.delete(entry);
    }
  }

  /** Due and used; those that have nothing yet before those to be renewed. */
  #nextDue(): Entry | undefined {
    const today = this.#today();
    const now = this.#parts.clock.monotonic();
    let renewal: Entry | undefined;
    for (const entry of this.#entries.values()) {
      if (!isWanted(entry, today) || entry.retryAt > now) continue;
      if (!entry.chain) return entry;
      renewal ??= entry;
    }
    return renewal;
  }

  #untilRetry(): number {
    const today = this.#today();
    const now = this.#parts.clock.monotonic();
    let ms = LOOK_EVERY_MS;
    for (const entry of this.#entries.values()) {
      if (isWanted(entry, today)) ms = Math.min(ms, entry.retryAt - now);
    }
    return Math.max(0, ms);
  }

  async #load(entry: Entry, signal: AbortSignal): Promise<void> {
    const { catalog, directory, maxChains } = this.#parts;
    const { underlying } = entry;
    if (!entry.chain && this.#withChain >= maxChains) {
      const all = `all ${maxChains} places for option chains are in use`;
      entry.failures = 0; // a place may become free at any time
      return this.#failed(entry, all);
    }
    const day = this.#today();
    entry.surprised = false;
    try {
      const contracts = await catalog.contracts(underlying, signal);
      if (contracts.length === 0 && entry.chain?.contracts.length) {
        // A chain ends by its expiries, not from one request to the next.
        throw new CatalogUnavailable("no contracts are listed any more");
      }
      directory.learn(contracts);
      this.#loaded(entry, { contracts, expiries: expiriesOf(contracts), day });
    } catch (error) {
      if (signal.aborted) return;
      if (!(error instanceof CatalogUnavailable)) throw error;
      this.#failed(entry, error.message);
    }
  }

  #loaded(entry: Entry, chain: Chain): void {
    if (entry.chain?.day !== chain.day) entry.surprises.clear();
    const isEmpty = chain.contracts.length === 0;
    const isNews = !isEmpty || entry.chain === undefined ||
      entry.reason !== undefined;
    entry.chain = chain;
    entry.reason = undefined;
    entry.failures = 0;
    // An empty list is a fact of the moment: it is asked for again.
    entry.surprised ||= isEmpty;
    entry.retryAt = isEmpty ? this.#parts.clock.monotonic() + EMPTY_MS : 0;
    // What was looked at before may be a surprise to the new chain.
    this.#noticed.clear();
    if (!isNews) return;
    this.#parts.log.info("An option chain is loaded", {
      underlying: entry.underlying,
      contracts: chain.contracts.length,
      expiries: chain.expiries.length,
    });
    this.#parts.onChange();
  }

  #failed(entry: Entry, reason: string): void {
    const { clock, log, onChange } = this.#parts;
    const delayMs = Math.min(
      FIRST_RETRY_MS * 2 ** Math.min(entry.failures, 30),
      LONGEST_RETRY_MS,
    );
    const isNews = entry.reason !== reason;
    entry.failures++;
    entry.reason = reason;
    entry.retryAt = clock.monotonic() + delayMs;
    if (!isNews) return;
    log.warn("An option chain cannot be loaded", {
      underlying: entry.underlying,
      cause: reason,
      delay_ms: delayMs,
    });
    onChange();
  }
}

function newEntry(underlying: string): Entry {
  return {
    underlying,
    users: 0,
    chain: undefined,
    reason: undefined,
    failures: 0,
    retryAt: 0,
    surprised: false,
    surprises: new Set(),
  };
}

function isWanted({ users, chain, surprised }: Entry, today: number): boolean {
  return users > 0 && (surprised || chain?.day !== today);
}

function expiriesOf(contracts: readonly OptionContract[]): readonly number[] {
  const days = new Set(contracts.map(({ expiryDay }) => expiryDay));
  return [...days].sort((a, b) => a - b);
}
