/**
 * The contracts of one underlying, chosen by one selection and shared by every
 * stream that requests the same, on all channels: quotes and trades of a
 * selection carry the same contracts.
 *
 * @module
 */
import { exchangeDay } from "../../domain/calendar/exchange_time.ts";
import { occRoot, parseOccSymbol } from "../../domain/market/occ_symbol.ts";
import { lastTradingMoment } from "../../domain/options/last_trading.ts";
import {
  isStillSelected,
  selectContracts,
  type Selected,
  type SelectionMoment,
} from "../../domain/options/select_contracts.ts";
import type { OptionSelection } from "../../domain/options/selection.ts";
import type { Holder } from "../../domain/subscription/identity_shares.ts";
import type { UpstreamChannel } from "../../domain/subscription/pairs.ts";
import type { Chain } from "./option_chain_cache.ts";
import type { SelectionReasons } from "./selection_reasons.ts";

/** Underlying and selection of an expansion. */
interface ExpansionScope {
  readonly underlying: string;
  readonly selection: OptionSelection;
}

/** What the ranking of contracts depends on. */
interface ExpansionInput extends Omit<SelectionMoment, "held"> {
  readonly chain: Chain;
}

/** How long an expansion may be loading before its streams are informed, in ms. */
const OVERDUE_MS = 10_000;

const NOTHING: ReadonlySet<string> = new Set();

/** One channel on which streams receive the contracts. */
interface ExpansionChannel {
  /** Streams that share it. */
  streams: number;
  /** Contracts that were added to the subscriptions. */
  subscribed: ReadonlySet<string>;
}

/** The selected contracts of an underlying, for the streams that watch them. */
export interface SelectionView extends Omit<SelectionReasons, "text"> {
  /** OCC symbols of the contracts that have slots; another set after every change. */
  readonly contracts: ReadonlySet<string>;
  /** Why there are other contracts than requested, or why they can be inaccurate. */
  readonly problem: string | undefined;
  /** Whether there are fewer contracts than the selection has with enough slots, or none. */
  readonly isShort: boolean;
  /** How many fewer. */
  readonly missing: number;
  /** Why a contract has entered or left with the last change. */
  readonly reasonOf: (symbol: string) => string;
}

/** Called with the selected contracts when they or their problem may have changed. */
export type SelectionWatcher = (view: SelectionView) => void;

/** Ranks contracts and keeps those that it was assigned. */
export class Expansion {
  readonly scope: ExpansionScope;
  /** Monotonic ms after which its streams are informed that it is still loading. */
  readonly overdueAt: number;
  /** In the order in which they were opened; one without streams is to be removed. */
  readonly channels = new Map<UpstreamChannel, ExpansionChannel>();
  /** The identities of its streams, by name. */
  readonly holders = new Map<string, { readonly holder: Holder; streams: number }>();
  /** Slots that one of them may hold, where that leaves out contracts. */
  mayHold: number | undefined;
  /** What is called with its contracts. */
  readonly watchers = new Set<SelectionWatcher>();
  /** The selected contracts, best first, up to {@linkcode limit}. */
  desired: readonly string[] = [];
  /** Number of selected contracts, however many may be desired. */
  selectedCount = 0;
  /** Contracts that have slots, best first; another set after every change. */
  assigned: ReadonlySet<string> = NOTHING;
  #basis: ExpansionInput | undefined;
  #selected: Omit<Selected, "contracts"> | undefined;
  /** Why the contracts were selected again since the last call of the watchers. */
  #cause: string | undefined;

  /** @param now monotonic ms at which it was requested */
  constructor(scope: ExpansionScope, now: number) {
    this.scope = scope;
    this.overdueAt = now + OVERDUE_MS;
  }

  /** The last selection; `undefined` before the first. */
  get selected(): Omit<Selected, "contracts"> | undefined {
    return this.#selected;
  }

  /** Price that the strikes are measured from, USD; `undefined` before the first. */
  get centre(): number | undefined {
    return this.#selected?.price;
  }

  /** Wall clock ms at which a contract stops trading or a day begins, if any are selected. */
  get validUntil(): number {
    return this.#selected?.validUntil ?? Infinity;
  }

  /** Share of the slots relative to other expansions. */
  get weight(): number {
    return this.scope.selection.weight ?? 1;
  }

  /** Counts a stream of an identity on a channel. */
  addStream(channel: UpstreamChannel, holder: Holder): void {
    const { streams = 0 } = this.holders.get(holder.identity) ?? {};
    this.holders.set(holder.identity, { holder, streams: streams + 1 });
    const known = this.channels.get(channel);
    if (known) known.streams++;
    else this.channels.set(channel, { streams: 1, subscribed: NOTHING });
  }

  /** Removes a stream; true when the channel has none left. */
  removeStream(channel: UpstreamChannel, { identity }: Holder): boolean {
    const held = this.holders.get(identity);
    if (held && --held.streams === 0) this.holders.delete(identity);
    const known = this.channels.get(channel);
    return known !== undefined && --known.streams === 0;
  }

  /**
   * Selects again if the chain or the deltas have changed, or if the price or the time would
   * change the selection; returns whether it has.
   *
   * @param maxKept most contracts to keep in memory until {@linkcode limit} is called
   */
  update(input: ExpansionInput, maxKept: number): boolean {
    const isSame = this.#basis?.chain === input.chain && this.#basis.deltas === input.deltas;
    if (isSame && this.#selected && isStillSelected(this.#selected, input)) return false;
    this.#cause = this.#causeOf(input);
    this.#basis = input;
    this.#select(maxKept);
    return true;
  }

  /** Sets how many of the selected contracts may be desired. */
  limit(maxContracts: number): void {
    const count = Math.min(maxContracts, this.selectedCount);
    if (count === this.desired.length) return;
    this.#cause ??= "the room for contracts has changed";
    // Those that a lower limit has cut off are not in memory.
    if (count > this.desired.length) this.#select(count);
    else this.desired = this.desired.slice(0, count);
  }

  /** Replaces the assigned contracts by a part of the desired ones. */
  assign(symbols: readonly string[]): void {
    const before = this.assigned;
    const isSame = symbols.length === before.size && symbols.every((symbol) => before.has(symbol));
    if (isSame) return;
    this.assigned = new Set(symbols);
  }

  #select(maxKept: number): void {
    if (!this.#basis) return;
    const { chain, ...moment } = this.#basis;
    const { contracts, ...selected } = selectContracts(chain.contracts, this.scope.selection, {
      ...moment,
      held: this.assigned,
    });
    this.#selected = selected;
    this.selectedCount = contracts.length;
    this.desired = contracts.slice(0, maxKept).map(({ symbol }) => symbol);
  }

  /** Calls watchers with the assigned contracts, and why they differ from what was requested. */
  show(
    { text: problem, kinds, isProblem }: SelectionReasons,
    watchers: Iterable<SelectionWatcher> = this.watchers,
  ): void {
    const { assigned, selectedCount } = this;
    const missing = selectedCount - assigned.size;
    const isShort = problem !== undefined && (missing > 0 || assigned.size === 0);
    const reasonOf = (symbol: string) => this.#reasonOf(symbol);
    const view = { contracts: assigned, problem, kinds, isProblem, isShort, missing, reasonOf };
    for (const watch of watchers) watch(view);
    if (watchers === this.watchers) this.#cause = undefined;
  }

  #reasonOf(symbol: string): string {
    if (this.assigned.has(symbol)) return this.#cause ?? "a slot of the symbol quota is free";
    if (this.#hasEnded(symbol)) return "the contract does not trade any more";
    if (this.desired.includes(symbol)) return "other symbols have its slot of the symbol quota";
    return this.#cause ?? "the contract is not selected any more";
  }

  #hasEnded(symbol: string): boolean {
    const contract = parseOccSymbol(symbol);
    if (!contract || !this.#basis) return false;
    const { now, calendar } = this.#basis;
    const { underlying } = this.scope;
    const terms = { root: occRoot(symbol), underlying, expiryDay: contract.expiry };
    return lastTradingMoment(terms, calendar) <= now;
  }

  /** Why an input selects other contracts than the one before. */
  #causeOf(input: ExpansionInput): string {
    const before = this.#basis;
    const selected = this.#selected;
    if (!before || !selected) return "the stream has requested the underlying";
    const { now, chain, price } = input;
    if (exchangeDay(before.now) !== exchangeDay(now)) return "the trading day has changed";
    if (now >= selected.validUntil) return "an expiry does not trade any more";
    if (!isStillSelected(selected, input)) {
      return `the price has moved from ${usd(selected.price)} to ${usd(price)}`;
    }
    return before.chain === chain ? "the deltas have changed" : "the list of contracts has changed";
  }
}

function usd(price: number): string {
  return price.toFixed(2);
}

/** Returns one string per scope, for use as a map key. */
export function scopeKey({ underlying, selection }: ExpansionScope): string {
  const fields = Object.entries(selection)
    .filter(([, value]) => value !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1));
  return `${underlying} ${JSON.stringify(fields)}`;
}
