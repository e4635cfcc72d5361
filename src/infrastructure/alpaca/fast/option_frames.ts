/**
 * Fast decoder of the option stream (Alpaca: Real-time Option Data), which is MessagePack.
 * Straight-line methods for the reason in `stock_frames.ts`.
 *
 * @module
 */
import type { Timestamp } from "../../../domain/market/timestamp.ts";
import type { OptionQuote, OptionTrade } from "../../../domain/market/option_events.ts";
import type { OptionSinks } from "../messages.ts";
import {
  type FastDecoder,
  FrameBatch,
  isSize,
  keyCode,
  UNSUPPORTED,
  wholeSize,
} from "./frame_batch.ts";
import { codeTable, symbolTable } from "./intern_table.ts";
import { MsgpackCursor } from "./msgpack_cursor.ts";

const TYPE = keyCode("T"), QUOTE = keyCode("q"), TRADE = keyCode("t");

const S = keyCode("S"), T = keyCode("t"), C = keyCode("c");
const BX = keyCode("bx"), BP = keyCode("bp"), BS = keyCode("bs");
const AX = keyCode("ax"), AP = keyCode("ap"), AS = keyCode("as");
const X = keyCode("x"), P = keyCode("p"), SIZE = keyCode("s");

/** Decodes the common frames of the option stream. */
export class FastOptionDecoder implements FastDecoder {
  readonly #sinks: OptionSinks;
  readonly #batch = new FrameBatch();
  readonly #cursor = new MsgpackCursor();
  readonly #symbols = symbolTable();
  readonly #codes = codeTable();

  constructor(sinks: OptionSinks) {
    this.#sinks = sinks;
  }

  decodeFrame(frame: Uint8Array, keepsPlaces = false): FrameBatch | undefined {
    const cursor = this.#cursor;
    const batch = this.#batch;
    try {
      cursor.open(frame);
      const messages = cursor.list();
      if (keepsPlaces) this.#readPlaces(messages);
      else for (let left = messages; left > 0; left--) this.#readMessage(cursor.map());
      cursor.expectEnd();
      return batch;
    } catch (error) {
      batch.clear();
      if (error === UNSUPPORTED) return undefined;
      throw error;
    }
  }

  /** Reads messages and keeps their places. */
  #readPlaces(messages: number): void {
    const cursor = this.#cursor;
    const { places } = this.#batch;
    for (let left = messages; left > 0; left--) {
      const start = cursor.at;
      const fields = cursor.map();
      const symbol = cursor.peekSymbol(this.#symbols, fields);
      const type = this.#readMessage(fields);
      places.add(type, symbol, start, cursor.at);
    }
  }

  /** Reads a message; returns the code of its type. */
  #readMessage(fields: number): number {
    const cursor = this.#cursor;
    if (fields < 1 || cursor.key() !== TYPE) throw UNSUPPORTED;
    const type = cursor.key();
    switch (type) {
      case QUOTE:
        this.#batch.quotes++;
        this.#readQuote(fields - 1);
        return type;
      case TRADE:
        this.#batch.trades++;
        this.#readTrade(fields - 1);
        return type;
      default:
        throw UNSUPPORTED;
    }
  }

  #readQuote(fields: number): void {
    const cursor = this.#cursor;
    const { quotes } = this.#sinks;
    let symbol = "", bidExchange = "", askExchange = "", condition = "";
    let bidPrice = NaN, bidSize = NaN, askPrice = NaN, askSize = NaN;
    let timestamp: Timestamp | undefined;
    for (let left = fields - 1; left >= 0; left--) {
      switch (cursor.key()) {
        case S:
          symbol = cursor.text(this.#symbols);
          if (!quotes.mayHaveSubscribers(symbol)) return cursor.skipFields(left);
          break;
        case BX:
          bidExchange = cursor.text(this.#codes);
          break;
        case BP:
          bidPrice = cursor.number();
          break;
        case BS:
          bidSize = cursor.number();
          break;
        case AX:
          askExchange = cursor.text(this.#codes);
          break;
        case AP:
          askPrice = cursor.number();
          break;
        case AS:
          askSize = cursor.number();
          break;
        case C:
          condition = cursor.text(this.#codes);
          break;
        case T:
          timestamp = cursor.time();
          break;
        case TYPE:
          throw UNSUPPORTED;
        default:
          cursor.skipValue();
      }
    }
    const bidDigits = digitsOf(bidSize), askDigits = digitsOf(askSize);
    const isRounded = bidDigits !== "" || askDigits !== "";
    if (isRounded) {
      bidSize = wholeSize(bidSize);
      askSize = wholeSize(askSize);
    }
    if (
      symbol === "" || timestamp === undefined ||
      !Number.isFinite(bidPrice) || !Number.isFinite(askPrice) ||
      !isSize(bidSize) || !isSize(askSize)
    ) throw UNSUPPORTED;
    const quote: OptionQuote = {
      symbol,
      timestamp,
      bidExchange,
      bidPrice,
      bidSize,
      askExchange,
      askPrice,
      askSize,
      condition,
    };
    if (isRounded) {
      this.#batch.addRounded(quotes, quote, { bid_size: bidDigits, ask_size: askDigits });
    } else this.#batch.add(quotes, quote);
  }

  #readTrade(fields: number): void {
    const cursor = this.#cursor;
    const { trades } = this.#sinks;
    let symbol = "", exchange = "", condition = "";
    let price = NaN, size = NaN;
    let timestamp: Timestamp | undefined;
    for (let left = fields - 1; left >= 0; left--) {
      switch (cursor.key()) {
        case S:
          symbol = cursor.text(this.#symbols);
          if (!trades.mayHaveSubscribers(symbol)) return cursor.skipFields(left);
          break;
        case P:
          price = cursor.number();
          break;
        case SIZE:
          size = cursor.number();
          break;
        case X:
          exchange = cursor.text(this.#codes);
          break;
        case C:
          condition = cursor.text(this.#codes);
          break;
        case T:
          timestamp = cursor.time();
          break;
        case TYPE:
          throw UNSUPPORTED;
        default:
          cursor.skipValue();
      }
    }
    const digits = digitsOf(size);
    const isRounded = digits !== "";
    if (isRounded) size = wholeSize(size);
    if (
      symbol === "" || timestamp === undefined ||
      !Number.isFinite(price) || !isSize(size)
    ) throw UNSUPPORTED;
    const trade: OptionTrade = { symbol, timestamp, price, size, exchange, condition };
    if (isRounded) this.#batch.addRounded(trades, trade, { size: digits });
    else this.#batch.add(trades, trade);
  }
}

/** The digits of a size that is not a whole number; empty for any other. */
function digitsOf(size: number): string {
  return isSize(size) ? "" : String(size);
}
