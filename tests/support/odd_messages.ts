/**
 * Random messages of Alpaca's streams: usual ones, and shapes that Alpaca could send but does not
 * document.
 *
 * @module
 */
import type {
  Encodable,
  Message,
  NewsArticle,
  SeededRandom,
  StreamMessage,
} from "@alpaca-stream-proxy/simulator";
import { Timestamp } from "@alpaca-stream-proxy/simulator";
import { cryptoMessages, newsMessages } from "./further_messages.ts";
import type { MarketKind } from "./sdk_streams.ts";
import { optionMessages, stockMessages } from "./stock_messages.ts";

const SECONDS = 1_789_395_002;
const TEXTS = [
  "",
  " ",
  "é",
  "日本語",
  "😀 \u{10ffff}",
  'quote " backslash \\ / slash',
  "tab \t line \n controls \u0000 \u0007",
  "\u2028\u2029\ufeff",
  "x".repeat(31),
  "x".repeat(32),
  "é".repeat(200),
  "y".repeat(70_000),
  '{"T":"q","S":"AAPL"}',
  "]},{",
];
const NUMBERS = [
  0,
  -1,
  -33,
  -129,
  -40_000,
  127,
  128,
  255,
  256,
  65_535,
  65_536,
  2 ** 31,
  2 ** 32,
  2 ** 53 - 1,
  -(2 ** 53 - 1),
  0.1,
  1e-9,
  1.7976931348623157e308,
  5e-324,
  123456.789012,
  0.30000000000000004,
];
const LONG_TEXT = 70_000;
/** Bytes of the longest article. */
const LONG_ARTICLE = 1.5 * 1024 * 1024;
const LEVEL_PRICES = [1e-9, 0.1, 1, 0.30000000000000004, 64_250, 123456.789012, 2 ** 53];
const LEVEL_SIZES = [0, 1e-9, 0.5, 3, 2 ** 31, 123456.789012];
const BIG_INTEGERS = [2n ** 53n + 1n, 2n ** 63n - 1n, 2n ** 64n - 1n, -(2n ** 63n)];

const MESSAGES = { stocks: stockMessages, options: optionMessages, crypto: cryptoMessages };

/** What random messages are made from. */
export class OddMessages {
  readonly #random: SeededRandom;
  #made = 0;

  constructor(random: SeededRandom) {
    this.#random = random;
  }

  /** Any message of a stream. */
  of(market: MarketKind, symbol: string): StreamMessage {
    const index = this.#made++;
    if (market === "news") return this.#article(symbol, index);
    const messages = MESSAGES[market](symbol, index % 100_000);
    return this.#vary(messages[index % messages.length] as Message);
  }

  /** A message of a type that Alpaca does not have. */
  unknown(symbol: string): Message {
    return { T: this.#random.pick(["zz", "tq", "0", "é"]), S: symbol, ...this.#members(3) };
  }

  #vary(message: Message): Message {
    const { T, S, ...rest } = message;
    const first = this.#chance(0.1) ? { new: this.#value(2) } : {};
    const varied: Record<string, Encodable> & Message = { T, S, ...first, ...rest };
    if (typeof varied["t"] === "string") varied["t"] = this.#time();
    if (T === "o") this.#varyOrderBook(varied);
    else if (this.#chance(0.3)) varied["r"] = this.#time();
    if (this.#chance(0.2)) Object.assign(varied, this.#members(2));
    if ("i" in varied && varied.T === "t") {
      varied["i"] = this.#random.pick<Encodable>([1, 2 ** 40, ...BIG_INTEGERS.slice(0, 2)]);
    }
    return varied;
  }

  #varyOrderBook(varied: Record<string, Encodable>): void {
    if (this.#chance(0.05)) varied["r"] = true;
    for (const side of ["b", "a"]) {
      if (this.#chance(0.5)) continue;
      const count = this.#random.pick([0, 1, 15, 16, 40]);
      varied[side] = Array.from({ length: count }, () => ({
        p: this.#random.pick(LEVEL_PRICES),
        s: this.#random.pick(LEVEL_SIZES),
        ...(this.#chance(0.1) && { n: this.#value(1) }),
      }));
    }
  }

  #article(symbol: string, index: number): NewsArticle {
    const [article] = newsMessages(symbol, index % 1_000);
    const { T, symbols, ...rest } = article as NewsArticle;
    const first = this.#chance(0.1) ? { new: this.#value(2) } : {};
    const content = this.#chance(0.001)
      ? "é".repeat(LONG_ARTICLE / 2)
      : this.#chance(0.5)
      ? this.#text()
      : rest["content"] as string;
    return {
      T,
      ...first,
      ...rest,
      headline: this.#text(),
      summary: this.#text(),
      content,
      created_at: this.#time(),
      updated_at: this.#time(),
      symbols: this.#chance(0.2) ? [symbol, "OTHER", "BTCUSD"] : symbols,
      ...(this.#chance(0.2) && this.#members(2)),
    };
  }

  #time(): Timestamp {
    const seconds = SECONDS + this.#random.below(100_000);
    const nanos = this.#random.pick([0, 1, 999_999_999, 118_450_321, 500_000_000, 1_000]);
    return new Timestamp(seconds, nanos);
  }

  #members(count: number): Record<string, Encodable> {
    return Object.fromEntries(
      Array.from({ length: count }, (_, i) => [`k${i}`, this.#value(2)]),
    );
  }

  #value(depth: number): Encodable {
    const kind = this.#random.below(depth === 0 ? 5 : 7);
    switch (kind) {
      case 0:
        return this.#text();
      case 1:
        return this.#random.pick(NUMBERS);
      case 2:
        return this.#random.pick(BIG_INTEGERS);
      case 3:
        return this.#chance(0.5);
      case 4:
        return null;
      case 5:
        return Array.from(
          { length: this.#random.pick([0, 1, 15, 16, 17]) },
          () => this.#value(depth - 1),
        );
      default:
        return Object.fromEntries(
          ["a", "", "é", "T", "S"].map((key) => [key, this.#value(depth - 1)]),
        );
    }
  }

  #text(): string {
    const text = this.#random.pick(TEXTS);
    return text.length === LONG_TEXT && !this.#chance(0.02) ? "" : text;
  }

  #chance(share: number): boolean {
    return this.#random.next() < share;
  }
}
