/**
 * Plain frames of the stock stream (Alpaca: Real-time Stock Data), in JSON.
 *
 * The readers of the three types are straight lines of their own although they
 * resemble each other, and those of `plain_option_frames.ts`: each runs once per
 * tick, and a loop over tables of fields would cost what these readers save.
 *
 * @module
 */
import type { MessageType } from "../../../application/status/counters.ts";
import type { Timestamp } from "../../../domain/market/timestamp.ts";
import type { StockSinks } from "../element_handlers.ts";
import {
  codeListTable,
  codeTable,
  keyOf,
  NO_CODES,
  symbolTable,
} from "./codes.ts";
import { JsonCursor } from "./json_cursor.ts";
import {
  FrameHarvest,
  harvest,
  isSize,
  NOT_PLAIN,
  type OnPublishError,
  type PlainReader,
} from "./plain_reader.ts";

const TYPE = keyOf("T");
const QUOTE = keyOf("q"), TRADE = keyOf("t"), BAR = keyOf("b");

const S = keyOf("S"), T = keyOf("t"), C = keyOf("c"), Z = keyOf("z");
const BX = keyOf("bx"), BP = keyOf("bp"), BS = keyOf("bs");
const AX = keyOf("ax"), AP = keyOf("ap"), AS = keyOf("as");
const I = keyOf("i"), X = keyOf("x"), P = keyOf("p"), SIZE = keyOf("s");
const OPEN = keyOf("o"), HIGH = keyOf("h"), LOW = keyOf("l");
const VOLUME = keyOf("v"), COUNT = keyOf("n"), VWAP = keyOf("vw");

/** Reads plain frames of the stock stream. */
export class PlainStockFrames implements PlainReader {
  readonly #sinks: StockSinks;
  readonly #kept: FrameHarvest;
  readonly #cursor = new JsonCursor();
  readonly #symbols = symbolTable();
  readonly #codes = codeTable();
  readonly #codeLists = codeListTable();

  constructor(sinks: StockSinks, received: Record<MessageType, number>) {
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
    if (cursor.enterList()) {
      do this.#readElement(); while (cursor.nextElement());
    }
    cursor.expectEnd();
  };

  #readElement(): void {
    switch (this.#cursor.elementType()) {
      case QUOTE:
        this.#kept.sawQuote();
        return this.#readQuote();
      case TRADE:
        this.#kept.sawTrade();
        return this.#readTrade();
      case BAR:
        this.#kept.sawBar();
        return this.#readBar();
      default:
        throw NOT_PLAIN;
    }
  }

  #readQuote(): void {
    const cursor = this.#cursor;
    const { quotes } = this.#sinks;
    let symbol = "", bidExchange = "", askExchange = "", tape = "";
    let bidPrice = NaN, bidSize = NaN, askPrice = NaN, askSize = NaN;
    let conditions = NO_CODES;
    let timestamp: Timestamp | undefined;
    while (cursor.nextField()) {
      switch (cursor.key()) {
        case S:
          symbol = cursor.word(this.#symbols);
          if (!quotes.wants(symbol)) return cursor.skipFields();
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
          conditions = cursor.words(this.#codeLists);
          break;
        case Z:
          tape = cursor.word(this.#codes);
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
      conditions,
      tape,
    });
  }

  #readTrade(): void {
    const cursor = this.#cursor;
    const { trades } = this.#sinks;
    let symbol = "", exchange = "", tape = "";
    let tradeId = NaN, price = NaN, size = NaN;
    let conditions = NO_CODES;
    let timestamp: Timestamp | undefined;
    while (cursor.nextField()) {
      switch (cursor.key()) {
        case I:
          tradeId = cursor.number();
          break;
        case S:
          symbol = cursor.word(this.#symbols);
          if (!trades.wants(symbol)) return cursor.skipFields();
          break;
        case X:
          exchange = cursor.word(this.#codes);
          break;
        case P:
          price = cursor.number();
          break;
        case SIZE:
          size = cursor.number();
          break;
        case C:
          conditions = cursor.words(this.#codeLists);
          break;
        case Z:
          tape = cursor.word(this.#codes);
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
      !Number.isSafeInteger(tradeId) || !Number.isFinite(price) || !isSize(size)
    ) throw NOT_PLAIN;
    this.#kept.keep(trades, {
      symbol,
      timestamp,
      tradeId,
      exchange,
      price,
      size,
      conditions,
      tape,
    });
  }

  #readBar(): void {
    const cursor = this.#cursor;
    const { bars } = this.#sinks;
    let symbol = "";
    let open = NaN, high = NaN, low = NaN, close = NaN, volume = NaN;
    let vwap = 0, tradeCount = 0;
    let timestamp: Timestamp | undefined;
    while (cursor.nextField()) {
      switch (cursor.key()) {
        case S:
          symbol = cursor.word(this.#symbols);
          if (!bars.wants(symbol)) return cursor.skipFields();
          break;
        case OPEN:
          open = cursor.number();
          break;
        case HIGH:
          high = cursor.number();
          break;
        case LOW:
          low = cursor.number();
          break;
        case C:
          close = cursor.number();
          break;
        case VOLUME:
          volume = cursor.number();
          break;
        case VWAP:
          vwap = cursor.number();
          break;
        case COUNT:
          tradeCount = cursor.number();
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
      !Number.isFinite(open) || !Number.isFinite(high) ||
      !Number.isFinite(low) ||
      !Number.isFinite(close) || !Number.isSafeInteger(volume) ||
      !isSize(tradeCount)
    ) throw NOT_PLAIN;
    this.#kept.keep(bars, {
      kind: "minute" as const,
      symbol,
      timestamp,
      open,
      high,
      low,
      close,
      volume,
      vwap,
      tradeCount,
    });
  }
}
