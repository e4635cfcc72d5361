/**
 * All that is known of how a market data stream writes its frames.
 *
 * @module
 */
import type { MessageType } from "../../application/status/counters.ts";
import {
  type ElementHandlers,
  optionHandlers,
  type OptionSinks,
  stockHandlers,
  type StockSinks,
} from "./element_handlers.ts";
import { jsonCodec, type MarketCodec, msgpackCodec } from "./market_codec.ts";
import { PlainOptionFrames } from "./plain/plain_option_frames.ts";
import type { PlainReader } from "./plain/plain_reader.ts";
import { PlainStockFrames } from "./plain/plain_stock_frames.ts";

/** How the frames of a stream are read. */
export interface MarketFormat {
  /** Reads most frames faster; every other one is decoded in general. */
  readonly plain: PlainReader;
  /** Decodes whatever comes. */
  readonly codec: MarketCodec;
  /** What is done with each element of a decoded frame. */
  readonly handlers: ElementHandlers;
}

/** Counters of elements by type, to which a format adds. */
export type Received = Record<MessageType, number>;

/** The stock stream: JSON. */
export function stockFormat(
  sinks: StockSinks,
  received: Received,
): MarketFormat {
  return {
    plain: new PlainStockFrames(sinks, received),
    codec: jsonCodec,
    handlers: stockHandlers(sinks),
  };
}

/** The option stream: MessagePack, it speaks nothing else. */
export function optionFormat(
  sinks: OptionSinks,
  received: Received,
): MarketFormat {
  return {
    plain: new PlainOptionFrames(sinks, received),
    codec: msgpackCodec,
    handlers: optionHandlers(sinks),
  };
}
