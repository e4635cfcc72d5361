/**
 * Makes the acknowledgements of one client, each of which has its full state. What was encoded of a
 * list of symbols is kept, so that many requests cost what they add: a client may send hundreds of
 * them together.
 *
 * @module
 */
import { encode } from "@msgpack/msgpack";
import type { MessageFormat } from "../../application/relay/relayed_message.ts";
import type { MarketFeedId } from "../../domain/connection/feed.ts";
import type { SymbolSets, UpstreamChannel } from "../../domain/subscription/pairs.ts";
import { AUTOMATIC_CHANNELS, channelsOfFeed } from "./endpoints.ts";
import { headerLength, type Opcode, writeHeader } from "./frame_header.ts";
import { headBytes, LIST, writeHead } from "./msgpack_values.ts";

const FIRST_BYTES = 256;
const COMMA = 0x2c;
const NOTHING: ReadonlySet<string> = new Set();
const toUtf8 = new TextEncoder();

/** How an acknowledgement is written in one format. */
interface Notation {
  readonly opcode: Opcode;
  /** What precedes the keys of the channels. */
  readonly start: (keys: number) => Uint8Array;
  readonly key: (name: string) => Uint8Array;
  /** What precedes the symbols of a list. */
  readonly open: (count: number) => Uint8Array;
  readonly close: Uint8Array;
  readonly end: Uint8Array;
  /** Symbols of a list; `isFirst` for its first ones. At least one. */
  readonly symbols: (symbols: readonly string[], isFirst: boolean) => Uint8Array;
}

const TYPE = { T: "subscription" };
const EMPTY = new Uint8Array(0);

const JSON_NOTATION: Notation = {
  opcode: "text",
  start: () => toUtf8.encode(`[${JSON.stringify(TYPE).slice(0, -1)}`),
  key: (name) => toUtf8.encode(`,${JSON.stringify(name)}:`),
  open: () => toUtf8.encode("["),
  close: toUtf8.encode("]"),
  end: toUtf8.encode("}]"),
  symbols: (symbols, isFirst) => {
    const bytes = toUtf8.encode(JSON.stringify(symbols));
    bytes[0] = COMMA;
    return bytes.subarray(isFirst ? 1 : 0, -1);
  },
};

const MSGPACK_NOTATION: Notation = {
  opcode: "binary",
  // The list of one map, whose head counts the type too.
  start: (keys) => Uint8Array.of(0x91, 0x80 | (keys + 1), ...encode(TYPE).subarray(1)),
  key: (name) => encode(name),
  open: (count) => {
    const head = new Uint8Array(headBytes(count));
    writeHead(new DataView(head.buffer), 0, count, LIST);
    return head;
  },
  close: EMPTY,
  end: EMPTY,
  symbols: (symbols) => encode(symbols).subarray(headBytes(symbols.length)),
};

/** The symbols of a channel, encoded. */
class EncodedSymbols {
  count = 0;
  #bytes = new Uint8Array(FIRST_BYTES);
  #length = 0;

  get bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  append(count: number, added: Uint8Array): void {
    const length = this.#length + added.length;
    if (length > this.#bytes.length) {
      const larger = new Uint8Array(2 * length);
      larger.set(this.bytes);
      this.#bytes = larger;
    }
    this.#bytes.set(added, this.#length);
    this.#length = length;
    this.count += count;
  }
}

/** Makes the acknowledgements of one client. */
export class Acknowledgements {
  readonly #keys: readonly string[];
  readonly #notation: Notation;
  readonly #lists = new Map<UpstreamChannel, EncodedSymbols>();
  #encoded = 0;
  /** Whether one was made since the last call of `release`. */
  #isUsed = false;

  constructor(feed: MarketFeedId, format: MessageFormat) {
    this.#keys = channelsOfFeed(feed).acknowledged;
    this.#notation = format === "json" ? JSON_NOTATION : MSGPACK_NOTATION;
  }

  /** Symbols that were encoded so far. */
  get encoded(): number {
    return this.#encoded;
  }

  /**
   * Makes the frame with the state of the client.
   *
   * @param symbols in the order in which they were added, if none was removed since the last call
   *   without a call of `forget`
   */
  frameOf(symbols: SymbolSets): Uint8Array {
    const { start, key, open, close, end, opcode } = this.#notation;
    const parts = [start(this.#keys.length)];
    for (const name of this.#keys) {
      const channel = AUTOMATIC_CHANNELS.has(name) ? "trades" : name as UpstreamChannel;
      const { count, bytes } = this.#listOf(channel, symbols.get(channel) ?? NOTHING);
      parts.push(key(name), open(count), bytes, close);
    }
    parts.push(end);
    this.#isUsed = true;
    return frameOfParts(parts, opcode);
  }

  /** Symbols of channels were removed. */
  forget(channels: Iterable<UpstreamChannel>): void {
    for (const channel of channels) this.#lists.delete(channel);
  }

  /** Frees what is kept, if none was made since the last call. */
  release(): void {
    if (!this.#isUsed) this.#lists.clear();
    this.#isUsed = false;
  }

  #listOf(channel: UpstreamChannel, symbols: ReadonlySet<string>): EncodedSymbols {
    const list = this.#lists.get(channel) ?? new EncodedSymbols();
    this.#lists.set(channel, list);
    const { count } = list;
    if (count === symbols.size) return list;
    const added = [...symbols.values().drop(count)];
    list.append(added.length, this.#notation.symbols(added, count === 0));
    this.#encoded += added.length;
    return list;
  }
}

function frameOfParts(parts: readonly Uint8Array[], opcode: Opcode): Uint8Array {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  let at = headerLength(length);
  const frame = new Uint8Array(at + length);
  writeHeader(frame, { at: 0, length, opcode });
  for (const part of parts) {
    frame.set(part, at);
    at += part.length;
  }
  return frame;
}
