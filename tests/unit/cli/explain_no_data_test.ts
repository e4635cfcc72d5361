import assert from "node:assert/strict";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { explainNoData, type Explanation } from "../../../cli/explain_no_data.ts";
import { STREAM_KINDS } from "../../../cli/streams.ts";
import {
  ConnectionState,
  type ConnectionStatus,
  ConnectionStatusSchema,
  ExpansionState,
  FeedType,
  SymbolState,
} from "../../../src/gen/cream/v1/stream_proxy_pb.ts";

type Feed = NonNullable<
  MessageInitShape<typeof ConnectionStatusSchema>["feeds"]
>[number];

/** A Wednesday at noon in New York. */
const OPEN = Date.parse("2026-11-18T17:00:00Z");

/** What is said of a stream of a proxy with this one feed, connected. */
function explained(
  what: string,
  { feed, at = OPEN, before, ...selection }: {
    readonly feed: Feed;
    readonly at?: number;
    readonly before?: ConnectionStatus;
    readonly symbols?: string[];
    readonly underlyings?: string[];
    readonly orderIds?: string[];
  },
): Explanation {
  const status = create(ConnectionStatusSchema, {
    feeds: [{ state: ConnectionState.CONNECTED, ...feed }],
  });
  const kind = STREAM_KINDS[what];
  assert(kind);
  return explainNoData(status, { kind, selection: { symbols: [], ...selection } }, {
    now: at,
    before,
  });
}

const said = (...args: Parameters<typeof explained>) => explained(...args).text;

function stocks(...symbols: [string, SymbolState, string?][]): Feed {
  return {
    feedType: FeedType.IEX,
    subscriptions: {
      channels: [{
        channel: "quotes",
        symbols: symbols.map(([symbol, state, reason]) => ({
          symbol,
          state,
          ...(reason && { reason }),
        })),
      }],
    },
  };
}

Deno.test("a feed that is not connected is the reason, with upstream's error", () => {
  const feed = {
    feedType: FeedType.TRADE_UPDATES,
    state: ConnectionState.ERROR,
    errorMessage: "auth failed (code 402)",
  };
  assert.equal(
    said("orders", { feed }),
    "the feed Trade updates is not connected (error): auth failed (code 402)",
  );
});

Deno.test("symbols that are not acknowledged are named with their reasons", () => {
  const feed = stocks(
    ["AAPL", SymbolState.ACKNOWLEDGED],
    ["BAD", SymbolState.REFUSED, "invalid syntax (code 400)"],
    ["MSFT", SymbolState.WAITING, "all 30 slots are in use"],
    ["OTHER", SymbolState.REFUSED],
    ["TSLA", SymbolState.REQUESTED],
    ["NVDA", SymbolState.REQUESTED],
    ["AMD", SymbolState.REQUESTED],
  );
  assert.equal(
    said("quotes", {
      feed,
      symbols: ["AAPL", "BAD", "MSFT", "TSLA", "NVDA", "AMD"],
    }),
    "BAD is rejected (invalid syntax (code 400)); " +
      "MSFT is waiting (all 30 slots are in use); Alpaca has not acknowledged TSLA yet; and 2 more",
  );
});

Deno.test("a symbol that the proxy does not report is not subscribed", () => {
  const feed = stocks(["AAPL", SymbolState.ACKNOWLEDGED], ["BRK.B", SymbolState.ACKNOWLEDGED]);
  const { text, isProblem } = explained("quotes", { feed, symbols: ["AAPL", "BRK/B", "MSFT"] });
  assert.equal(text, "MSFT is not subscribed");
  assert.equal(isProblem, true);
});

Deno.test("a subscription to everything covers a symbol", () => {
  const feed = stocks(["*", SymbolState.ACKNOWLEDGED]);
  assert.equal(explained("quotes", { feed, symbols: ["AAPL"] }).isProblem, false);
});

Deno.test("a feed that receives data shows that the market is not the reason", () => {
  const before = create(ConnectionStatusSchema, { feeds: [{ feedType: FeedType.IEX }] });
  const feed = { ...stocks(), messagesReceived: 1n };
  const saturday = Date.parse("2026-11-21T17:00:00Z");
  assert.match(
    said("quotes", { feed, before, at: saturday }),
    /sends other data: the symbols are quiet, or do not exist/,
  );
});

Deno.test("a feed that the proxy does not report is a problem", () => {
  const orders = { feedType: FeedType.TRADE_UPDATES };
  assert.equal(explained("quotes", { feed: orders }).isProblem, true);
});

const at = (text: string) => Date.parse(text);

const NORMAL: readonly [string, Parameters<typeof explained>, RegExp][] = [
  [
    "acknowledged stocks in regular hours",
    ["quotes", { feed: stocks(["AAPL", SymbolState.ACKNOWLEDGED]), symbols: ["AAPL"] }],
    /acknowledged .* sends nothing: the symbols are quiet, or do not exist/,
  ],
  [
    "acknowledged stocks on a Saturday",
    ["quotes", { feed: stocks(), at: at("2026-11-21T17:00:00Z") }],
    /the market is closed until Mon 04:00 in New York \(in 1d 16h\)/,
  ],
  [
    "stocks on Thanksgiving",
    ["trades", { feed: stocks(), at: at("2026-11-26T17:00:00Z") }],
    /closed until Fri 04:00 in New York/,
  ],
  [
    "stocks before the opening",
    ["quotes", { feed: stocks(), at: at("2026-11-18T13:00:00Z") }],
    /it is the premarket, in which few symbols are traded/,
  ],
  [
    "options before the opening",
    ["option-quotes", { feed: { feedType: FeedType.OPRA }, at: at("2026-11-18T13:00:00Z") }],
    /closed until Wed 09:30 in New York \(in 1h 30m\)/,
  ],
  [
    "delayed options within a quarter of an hour of the opening",
    ["option-quotes", { feed: { feedType: FeedType.INDICATIVE }, at: at("2026-11-18T14:40:00Z") }],
    /closed until Wed 09:45 in New York \(in 5m 00s\)/,
  ],
  [
    "the overnight feed by day",
    ["quotes", { feed: { feedType: FeedType.BOATS } }],
    /closed until Wed 20:00 in New York/,
  ],
  [
    "the overnight feed by night",
    ["quotes", { feed: { feedType: FeedType.BOATS }, at: at("2026-11-19T03:00:00Z") }],
    /the symbols are quiet/,
  ],
  ["the test stream on a Saturday", [
    "quotes",
    { feed: { feedType: FeedType.TEST }, at: at("2026-11-21T17:00:00Z") },
  ], /quiet/],
  ["bars", ["bars", { feed: stocks() }], /a bar arrives after each minute/],
  ["option trades", [
    "option-trades",
    { feed: { feedType: FeedType.OPRA } },
  ], /untraded for hours/],
  ["orders on a Saturday", [
    "orders",
    { feed: { feedType: FeedType.TRADE_UPDATES }, at: at("2026-11-21T17:00:00Z") },
  ], /^an update arrives when an order of this account changes$/],
  ["orders with a filter", [
    "orders",
    { feed: { feedType: FeedType.TRADE_UPDATES }, orderIds: ["1"] },
  ], /changes and matches the filter$/],
];

for (const [what, args, expected] of NORMAL) {
  Deno.test(`a normal pause is explained: ${what}`, () => {
    const { text, isProblem } = explained(...args);
    assert.match(text, expected);
    assert.equal(isProblem, false);
  });
}

Deno.test("a stream of everything is explained where no stream names a symbol", () => {
  const feed = (symbols: Feed["subscriptions"]): Feed => ({
    feedType: FeedType.OPRA,
    subscriptions: symbols ?? {},
  });
  const bare = { channel: "quotes", unfilteredStreams: 1 };
  assert.match(
    said("option-quotes", { feed: feed({ channels: [bare] }) }),
    /only what other streams request, and none requests anything/,
  );
  const fed = {
    ...bare,
    symbols: [{
      symbol: "SPY261218C00650000",
      state: SymbolState.ACKNOWLEDGED,
    }],
  };
  assert.match(
    said("option-quotes", { feed: feed({ channels: [fed] }) }),
    /the symbols are quiet/,
  );
});

Deno.test("underlyings without contracts are explained by their reason", () => {
  const of = (underlying: string, reason?: string, contracts = 0) => ({
    underlying,
    channel: "quotes",
    contracts,
    state: ExpansionState.READY,
    ...(reason && { reason }),
  });
  const feed = {
    feedType: FeedType.INDICATIVE,
    subscriptions: {
      expansions: [
        of("SPX", "the symbol quota has slots for 0 of 100 contracts"),
        of("FOO", "no option contracts of FOO are listed"),
        of("QQQ"),
        of("SPY", undefined, 100),
        of("IWM", "of another stream"),
        { ...of("FOO", "on another channel"), channel: "trades" },
      ],
    },
  };
  assert.equal(
    said("option-quotes", {
      feed,
      underlyings: ["SPXW", "FOO", "QQQ", "SPY"],
    }),
    "SPX: the symbol quota has slots for 0 of 100 contracts; " +
      "FOO: no option contracts of FOO are listed; " +
      "QQQ: its contracts are being looked up",
  );
  assert.match(said("option-trades", { feed, underlyings: ["SPY"] }), /untraded for hours/);
  const limited = { ...of("DIA", "max_contracts 100 leaves 8 of 33 expiries", 100), wanted: 100 };
  const fewer = { ...of("TLT", "the symbol quota has slots for 3 of 9", 3), wanted: 9 };
  const partial = { ...feed, subscriptions: { expansions: [limited, fewer] } };
  assert.equal(
    said("option-quotes", { feed: partial, underlyings: ["DIA", "TLT"] }),
    "TLT: the symbol quota has slots for 3 of 9",
  );
});
