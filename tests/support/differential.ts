/**
 * Compares what two clients of the same kind receive, message by message: one is connected to the
 * simulator, the other to the proxy in front of it.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { decode, ExtensionCodec } from "@msgpack/msgpack";
import type { Simulator, StreamMessage } from "@alpaca-stream-proxy/simulator";
import { SeededRandom } from "@alpaca-stream-proxy/simulator";
import { OddMessages } from "./odd_messages.ts";
import type { MarketKind } from "./sdk_streams.ts";
import { MARKETS } from "./twin_streams.ts";
import { until } from "./until.ts";

/** A client that keeps what it received, one text per message. */
export interface Receiver {
  readonly lines: string[];
}

/** What is compared. */
export interface Comparison {
  readonly simulator: Simulator;
  readonly market: MarketKind;
  readonly direct: Receiver;
  readonly proxied: Receiver;
  /** Symbols that both have subscribed to on all channels; the last one serves as a mark. */
  readonly symbols: readonly string[];
  readonly messages: number;
  readonly seed: string | number;
  /** Whether messages of unknown types are sent. */
  readonly hasUnknown: boolean;
  /** Makes texts of equal messages equal. @default the text itself */
  readonly normalize?: (line: string) => string;
  readonly onProgress?: (compared: number) => void;
}

/** Counts of a comparison. */
export interface Compared {
  /** Messages that both clients received. */
  readonly messages: number;
  /** Of them, those whose texts were equal without normalization. */
  readonly identical: number;
}

const BAR_CHANNELS = ["trades", "quotes", "bars", "updatedBars", "dailyBars"];

/** Paths and channels of the raw streams of a kind of market data. */
export const RAW_MARKETS: Readonly<
  Record<MarketKind, { readonly path: string; readonly channels: readonly string[] }>
> = {
  stocks: { path: "/v2/sip", channels: [...BAR_CHANNELS, "statuses", "lulds", "imbalances"] },
  options: { path: "/v1beta1/opra", channels: ["trades", "quotes"] },
  crypto: { path: "/v1beta3/crypto/us", channels: [...BAR_CHANNELS, "orderbooks"] },
  news: { path: "/v1beta1/news", channels: ["news"] },
};

/** Four symbols to compare with, of which the last one serves as a mark. */
export function symbolsOf(simulator: Simulator, market: MarketKind): readonly string[] {
  switch (market) {
    case "stocks":
    case "news":
      return ["AAPL", "MSFT", "BRK.B", "MARKA"];
    case "options":
      return simulator.market.optionContracts("AAPL").map(({ symbol }) => symbol).slice(0, 4);
    case "crypto":
      // Pairs that the simulator does not have, so that it sends no order books of its own.
      return ["AAA/USD", "BBB/USDC", "CCC/BTC", "MARKA/USD"];
  }
}

/** Messages between two waits: less than any queue holds. */
const CHUNK = 2_000;
/** Types of the messages that serve as marks. */
const MARK_TYPES = ["q", "n"];
/** Messages per frame, at most. */
const FRAME = 40;

/**
 * Sends messages and compares what arrives.
 *
 * @throws Error with the first pair that differs
 */
export async function compareStreams(comparison: Comparison): Promise<Compared> {
  const { simulator, market, direct, proxied, messages, onProgress } = comparison;
  const random = new SeededRandom(comparison.seed);
  const odd = new OddMessages(random);
  const symbols = comparison.symbols.slice(0, -1);
  const mark = comparison.symbols.at(-1) ?? "";
  const { endpoint, messagesOf } = MARKETS[market];
  const total = { messages: 0, identical: 0 };
  const make = (): StreamMessage => {
    const symbol = random.pick(symbols);
    if (comparison.hasUnknown && random.below(200) === 0) return odd.unknown(symbol);
    return odd.of(market, symbol);
  };
  const sendOne = (symbol: string) =>
    simulator.emit(endpoint, messagesOf(symbol, 0).filter(({ T }) => MARK_TYPES.includes(T)));
  // Marks of subscriptions that are still on their way arrive before a message of another symbol.
  const [first = ""] = symbols;
  sendOne(first);
  for (const { lines } of [direct, proxied]) {
    await until(`a message of ${first}`, () => lines.some((line) => line.includes(first)), 60_000);
    lines.length = 0;
  }
  for (let sent = 0, chunk = 0; sent < messages; chunk++) {
    const size = Math.min(CHUNK, messages - sent);
    for (let left = size; left > 0;) {
      const count = Math.min(left, 1 + random.below(FRAME));
      // Unlike `emit`, this sends unknown types too; both clients subscribe to all.
      simulator.emitRaw(endpoint, Array.from({ length: count }, make));
      left -= count;
    }
    sendOne(mark);
    const isComplete = ({ lines }: Receiver) => lines.at(-1)?.includes(mark) ?? false;
    await until(
      () => `both have the mark: ${direct.lines.length} and ${proxied.lines.length} messages`,
      () => isComplete(direct) && isComplete(proxied),
      60_000,
    );
    sent += size;
    const found = compareLines(direct.lines.splice(0), proxied.lines.splice(0), comparison);
    total.messages += found.messages;
    total.identical += found.identical;
    onProgress?.(total.messages);
  }
  return total;
}

function compareLines(
  direct: readonly string[],
  proxied: readonly string[],
  { normalize = (line) => line }: Comparison,
): Compared {
  let identical = 0;
  for (let i = 0; i < Math.max(direct.length, proxied.length); i++) {
    const [first = "(nothing)", second = "(nothing)"] = [direct[i], proxied[i]];
    if (first === second) identical++;
    else if (normalize(first) !== normalize(second)) {
      const shown = [first, second].map((line) => normalize(line).slice(0, 2000));
      throw new Error(`Message ${i} of ${direct.length} differs:\n${shown.join("\n")}`);
    }
  }
  return { messages: direct.length, identical };
}

const times = new ExtensionCodec();
times.register({
  type: -1,
  encode: () => null,
  decode(data) {
    const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
    if (data.length === 4) return { at: [view.getUint32(0), 0] };
    if (data.length === 12) return { at: [Number(view.getBigInt64(4)), view.getUint32(0)] };
    const high = view.getUint32(0);
    return { at: [(high & 3) * 2 ** 32 + view.getUint32(4), high >>> 2] };
  },
});

/**
 * Text of a MessagePack message that shows values and the order of keys, but not the widths in
 * which numbers and times are encoded.
 */
export function valuesOf(line: string): string {
  const value = decode(Buffer.from(line, "latin1"), {
    extensionCodec: times,
    useBigInt64: true,
  });
  return JSON.stringify(value, (_, member) => {
    const isWhole = typeof member === "number" && Number.isSafeInteger(member);
    return typeof member === "bigint" || isWhole ? `${member} (integer)` : member;
  });
}
