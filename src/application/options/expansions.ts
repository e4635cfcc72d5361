/**
 * Expands underlyings to option contracts: streams request options of SPY, but
 * upstream accepts contracts only.
 *
 * Streams that request the same part of the same chain share an expansion, on all
 * channels. A loop keeps chains and prices current and selects contracts, which
 * are subscribed like the symbols of a stream; new contracts are added before old
 * ones are removed. The slots of the symbol quota that no stream's own symbols use
 * are shared among the expansions in rounds, and again whenever their number
 * changes; so is the number of contracts that the limit on the symbols of all
 * streams allows. Opening never waits and never fails: the report of an expansion
 * without contracts has the reason, and its streams still receive the contracts of
 * the underlying that others have subscribed.
 *
 * @module
 */
import type { MarketCalendar } from "../../domain/calendar/market_calendar.ts";
import type { OptionSelection } from "../../domain/options/selection.ts";
import { shareCounts } from "../../domain/options/slot_shares.ts";
import type { UnderlyingDirectory } from "../../domain/options/underlying_directory.ts";
import type { Holder } from "../../domain/subscription/identity_shares.ts";
import type { UpstreamChannel } from "../../domain/subscription/pairs.ts";
import type { SubscriptionSink } from "../feeds/subscription_manager.ts";
import type { Clock } from "../ports/clock.ts";
import type { Log } from "../ports/log.ts";
import type { OptionCatalog } from "../ports/option_catalog.ts";
import type { ExpansionReport } from "../status/reports.ts";
import { Expansion, scopeKey, type SelectionWatcher } from "./expansion.ts";
import { type Chain, type ChainState, OptionChainCache } from "./option_chain_cache.ts";
import { type DeltaSelection, OptionDeltas } from "./option_deltas.ts";
import { selectionOutcome } from "./selection_outcome.ts";
import { type PendingPart, type SelectionReasons, selectionReasons } from "./selection_reasons.ts";
import { SlotAllocation } from "./slot_allocation.ts";
import { UnderlyingPrices } from "./underlying_prices.ts";
import { WakeSignal } from "../timing/wake_signal.ts";

/** Selections without a pause: one of 1,000 contracts takes about 1 ms. */
const SELECTIONS_PER_TURN = 4;

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
  /** When the markets are open, by which prices age and contracts stop trading. */
  readonly calendar: MarketCalendar;
  readonly log: Log;
  /** Numbers in [0, 1), which spread the loads of chains. */
  readonly random: () => number;
  readonly settings: ExpansionSettings;
}

/** Expands underlyings to contracts and keeps them current. */
export class Expansions {
  readonly #options: ExpansionOptions;
  readonly #chains: OptionChainCache | undefined;
  readonly #prices: UnderlyingPrices | undefined;
  readonly #deltas: OptionDeltas | undefined;
  /** Oldest first. */
  readonly #open = new Map<string, Expansion>();
  readonly #slots: SlotAllocation;
  readonly #signal = new WakeSignal();

  constructor(options: ExpansionOptions) {
    this.#options = options;
    const { catalog, sink, directory, clock, calendar, log, random, settings } = options;
    this.#slots = new SlotAllocation(sink);
    if (!catalog) return;
    this.#chains = new OptionChainCache({
      catalog,
      directory,
      clock,
      calendar,
      log,
      random,
      maxChains: settings.maxChains,
      onChange: () => {
        this.#prices?.wake();
        this.#deltas?.wake();
        this.#signal.wake();
      },
    });
    this.#prices = new UnderlyingPrices({
      catalog,
      clock,
      calendar,
      intervalMs: settings.priceIntervalMs,
      followed: () => this.#followed(),
      onChange: () => {
        this.#deltas?.wake();
        this.#signal.wake();
      },
    });
    this.#deltas = new OptionDeltas({
      catalog,
      clock,
      calendar,
      log,
      selections: () => this.#selections(),
      onChange: () => this.#signal.wake(),
    });
  }

  /**
   * Adds a stream's request until disposed; disposing is idempotent. Never
   * throws, never waits.
   *
   * @param selection absent means the one of the settings
   * @param watch called with the contracts whenever they or their problem may have changed, also
   *   before this returns when they are known; while they are loading only after ten seconds, with
   *   the reason
   * @param holder the identity of the stream. @default no authentication
   */
  open(
    channel: UpstreamChannel,
    underlying: string,
    selection?: OptionSelection,
    watch?: SelectionWatcher,
    holder: Holder = { identity: "" },
  ): Disposable {
    const chosen = selection ?? this.#options.settings.selection;
    const scope = { underlying, selection: chosen };
    const key = scopeKey(scope);
    const expansion = this.#open.get(key) ??
      new Expansion(scope, this.#options.clock.monotonic());
    this.#open.set(key, expansion);
    expansion.addStream(channel, holder);
    const stream = new DisposableStack();
    stream.use(this.#chains?.use(underlying));
    stream.defer(() => {
      if (expansion.removeStream(channel, holder)) this.#close(key, expansion);
    });
    if (watch) {
      expansion.watchers.add(watch);
      stream.defer(() => expansion.watchers.delete(watch));
      this.#show(expansion, [watch]);
    }
    this.#prices?.wake();
    this.#deltas?.wake();
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
      this.#deltas?.run(ending),
    ].map((loop) => loop?.finally(() => stop.abort()));
    // A failed loop stops the others, before all of them are restarted.
    await Promise.allSettled(loops);
    await Promise.all(loops);
  }

  /** Observes a contract that a stream requests, to find missing expiries. */
  observe(symbol: string): void {
    this.#chains?.observe(symbol);
  }

  /**
   * Allocates slots again soon, because their number may have changed; before this
   * returns if there are too few, so that the worst contracts are unsubscribed for
   * the symbols of a new stream.
   */
  rebalance(): void {
    if (this.#slots.isOver([...this.#open.values()])) this.#allocate();
    this.#signal.wake();
  }

  /** Reports every expansion on each of its channels, the oldest expansion first. */
  reports(): readonly ExpansionReport[] {
    return [...this.#open.values()].flatMap((expansion) =>
      Array.from(expansion.channels.keys(), (channel) => this.#report(expansion, channel))
    );
  }

  async #follow(signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    while (!signal.aborted) {
      await this.#updateAll(signal);
      await this.#signal.wait(this.#untilUpdate(), { clock, signal });
    }
  }

  /**
   * Time until prices are due, a contract stops trading or an expansion has been loading for too
   * long, in ms; what is past is left out.
   */
  #untilUpdate(): number {
    const { clock, settings } = this.#options;
    const now = clock.now();
    const monotonic = clock.monotonic();
    let waitMs = settings.priceIntervalMs;
    for (const { validUntil, centre, overdueAt } of this.#open.values()) {
      if (validUntil > now) waitMs = Math.min(waitMs, validUntil - now);
      const untilOverdueMs = overdueAt - monotonic;
      if (centre === undefined && untilOverdueMs > 0) waitMs = Math.min(waitMs, untilOverdueMs);
    }
    return waitMs;
  }

  /** Updates the expansions, with pauses for other work, and shares the slots among them. */
  async #updateAll(signal: AbortSignal): Promise<void> {
    const { clock, settings: { maxContracts } } = this.#options;
    const now = clock.now();
    const room = Math.max(0, maxContracts?.() ?? Infinity);
    const open = [...this.#open.values()];
    let kept = 0;
    let selections = 0;
    for (const expansion of open) {
      const hasSelected = this.#update(expansion, { now, maxKept: Math.max(0, room - kept) });
      kept += expansion.desired.length;
      if (!hasSelected || ++selections % SELECTIONS_PER_TURN > 0) continue;
      await clock.sleep(0, signal);
      if (signal.aborted) return;
    }
    const sizes = open.map(({ selectedCount: count, weight }) => ({ count, weight }));
    for (const [at, limit] of shareCounts(sizes, room).entries()) open[at]?.limit(limit);
    this.#allocate();
  }

  /** Selects contracts again if that may change them; returns whether it was done. */
  #update(
    expansion: Expansion,
    { now, maxKept }: { readonly now: number; readonly maxKept: number },
  ): boolean {
    const { underlying } = expansion.scope;
    const state = this.#chainState(underlying);
    if (state.at !== "ready") return false;
    const { chain } = state;
    const known = this.#prices?.of(underlying);
    const price = known?.price;
    // An empty chain has no price and needs none.
    if (price === undefined && chain.contracts.length > 0) return false;
    if (this.#deltas?.isPending(this.#byDelta(expansion, chain))) return false;
    const { calendar } = this.#options;
    const deltas = this.#deltas?.of(underlying);
    const hasSelected = expansion.update(
      { chain, price: price ?? 0, now, calendar, deltas },
      maxKept,
    );
    const basis = { chain, price: known, moment: { now, calendar } };
    this.#chains?.noteSelection(underlying, selectionOutcome(expansion, basis));
    return hasSelected;
  }

  /** Allocates slots, and informs the streams of what has changed. */
  #allocate(): void {
    const open = [...this.#open.values()];
    this.#slots.allocate(open);
    for (const expansion of open) this.#show(expansion);
  }

  /**
   * Calls the watchers of an expansion with its contracts; while these are loading only if it is
   * overdue.
   */
  #show(expansion: Expansion, watchers?: readonly SelectionWatcher[]): void {
    if (expansion.watchers.size === 0) return;
    const { state, reasons } = this.#stateOf(expansion);
    if (state === "loading" && !this.#isOverdue(expansion)) return;
    expansion.show(reasons, watchers);
  }

  /** Ends the channels of an expansion without streams, and the expansion with the last. */
  #close(key: string, expansion: Expansion): void {
    this.#slots.apply([expansion]);
    for (const [channel, { streams }] of expansion.channels) {
      if (streams === 0) expansion.channels.delete(channel);
    }
    if (expansion.channels.size === 0) this.#open.delete(key);
    this.#signal.wake();
  }

  #chainState(underlying: string): ChainState {
    return this.#chains?.state(underlying) ?? DISABLED;
  }

  /** The open selections whose chain and price are known. */
  #selections(): readonly DeltaSelection[] {
    return [...this.#open.values()].flatMap((expansion) => {
      const { underlying } = expansion.scope;
      const state = this.#chainState(underlying);
      if (state.at !== "ready" || this.#prices?.of(underlying) === undefined) return [];
      return [this.#byDelta(expansion, state.chain)];
    });
  }

  #byDelta({ scope: { underlying, selection } }: Expansion, chain: Chain): DeltaSelection {
    const { price, source } = this.#prices?.of(underlying) ?? {};
    // A guess can be far from the strikes.
    return { underlying, selection, chain, price: source === "guess" ? undefined : price };
  }

  /** Open underlyings, with their chains as far as they are loaded. */
  #followed(): ReadonlyMap<string, Chain | undefined> {
    const followed = new Map<string, Chain | undefined>();
    for (const { scope: { underlying } } of this.#open.values()) {
      const state = this.#chainState(underlying);
      const chain = state.at === "ready" ? state.chain : undefined;
      if (chain?.contracts.length !== 0) followed.set(underlying, chain);
    }
    return followed;
  }

  #report(expansion: Expansion, channel: UpstreamChannel): ExpansionReport {
    const { scope: { underlying }, assigned, selectedCount, centre } = expansion;
    const price = this.#prices?.of(underlying);
    const { state, reasons } = this.#stateOf(expansion);
    return {
      underlying,
      channel,
      streams: expansion.channels.get(channel)?.streams ?? 0,
      contracts: assigned.size,
      state,
      reason: reasons.text,
      centre: centre || undefined,
      selected: assigned,
      wanted: selectedCount,
      priceSource: price?.source,
      pricedAt: price?.asOf,
    };
  }

  #stateOf(
    expansion: Expansion,
  ): Pick<ExpansionReport, "state"> & { readonly reasons: SelectionReasons } {
    const { scope, selected, selectedCount, desired, assigned } = expansion;
    const { clock, calendar, settings } = this.#options;
    const chain = this.#chainState(scope.underlying);
    const isPending = chain.at === "ready" && selected === undefined;
    const reasons = selectionReasons({
      ...scope,
      chain,
      overdue: this.#isOverdue(expansion) ? this.#pendingOf(expansion, chain) : undefined,
      price: this.#prices?.of(scope.underlying),
      deltasProblem: this.#deltas?.problemOf(scope.underlying),
      selected,
      counts: { selected: selectedCount, desired: desired.length, assigned: assigned.size },
      mayHold: expansion.mayHold,
      defaultMaximum: settings.selection.maxContracts,
      now: clock.now(),
      calendar,
    });
    return { state: isPending ? "loading" : chain.at, reasons };
  }

  #isOverdue({ centre, overdueAt }: Expansion): boolean {
    return centre === undefined && this.#options.clock.monotonic() >= overdueAt;
  }

  /** What an expansion without contracts waits for. */
  #pendingOf(expansion: Expansion, state: ChainState): PendingPart {
    if (state.at !== "ready") return "option chain";
    const hasPrice = this.#prices?.of(expansion.scope.underlying) !== undefined;
    const isPending = this.#deltas?.isPending(this.#byDelta(expansion, state.chain));
    return hasPrice && isPending ? "deltas" : "price";
  }
}
