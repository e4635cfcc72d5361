import assert from "node:assert/strict";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { explainNoData } from "../../../cli/explain_no_data.ts";
import {
  ConnectionState,
  ConnectionStatusSchema,
  ExpansionState,
  FeedType,
  SymbolState,
} from "../../../src/gen/cream/v1/stream_proxy_pb.ts";

type Feed = NonNullable<
  MessageInitShape<typeof ConnectionStatusSchema>["feeds"]
>[number];

const NOBODY = {
  symbols: [],
  underlyings: [],
  orderIds: [],
  contracts: undefined,
};

/** What is said of a stream of a proxy with this one feed, connected. */
function said(
  what: string,
  { feed, symbols = [], underlyings = [] }: {
    readonly feed: Feed;
    readonly symbols?: string[];
    readonly underlyings?: string[];
  },
): string | undefined {
  const status = create(ConnectionStatusSchema, {
    feeds: [{ state: ConnectionState.CONNECTED, ...feed }],
  });
  const selection = { ...NOBODY, symbols, underlyings };
  return explainNoData(status, { what, selection });
}

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
    "the trade_updates feed is not connected (error): auth failed (code 402)",
  );
});

Deno.test("symbols that are not carried are named with their reasons", () => {
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
    "BAD is refused (invalid syntax (code 400)); " +
      "MSFT is waiting (all 30 slots are in use); TSLA is requested; and 2 more",
  );
});

Deno.test("acknowledged symbols without data mean a closed market, for frequent streams", () => {
  const feed = stocks(["AAPL", SymbolState.ACKNOWLEDGED]);
  const symbols = ["AAPL"];
  assert.match(said("quotes", { feed, symbols }) ?? "", /market may be closed/);
  assert.equal(said("bars", { feed, symbols }), undefined);
  const orders = { feedType: FeedType.TRADE_UPDATES };
  assert.equal(said("orders", { feed: orders }), undefined);
  assert.equal(said("quotes", { feed: orders }), undefined);
});

Deno.test("a stream of everything is explained where no stream names a symbol", () => {
  const feed = (symbols: Feed["subscriptions"]): Feed => ({
    feedType: FeedType.OPRA,
    subscriptions: symbols ?? {},
  });
  const bare = { channel: "quotes", unfilteredStreams: 1 };
  assert.match(
    said("option-quotes", { feed: feed({ channels: [bare] }) }) ?? "",
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
    said("option-quotes", { feed: feed({ channels: [fed] }) }) ?? "",
    /market may be closed/,
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
  assert.equal(
    said("option-trades", { feed, underlyings: ["SPY"] }),
    undefined,
  );
});
