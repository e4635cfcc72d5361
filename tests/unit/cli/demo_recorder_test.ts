import assert from "node:assert/strict";
import { create } from "@bufbuild/protobuf";
import {
  ConnectionState,
  FeedStatusSchema,
  OrderUpdateSchema,
  StockBarSchema,
  StockQuoteSchema,
  StockTradeSchema,
} from "../../../src/gen/cream/v1/stream_proxy_pb.ts";
import { summary } from "../../../cli/demo_lines.ts";
import { DemoRecorder } from "../../../cli/demo_recorder.ts";

const START = 1_705_312_800_000;

function startRecorder() {
  const clock = { now: START };
  const recorder = new DemoRecorder({
    addresses: { grpc: "g", health: "h", metrics: "m" },
    messagesPerSecond: 100,
    stocks: ["AAPL", "MSFT"],
    options: ["AAPL261218C00200000"],
  }, () => clock.now);
  return { clock, recorder };
}

const quote = (symbol: string, ageMs: number) =>
  create(StockQuoteSchema, {
    symbol,
    bidPrice: 1,
    timestamp: {
      seconds: BigInt(START / 1000 - 1),
      nanos: (1000 - ageMs) * 1e6,
    },
  });

const trade = (price: number) => create(StockTradeSchema, { symbol: "AAPL", price, size: 5 });

Deno.test("rates count what came since the last tick, totals everything", () => {
  const { recorder } = startRecorder();
  recorder.record("stockQuotes", [quote("AAPL", 1), quote("AAPL", 1)]);
  recorder.tick(500);
  recorder.record("stockQuotes", [quote("AAPL", 1)]);
  recorder.tick(1000);

  const { stockQuotes, stockTrades } = recorder.state().streams;
  assert.equal(stockQuotes.total, 3);
  assert.equal(stockQuotes.perSecond, 1);
  assert.deepEqual(stockQuotes.history, [4, 1]);
  assert.equal(stockTrades.total, 0);
});

Deno.test("delays are the median and the 99th percentile of a second", () => {
  const { recorder } = startRecorder();
  const ages = Array.from({ length: 100 }, (_, index) => index + 1);
  recorder.record("stockQuotes", ages.map((age) => quote("AAPL", age)));
  recorder.tick(1000);

  const { median, slowest } = recorder.state().streams.stockQuotes;
  assert.equal(Math.round(median ?? 0), 51);
  assert.equal(Math.round(slowest ?? 0), 100);
});

Deno.test("a delay is discarded after three seconds without messages", () => {
  const { recorder } = startRecorder();
  recorder.record("stockQuotes", [quote("AAPL", 5)]);
  const medians = Array.from({ length: 4 }, () => {
    recorder.tick(1000);
    const { median } = recorder.state().streams.stockQuotes;
    return median === undefined ? undefined : Math.round(median);
  });
  assert.deepEqual(medians, [5, 5, 5, undefined]);
});

Deno.test("a row is live from its first message on the present connection", () => {
  const { recorder, clock } = startRecorder();
  const sip = (state: ConnectionState, connectedAt: number) => {
    const seconds = BigInt(connectedAt / 1000);
    const lastConnectedAt = { seconds, nanos: 0 };
    recorder.feeds([create(FeedStatusSchema, { state, lastConnectedAt })]);
  };
  const live = () => recorder.state().stocks.map((row) => row.live);
  assert.deepEqual(live(), [false, false], "before anything is known");

  sip(ConnectionState.CONNECTED, START);
  recorder.record("stockQuotes", [quote("AAPL", 1)]);
  assert.deepEqual(live(), [true, false]);

  sip(ConnectionState.RECONNECTING, START);
  assert.deepEqual(live(), [false, false]);

  clock.now = START + 5_000;
  sip(ConnectionState.CONNECTED, clock.now);
  recorder.record("stockTrades", [
    create(StockTradeSchema, { symbol: "MSFT", price: 1, size: 1 }),
  ]);
  assert.deepEqual(live(), [false, true], "AAPL's value is an old one");
});

Deno.test("a clock that is behind makes no negative delay", () => {
  const { recorder, clock } = startRecorder();
  clock.now = START - 5_000;
  recorder.record("stockQuotes", [quote("AAPL", 1)]);
  recorder.tick(1000);
  assert.equal(recorder.state().streams.stockQuotes.median, 0);
});

Deno.test("bars have no delay: their time is the start of their minute", () => {
  const { recorder } = startRecorder();
  recorder.record("stockBars", [
    create(StockBarSchema, {
      symbol: "AAPL",
      close: 2,
      timestamp: { seconds: 1n, nanos: 0 },
    }),
  ]);
  recorder.tick(1000);

  const state = recorder.state();
  assert.equal(state.streams.stockBars.total, 1);
  assert.equal(state.streams.stockBars.median, undefined);
  assert.equal(state.stocks[0]?.bar?.close, 2);
});

Deno.test("the direction of a trade compares it with the previous one", () => {
  const { recorder } = startRecorder();
  const directions = [10, 11, 11, 9].map((price) => {
    recorder.record("stockTrades", [trade(price)]);
    return recorder.state().stocks[0]?.trade?.direction;
  });
  assert.deepEqual(directions, [0, 1, 0, -1]);
});

Deno.test("only requested instruments have a row", () => {
  const { recorder } = startRecorder();
  recorder.record("stockQuotes", [quote("TSLA", 1), quote("MSFT", 1)]);
  const { stocks } = recorder.state();
  assert.deepEqual(stocks.map((row) => row.symbol), ["AAPL", "MSFT"]);
  assert.equal(stocks[0]?.book, undefined);
  assert.equal(stocks[1]?.book?.bidPrice, 1);
});

Deno.test("orders and events are newest first and bounded", () => {
  const { recorder } = startRecorder();
  for (let number = 0; number < 200; number++) {
    const eventId = String(number);
    recorder.record("orderUpdates", [create(OrderUpdateSchema, { eventId })]);
    recorder.addEvent("plain", eventId);
  }
  const { orders, events } = recorder.state();
  assert.equal(orders[0]?.eventId, "199");
  assert.equal(orders.length, 50);
  assert.equal(events[0]?.text, "199");
  assert.equal(events.length, 20);
});

Deno.test("a state does not change after it was returned", () => {
  const { recorder } = startRecorder();
  const before = recorder.state();
  recorder.record("stockTrades", [trade(3)]);
  recorder.addEvent("good", "later");
  recorder.tick(1000);
  assert.equal(before.stocks[0]?.trade, undefined);
  assert.equal(before.events.length, 0);
  assert.equal(before.streams.stockTrades.history.length, 0);
});

Deno.test("outages count from the first connection, the present one included", () => {
  const { recorder, clock } = startRecorder();
  const stocks = (state: ConnectionState, afterMs: number) => {
    clock.now = START + afterMs;
    recorder.feeds([create(FeedStatusSchema, { state })]);
    return recorder.state().outages[0];
  };
  assert.deepEqual(stocks(ConnectionState.CONNECTING, 0), { presentMs: undefined, totalMs: 0 });
  stocks(ConnectionState.CONNECTED, 1_000);
  stocks(ConnectionState.ERROR, 2_000);
  assert.deepEqual(stocks(ConnectionState.CONNECTING, 5_000), { presentMs: 3_000, totalMs: 3_000 });
  stocks(ConnectionState.CONNECTED, 6_000);
  stocks(ConnectionState.RECONNECTING, 10_000);
  assert.deepEqual(stocks(ConnectionState.CONNECTED, 11_000), {
    presentMs: undefined,
    totalMs: 5_000,
  });
});

Deno.test("the last line of a demo has the outages", () => {
  const { recorder, clock } = startRecorder();
  const state = (stocks: ConnectionState) => {
    recorder.feeds([create(FeedStatusSchema, { feedType: 1, state: stocks })]);
    return recorder.state();
  };
  assert.equal(summary(state(ConnectionState.CONNECTED)).at(-1), "  outages       none");
  state(ConnectionState.ERROR);
  clock.now += 7_000;
  const last = summary(state(ConnectionState.CONNECTED)).at(-1);
  assert.equal(last, "  outages       Stocks (sip) 7.0 s");
});
