/**
 * One underlying's contracts on one channel, chosen by one selection and shared
 * by every stream that asks for just that.
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
import type { UpstreamChannel } from "../../domain/subscription/symbol_sets.ts";
import type { Chain } from "./chain_book.ts";

/** What is expanded, where, and how. */
export interface ExpansionScope {
  readonly channel: UpstreamChannel;
  readonly underlying: string;
  readonly selection: OptionSelection;
}

/** What a ranking depends on. */
export interface ExpansionInput {
  readonly chain: Chain;
  /** USD. */
  readonly price: number;
  /** Today at the exchange, as days since 1970-01-01. */
  readonly today: number;
}

/** What changes when an expansion is given other contracts. */
export interface ExpansionChange {
  readonly added: readonly string[];
  readonly dropped: readonly string[];
}

const NOTHING: readonly string[] = [];

/** Chooses contracts and remembers which of them it holds. */
export class Expansion {
  readonly scope: ExpansionScope;
  /** Streams that share it. */
  streams = 0;
  #ranked: readonly OptionContract[] = [];
  #wish: readonly string[] = NOTHING;
  #held: ReadonlySet<string> = new Set();
  #basis: Omit<ExpansionInput, "price"> | undefined;
  #focus: { readonly centre: number; readonly margin: number } | undefined;

  constructor(scope: ExpansionScope) {
    this.scope = scope;
  }

  /** Contracts it would have if there were places for all, best first. */
  get wish(): readonly string[] {
    return this.#wish;
  }

  /** Contracts it has. */
  get held(): ReadonlySet<string> {
    return this.#held;
  }

  /** Price that the strikes are measured from; `undefined` before the first. */
  get centre(): number | undefined {
    return this.#focus?.centre;
  }

  /** Chooses anew if the chain, the day or (by more than the margin) the price has changed. */
  consider(input: ExpansionInput): void {
    const { chain, price, today } = input;
    const centre = recentre(price, this.#focus);
    const same = this.#basis?.chain === chain && this.#basis.today === today;
    if (same && centre === this.#focus?.centre) return;
    const { selection } = this.scope;
    this.#basis = { chain, today };
    this.#ranked = selectContracts(chain.contracts, selection, {
      today,
      centre,
      held: this.#held,
    });
    this.#wish = this.#ranked.map(({ symbol }) => symbol);
    this.#aim(centre);
  }

  /** Takes these of its wish and nothing else. */
  take(given: readonly string[]): ExpansionChange | undefined {
    const before = this.#held;
    const added = given.filter((symbol) => !before.has(symbol));
    if (added.length === 0 && given.length === before.size) return undefined;
    this.#held = new Set(given);
    if (this.#focus) this.#aim(this.#focus.centre);
    const dropped = [...before].filter((symbol) => !this.#held.has(symbol));
    return { added, dropped };
  }

  /** The margin is that of the contracts which it has, not of those it wants. */
  #aim(centre: number): void {
    const { strikeWindowPercent } = this.scope.selection;
    const held = this.#ranked.filter(({ symbol }) => this.#held.has(symbol));
    const margin = marginOf(held, { centre, strikeWindowPercent });
    this.#focus = { centre, margin };
  }
}

/** One text per scope, for use as a key. */
export function scopeKey(scope: ExpansionScope): string {
  const { channel, underlying, selection } = scope;
  const { minDays, maxDays, strikeWindowPercent, right, maxContracts } =
    selection;
  return [
    channel,
    underlying,
    minDays,
    maxDays,
    strikeWindowPercent,
    right,
    maxContracts,
  ].join(" ");
}
