/**
 * One sink for every type of the stock stream.
 *
 * @module
 */
import type { EventSink } from "../../src/application/ports/event_sink.ts";
import type { StockSinks } from "../../src/infrastructure/alpaca/messages.ts";

/** Returns sinks that are all the given one. */
export function stockSinks(
  sink: EventSink<unknown>,
): Readonly<Record<keyof StockSinks, EventSink<unknown>>> {
  return {
    quotes: sink,
    trades: sink,
    bars: sink,
    updatedBars: sink,
    dailyBars: sink,
    statuses: sink,
    bands: sink,
    corrections: sink,
    imbalances: sink,
  };
}
