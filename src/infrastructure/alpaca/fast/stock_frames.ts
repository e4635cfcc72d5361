/**
 * Fast decoder of the stock stream (Alpaca: Real-time Stock Data), which is JSON.
 *
 * One straight-line method per message type, here and in `option_frames.ts`, although they resemble
 * each other: each runs once per tick, and a loop over a table of fields costs more than this
 * decoder saves.
 *
 * @module
 */
import type { Timestamp } from "../../../domain/market/timestamp.ts";
import type { EventSink } from "../../../application/ports/event_sink.ts";
import type {
  BarKind,
  StockBar,
  StockLuld,
  StockQuote,
  StockTrade,
} from "../../../domain/market/stock_events.ts";
import type { StockSinks } from "../messages.ts";
import {
  type FastDecoder,
  FrameBatch,
  isSize,
  keyCode,
  UNSUPPORTED,
  wholeSize,
} from "./frame_batch.ts";
import { codeListTable, codeTable, NO_CODES, symbolTable } from "./intern_table.ts";
import { JsonCursor } from "./json_cursor.ts";

const TYPE = keyCode("T");
const QUOTE = keyCode("q"), TRADE = keyCode("t"), BAR = keyCode("b");
const UPDATED_BAR = keyCode("u"), DAILY_BAR = keyCode("d"), BAND = keyCode("l");

const S = keyCode("S"), T = keyCode("t"), C = keyCode("c"), Z = keyCode("z");
const BX = keyCode("bx"), BP = keyCode("bp"), BS = keyCode("bs");
const AX = keyCode("ax"), AP = keyCode("ap"), AS = keyCode("as");
const I = keyCode("i"), X = keyCode("x"), P = keyCode("p"), SIZE = keyCode("s");
const OPEN = keyCode("o"), HIGH = keyCode("h"), LOW = keyCode("l");
const VOLUME = keyCode("v"), COUNT = keyCode("n"), VWAP = keyCode("vw");
const UP = keyCode("u"), DOWN = keyCode("d");

/** Decodes the common frames of the stock stream. */
export class FastStockDecoder implements FastDecoder {
  readonly #sinks: StockSinks;
  readonly #batch = new FrameBatch();
  readonly #cursor = new JsonCursor();
  readonly #symbols = symbolTable();
  readonly #codes = codeTable();
  readonly #codeLists = codeListTable();

  constructor(sinks: StockSinks) {
    this.#sinks = sinks;
  }

  decodeFrame(frame: Uint8Array, keepsPlaces = false): FrameBatch | undefined {
    const cursor = this.#cursor;
    const batch = this.#batch;
    try {
      cursor.open(frame);
      if (cursor.enterList()) {
        if (keepsPlaces) this.#readPlaces();
        else {
          do this.#readMessage(cursor.messageType()); while (cursor.nextItem());
        }
      }
      cursor.expectEnd();
      return batch;
    } catch (error) {
      batch.clear();
      if (error === UNSUPPORTED) return undefined;
      throw error;
    }
  }

  /** Reads messages and keeps their places. */
  #readPlaces(): void {
    const cursor = this.#cursor;
    const { places } = this.#batch;
    do {
      const start = cursor.at;
      const type = cursor.messageType();
      const symbol = cursor.peekSymbol(this.#symbols);
      this.#readMessage(type);
      places.add(type, symbol, start, cursor.at);
    } while (cursor.nextItem());
  }

  #readMessage(type: number): void {
    const batch = this.#batch;
    switch (type) {
      case QUOTE:
        batch.quotes++;
        return this.#readQuote();
      case TRADE:
        batch.trades++;
        return this.#readTrade();
      case BAR:
        batch.bars++;
        return this.#readBar("minute", this.#sinks.bars);
      case UPDATED_BAR:
        batch.updatedBars++;
        return this.#readBar("updated", this.#sinks.updatedBars);
      case DAILY_BAR:
        batch.dailyBars++;
        return this.#readBar("daily", this.#sinks.dailyBars);
      case BAND:
        batch.bands++;
        return this.#readBand();
      default:
        throw UNSUPPORTED;
    }
  }

  #readQuote(): void {
    const cursor = this.#cursor;
    const { quotes } = this.#sinks;
    let symbol = "", bidExchange = "", askExchange = "", tape = "";
    let bidPrice = NaN, bidSize = NaN, askPrice = NaN, askSize = NaN;
    // Digits of sizes that are not whole numbers.
    let bidDigits = "", askDigits = "";
    let conditions = NO_CODES;
    let timestamp: Timestamp | undefined;
    while (cursor.nextField()) {
      switch (cursor.key()) {
        case S:
          symbol = cursor.text(this.#symbols);
          if (!quotes.mayHaveSubscribers(symbol)) return cursor.skipFields();
          break;
        case BX:
          bidExchange = cursor.text(this.#codes);
          break;
        case BP:
          bidPrice = cursor.number();
          break;
        case BS:
          bidSize = cursor.number();
          bidDigits = isSize(bidSize) ? "" : cursor.lastNumber();
          break;
        case AX:
          askExchange = cursor.text(this.#codes);
          break;
        case AP:
          askPrice = cursor.number();
          break;
        case AS:
          askSize = cursor.number();
          askDigits = isSize(askSize) ? "" : cursor.lastNumber();
          break;
        case C:
          conditions = cursor.textList(this.#codeLists);
          break;
        case Z:
          tape = cursor.text(this.#codes);
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
    const quote: StockQuote = {
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
    };
    if (isRounded) {
      this.#batch.addRounded(quotes, quote, { bid_size: bidDigits, ask_size: askDigits });
    } else this.#batch.add(quotes, quote);
  }

  #readTrade(): void {
    const cursor = this.#cursor;
    const { trades } = this.#sinks;
    let symbol = "", exchange = "", tape = "";
    let tradeId = NaN, price = NaN, size = NaN;
    // Digits of a size that is not a whole number.
    let digits = "";
    let conditions = NO_CODES;
    let timestamp: Timestamp | undefined;
    while (cursor.nextField()) {
      switch (cursor.key()) {
        case I:
          tradeId = cursor.number();
          break;
        case S:
          symbol = cursor.text(this.#symbols);
          if (!trades.mayHaveSubscribers(symbol)) return cursor.skipFields();
          break;
        case X:
          exchange = cursor.text(this.#codes);
          break;
        case P:
          price = cursor.number();
          break;
        case SIZE:
          size = cursor.number();
          digits = isSize(size) ? "" : cursor.lastNumber();
          break;
        case C:
          conditions = cursor.textList(this.#codeLists);
          break;
        case Z:
          tape = cursor.text(this.#codes);
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
    const isRounded = digits !== "";
    if (isRounded) size = wholeSize(size);
    if (
      symbol === "" || timestamp === undefined ||
      !Number.isSafeInteger(tradeId) || !Number.isFinite(price) || !isSize(size)
    ) throw UNSUPPORTED;
    const trade: StockTrade = {
      symbol,
      timestamp,
      tradeId,
      exchange,
      price,
      size,
      conditions,
      tape,
    };
    if (isRounded) this.#batch.addRounded(trades, trade, { size: digits });
    else this.#batch.add(trades, trade);
  }

  #readBar(kind: BarKind, bars: EventSink<StockBar>): void {
    const cursor = this.#cursor;
    let symbol = "";
    let open = NaN, high = NaN, low = NaN, close = NaN, volume = NaN;
    let vwap = 0, tradeCount = 0;
    // Digits of numbers that are not whole.
    let volumeDigits = "", countDigits = "";
    let timestamp: Timestamp | undefined;
    while (cursor.nextField()) {
      switch (cursor.key()) {
        case S:
          symbol = cursor.text(this.#symbols);
          if (!bars.mayHaveSubscribers(symbol)) return cursor.skipFields();
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
          volumeDigits = Number.isSafeInteger(volume) ? "" : cursor.lastNumber();
          break;
        case VWAP:
          vwap = cursor.number();
          break;
        case COUNT:
          tradeCount = cursor.number();
          countDigits = isSize(tradeCount) ? "" : cursor.lastNumber();
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
    const isRounded = volumeDigits !== "" || countDigits !== "";
    if (isRounded) {
      volume = Math.round(volume);
      tradeCount = wholeSize(tradeCount);
    }
    if (
      symbol === "" || timestamp === undefined ||
      !Number.isFinite(open) || !Number.isFinite(high) ||
      !Number.isFinite(low) ||
      !Number.isFinite(close) || !Number.isSafeInteger(volume) ||
      !isSize(tradeCount)
    ) throw UNSUPPORTED;
    const bar: StockBar = {
      kind,
      symbol,
      timestamp,
      open,
      high,
      low,
      close,
      volume,
      vwap,
      tradeCount,
    };
    if (isRounded) {
      this.#batch.addRounded(bars, bar, { volume: volumeDigits, trade_count: countDigits });
    } else this.#batch.add(bars, bar);
  }

  #readBand(): void {
    const cursor = this.#cursor;
    const { bands } = this.#sinks;
    let symbol = "", indicator = "", tape = "";
    let limitUp = NaN, limitDown = NaN;
    let timestamp: Timestamp | undefined;
    while (cursor.nextField()) {
      switch (cursor.key()) {
        case S:
          symbol = cursor.text(this.#symbols);
          if (!bands.mayHaveSubscribers(symbol)) return cursor.skipFields();
          break;
        case UP:
          limitUp = cursor.number();
          break;
        case DOWN:
          limitDown = cursor.number();
          break;
        case I:
          indicator = cursor.text(this.#codes);
          break;
        case Z:
          tape = cursor.text(this.#codes);
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
    if (
      symbol === "" || timestamp === undefined ||
      !Number.isFinite(limitUp) || !Number.isFinite(limitDown)
    ) throw UNSUPPORTED;
    const band: StockLuld = { symbol, timestamp, limitUp, limitDown, indicator, tape };
    this.#batch.add(bands, band);
  }
}
