/**
 * One encoder per channel: from a domain event to the bytes of its response.
 *
 * The five market data responses are written by hand, field by field in ascending
 * order, because one is encoded for every tick: this takes a tenth of the time of
 * building a message object and serializing it. Tests compare the bytes with the
 * generated code, so a change of the schema that is missing here fails them.
 *
 * @module
 */
import type { ChannelEvents, ChannelName } from "../../../domain/market/channels.ts";
import { encodeOrderUpdate } from "./order_response.ts";
import { WireWriter } from "./wire_writer.ts";

/** Encodes an event as its response message. */
export type Encode<T> = (event: T) => Uint8Array;

/** The encoder of each channel. */
export type ChannelEncoders = {
  readonly [C in ChannelName]: Encode<ChannelEvents[C]>;
};

/** Tag of a field that holds text or a message. */
const bytes = (field: number) => field << 3 | 2;
/** Tag of a field that holds an integer. */
const varint = (field: number) => field << 3;
/** Tag of a field that holds a double. */
const fixed64 = (field: number) => field << 3 | 1;

// Constants, so that the functions below do not compute tags.
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

/**
 * Creates the encoders of all channels. They share one scratch buffer, which is
 * safe because encoding is synchronous.
 */
export function createEncoders(): ChannelEncoders {
  const writer = new WireWriter();
  return {
    /** Encodes a `StreamQuotesResponse`. */
    stockQuotes(quote) {
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
    },
    /** Encodes a `StreamTradesResponse`. */
    stockTrades(trade) {
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
    },
    /** Encodes a `StreamBarsResponse`. */
    stockBars(bar) {
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
    },
    /** Encodes a `StreamOptionQuotesResponse`. */
    optionQuotes(quote) {
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
    },
    /** Encodes a `StreamOptionTradesResponse`. */
    optionTrades(trade) {
      writer.begin();
      writer.text(TEXT_1, trade.symbol);
      writer.timestamp(TIMESTAMP_2, trade.timestamp);
      writer.double(DOUBLE_3, trade.price);
      writer.int32(INT_4, trade.size);
      writer.text(TEXT_5, trade.exchange);
      writer.text(TEXT_6, trade.condition);
      return writer.finish();
    },
    orderUpdates: encodeOrderUpdate,
  };
}
