/**
 * Options by underlying: a stream that names SPY wants contracts of SPY, but
 * upstream knows contracts only.
 *
 * Streams that want the same part of the same chain on the same channel share
 * an expansion. A loop keeps chains and prices current and chooses contracts;
 * what is chosen is told to the demand of the feed like the symbols of any
 * stream, new contracts before old ones are given up. Places in the symbol
 * budget go to the oldest expansion first, and are shared out again whenever
 * there are more or fewer of them; so does what the limit on the symbols of all
 * streams leaves for contracts. Opening never waits and never fails: what
 * cannot be expanded yet, or at all, says so in its report, and the stream
 * still receives whatever of its underlying others have subscribed.
 *
 * @module
 */
import { allot } from "../../domain/options/allotment.ts";
import { exchangeDay } from "../../domain/options/exchange_day.ts";
import type { OptionSelection } from "../../domain/options/selection.ts";
import type { UnderlyingDirectory } from "../../domain/options/underlying_directory.ts";
import {
  UPSTREAM_CHANNELS,
  type UpstreamChannel,
} from "../../domain/subscription/symbol_sets.ts";
import type { Clock } from "../ports/clock.ts";
import type { Log } from "../ports/log.ts";
import type { OptionCatalog } from "../ports/option_catalog.ts";
import type { ExpansionReport } from "../status/subscription_report.ts";
import { Bell } from "./bell.ts";
import { type Chain, ChainBook, type ChainState } from "./chain_book.ts";
import { Expansion, type ExpansionChange, scopeKey } from "./expansion.ts";
import { UnderlyingPrices } from "./underlying_prices.ts";

/** Rounds after which an overdrawn budget is left for the next turn. */
const MOST_ROUNDS = 4;

const SWITCHED_OFF: ChainState = {
  at: "off",
  reason: "expansion of underlyings is switched off",
};

/** The market demand of the option feed. */
export interface ExpansionDesk {
  /** Adds one reference to each symbol. */
  want(channel: UpstreamChannel, symbols: Iterable<string>): void;
  /** Takes one reference from each symbol. */
  release(channel: UpstreamChannel, symbols: Iterable<string>): void;
  /**
   * Places left in the budget on this channel, counting what is wanted and not
   * what upstream carries yet; below 0 when more is wanted than there is room
   * for; `undefined` when no limit is known.
   */
  freePlaces(channel: UpstreamChannel): number | undefined;
  /** Names a symbol that is left out for want of a place; repeated while it is. */
  miss(channel: UpstreamChannel, symbol: string): void;
}

/** Settings of the expansions. */
export interface ExpansionSettings {
  /** For streams that do not say what they want. */
  readonly selection: OptionSelection;
  /** How often the underlyings' prices are asked for. */
  readonly priceIntervalMs: number;
  /** Chains kept in memory. */
  readonly maxChains: number;
  /** Most contracts that all expansions may wish for. @default unlimited */
  readonly maxContracts?: () => number;
}

/** What the expansions need. */
export interface ExpansionParts {
  /** Absent when expansion is switched off. */
  readonly catalog: OptionCatalog | undefined;
  readonly desk: ExpansionDesk;
  readonly directory: UnderlyingDirectory;
  readonly clock: Clock;
  readonly log: Log;
  readonly settings: ExpansionSettings;
}

/** Turns underlyings into contracts and keeps them current. */
export class Expansions {
  readonly #parts: ExpansionParts;
  readonly #chains: ChainBook | undefined;
  readonly #prices: UnderlyingPrices | undefined;
  /** Oldest first. */
  readonly #open = new Map<string, Expansion>();
  readonly #bell = new Bell();

  constructor(parts: ExpansionParts) {
    this.#parts = parts;
    const { catalog, directory, clock, log, settings } = parts;
    if (!catalog) return;
    this.#chains = new ChainBook({
      catalog,
      directory,
      clock,
      log,
      maxChains: settings.maxChains,
      onChange: () => {
        this.#prices?.wake();
        this.#bell.ring();
      },
    });
    this.#prices = new UnderlyingPrices({
      catalog,
      clock,
      intervalMs: settings.priceIntervalMs,
      followed: () => this.#followed(),
      onChange: () => this.#bell.ring(),
    });
  }

  /**
   * Adds a stream's interest; disposing gives it back, twice or once. Never
   * throws, never waits.
   *
   * @param selection absent means the one of the settings
   */
  open(
    channel: UpstreamChannel,
    underlying: string,
    selection?: OptionSelection,
  ): Disposable {
    const chosen = selection ?? this.#parts.settings.selection;
    const scope = { channel, underlying, selection: chosen };
    const key = scopeKey(scope);
    const expansion = this.#open.get(key) ?? new Expansion(scope);
    this.#open.set(key, expansion);
    expansion.streams++;
    const chain = this.#chains?.use(underlying);
    this.#prices?.wake();
    this.#bell.ring();
    let isOpen = true;
    return {
      [Symbol.dispose]: () => {
        if (!isOpen) return;
        isOpen = false;
        if (--expansion.streams === 0) this.#close(key, expansion);
        chain?.[Symbol.dispose]();
      },
    };
  }

  /** The supervised loop; it ends when `signal` fires. */
  async run(signal: AbortSignal): Promise<void> {
    const stop = new AbortController();
    const ending = AbortSignal.any([signal, stop.signal]);
    const loops = [
      this.#follow(ending),
      this.#chains?.run(ending),
      this.#prices?.run(ending),
    ].map((loop) => loop?.finally(() => stop.abort()));
    // A fault in one of them ends the others before all are started again.
    await Promise.allSettled(loops);
    await Promise.all(loops);
  }

  /** A contract that a stream names. Cheap. */
  notice(symbol: string): void {
    this.#chains?.notice(symbol);
  }

  /** The symbol budget may have changed: places are shared out again soon. */
  reconsider(): void {
    this.#bell.ring();
  }

  /** Where every expansion stands, oldest first. */
  reports(): readonly ExpansionReport[] {
    return [...this.#open.values()].map((expansion) => this.#report(expansion));
  }

  async #follow(signal: AbortSignal): Promise<void> {
    const { clock, settings } = this.#parts;
    while (!signal.aborted) {
      this.#chooseAll();
      await this.#bell.wait(settings.priceIntervalMs, { clock, signal });
    }
  }

  #chooseAll(): void {
    const { clock, settings: { maxContracts } } = this.#parts;
    const today = exchangeDay(clock.now());
    let room = Math.max(0, maxContracts?.() ?? Infinity);
    for (const expansion of this.#open.values()) {
      this.#choose(expansion, { today, room });
      room = Math.max(0, room - expansion.wish.length);
    }
    for (const channel of UPSTREAM_CHANNELS) this.#shareOut(channel);
  }

  #choose(
    expansion: Expansion,
    { today, room }: { readonly today: number; readonly room: number },
  ): void {
    const { underlying } = expansion.scope;
    const state = this.#chainState(underlying);
    if (state.at !== "ready") return;
    const { chain } = state;
    const price = this.#prices?.of(underlying)?.price;
    // Without contracts there is nothing to price, and nothing to choose.
    if (price === undefined && chain.contracts.length > 0) return;
    expansion.consider({ chain, price: price ?? 0, today, room });
  }

  /** Repeated while overdrawn: a contract given up may be wanted by others. */
  #shareOut(channel: UpstreamChannel): void {
    const { desk } = this.#parts;
    const sharing = [...this.#open.values()]
      .filter((expansion) => expansion.scope.channel === channel);
    if (sharing.length === 0) return;
    for (let round = 0; round < MOST_ROUNDS; round++) {
      const free = desk.freePlaces(channel);
      if (round > 0 && !(free !== undefined && free < 0)) return;
      const own = new Set(sharing.flatMap(({ held }) => [...held])).size;
      const given = allot(
        sharing.map(({ wish }) => wish),
        free === undefined ? Infinity : own + free,
      );
      const changes = sharing
        .map((expansion, at) => expansion.take(given[at] ?? []))
        .filter((change) => change !== undefined);
      const left = sharing.find(({ wish, held }) => held.size < wish.length);
      const missed = left?.wish.find((symbol) => !left.held.has(symbol));
      if (missed !== undefined) desk.miss(channel, missed);
      if (changes.length === 0) return;
      this.#tell(channel, changes);
    }
  }

  #tell(channel: UpstreamChannel, changes: readonly ExpansionChange[]): void {
    const { desk } = this.#parts;
    for (const { added } of changes) {
      if (added.length > 0) desk.want(channel, added);
    }
    for (const { dropped } of changes) {
      if (dropped.length > 0) desk.release(channel, dropped);
    }
  }

  #close(key: string, expansion: Expansion): void {
    this.#open.delete(key);
    const change = expansion.take([]);
    if (change) this.#tell(expansion.scope.channel, [change]);
    this.#bell.ring();
  }

  #chainState(underlying: string): ChainState {
    return this.#chains?.state(underlying) ?? SWITCHED_OFF;
  }

  #followed(): ReadonlyMap<string, Chain> {
    const followed = new Map<string, Chain>();
    for (const { scope: { underlying } } of this.#open.values()) {
      const state = this.#chainState(underlying);
      if (state.at !== "ready" || state.chain.contracts.length === 0) continue;
      followed.set(underlying, state.chain);
    }
    return followed;
  }

  #report(expansion: Expansion): ExpansionReport {
    const { scope: { underlying, channel }, streams, held, centre } = expansion;
    const chain = this.#chainState(underlying);
    const isPending = chain.at === "ready" && centre === undefined;
    return {
      underlying,
      channel,
      streams,
      contracts: held.size,
      state: isPending ? "loading" : chain.at,
      reason: this.#reason(expansion, chain),
      centre: centre || undefined,
    };
  }

  /** What keeps an expansion from being what was asked for, if anything. */
  #reason(expansion: Expansion, chain: ChainState): string | undefined {
    if (chain.at === "loading") return undefined;
    if (chain.at === "off") return chain.reason;
    if (chain.reason) return `the chain is not renewed: ${chain.reason}`;
    const { scope: { underlying }, held, wish, centre } = expansion;
    if (chain.chain.contracts.length === 0) {
      return `no option contracts of ${underlying} are listed`;
    }
    if (centre === undefined) return undefined;
    if (held.size < wish.length) {
      return `the symbol budget has places for ${held.size} of ` +
        `${wish.length} contracts`;
    }
    if (expansion.isCut) {
      return `STREAM_PROXY_MAX_SYMBOLS leaves room for ${wish.length} contracts`;
    }
    if (wish.length === 0) return "no contract is within the selection";
    const price = this.#prices?.of(underlying);
    if (price?.problem === undefined) return undefined;
    return price.source === "guess"
      ? `no price is known, strikes are centred on the open interest: ${price.problem}`
      : `the price is not renewed: ${price.problem}`;
  }
}
