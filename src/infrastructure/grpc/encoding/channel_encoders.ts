/**
 * One encoder per channel: domain event in, response bytes out.
 *
 * @module
 */
import type {
  ChannelEvents,
  ChannelName,
} from "../../../domain/market/channels.ts";
import {
  encodeOptionQuote,
  encodeOptionTrade,
  encodeStockBar,
  encodeStockQuote,
  encodeStockTrade,
} from "./market_responses.ts";
import { encodeOrderUpdate } from "./order_response.ts";
import { WireWriter } from "./wire_writer.ts";

/** Makes the response message of an event. */
export type Encode<T> = (event: T) => Uint8Array;

/** The encoder of each channel. */
export type ChannelEncoders = {
  readonly [C in ChannelName]: Encode<ChannelEvents[C]>;
};

/**
 * Makes the encoders of all channels; they share one scratch buffer, which is
 * safe because encoding never waits.
 */
export function createEncoders(): ChannelEncoders {
  const writer = new WireWriter();
  return {
    stockQuotes: (quote) => encodeStockQuote(writer, quote),
    stockTrades: (trade) => encodeStockTrade(writer, trade),
    stockBars: (bar) => encodeStockBar(writer, bar),
    optionQuotes: (quote) => encodeOptionQuote(writer, quote),
    optionTrades: (trade) => encodeOptionTrade(writer, trade),
    orderUpdates: encodeOrderUpdate,
  };
}
