import assert from "node:assert/strict";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { ansi, plain } from "../../../cli/text.ts";
import { quotaText, subscriptionTables } from "../../../cli/status_table.ts";
import {
  ConnectionStatusSchema,
  ExpansionState,
  FeedType,
  Freshness,
  SymbolBudgetSchema,
  SymbolState,
  UnderlyingPriceSource,
} from "../../../src/gen/cream/v1/stream_proxy_pb.ts";

type Status = MessageInitShape<typeof ConnectionStatusSchema>;

const tables = (status: Status, colors = plain) =>
  subscriptionTables(create(ConnectionStatusSchema, status), colors);

const BUDGETS: readonly [
  MessageInitShape<typeof SymbolBudgetSchema>,
  string,
][] = [
  [{ used: 1234 }, "1 234 used, no known limit"],
  [{ limit: 30, used: 28 }, "28 of 30 used, 2 left"],
  [{ limit: 0, used: 0 }, "0 of 0 used, 0 left"],
  [{ limit: 30, used: 33 }, "33 of 30 used, 3 over the limit"],
  [
    { limit: 30, used: 30, learned: true },
    "30 of 30 used, 0 left, limit learned from a rejection",
  ],
];

for (const [budget, text] of BUDGETS) {
  Deno.test(`a budget reads "${text}"`, () => {
    assert.equal(quotaText(create(SymbolBudgetSchema, budget)), text);
  });
}

Deno.test("the freshness of a feed has its own line, and stale symbols are marked", () => {
  const lines = tables({
    feeds: [{
      feedType: FeedType.SIP,
      freshness: {
        freshness: Freshness.STALE,
        since: { seconds: 1_705_330_800n },
        reason: "No data",
      },
      staleSymbols: 2,
      subscriptions: {
        channels: [{
          channel: "quotes",
          symbols: [
            { symbol: "AAPL", state: SymbolState.ACKNOWLEDGED, streams: 1, stale: true },
            { symbol: "MSFT", state: SymbolState.ACKNOWLEDGED, streams: 1 },
          ],
        }],
      },
    }],
  });
  assert.equal(lines[2], "  data: stale since 15:00:00: No data; 2 stale symbols");
  const [apple, microsoft] = lines.slice(-2).map((line) => line.trim().split(/ {2,}/));
  assert.deepEqual(apple?.slice(1, 3), ["AAPL", "acknowledged, stale"]);
  assert.deepEqual(microsoft?.slice(1, 3), ["MSFT", "acknowledged"]);
});

Deno.test("every channel counts its symbols by state, every symbol has a row", () => {
  const lines = tables({
    feeds: [{
      feedType: FeedType.SIP,
      subscriptions: {
        budget: { limit: 30, used: 3 },
        channels: [
          {
            channel: "trades",
            symbols: [
              { symbol: "AAPL", state: SymbolState.ACKNOWLEDGED, streams: 12 },
              { symbol: "MSFT", state: SymbolState.REQUESTED, streams: 1 },
              {
                symbol: "TSLA",
                state: SymbolState.WAITING,
                streams: 1,
                reason: "all 30 slots are in use",
              },
              { symbol: "OLD", state: SymbolState.LINGERING },
            ],
          },
          { channel: "bars", unfilteredStreams: 2 },
        ],
      },
    }, { feedType: FeedType.OPRA }],
  });
  assert.deepEqual(lines, [
    "",
    "Stocks (sip)  3 of 30 used, 27 left",
    "  trades: 3 requested by streams, 1 acknowledged, 1 requested, 1 waiting, 1 lingering",
    "  bars: 0 requested by streams, 2 streams without a filter, receiving what others request",
    "  CHANNEL  SYMBOL  STATE         STREAMS  REASON",
    "  trades   AAPL    acknowledged       12",
    "  trades   MSFT    requested           1",
    "  trades   TSLA    waiting             1  all 30 slots are in use",
    "  trades   OLD     lingering           0",
  ]);
});

Deno.test("underlyings show their contracts, their price, or why they have none", () => {
  const lines = tables({
    currentTime: { seconds: 1_705_330_800n },
    feeds: [{
      feedType: FeedType.OPRA,
      subscriptions: {
        budget: { used: 0 },
        expansions: [
          {
            underlying: "SPY",
            channel: "quotes",
            state: ExpansionState.READY,
            contracts: 100,
            wanted: 100,
            streams: 2,
            centre: 500.5,
            priceSource: UnderlyingPriceSource.TRADE,
            priceTime: { seconds: 1_705_330_796n },
          },
          {
            underlying: "SPX",
            channel: "quotes",
            state: ExpansionState.READY,
            contracts: 20,
            wanted: 84,
            streams: 1,
            centre: 5000,
            priceSource: UnderlyingPriceSource.PARITY,
            priceTime: { seconds: 1_705_327_200n },
            reason: "the symbol quota has slots for 20 of 84 contracts; the price is not renewed",
          },
          {
            underlying: "VIX",
            channel: "quotes",
            state: ExpansionState.READY,
            contracts: 8,
            wanted: 8,
            streams: 1,
            centre: 15,
            priceSource: UnderlyingPriceSource.OPEN_INTEREST,
          },
          {
            underlying: "QQQ",
            channel: "trades",
            state: ExpansionState.OFF,
            streams: 1,
            reason: "the keys may not read contracts",
          },
        ],
      },
    }],
  });
  assert.deepEqual(lines.slice(2), [
    "  UNDERLYING  CHANNEL  STATE  CONTRACTS    PRICE  FROM              AGE  STREAMS  REASON",
    "  SPY         quotes   ready        100   500.50  last trade         4s        2",
    "  SPX         quotes   ready   20 of 84  5000.00  option quotes  1h 00m        1  " +
    "the symbol quota has slots for 20 of 84 contracts; the price is not renewed",
    "  VIX         quotes   ready          8    15.00  open interest       -        1",
    "  QQQ         trades   off            0        -  -                   -        1  " +
    "the keys may not read contracts",
  ]);
});

Deno.test("a state that this client does not know yet is shown by its number", () => {
  const lines = tables({
    feeds: [{
      feedType: FeedType.SIP,
      subscriptions: {
        channels: [{
          channel: "quotes",
          symbols: [{ symbol: "A", state: 9 as SymbolState, streams: 1 }],
        }],
      },
    }],
  });
  assert.equal(lines.at(-1), "  quotes   A       ?9           1");
});

Deno.test("on a terminal a rejection is red and aligned", () => {
  const status: Status = {
    feeds: [{
      feedType: FeedType.SIP,
      subscriptions: {
        channels: [{
          channel: "quotes",
          symbols: [
            { symbol: "A", state: SymbolState.ACKNOWLEDGED, streams: 1 },
            { symbol: "B", state: SymbolState.REFUSED, streams: 1 },
          ],
        }],
      },
    }],
  };
  assert.ok(
    tables(status, ansi).at(-1)?.includes("\x1b[31mrejected\x1b[39m    "),
  );
});

Deno.test("a proxy without subscription reports is recognized", () => {
  assert.deepEqual(tables({ feeds: [{ feedType: FeedType.SIP }] }), [
    "",
    "this proxy reports no subscriptions",
  ]);
});
