/**
 * Plain frames of the option stream (Alpaca: Real-time Option Data), in
 * MessagePack.
 *
 * @module
 */
import type { MessageType } from "../../../application/status/counters.ts";
import type { Timestamp } from "../../../domain/market/timestamp.ts";
import type { OptionSinks } from "../element_handlers.ts";
import { codeTable, keyOf, symbolTable } from "./codes.ts";
import { MsgpackCursor } from "./msgpack_cursor.ts";
import {
  FrameHarvest,
  harvest,
  isSize,
  NOT_PLAIN,
  type OnPublishError,
  type PlainReader,
} from "./plain_reader.ts";

const TYPE = keyOf("T"), QUOTE = keyOf("q"), TRADE = keyOf("t");

const S = keyOf("S"), T = keyOf("t"), C = keyOf("c");
const BX = keyOf("bx"), BP = keyOf("bp"), BS = keyOf("bs");
const AX = keyOf("ax"), AP = keyOf("ap"), AS = keyOf("as");
const X = keyOf("x"), P = keyOf("p"), SIZE = keyOf("s");

/** Reads plain frames of the option stream. */
export class PlainOptionFrames implements PlainReader {
  readonly #sinks: OptionSinks;
  readonly #kept: FrameHarvest;
  readonly #cursor = new MsgpackCursor();
  readonly #symbols = symbolTable();
  readonly #codes = codeTable();

  constructor(sinks: OptionSinks, received: Record<MessageType, number>) {
    this.#sinks = sinks;
    this.#kept = new FrameHarvest(received);
  }

  read(
    frame: Uint8Array,
    receivedAt: number,
    onPublishError: OnPublishError,
  ): number {
    this.#cursor.open(frame);
    return harvest(this.#kept, {
      receivedAt,
      onPublishError,
      readElements: this.#readElements,
    });
  }

  readonly #readElements = (): void => {
    const cursor = this.#cursor;
    for (let left = cursor.list(); left > 0; left--) this.#readElement();
    cursor.expectEnd();
  };

  #readElement(): void {
    const cursor = this.#cursor;
    const fields = cursor.map() - 1;
    if (fields < 0 || cursor.key() !== TYPE) throw NOT_PLAIN;
    switch (cursor.key()) {
      case QUOTE:
        this.#kept.sawQuote();
        return this.#readQuote(fields);
      case TRADE:
        this.#kept.sawTrade();
        return this.#readTrade(fields);
      default:
        throw NOT_PLAIN;
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
          symbol = cursor.word(this.#symbols);
          if (!quotes.wants(symbol)) return cursor.skipFields(left);
          break;
        case BX:
          bidExchange = cursor.word(this.#codes);
          break;
        case BP:
          bidPrice = cursor.number();
          break;
        case BS:
          bidSize = cursor.number();
          break;
        case AX:
          askExchange = cursor.word(this.#codes);
          break;
        case AP:
          askPrice = cursor.number();
          break;
        case AS:
          askSize = cursor.number();
          break;
        case C:
          condition = cursor.word(this.#codes);
          break;
        case T:
          timestamp = cursor.time();
          break;
        case TYPE:
          throw NOT_PLAIN;
        default:
          cursor.skipValue();
      }
    }
    if (
      symbol === "" || timestamp === undefined ||
      !Number.isFinite(bidPrice) || !Number.isFinite(askPrice) ||
      !isSize(bidSize) || !isSize(askSize)
    ) throw NOT_PLAIN;
    this.#kept.keep(quotes, {
      symbol,
      timestamp,
      bidExchange,
      bidPrice,
      bidSize,
      askExchange,
      askPrice,
      askSize,
      condition,
    });
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
          symbol = cursor.word(this.#symbols);
          if (!trades.wants(symbol)) return cursor.skipFields(left);
          break;
        case P:
          price = cursor.number();
          break;
        case SIZE:
          size = cursor.number();
          break;
        case X:
          exchange = cursor.word(this.#codes);
          break;
        case C:
          condition = cursor.word(this.#codes);
          break;
        case T:
          timestamp = cursor.time();
          break;
        case TYPE:
          throw NOT_PLAIN;
        default:
          cursor.skipValue();
      }
    }
    if (
      symbol === "" || timestamp === undefined ||
      !Number.isFinite(price) || !isSize(size)
    ) throw NOT_PLAIN;
    this.#kept.keep(trades, {
      symbol,
      timestamp,
      price,
      size,
      exchange,
      condition,
    });
  }
}
