/**
 * Tables of what becomes of Alpaca's messages, found by asking the program.
 *
 * @module
 */
import type { EventSink } from "../../src/application/ports/event_sink.ts";
import type { MessageType } from "../../src/application/status/counters.ts";
import { OrderEvent } from "../../src/gen/cream/v1/stream_proxy_pb.ts";
import {
  type MessageHandlers,
  optionHandlers,
  stockHandlers,
} from "../../src/infrastructure/alpaca/messages.ts";
import { EVENTS } from "../../src/infrastructure/grpc/encoding/order_enums.ts";
import { code, table } from "./blocks.ts";

/** What Alpaca calls each type of message. */
const NAMES: Readonly<Partial<Record<MessageType, string>>> = {
  quote: "Quote",
  trade: "Trade",
  bar: "Minute bar",
  updated_bar: "Updated bar, after a late trade",
  daily_bar: "Daily bar, as it stands",
  status: "Trading status: halts and resumptions",
  luld: "Limit up, limit down bands",
  correction: "Trade correction",
  cancel_error: "Trade cancel or error",
  imbalance: "Order imbalance",
};

/** Every type of message, the feed that carries it, and where it goes. */
export function mappingTable(): string {
  const stocks = carried((sink) =>
    stockHandlers({
      quotes: sink("StreamQuotes"),
      trades: sink("StreamTrades"),
      bars: sink("StreamBars"),
    })
  );
  const options = carried((sink) =>
    optionHandlers({
      quotes: sink("StreamOptionQuotes"),
      trades: sink("StreamOptionTrades"),
    })
  );
  const rows = (feed: string, found: readonly Carried[]) =>
    found.map(({ word, type, rpc }) => [
      code(feed),
      code(word),
      NAMES[type] ?? type,
      rpc ? code(rpc) : "none: checked and counted",
    ]);
  return table(["Feed", "`T`", "Message", "RPC"], [
    ...rows("sip", stocks),
    ...rows("opra", options),
    [
      code("trading"),
      code("trade_updates"),
      "Order update",
      code("StreamOrderUpdates"),
    ],
  ]);
}

interface Carried {
  readonly word: string;
  readonly type: MessageType;
  /** The RPC of the handler's sink, if it has one. */
  readonly rpc: string | undefined;
}

/** Lists the handlers with the RPC that each publishes to. */
function carried(
  make: (sink: <T>(rpc: string) => EventSink<T>) => MessageHandlers,
): Carried[] {
  const rpcs = new Map<unknown, string>();
  const handlers = make((rpc) => {
    const sink = { wants: () => false, publish() {} };
    rpcs.set(sink, rpc);
    return sink;
  });
  return [...handlers].map(([word, { type, sink }]) => ({
    word: String(word),
    type,
    rpc: rpcs.get(sink),
  }));
}

/** Every order event of Alpaca, with its number. */
export function orderEventTable(): string {
  const names = new Map<number, string>(
    Object.entries(OrderEvent).map(([name, number]) => [number, name]),
  );
  return table(
    ["Alpaca's word", "`OrderEvent`"],
    [...EVENTS].map(([word, number]) => [
      code(word),
      `${code(names.get(number) ?? "")} (${number})`,
    ]),
  );
}
