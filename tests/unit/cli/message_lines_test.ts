import assert from "node:assert/strict";
import { stripVTControlCharacters } from "node:util";
import { create, fromJson } from "@bufbuild/protobuf";
import {
  CancelledTradeSchema,
  CorrectedTradeSchema,
  OptionQuoteUpdateSchema,
  OptionTradeSchema,
  OrderImbalanceSchema,
  OrderUpdateSchema,
  PriceBandSchema,
  StockBarSchema,
  StockQuoteSchema,
  StockTradeSchema,
  TradingStatusSchema,
} from "../../../src/gen/cream/v1/stream_proxy_pb.ts";
import { messageLine, messageTitle } from "../../../cli/message_lines.ts";
import { ansi, plain } from "../../../cli/text.ts";

const QUOTE = fromJson(StockQuoteSchema, {
  symbol: "AAPL",
  timestamp: "2024-01-15T10:00:00.123456789Z",
  bidExchange: "Q",
  bidPrice: 150.25,
  bidSize: 3,
  askExchange: "P",
  askPrice: 150.27,
  askSize: 4,
  conditions: ["R"],
  tape: "C",
});

Deno.test("a quote reads like an order book", () => {
  assert.equal(
    messageLine(QUOTE, plain),
    "10:00:00.123456789  AAPL         3 ×  150.25    150.27   × 4       Q/P     C    [R]",
  );
});

Deno.test("a quote without a bid shows a dash", () => {
  const oneSided = { ...QUOTE, bidPrice: 0, bidSize: 0, bidExchange: "" };
  assert.equal(
    messageLine(oneSided, plain),
    "10:00:00.123456789  AAPL         0 ×    -       150.27   × 4       -/P     C    [R]",
  );
});

Deno.test("the quote's titles stand over its columns", () => {
  const line = messageLine(QUOTE, plain);
  assert.equal(messageTitle("stockQuotes").indexOf("SYMBOL"), line.indexOf("AAPL"));
  assert.equal(messageTitle("stockQuotes").indexOf("×"), line.indexOf("×"));
  assert.equal(messageTitle("stockQuotes").lastIndexOf("×"), line.lastIndexOf("×"));
  assert.equal(messageTitle("stockQuotes").indexOf("VENUES"), line.indexOf("Q/P"));
  assert.equal(messageTitle("stockQuotes").indexOf("CONDITIONS"), line.indexOf("[R]"));
});

Deno.test("the trade's and the bar's titles stand over their columns", () => {
  const trade = create(StockTradeSchema, { symbol: "A", conditions: ["@"] });
  assert.equal(
    messageTitle("stockTrades").indexOf("CONDITIONS"),
    messageLine(trade, plain).indexOf("[@]"),
  );
  const bar = create(StockBarSchema, { volume: 7n, tradeCount: 8, vwap: 1 });
  const line = messageLine(bar, plain);
  assert.equal(messageTitle("stockBars").indexOf("VOLUME") + 5, line.indexOf("7"));
  assert.equal(messageTitle("stockBars").indexOf("TRADES") + 5, line.indexOf("8"));
  assert.equal(messageTitle("stockBars").indexOf("VWAP") + 2, line.indexOf("1.00"));
});

Deno.test("the order's titles stand over its columns", () => {
  const update = fromJson(OrderUpdateSchema, {
    event: "ORDER_EVENT_NEW",
    order: { id: "o-1", symbol: "AAPL", qty: "1", status: "held" },
    price: "9",
    qty: "1",
  });
  const line = messageLine(update, plain);
  assert.equal(messageTitle("orderUpdates").indexOf("EVENT"), line.indexOf("new"));
  assert.equal(messageTitle("orderUpdates").indexOf("SYMBOL"), line.indexOf("AAPL"));
  assert.equal(messageTitle("orderUpdates").indexOf("STATUS"), line.indexOf("held"));
  assert.equal(messageTitle("orderUpdates").indexOf("EXECUTION"), line.indexOf("1 @ 9"));
  assert.equal(messageTitle("orderUpdates").indexOf("ORDER ID"), line.indexOf("o-1"));
});

Deno.test("colours change nothing but colours", () => {
  const painted = messageLine(QUOTE, ansi);
  assert.notEqual(painted, stripVTControlCharacters(painted));
  assert.equal(stripVTControlCharacters(painted), messageLine(QUOTE, plain));
});

Deno.test("an option quote has room for its contract", () => {
  const quote = fromJson(OptionQuoteUpdateSchema, {
    symbol: "SPXW240327P04925000",
    timestamp: "2024-03-12T11:59:38.897261568Z",
    bidExchange: "C",
    bidPrice: 9.46,
    bidSize: 53,
    askExchange: "C",
    askPrice: 9.66,
    askSize: 38,
    condition: "A",
  });
  assert.equal(
    messageLine(quote, plain),
    "11:59:38.897261568  SPXW240327P04925000        53 ×    9.46      9.66   × 38      C/C     [A]",
  );
});

Deno.test("a trade shows its id unsigned", () => {
  const trade = create(StockTradeSchema, {
    symbol: "AAPL",
    timestamp: { seconds: 1705312800n, nanos: 500_000_000 },
    tradeId: -1n,
    exchange: "D",
    price: 126.55,
    size: 1200,
    conditions: ["@", "I"],
    tape: "C",
  });
  assert.equal(
    messageLine(trade, plain),
    "10:00:00.500000000  AAPL     126.55   ×   1 200  D     C    18446744073709551615 [@ I]",
  );
});

Deno.test("an option trade ends with its condition", () => {
  const trade = fromJson(OptionTradeSchema, {
    symbol: "AAPL240315C00172500",
    timestamp: "2024-03-11T13:35:35.133122560Z",
    price: 2.84,
    size: 1,
    exchange: "N",
    condition: "S",
  });
  assert.equal(
    messageLine(trade, plain),
    "13:35:35.133122560  AAPL240315C00172500       2.84   ×       1  N     [S]",
  );
});

Deno.test("a bar shows its four prices, volume, trades and average", () => {
  const bar = fromJson(StockBarSchema, {
    symbol: "SPY",
    timestamp: "2024-01-15T14:30:00Z",
    open: 388.985,
    high: 389.13,
    low: 388.975,
    close: 389.12,
    volume: "49378",
    vwap: 389.062639,
    tradeCount: 461,
  });
  assert.equal(
    messageLine(bar, plain),
    "14:30:00.000000000  SPY      388.985   389.13    388.975   389.12   " +
      "      49 378      461  389.0626",
  );
});

Deno.test("an order update shows event, order, fill and execution", () => {
  const update = fromJson(OrderUpdateSchema, {
    event: "ORDER_EVENT_PARTIAL_FILL",
    timestamp: "2024-01-15T15:00:00Z",
    order: {
      id: "o-1",
      symbol: "AAPL",
      orderType: "ORDER_TYPE_STOP_LIMIT",
      side: "ORDER_SIDE_SELL",
      qty: "10",
      filledQty: "4",
      filledAvgPrice: "150.5",
      limitPrice: "150",
      stopPrice: "151",
      status: "partially_filled",
    },
    price: "150.5",
    qty: "4",
  });
  assert.equal(
    messageLine(update, plain),
    "15:00:00.000000000  partial_fill    sell    10 AAPL   stop_limit 150 " +
      "stop 151  partially_filled filled 4 avg 150.5        4 @ 150.5       o-1",
  );
});

Deno.test("a side that the schema has no number for is not taken for many legs", () => {
  const order = { id: "p", symbol: "AAPL", qty: "1" };
  const update = create(OrderUpdateSchema, { event: 1, order });
  assert.match(messageLine(update, plain), / - +1 AAPL /);
});

Deno.test("the parent of a multi-leg order is known by its legs", () => {
  const update = fromJson(OrderUpdateSchema, {
    event: "ORDER_EVENT_NEW",
    order: { id: "p", qty: "1", legs: [{ symbol: "A1" }, { symbol: "B2" }] },
  });
  assert.match(messageLine(update, plain), / mleg +1 A1 \+ B2 /);
});

Deno.test("an update without an order is still a line", () => {
  const update = fromJson(OrderUpdateSchema, { event: "ORDER_EVENT_NEW" });
  assert.equal(messageLine(update, plain).trim(), "-                   new");
});

const HEAD = { symbol: "AAPL", timestamp: "2024-01-15T10:00:00Z", tape: "C" };

Deno.test("a trading status shows its codes and texts", () => {
  const halt = { statusCode: "H", statusMessage: "Trading Halt", reasonCode: "T1" };
  assert.equal(
    messageLine(fromJson(TradingStatusSchema, { ...HEAD, ...halt }), plain, { digits: 3 }),
    "10:00:00.000  AAPL    C    H Trading Halt / T1",
  );
  assert.equal(
    messageLine(fromJson(TradingStatusSchema, { ...HEAD, statusCode: "T" }), plain, { digits: 3 }),
    "10:00:00.000  AAPL    C    T",
  );
});

Deno.test("a price band and an imbalance show their prices", () => {
  const band = { ...HEAD, limitUpPrice: 151.5, limitDownPrice: 148.25, indicator: "B" };
  assert.equal(
    messageLine(fromJson(PriceBandSchema, band), plain, { digits: 3 }),
    "10:00:00.000  AAPL     148.25    151.50    C    B",
  );
  assert.equal(
    messageLine(fromJson(OrderImbalanceSchema, { ...HEAD, price: 9.12 }), plain, { digits: 3 }),
    "10:00:00.000  AAPL       9.12    C",
  );
});

Deno.test("a correction shows the trade and what it becomes", () => {
  const corrected = fromJson(CorrectedTradeSchema, {
    ...HEAD,
    exchange: "M",
    originalId: "-5",
    originalPrice: 39.25,
    originalSize: 440_000,
    correctedPrice: 39.5,
    correctedSize: 300,
    correctedConditions: ["@"],
  });
  assert.equal(
    messageLine(corrected, plain, { digits: 3 }),
    "10:00:00.000  AAPL      39.25   × 440 000  M     C    18446744073709551611 " +
      "  39.50   × 300 [@]",
  );
  const cancelled = { ...HEAD, tradeId: "465", price: 270.5, size: 100, action: "C" };
  assert.equal(
    messageLine(fromJson(CancelledTradeSchema, cancelled), plain, { digits: 3 }),
    "10:00:00.000  AAPL     270.50   ×     100        C    465              cancelled C",
  );
});
