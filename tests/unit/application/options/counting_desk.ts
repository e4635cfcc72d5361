/**
 * A symbol budget that counts like the real one: references per symbol, one
 * place per symbol that somebody wants.
 *
 * @module
 */
import type { ExpansionDesk } from "../../../../src/application/options/expansions.ts";
import { InterestBook } from "../../../../src/domain/subscription/interest.ts";
import type { UpstreamChannel } from "../../../../src/domain/subscription/symbol_sets.ts";

/** A desk in the hands of a test. */
export class CountingDesk implements ExpansionDesk {
  readonly #book = new InterestBook();
  /** Places on the quotes channel; `undefined` is no limit. */
  limit: number | undefined;
  /** Every call that changed something, oldest first. */
  readonly calls: { action: "want" | "release"; symbols: string[] }[] = [];

  /** Symbols named as left out, oldest first. */
  readonly missed: string[] = [];

  constructor(limit?: number) {
    this.limit = limit;
  }

  want(channel: UpstreamChannel, symbols: Iterable<string>): void {
    const list = [...symbols];
    this.calls.push({ action: "want", symbols: list });
    this.#book.add(channel, list);
  }

  release(channel: UpstreamChannel, symbols: Iterable<string>): void {
    const list = [...symbols];
    const wanted = this.#book.wanted(channel);
    const strange = list.filter((symbol) => !wanted.has(symbol));
    if (strange.length > 0) throw new Error(`never wanted: ${strange}`);
    this.calls.push({ action: "release", symbols: list });
    this.#book.remove(channel, list);
  }

  freePlaces(channel: UpstreamChannel): number | undefined {
    if (channel !== "quotes" || this.limit === undefined) return undefined;
    return this.limit - this.#book.wanted(channel).size;
  }

  miss(_channel: UpstreamChannel, symbol: string): void {
    this.missed.push(symbol);
  }

  /** Symbols wanted on a channel, in alphabetical order. */
  wanted(channel: UpstreamChannel = "quotes"): string[] {
    return [...this.#book.wanted(channel).keys()].sort();
  }
}
