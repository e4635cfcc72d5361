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
  /** Most contracts that it may wish for, 0 or more. */
  readonly room: number;
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
  #basis: Pick<ExpansionInput, "chain" | "today"> | undefined;
  #isCut = false;
  #focus: { readonly centre: number; readonly margin: number } | undefined;

  constructor(scope: ExpansionScope) {
    this.scope = scope;
  }

  /** Contracts it would have if there were places for all, best first. */
  get wish(): readonly string[] {
    return this.#wish;
  }

  /** Whether it would wish for more if there were more room. */
  get isCut(): boolean {
    return this.#isCut;
  }

  /** Contracts it has. */
  get held(): ReadonlySet<string> {
    return this.#held;
  }

  /** Price that the strikes are measured from; `undefined` before the first. */
  get centre(): number | undefined {
    return this.#focus?.centre;
  }

  /**
   * Chooses again if the chain, the day, the room or (by more than the margin)
   * the price has changed.
   */
  consider(input: ExpansionInput): void {
    const { chain, price, today, room } = input;
    const centre = recentre(price, this.#focus);
    const same = this.#basis?.chain === chain && this.#basis.today === today;
    const fits = this.#isCut
      ? this.#wish.length === room
      : this.#wish.length <= room;
    if (same && fits && centre === this.#focus?.centre) return;
    const { selection } = this.scope;
    this.#basis = { chain, today };
    const ranked = selectContracts(chain.contracts, selection, {
      today,
      centre,
      held: this.#held,
    });
    this.#isCut = ranked.length > room;
    this.#ranked = this.#isCut ? ranked.slice(0, room) : ranked;
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
