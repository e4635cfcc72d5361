/**
 * Random messages of Alpaca's streams: usual ones, and shapes that Alpaca could send but does not
 * document.
 *
 * @module
 */
import type { Encodable, Message, SeededRandom } from "@alpaca-stream-proxy/simulator";
import { Timestamp } from "@alpaca-stream-proxy/simulator";
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
const BIG_INTEGERS = [2n ** 53n + 1n, 2n ** 63n - 1n, 2n ** 64n - 1n, -(2n ** 63n)];

/** What random messages are made from. */
export class OddMessages {
  readonly #random: SeededRandom;
  #made = 0;

  constructor(random: SeededRandom) {
    this.#random = random;
  }

  /** Any message of a stock stream. */
  stock(symbol: string): Message {
    const index = this.#made++;
    const messages = stockMessages(symbol, index % 100_000);
    return this.#vary(messages[index % messages.length] as Message);
  }

  /** Any message of an option stream. */
  option(symbol: string): Message {
    const index = this.#made++;
    return this.#vary(optionMessages(symbol, index % 100_000)[index % 2] as Message);
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
    if (this.#chance(0.3)) varied["r"] = this.#time();
    if (this.#chance(0.2)) Object.assign(varied, this.#members(2));
    if ("i" in varied && varied.T === "t") {
      varied["i"] = this.#random.pick<Encodable>([1, 2 ** 40, ...BIG_INTEGERS.slice(0, 2)]);
    }
    return varied;
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
