/**
 * Faults of what streams send: muted streams and symbols, malformed messages,
 * refused symbols. An endpoint of `"*"` stands for every endpoint.
 *
 * @module
 */
import type { ChannelName } from "./protocol/endpoints.ts";
import { type Encodable, type StreamMessage, symbolsOf } from "./protocol/messages.ts";

/** Where a symbol is muted; everywhere without members. */
export interface SymbolPlace {
  /** Name of a stream. */
  readonly endpoint?: string;
  /** Name of a channel. */
  readonly channel?: string;
}

/** Which messages become malformed; any without members. */
export interface MalformedMessages extends SymbolPlace {
  /** A symbol. */
  readonly symbol?: string;
  /** Number of messages. Default 1. */
  readonly count?: number;
}

/** How symbols are refused. */
export interface SymbolRefusal {
  /** Name of a stream, or `*`. Default `*`. */
  readonly endpoint?: string;
  /** The error code; 0 leaves the symbols out without an error. Default 400. */
  readonly code?: number;
}

/** Symbols that may not be subscribed. */
interface RefusedSymbols {
  readonly code: number;
  readonly symbols: ReadonlySet<string>;
}

/** The lasting and planned faults of what streams send. */
export class StreamFaults {
  readonly #streams = new Map<string, { readonly replies: boolean }>();
  readonly #symbols = new Map<string, SymbolPlace[]>();
  readonly #refusals = new Map<string, Map<string, number>>();
  #malformed: { readonly wanted: MalformedMessages; left: number }[] = [];

  /** Stops the data, and the replies too if `replies` is false. */
  muteStream(endpoint: string, { replies = true }: { replies?: boolean } = {}): void {
    this.#streams.set(endpoint, { replies });
  }

  /** Ends `muteStream`. */
  unmuteStream(endpoint: string): void {
    if (endpoint === "*") this.#streams.clear();
    else this.#streams.delete(endpoint);
  }

  /** Whether a stream sends no data. */
  isMuted(endpoint: string): boolean {
    return this.#streams.size > 0 &&
      (this.#streams.has(endpoint) || this.#streams.has("*"));
  }

  /** Whether a stream sends no acknowledgements, errors and pongs either. */
  isSilent(endpoint: string): boolean {
    if (this.#streams.size === 0) return false;
    const mute = this.#streams.get(endpoint) ?? this.#streams.get("*");
    return mute !== undefined && !mute.replies;
  }

  /** Whether a single message may be muted or malformed. */
  get concernMessages(): boolean {
    return this.#symbols.size > 0 || this.#malformed.length > 0;
  }

  /** Stops the data of a symbol, everywhere or in one place. */
  muteSymbol(symbol: string, place: SymbolPlace): void {
    this.#symbols.set(symbol, [...this.#symbols.get(symbol) ?? [], place]);
  }

  /** Ends `muteSymbol`, everywhere or in one place. */
  unmuteSymbol(symbol: string, place: SymbolPlace): void {
    const left = (this.#symbols.get(symbol) ?? []).filter((muted) =>
      (place.endpoint !== undefined && muted.endpoint !== place.endpoint) ||
      (place.channel !== undefined && muted.channel !== place.channel)
    );
    if (left.length > 0) this.#symbols.set(symbol, left);
    else this.#symbols.delete(symbol);
  }

  /** Whether the data of a symbol is stopped in a place. */
  isSymbolMuted(symbol: string, place: SymbolPlace): boolean {
    return this.#symbols.get(symbol)?.some((muted) => isWithin(place, muted)) ?? false;
  }

  /** Makes the next messages of a kind malformed. */
  malformNext(wanted: MalformedMessages): void {
    const { count = 1 } = wanted;
    if (!Number.isInteger(count) || count < 1) {
      throw new RangeError(`a fault's count must be 1 or more, not ${count}`);
    }
    this.#malformed.push({ wanted, left: count });
  }

  /** The message with an invalid field if a fault is planned for it. */
  takeMalformed(
    message: StreamMessage,
    place: { readonly endpoint: string; readonly channel: ChannelName },
  ): StreamMessage | undefined {
    const planned = this.#malformed.find(({ wanted }) =>
      isWithin(place, wanted) &&
      (wanted.symbol === undefined || symbolsOf(message).includes(wanted.symbol))
    );
    if (planned === undefined) return undefined;
    planned.left--;
    if (planned.left === 0) this.#malformed = this.#malformed.filter((one) => one !== planned);
    return malformed(message);
  }

  /** Refuses subscriptions to symbols until `acceptSymbols`. */
  refuseSymbols(symbols: readonly string[], { endpoint = "*", code = 400 }: SymbolRefusal): void {
    const refused = this.#refusals.get(endpoint) ?? new Map<string, number>();
    for (const symbol of symbols) refused.set(symbol, code);
    this.#refusals.set(endpoint, refused);
  }

  /** Ends `refuseSymbols` for all symbols of a stream; `*` for all streams. */
  acceptSymbols(endpoint: string): void {
    if (endpoint === "*") this.#refusals.clear();
    else this.#refusals.delete(endpoint);
  }

  /**
   * The error code for a request with these symbols, and which of them to leave
   * out; undefined if all are accepted.
   */
  refusal(endpoint: string, symbols: Iterable<string>): RefusedSymbols | undefined {
    if (this.#refusals.size === 0) return undefined;
    const codes = [this.#refusals.get(endpoint), this.#refusals.get("*")];
    const refused = new Map<string, number>();
    for (const symbol of symbols) {
      const code = codes.map((list) => list?.get(symbol)).find((found) => found !== undefined);
      if (code !== undefined) refused.set(symbol, code);
    }
    if (refused.size === 0) return undefined;
    const code = [...refused.values()].find((one) => one !== 0) ?? 0;
    return { code, symbols: new Set(refused.keys()) };
  }

  /** Ends every fault. */
  reset(): void {
    this.#streams.clear();
    this.#symbols.clear();
    this.#refusals.clear();
    this.#malformed = [];
  }
}

function isWithin(place: SymbolPlace, { endpoint, channel }: SymbolPlace): boolean {
  return (endpoint === undefined || endpoint === "*" || endpoint === place.endpoint) &&
    (channel === undefined || channel === place.channel);
}

/** The message with text and a list where clients expect a number and a time. */
function malformed(message: StreamMessage): StreamMessage {
  if (message.S === undefined) return { ...message, id: "not a number", created_at: [] };
  const broken: Record<string, Encodable> = { ...message, t: [] };
  for (const key of ["p", "bp", "o", "cp", "u", "b"]) {
    if (key in broken) broken[key] = "not a number";
  }
  return { ...broken, T: message.T, S: message.S };
}
