import assert from "node:assert/strict";
import { stripVTControlCharacters } from "node:util";
import { create, fromJson } from "@bufbuild/protobuf";
import fc from "fast-check";
import { FeedStatusSchema, OrderUpdateSchema } from "../../../src/gen/cream/v1/stream_proxy_pb.ts";
import type { DemoState, StreamFigures } from "../../../cli/demo_recorder.ts";
import { sparkline } from "../../../cli/demo_tables.ts";
import { renderDemo, share } from "../../../cli/demo_view.ts";
import { furtherChannels } from "../../support/further_channels.ts";
import { visibleWidth } from "../../../cli/text.ts";

const figures = (total: number, perSecond: number): StreamFigures => ({
  total,
  perSecond,
  history: [0, perSecond / 2, perSecond],
  median: 0.42,
  slowest: 12,
  dropped: 0,
});

const stock = (symbol: string) => ({
  symbol,
  live: true,
  book: { bidPrice: 232.31, bidSize: 300, askPrice: 232.33, askSize: 1400 },
  trade: { price: 232.2986, size: 87, direction: -1 },
  bar: { open: 232, high: 233, low: 231, close: 232.21, volume: 2700n },
} as const);

const STATE: DemoState = {
  addresses: {
    grpc: "localhost:50052",
    health: "localhost:8082",
    metrics: "localhost:9090",
  },
  elapsedMs: 11_000,
  messagesPerSecond: 200,
  feeds: [
    create(FeedStatusSchema, {
      feedType: 1,
      state: 4,
      subscriptionCount: 21,
      messagesReceived: 1_100n,
    }),
    create(FeedStatusSchema, { feedType: 3, state: 5 }),
    create(FeedStatusSchema, { feedType: 5, state: 6 }),
  ],
  outages: [{ presentMs: undefined, totalMs: 0 }, { presentMs: 3_000, totalMs: 5_000 }],
  streams: {
    stockQuotes: figures(1_234_567, 30_000),
    stockTrades: figures(218, 24),
    stockBars: { ...figures(14, 0), median: undefined },
    stockUpdatedBars: figures(0, 0),
    stockDailyBars: figures(0, 0),
    tradingStatuses: figures(0, 0),
    priceBands: figures(0, 0),
    tradeCorrections: figures(0, 0),
    imbalances: figures(0, 0),
    optionQuotes: { ...figures(997, 89), dropped: 12 },
    optionTrades: figures(236, 18),
    orderUpdates: figures(36, 4.25),
    ...furtherChannels(figures(0, 0)),
  },
  stocks: ["AAPL", "MSFT", "NVDA", "TSLA", "AMZN", "SPY", "QQQ"].map(stock),
  options: [
    { ...stock("AAPL261127C00232500"), live: false },
    { symbol: "AAPL261127P00232500", live: false },
  ],
  orders: Array.from({ length: 50 }, () =>
    fromJson(OrderUpdateSchema, {
      event: "ORDER_EVENT_FILL",
      timestamp: "2026-11-23T07:46:36.591Z",
      order: { symbol: "AAPL", side: "ORDER_SIDE_BUY", qty: "23" },
      price: "220.62",
      qty: "23",
    })),
  events: [{
    at: 0,
    tone: "bad",
    text: "sip: Feed connection failed, retrying in 0.7 s",
  }],
};

const EMPTY: DemoState = {
  ...STATE,
  feeds: [],
  stocks: [{ symbol: "AAPL", live: false }],
  options: [],
  orders: [],
  events: [],
};

Deno.test("eighty columns by twenty-four lines show every table", () => {
  const lines = renderDemo(STATE, { width: 80, height: 24, color: false });
  assert.deepEqual(
    lines,
    [
      " Alpaca Stream Proxy  DEMO: SIMULATED MARKET, NO REAL DATA                  11s ",
      " gRPC localhost:50052  health localhost:8082  metrics localhost:9090",
      " 00:00:00 sip: Feed connection failed, retrying in 0.7 s",
      " FEED           STATE             SUBS  STREAM   MSG/S     TOTAL   DELAY DROPPED",
      " Stocks (sip)   ● connected         21  quotes  30 000 1 234 567 0.42 ms       0",
    ].concat(lines.slice(5)),
  );
  assert.equal(lines.length, 24);
  for (
    const part of [
      "Options (opra) ○ reconnecting",
      "Trade updates  ○ error",
      " STOCK ",
      " AAPL      300 ×  232.31    232.33   × 1400  232.2986    87  232.21     2 700",
      " CONTRACTS, NOT LIVE: last values, feed reconnecting for 3s",
      "~AAPL261127C00232500     300 ×  232.31",
      " AAPL261127P00232500",
      " ORDER (UTC) ",
      "23 at 220.62",
      " d  drop a feed",
    ]
  ) assert.ok(lines.some((line) => line.includes(part)), part);
});

Deno.test("eighty columns have room for the widest values", () => {
  const widest = { ...figures(9_999_999_999, 199_999), dropped: 123_456_789, median: 999 };
  const streams = Object.fromEntries(Object.keys(STATE.streams).map((name) => [name, widest]));
  const feeds = ([1, 3, 5] as const).map((feedType) =>
    create(FeedStatusSchema, { feedType, state: 3, subscriptionCount: 1_234_567 })
  );
  const state = { ...STATE, feeds, streams: streams as DemoState["streams"] };
  const lines = renderDemo(state, { width: 80, height: 24, color: false });
  const heading = lines.findIndex((line) => line.includes("FEED"));
  assert.match(lines[heading] ?? "", / DELAY DROPPED$/);
  assert.equal(
    lines[heading + 1],
    " Stocks (sip)   ○ authenticating 1.23M  quotes  200.0k    10.00G  999 ms 123.46M",
  );
});

Deno.test("a hundred and forty columns add history and whole bars", () => {
  const lines = renderDemo(STATE, { width: 140, height: 40, color: false });
  const text = lines.join("\n");
  assert.match(text, /LAST 40 s$/m);
  assert.match(text, / 99 % /);
  assert.match(text, /▅█/);
  assert.match(text, /OPEN +HIGH +LOW +CLOSE +VOLUME/);
});

Deno.test("an empty state fills the screen", () => {
  const lines = renderDemo(EMPTY, { width: 80, height: 24, color: false });
  assert.equal(lines.length, 24);
  assert.ok(lines.some((line) => line.includes("○ disconnected")));
});

Deno.test("values from before a feed was lost are marked until it sends again", () => {
  const connected = create(FeedStatusSchema, { feedType: 3, state: 4 });
  const feeds = [connected, connected];
  const size = { width: 80, height: 40 };
  const text = (color: boolean) => renderDemo({ ...STATE, feeds }, { ...size, color }).join("\n");
  assert.match(text(false), /^ CONTRACT .*\n~AAPL261127C00232500 /m);
  assert.match(text(false), /^ AAPL {2}/m);
  // deno-lint-ignore no-control-regex -- all of the row is dim
  assert.match(text(true), /^~\x1b\[2mAAPL261127C.*\x1b\[2m +300 × /m);
});

Deno.test("colours change nothing but colours", () => {
  const size = { width: 100, height: 30 };
  const painted = renderDemo(STATE, { ...size, color: true });
  assert.ok(painted.some((line) => line.includes("\x1b[32m")));
  assert.deepEqual(
    painted.map(stripVTControlCharacters),
    renderDemo(STATE, { ...size, color: false }),
  );
});

Deno.test("the notice of a simulated market needs fifty-eight columns", () => {
  const [title] = renderDemo(STATE, { width: 58, height: 10, color: false });
  assert.match(title ?? "", /SIMULATED MARKET, NO REAL DATA/);
});

Deno.test("no size makes a line too wide or a line too many", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 250 }),
      fc.integer({ min: 1, max: 100 }),
      fc.constantFrom(STATE, EMPTY),
      fc.boolean(),
      (width, height, state, color) => {
        const lines = renderDemo(state, { width, height, color });
        assert.ok(lines.length <= height);
        for (const line of lines) assert.ok(visibleWidth(line) <= width);
        assert.ok(!lines.some((line) => /undefined|NaN/.test(line)));
      },
    ),
  );
});

Deno.test("rows are distributed in turn, and no table gets more than it has", () => {
  assert.deepEqual(share(10, [7, 8, 50]), [4, 3, 3]);
  assert.deepEqual(share(10, [1, 2, 50]), [1, 2, 7]);
  assert.deepEqual(share(100, [7, 8, 50]), [7, 8, 50]);
  assert.deepEqual(share(-3, [1, 1]), [0, 0]);
});

Deno.test("a sparkline reaches from nothing to its highest value", () => {
  assert.equal(sparkline([0, 1, 4, 8], 10), " ▂▅█");
  assert.equal(sparkline([1, 2, 3, 4], 2), "▇█");
  assert.equal(sparkline([0, 0], 5), "  ");
  assert.equal(sparkline([], 5), "");
});
