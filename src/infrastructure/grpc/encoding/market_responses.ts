/**
 * The five hot responses, written field by field in ascending order.
 *
 * Hand-written because one is made for every tick: about a tenth of the time
 * of building a message object and serializing it. Equality with the generated
 * code is a law under test, so a schema change that is forgotten here fails.
 *
 * Each function returns a whole response message. `writer` may be shared by
 * all of them, since none of them waits.
 *
 * @module
 */
import type {
  OptionQuote,
  OptionTrade,
} from "../../../domain/market/option_events.ts";
import type {
  StockBar,
  StockQuote,
  StockTrade,
} from "../../../domain/market/stock_events.ts";
import type { WireWriter } from "./wire_writer.ts";

/** Tag of a field that holds text or a message. */
const bytes = (field: number) => field << 3 | 2;
/** Tag of a field that holds an integer. */
const varint = (field: number) => field << 3;
/** Tag of a field that holds a double. */
const fixed64 = (field: number) => field << 3 | 1;

// Tags are constants rather than calls, so that the functions below are
// straight lines of writes.
const TEXT_1 = bytes(1), TIMESTAMP_2 = bytes(2);
const TEXT_3 = bytes(3), TEXT_4 = bytes(4), TEXT_5 = bytes(5);
const TEXT_6 = bytes(6), TEXT_7 = bytes(7), TEXT_8 = bytes(8);
const TEXT_9 = bytes(9), TEXT_10 = bytes(10);
const INT_3 = varint(3), INT_4 = varint(4), INT_5 = varint(5);
const INT_6 = varint(6), INT_7 = varint(7), INT_8 = varint(8);
const INT_9 = varint(9);
const DOUBLE_3 = fixed64(3), DOUBLE_4 = fixed64(4), DOUBLE_5 = fixed64(5);
const DOUBLE_6 = fixed64(6), DOUBLE_7 = fixed64(7), DOUBLE_8 = fixed64(8);

function writeConditions(
  writer: WireWriter,
  tag: number,
  conditions: readonly string[],
): void {
  for (let i = 0; i < conditions.length; i++) {
    writer.textItem(tag, conditions[i] ?? "");
  }
}

/** A `StreamQuotesResponse`. */
export function encodeStockQuote(
  writer: WireWriter,
  quote: StockQuote,
): Uint8Array {
  writer.begin();
  writer.text(TEXT_1, quote.symbol);
  writer.timestamp(TIMESTAMP_2, quote.timestamp);
  writer.text(TEXT_3, quote.bidExchange);
  writer.double(DOUBLE_4, quote.bidPrice);
  writer.int32(INT_5, quote.bidSize);
  writer.text(TEXT_6, quote.askExchange);
  writer.double(DOUBLE_7, quote.askPrice);
  writer.int32(INT_8, quote.askSize);
  writeConditions(writer, TEXT_9, quote.conditions);
  writer.text(TEXT_10, quote.tape);
  return writer.finish();
}

/** A `StreamTradesResponse`. */
export function encodeStockTrade(
  writer: WireWriter,
  trade: StockTrade,
): Uint8Array {
  writer.begin();
  writer.text(TEXT_1, trade.symbol);
  writer.timestamp(TIMESTAMP_2, trade.timestamp);
  writer.int64(INT_3, trade.tradeId);
  writer.text(TEXT_4, trade.exchange);
  writer.double(DOUBLE_5, trade.price);
  writer.int32(INT_6, trade.size);
  writeConditions(writer, TEXT_7, trade.conditions);
  writer.text(TEXT_8, trade.tape);
  return writer.finish();
}

/** A `StreamBarsResponse`. */
export function encodeStockBar(writer: WireWriter, bar: StockBar): Uint8Array {
  writer.begin();
  writer.text(TEXT_1, bar.symbol);
  writer.timestamp(TIMESTAMP_2, bar.timestamp);
  writer.double(DOUBLE_3, bar.open);
  writer.double(DOUBLE_4, bar.high);
  writer.double(DOUBLE_5, bar.low);
  writer.double(DOUBLE_6, bar.close);
  writer.int64(INT_7, bar.volume);
  writer.double(DOUBLE_8, bar.vwap);
  writer.int32(INT_9, bar.tradeCount);
  return writer.finish();
}

/** A `StreamOptionQuotesResponse`. */
export function encodeOptionQuote(
  writer: WireWriter,
  quote: OptionQuote,
): Uint8Array {
  writer.begin();
  writer.text(TEXT_1, quote.symbol);
  writer.timestamp(TIMESTAMP_2, quote.timestamp);
  writer.text(TEXT_3, quote.bidExchange);
  writer.double(DOUBLE_4, quote.bidPrice);
  writer.int32(INT_5, quote.bidSize);
  writer.text(TEXT_6, quote.askExchange);
  writer.double(DOUBLE_7, quote.askPrice);
  writer.int32(INT_8, quote.askSize);
  writer.text(TEXT_9, quote.condition);
  return writer.finish();
}

/** A `StreamOptionTradesResponse`. */
export function encodeOptionTrade(
  writer: WireWriter,
  trade: OptionTrade,
): Uint8Array {
  writer.begin();
  writer.text(TEXT_1, trade.symbol);
  writer.timestamp(TIMESTAMP_2, trade.timestamp);
  writer.double(DOUBLE_3, trade.price);
  writer.int32(INT_4, trade.size);
  writer.text(TEXT_5, trade.exchange);
  writer.text(TEXT_6, trade.condition);
  return writer.finish();
}
