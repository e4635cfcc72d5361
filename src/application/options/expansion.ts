/**
 * The contracts of one underlying on one channel, chosen by one selection and
 * shared by every stream that requests the same.
 *
 * @module
 */
import type { OptionContract } from "../../domain/options/contract.ts";
import {
  marginOf,
  type OptionSelection,
  recentre,
  selectContracts,
} from "../../domain/options/selection.ts";
import type { UpstreamChannel } from "../../domain/subscription/pairs.ts";
import type { Chain } from "./option_chain_cache.ts";

/** Underlying, channel and selection of an expansion. */
interface ExpansionScope {
  readonly channel: UpstreamChannel;
  readonly underlying: string;
  readonly selection: OptionSelection;
}

/** What the ranking of contracts depends on. */
interface ExpansionInput {
  readonly chain: Chain;
  /** USD. */
  readonly price: number;
  /** Today at the exchange, as days since 1970-01-01. */
  readonly today: number;
  /** Most contracts to desire, 0 or more. */
  readonly maxContracts: number;
}

/** The difference that an assignment of contracts makes. */
export interface ExpansionChange {
  readonly added: readonly string[];
  readonly removed: readonly string[];
}

/** Ranks contracts and keeps those that it was assigned. */
export class Expansion {
  readonly scope: ExpansionScope;
  /** Streams that share it. */
  streams = 0;
  /** The selected contracts, best first, however many slots are free. */
  desired: readonly string[] = [];
  /** Whether `maxContracts` has truncated the selection. */
  isTruncated = false;
  /** Contracts that have slots. */
  assigned: ReadonlySet<string> = new Set();
  #ranked: readonly OptionContract[] = [];
  #basis: Pick<ExpansionInput, "chain" | "today"> | undefined;
  #focus: { readonly centre: number; readonly margin: number } | undefined;

  constructor(scope: ExpansionScope) {
    this.scope = scope;
  }

  /** Price that the strikes are measured from, USD; `undefined` before the first. */
  get centre(): number | undefined {
    return this.#focus?.centre;
  }

  /**
   * Selects again if the chain, the day, the maximum or (by more than the margin)
   * the price has changed.
   */
  update(input: ExpansionInput): void {
    const { chain, price, today, maxContracts } = input;
    const centre = recentre(price, this.#focus);
    const isSame = this.#basis?.chain === chain && this.#basis.today === today;
    const fits = this.isTruncated
      ? this.desired.length === maxContracts
      : this.desired.length <= maxContracts;
    if (isSame && fits && centre === this.#focus?.centre) return;
    this.#basis = { chain, today };
    const moment = { today, centre, held: this.assigned };
    const ranked = selectContracts(chain.contracts, this.scope.selection, moment);
    this.isTruncated = ranked.length > maxContracts;
    this.#ranked = ranked.slice(0, maxContracts);
    this.desired = this.#ranked.map(({ symbol }) => symbol);
    this.#setFocus(centre);
  }

  /**
   * Replaces the assigned contracts by a part of the desired ones; `undefined`
   * when that changes nothing.
   */
  assign(symbols: readonly string[]): ExpansionChange | undefined {
    const before = this.assigned;
    const added = symbols.filter((symbol) => !before.has(symbol));
    if (added.length === 0 && symbols.length === before.size) return undefined;
    const assigned = this.assigned = new Set(symbols);
    if (this.#focus) this.#setFocus(this.#focus.centre);
    const removed = [...before].filter((symbol) => !assigned.has(symbol));
    return { added, removed };
  }

  /** Sets centre and margin; the assigned contracts determine the margin. */
  #setFocus(centre: number): void {
    const { strikeWindowPercent } = this.scope.selection;
    const assigned = this.#ranked.filter(({ symbol }) => this.assigned.has(symbol));
    this.#focus = { centre, margin: marginOf(assigned, { centre, strikeWindowPercent }) };
  }
}

/** Returns one string per scope, for use as a map key. */
export function scopeKey(scope: ExpansionScope): string {
  const { channel, underlying, selection } = scope;
  const { minDays, maxDays, strikeWindowPercent, right, maxContracts } = selection;
  return [channel, underlying, minDays, maxDays, strikeWindowPercent, right, maxContracts]
    .join(" ");
}
