/**
 * Expands underlyings to option contracts: streams request options of SPY, but
 * upstream accepts contracts only.
 *
 * Streams that request the same part of the same chain on the same channel share
 * an expansion. A loop keeps chains and prices current and selects contracts,
 * which are subscribed like the symbols of a stream; new contracts are added
 * before old ones are removed. Slots of the symbol quota go to the oldest
 * expansion first and are allocated again whenever their number changes; so are
 * the contracts that the limit on the symbols of all streams allows. Opening
 * never waits and never fails: the report of an expansion without contracts has
 * the reason, and its streams still receive the contracts of the underlying that
 * others have subscribed.
 *
 * @module
 */
import { exchangeDay } from "../../domain/calendar/exchange_time.ts";
import { allocateSlots, type OptionSelection } from "../../domain/options/selection.ts";
import type { UnderlyingDirectory } from "../../domain/options/underlying_directory.ts";
import { UPSTREAM_CHANNELS, type UpstreamChannel } from "../../domain/subscription/pairs.ts";
import type { SubscriptionSink } from "../feeds/subscription_manager.ts";
import type { Clock } from "../ports/clock.ts";
import type { Log } from "../ports/log.ts";
import type { OptionCatalog } from "../ports/option_catalog.ts";
import type { ExpansionReport } from "../status/reports.ts";
import { Expansion, type ExpansionChange, scopeKey } from "./expansion.ts";
import { type Chain, type ChainState, OptionChainCache } from "./option_chain_cache.ts";
import { UnderlyingPrices } from "./underlying_prices.ts";
import { WakeSignal } from "./wake_signal.ts";

/** Allocation rounds per update while more is requested than there are slots. */
const MAX_ROUNDS = 4;

const DISABLED: ChainState = {
  at: "off",
  reason: "expansion of underlyings is switched off",
};

/** Settings of the expansions. */
interface ExpansionSettings {
  /** The selection of streams that request none. */
  readonly selection: OptionSelection;
  /** How often the underlyings' prices are fetched, in ms. */
  readonly priceIntervalMs: number;
  /** Chains kept in memory. */
  readonly maxChains: number;
  /** Most contracts of all expansions together. @default unlimited */
  readonly maxContracts?: () => number;
}

/** What the expansions need. */
export interface ExpansionOptions {
  /** Absent when expansion is disabled by a setting. */
  readonly catalog: OptionCatalog | undefined;
  /** The subscriptions of the option feed. */
  readonly sink: SubscriptionSink;
  readonly directory: UnderlyingDirectory;
  readonly clock: Clock;
  readonly log: Log;
  readonly settings: ExpansionSettings;
}

/** Expands underlyings to contracts and keeps them current. */
export class Expansions {
  readonly #options: ExpansionOptions;
  readonly #chains: OptionChainCache | undefined;
  readonly #prices: UnderlyingPrices | undefined;
  /** Oldest first. */
  readonly #open = new Map<string, Expansion>();
  readonly #signal = new WakeSignal();

  constructor(options: ExpansionOptions) {
    this.#options = options;
    const { catalog, directory, clock, log, settings } = options;
    if (!catalog) return;
    this.#chains = new OptionChainCache({
      catalog,
      directory,
      clock,
      log,
      maxChains: settings.maxChains,
      onChange: () => {
        this.#prices?.wake();
        this.#signal.wake();
      },
    });
    this.#prices = new UnderlyingPrices({
      catalog,
      clock,
      intervalMs: settings.priceIntervalMs,
      followed: () => this.#followed(),
      onChange: () => this.#signal.wake(),
    });
  }

  /**
   * Adds a stream's request until disposed; disposing is idempotent. Never
   * throws, never waits.
   *
   * @param selection absent means the one of the settings
   */
  open(channel: UpstreamChannel, underlying: string, selection?: OptionSelection): Disposable {
    const chosen = selection ?? this.#options.settings.selection;
    const scope = { channel, underlying, selection: chosen };
    const key = scopeKey(scope);
    const expansion = this.#open.get(key) ?? new Expansion(scope);
    this.#open.set(key, expansion);
    expansion.streams++;
    const stream = new DisposableStack();
    stream.use(this.#chains?.use(underlying));
    stream.defer(() => {
      if (--expansion.streams === 0) this.#close(key, expansion);
    });
    this.#prices?.wake();
    this.#signal.wake();
    return stream;
  }

  /** Keeps the expansions current until `signal` fires. */
  async run(signal: AbortSignal): Promise<void> {
    const stop = new AbortController();
    const ending = AbortSignal.any([signal, stop.signal]);
    const loops = [
      this.#follow(ending),
      this.#chains?.run(ending),
      this.#prices?.run(ending),
    ].map((loop) => loop?.finally(() => stop.abort()));
    // A failed loop stops the others, before all of them are restarted.
    await Promise.allSettled(loops);
    await Promise.all(loops);
  }

  /** Observes a contract that a stream requests, to find missing expiries. */
  observe(symbol: string): void {
    this.#chains?.observe(symbol);
  }

  /** Allocates slots again soon, because their number may have changed. */
  rebalance(): void {
    this.#signal.wake();
  }

  /** Reports every expansion, oldest first. */
  reports(): readonly ExpansionReport[] {
    return [...this.#open.values()].map((expansion) => this.#report(expansion));
  }

  async #follow(signal: AbortSignal): Promise<void> {
    const { clock, settings } = this.#options;
    while (!signal.aborted) {
      this.#updateAll();
      await this.#signal.wait(settings.priceIntervalMs, { clock, signal });
    }
  }

  #updateAll(): void {
    const { clock, settings: { maxContracts } } = this.#options;
    const today = exchangeDay(clock.now());
    let left = Math.max(0, maxContracts?.() ?? Infinity);
    for (const expansion of this.#open.values()) {
      this.#update(expansion, { today, maxContracts: left });
      left = Math.max(0, left - expansion.desired.length);
    }
    for (const channel of UPSTREAM_CHANNELS) this.#allocate(channel);
  }

  #update(
    expansion: Expansion,
    limits: { readonly today: number; readonly maxContracts: number },
  ): void {
    const { underlying } = expansion.scope;
    const state = this.#chainState(underlying);
    if (state.at !== "ready") return;
    const { chain } = state;
    const price = this.#prices?.of(underlying)?.price;
    // An empty chain has no price and needs none.
    if (price === undefined && chain.contracts.length > 0) return;
    expansion.update({ chain, price: price ?? 0, ...limits });
  }

  /**
   * Assigns contracts within the free slots. Repeated while more is requested than
   * there are slots: a removed contract keeps its slot if a stream requests it.
   */
  #allocate(channel: UpstreamChannel): void {
    const { sink } = this.#options;
    const sharing = [...this.#open.values()]
      .filter((expansion) => expansion.scope.channel === channel);
    if (sharing.length === 0) return;
    for (let round = 0; round < MAX_ROUNDS; round++) {
      const free = sink.freeSlots(channel);
      if (round > 0 && !(free !== undefined && free < 0)) return;
      const own = new Set(sharing.flatMap(({ assigned }) => [...assigned])).size;
      const allocated = allocateSlots(
        sharing.map(({ desired }) => desired),
        free === undefined ? Infinity : own + free,
      );
      const changes = sharing
        .map((expansion, at) => expansion.assign(allocated[at] ?? []))
        .filter((change) => change !== undefined);
      const leftOut = sharing.map(firstLeftOut).find((symbol) => symbol);
      if (leftOut !== undefined) sink.testLimitWith(channel, leftOut);
      if (changes.length === 0) return;
      this.#apply(channel, changes);
    }
  }

  /** Adds before it removes, so that contracts that move stay subscribed. */
  #apply(channel: UpstreamChannel, changes: readonly ExpansionChange[]): void {
    const { sink } = this.#options;
    for (const { added } of changes) {
      if (added.length > 0) sink.add(channel, added, "selection");
    }
    for (const { removed } of changes) {
      if (removed.length > 0) sink.remove(channel, removed, "selection");
    }
  }

  #close(key: string, expansion: Expansion): void {
    this.#open.delete(key);
    const change = expansion.assign([]);
    if (change) this.#apply(expansion.scope.channel, [change]);
    this.#signal.wake();
  }

  #chainState(underlying: string): ChainState {
    return this.#chains?.state(underlying) ?? DISABLED;
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
    const { scope, streams, assigned, desired, centre } = expansion;
    const { underlying, channel } = scope;
    const price = this.#prices?.of(underlying);
    const chain = this.#chainState(underlying);
    const isPending = chain.at === "ready" && centre === undefined;
    return {
      underlying,
      channel,
      streams,
      contracts: assigned.size,
      state: isPending ? "loading" : chain.at,
      reason: this.#reason(expansion, chain),
      centre: centre || undefined,
      selected: assigned,
      wanted: desired.length,
      priceSource: price?.source,
      pricedAt: price?.asOf,
    };
  }

  /** Why an expansion differs from what was requested; `undefined` if it does not. */
  #reason(expansion: Expansion, chain: ChainState): string | undefined {
    if (chain.at === "loading") return undefined;
    if (chain.at === "off") return chain.reason;
    if (chain.reason) return `the chain is not renewed: ${chain.reason}`;
    const { scope: { underlying }, assigned, desired, centre } = expansion;
    if (chain.chain.contracts.length === 0) {
      return `no option contracts of ${underlying} are listed`;
    }
    if (centre === undefined) return undefined;
    if (assigned.size < desired.length) {
      return `the symbol quota has slots for ${assigned.size} of ` +
        `${desired.length} contracts`;
    }
    if (expansion.isTruncated) {
      return `STREAM_PROXY_MAX_SYMBOLS leaves room for ${desired.length} contracts`;
    }
    if (desired.length === 0) return "no contract is within the selection";
    const price = this.#prices?.of(underlying);
    if (price?.problem === undefined) return undefined;
    return price.source === "guess"
      ? `no price is known, strikes are centred on the open interest: ${price.problem}`
      : `the price is not renewed: ${price.problem}`;
  }
}

/** The best contract of an expansion that has no slot. */
function firstLeftOut({ desired, assigned }: Expansion): string | undefined {
  if (assigned.size === desired.length) return undefined;
  return desired.find((symbol) => !assigned.has(symbol));
}
