import assert from "node:assert/strict";
import { createChannels } from "../../../../src/application/broadcast/channels.ts";
import { EVENT_BYTES } from "../../../../src/application/broadcast/memory_needs.ts";
import { QueueMemory } from "../../../../src/application/broadcast/queue_memory.ts";
import { createCounters } from "../../../../src/application/status/counters.ts";
import type { OptionQuote } from "../../../../src/domain/market/option_events.ts";
import { UnderlyingDirectory } from "../../../../src/domain/options/underlying_directory.ts";
import type { OrderDetails, OrderUpdate } from "../../../../src/domain/market/order_events.ts";
import { furtherChannels } from "../../../support/further_channels.ts";
import { GOLDEN_ORDER_UPDATE } from "../../../support/grpc_events.ts";

const CAPACITIES = {
  stockQuotes: 1,
  stockTrades: 2,
  stockBars: 3,
  stockUpdatedBars: 7,
  stockDailyBars: 8,
  tradingStatuses: 9,
  priceBands: 10,
  tradeCorrections: 11,
  imbalances: 12,
  optionQuotes: 4,
  optionTrades: 5,
  orderUpdates: 6,
  ...furtherChannels(13),
};

function optionQuote(symbol: string): OptionQuote {
  return {
    symbol,
    timestamp: { seconds: 0, nanos: 0 },
    bidExchange: "",
    bidPrice: 0,
    bidSize: 0,
    askExchange: "",
    askPrice: 0,
    askSize: 0,
    condition: "",
  };
}

function orderUpdate(id: string, symbol: string): OrderUpdate {
  return { order: { id, symbol } as OrderDetails } as OrderUpdate;
}

function channelsWith(counters = createCounters()) {
  const directory = new UnderlyingDirectory();
  return createChannels({ capacities: CAPACITIES, counters, directory });
}

Deno.test("each channel has its own capacity and its own counters", () => {
  const counters = createCounters();
  const channels = channelsWith(counters);
  const nothing = { symbols: new Set<string>(), secondary: new Set<string>() };
  const reader = channels.optionQuotes.subscribe(nothing);
  for (let i = 0; i < 7; i++) {
    channels.optionQuotes.publish(optionQuote("X"), i);
  }
  assert.equal(reader.queued, 4);
  assert.equal(counters.channels.optionQuotes.dropped, 3);
  assert.equal(counters.channels.optionTrades.dropped, 0);
});

Deno.test("an underlying matches its own and its adjusted contracts: A does not match AAPL", () => {
  const { optionQuotes } = channelsWith();
  const reader = optionQuotes.subscribe({
    symbols: new Set(),
    secondary: new Set(["A"]),
  });
  assert.equal(optionQuotes.mayHaveSubscribers("A270115C00172500"), true);
  assert.equal(optionQuotes.mayHaveSubscribers("AAPL270115C00172500"), false);
  assert.equal(optionQuotes.mayHaveSubscribers("A1270115C00172500"), true);
  optionQuotes.publish(optionQuote("AAPL270115C00172500"), 0);
  assert.equal(reader.queued, 0);
  optionQuotes.publish(optionQuote("A270115C00172500"), 0);
  assert.equal(reader.queued, 1);
});

Deno.test("an order is found by its id or by its symbol, once", () => {
  const { orderUpdates } = channelsWith();
  const reader = orderUpdates.subscribe({
    symbols: new Set(["AAPL"]),
    secondary: new Set(["id-1"]),
  });
  orderUpdates.publish(orderUpdate("id-1", "AAPL"), 0);
  orderUpdates.publish(orderUpdate("id-1", ""), 0);
  orderUpdates.publish(orderUpdate("id-2", "AAPL"), 0);
  orderUpdates.publish(orderUpdate("id-2", "MSFT"), 0);
  assert.equal(reader.queued, 3);
});

Deno.test("an order update with long strings counts with its size", () => {
  const memory = new QueueMemory();
  const channels = createChannels({
    capacities: CAPACITIES,
    counters: createCounters(),
    memory,
    directory: new UnderlyingDirectory(),
  });
  const all = { symbols: new Set<string>(), secondary: new Set<string>() };
  using _reader = channels.orderUpdates.subscribe(all);
  channels.orderUpdates.publish(GOLDEN_ORDER_UPDATE, 0);
  const slots = 8;
  assert.equal(memory.bytes, slots + EVENT_BYTES.orderUpdates);
  const { order } = GOLDEN_ORDER_UPDATE;
  const legs = Array.from({ length: 64 }, () => ({
    ...order.legs[0],
    id: "x".repeat(1_024),
    symbol: "x".repeat(1_024),
  } as typeof order.legs[0]));
  channels.orderUpdates.publish(
    { ...GOLDEN_ORDER_UPDATE, order: { ...order, legs } } as OrderUpdate,
    0,
  );
  assert.ok(memory.bytes > 64 * 2 * 2 * 1_024);
});
