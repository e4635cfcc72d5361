/**
 * A subscription sink that counts like the real one: references per symbol, one
 * slot per referenced symbol.
 *
 * @module
 */
import type { SubscriptionSink } from "../../../../src/application/feeds/subscription_manager.ts";
import type { SymbolChange } from "../../../../src/application/streaming/upstream_events.ts";
import { type Requester, SymbolRefCounts } from "../../../../src/domain/subscription/ref_counts.ts";
import type { UpstreamChannel } from "../../../../src/domain/subscription/pairs.ts";

/** A sink that the test reads and limits. */
export class CountingSink implements SubscriptionSink {
  readonly #refCounts = new SymbolRefCounts();
  /** Slots on the quotes channel; `undefined` is no limit. */
  limit: number | undefined;
  /** Every call that changed something, oldest first. */
  readonly calls: { action: "add" | "remove"; symbols: string[] }[] = [];

  /** Symbols reported as left out, oldest first. */
  readonly leftOut: string[] = [];

  constructor(limit?: number) {
    this.limit = limit;
  }

  checkQuota(): void {}

  checkPairs(): void {}

  add(channel: UpstreamChannel, symbols: Iterable<string>, requester?: Requester): void {
    const list = [...symbols];
    this.calls.push({ action: "add", symbols: list });
    this.#refCounts.add(channel, list, requester);
  }

  remove(channel: UpstreamChannel, symbols: Iterable<string>, requester?: Requester): void {
    const list = [...symbols];
    const referenced = this.#refCounts.symbols(channel);
    const strange = list.filter((symbol) => !referenced.has(symbol));
    if (strange.length > 0) throw new Error(`never added: ${strange}`);
    this.calls.push({ action: "remove", symbols: list });
    this.#refCounts.remove(channel, list, 0, requester);
  }

  isNamed(channel: UpstreamChannel, symbol: string): boolean {
    return this.#refCounts.isNamed({ channel, symbol });
  }

  freeSlots(channel: UpstreamChannel): number | undefined {
    if (channel !== "quotes" || this.limit === undefined) return undefined;
    return this.limit - this.#refCounts.symbols(channel).size;
  }

  statesOf(): readonly SymbolChange[] {
    return [];
  }

  testLimitWith(_channel: UpstreamChannel, symbol: string): void {
    this.leftOut.push(symbol);
  }

  /** Referenced symbols of a channel, in alphabetical order. */
  symbols(channel: UpstreamChannel = "quotes"): string[] {
    return [...this.#refCounts.symbols(channel).keys()].sort();
  }
}
