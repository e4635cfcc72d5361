/**
 * Frames of Alpaca that a hub has received and forwards.
 *
 * They are decoded, published and counted like those of an own session, so an edge cannot differ
 * from a process that has one.
 *
 * @module
 */
import type { FrameReceiver } from "../../application/ports/frame_receiver.ts";
import { FrameDecoder } from "./decode.ts";
import type { MarketStream } from "./market.ts";
import { tradingFormat, type TradingStream } from "./trading.ts";

/** Receives the frames of one market data stream. */
export function receiveMarketFrames(
  stream: Pick<MarketStream, "format" | "raw" | "counters" | "clock" | "log">,
): FrameReceiver {
  return receiverOf(new FrameDecoder(stream));
}

/** Receives the frames of the trading stream. */
export function receiveTradingFrames(
  stream: Pick<TradingStream, "sink" | "keepsSource" | "counters" | "clock" | "log">,
): FrameReceiver {
  return receiverOf(new FrameDecoder({ ...stream, format: tradingFormat(stream.sink, stream) }));
}

function receiverOf<R>(decoder: FrameDecoder<R>): FrameReceiver {
  return { receive: (frame, receivedAt) => decoder.receive(frame, ignore, receivedAt) };
}

function ignore(): void {}
