/**
 * The limit on what the filters of all open streams name: symbols, underlyings and order ids.
 *
 * @module
 */
import { CHANNELS } from "../../domain/market/channels.ts";
import type { Channels } from "../broadcast/channels.ts";
import type { MessageRelay } from "../relay/message_relay.ts";
import type { ProxyCounters } from "../status/counters.ts";
import { TooManySymbols } from "./market_streams.ts";

/**
 * Symbols that count as one when other streams of the same channel have them: such a symbol takes
 * about 40 bytes, a new one 440.
 */
const REPEATED_AS_ONE = 10;

/** The size of a filter. */
interface FilterSize {
  readonly symbols: number;
  /** Symbols that no other stream of the channel has. */
  readonly distinct: number;
  /** Underlyings and order ids. */
  readonly secondary: number;
}

/** Dependencies and limit of {@linkcode FilterSizes}. */
interface FilterSizesOptions {
  /** Where symbols that several streams have are counted once. */
  readonly channels: Channels;
  /** The same for streams of messages. */
  readonly relays: readonly Pick<MessageRelay, "symbols">[];
  /** @default unlimited */
  readonly limit?: number | undefined;
  /** Counts refused streams. */
  readonly counters: Pick<ProxyCounters, "refusals">;
}

/** Counts what the filters of open streams name. */
export class FilterSizes {
  readonly #options: FilterSizesOptions;
  /** Sum of the symbols of all open streams, repeated ones included. */
  #symbols = 0;
  /** Sum of the underlyings and order ids of all open streams. */
  #secondary = 0;

  constructor(options: FilterSizesOptions) {
    this.#options = options;
  }

  /**
   * Symbols, underlyings and order ids of all open streams. A symbol that another stream of the
   * same channel has counts as a tenth.
   */
  get total(): number {
    return this.#totalWith({ symbols: 0, distinct: 0, secondary: 0 });
  }

  /** @throws {TooManySymbols} when a filter of this size exceeds the limit */
  check(size: FilterSize): void {
    const { limit = Infinity, counters: { refusals } } = this.#options;
    const used = this.total;
    const requested = this.#totalWith(size) - used;
    if (requested === 0 || used + requested <= limit) return;
    refusals.symbols++;
    throw new TooManySymbols({ limit, used, requested });
  }

  /** Counts the symbols, and the underlyings and order ids, of a filter; negative ones end. */
  add(symbols: number, secondary = 0): void {
    this.#symbols += symbols;
    this.#secondary += secondary;
  }

  /** The total with one more filter. */
  #totalWith({ symbols, distinct, secondary }: FilterSize): number {
    const { channels, relays } = this.#options;
    let all = distinct;
    for (const channel of CHANNELS) all += channels[channel].symbols;
    for (const relay of relays) all += relay.symbols;
    const repeated = this.#symbols + symbols - all;
    return all + Math.ceil(repeated / REPEATED_AS_ONE) + this.#secondary + secondary;
  }
}
