/** Feeds and subscriptions in the status response. */
import assert from "node:assert/strict";
import { fromBinary, toJson } from "@bufbuild/protobuf";
import { sampleFeed } from "../../../../support/sample_status.ts";
import type { FeedStatus, ProxyStatus } from "../../../../../src/application/status/status.ts";
import type { FeedSubscriptions } from "../../../../../src/application/status/reports.ts";
import {
  ConnectionState,
  ExpansionState,
  FeedSubscriptionsSchema,
  FeedType,
  Freshness,
  GetConnectionStatusResponseSchema,
  SymbolState,
  UnderlyingPriceSource,
} from "../../../../../src/gen/cream/v1/stream_proxy_pb.ts";
import { Environment } from "../../../../../src/gen/cream/v1/common_pb.ts";
import {
  encodeStatus,
  EXPANSION_STATES,
  FEED_TYPES,
  STATES,
  SYMBOL_STATES,
} from "../../../../../src/infrastructure/grpc/encoding/status_response.ts";

const FEED: FeedStatus = {
  feed: "sip",
  kind: "sip",
  state: "connected",
  lastConnectedAt: undefined,
  errorMessage: undefined,
  subscriptionCount: 0,
  reconnectAttempts: 0,
  messagesReceived: 0,
};

const PROXY: ProxyStatus = {
  version: "1.2.3",
  startedAt: 1_705_312_800_001,
  now: 1_705_312_801_999.75,
  environment: "LIVE",
  feeds: [FEED],
  clientCount: 0,
  draining: false,
};

function decode(bytes: Uint8Array) {
  const { status } = fromBinary(GetConnectionStatusResponseSchema, bytes);
  assert(status);
  return status;
}

function read(feeds: FeedStatus[], change: Partial<ProxyStatus> = {}) {
  return decode(encodeStatus({ ...PROXY, feeds, ...change }));
}

Deno.test("every upstream product has the feed type of the contract", () => {
  assert.deepEqual(FEED_TYPES, {
    sip: FeedType.SIP,
    iex: FeedType.IEX,
    opra: FeedType.OPRA,
    indicative: FeedType.INDICATIVE,
    trade_updates: FeedType.TRADE_UPDATES,
    delayed_sip: 6,
    boats: 7,
    overnight: 8,
    test: 9,
    crypto: 10,
    news: 11,
  });
});

Deno.test("the feeds beyond the first three are in a field of their own", () => {
  const feeds = (["sip", "opra", "trading", "crypto", "news"] as const)
    .map((feed) => sampleFeed(feed, "connected"));
  const further = read(feeds);
  assert.deepEqual(further.feeds.map(({ feedType }) => feedType), [2, 4, 5]);
  assert.deepEqual(further.furtherFeeds.map(({ feedType }) => feedType), [10, 11]);
  const base = encodeStatus({ ...PROXY, feeds: feeds.slice(0, 3) });
  assert.deepEqual(decode(base).furtherFeeds, []);
});

Deno.test("every session state has the number of the contract", () => {
  const states = Object.keys(STATES) as (keyof typeof STATES)[];
  const status = read(states.map((state) => ({ ...FEED, state })));
  assert.deepEqual(status.feeds.map(({ state }) => state), [
    ConnectionState.DISCONNECTED,
    ConnectionState.CONNECTING,
    ConnectionState.AUTHENTICATING,
    ConnectionState.CONNECTED,
    ConnectionState.RECONNECTING,
    ConnectionState.ERROR,
  ]);
});

Deno.test("times keep milliseconds and never leave the nanosecond range", () => {
  const status = read([{ ...FEED, lastConnectedAt: 1_705_312_800_500 }]);
  assert.equal(status.startedAt?.nanos, 1_000_000);
  assert.equal(status.currentTime?.seconds, 1_705_312_801n);
  assert.equal(status.currentTime?.nanos, 999_000_000);
  assert.equal(status.feeds[0]?.lastConnectedAt?.nanos, 500_000_000);
});

Deno.test("unknown values of a feed are unset", () => {
  const [feed] = read([FEED]).feeds;
  assert.equal(feed?.lastConnectedAt, undefined);
  assert.equal(feed?.errorMessage, undefined);
});

Deno.test("counts and the environment are sent", () => {
  const status = read(
    [{ ...FEED, messagesReceived: 2 ** 40, subscriptionCount: 7 }],
    { clientCount: 12 },
  );
  assert.equal(status.environment, Environment.LIVE);
  assert.equal(status.clientCount, 12);
  assert.equal(status.feeds[0]?.messagesReceived, 2n ** 40n);
  assert.equal(status.feeds[0]?.subscriptionCount, 7);
});

Deno.test("freshness is sent only to a client that requests subscriptions", () => {
  const states = ["live", "stale", "recovering", "closed"] as const;
  const feeds = states.map((freshness): FeedStatus => {
    const notice = { freshness, since: 1_705_312_800_500, reason: "No data", symbols: [] };
    return { ...FEED, freshness: { notice, staleSeconds: 3, staleSymbols: 2 } };
  });
  const status = { ...PROXY, feeds };
  assert.deepEqual(encodeStatus(status), encodeStatus({ ...PROXY, feeds: feeds.map(() => FEED) }));
  const [live, ...others] = decode(encodeStatus(status, [])).feeds;
  assert.equal(live?.staleSymbols, 2);
  assert.equal(live?.freshness?.reason, "No data");
  assert.equal(live?.freshness?.since?.nanos, 500_000_000);
  assert.deepEqual([live, ...others].map((feed) => feed?.freshness?.freshness), [
    Freshness.LIVE,
    Freshness.STALE,
    Freshness.RECOVERING,
    Freshness.CLOSED,
  ]);
  const [unknown] = decode(encodeStatus(PROXY, [])).feeds;
  assert.equal(unknown?.freshness, undefined);
  assert.equal(unknown?.staleSymbols, undefined);
});

Deno.test("a stale symbol is marked", () => {
  const [channel] = SUBSCRIPTIONS.channels;
  assert.ok(channel);
  const symbols = channel.symbols.map((symbol, at) =>
    at === 0 ? { ...symbol, isStale: true } : symbol
  );
  const bytes = encodeStatus(
    { ...PROXY, feeds: [{ ...FEED, feed: "opra" }] },
    [{ ...SUBSCRIPTIONS, channels: [{ ...channel, symbols }] }],
  );
  const [feed] = decode(bytes).feeds;
  assert.deepEqual(feed?.subscriptions?.channels[0]?.symbols.map(({ stale }) => stale), [
    true,
    false,
  ]);
});

const SUBSCRIPTIONS: FeedSubscriptions = {
  feed: "opra",
  channels: [
    {
      channel: "quotes",
      symbols: [
        {
          symbol: "SPY240315C00500000",
          state: "rejected",
          streams: 3,
          reason: "symbol limit exceeded (code 405)",
        },
        {
          symbol: "SPY240315P00500000",
          state: "lingering",
          streams: 0,
          reason: undefined,
        },
      ],
      unfiltered: 2,
    },
  ],
  quota: { limit: 200, learned: true, used: 1 },
  expansions: [
    {
      underlying: "SPY",
      channel: "quotes",
      streams: 1,
      contracts: 1,
      state: "ready",
      reason: undefined,
      centre: 500.25,
      selected: new Set(["SPY260918P00500000", "SPY260918C00500000"]),
      wanted: 4,
      priceSource: "parity",
      pricedAt: 1_705_312_800_000,
    },
    {
      underlying: "QQQ",
      channel: "trades",
      streams: 1,
      contracts: 0,
      state: "off",
      reason: "no access",
      centre: undefined,
      selected: new Set(),
      wanted: 0,
      priceSource: undefined,
      pricedAt: undefined,
    },
  ],
};

Deno.test("subscriptions are sent with their feed", () => {
  const feeds: FeedStatus[] = [FEED, { ...FEED, feed: "opra", kind: "opra" }];
  const status = decode(encodeStatus({ ...PROXY, feeds }, [SUBSCRIPTIONS]));
  assert.equal(status.feeds[0]?.subscriptions, undefined);
  const told = status.feeds[1]?.subscriptions;
  assert(told);
  assert.deepEqual(toJson(FeedSubscriptionsSchema, told), {
    channels: [{
      channel: "quotes",
      symbols: [
        {
          symbol: "SPY240315C00500000",
          state: "SYMBOL_STATE_REFUSED",
          streams: 3,
          reason: "symbol limit exceeded (code 405)",
        },
        { symbol: "SPY240315P00500000", state: "SYMBOL_STATE_LINGERING" },
      ],
      unfilteredStreams: 2,
    }],
    budget: { limit: 200, learned: true, used: 1 },
    expansions: [
      {
        underlying: "SPY",
        channel: "quotes",
        streams: 1,
        contracts: 1,
        state: "EXPANSION_STATE_READY",
        centre: 500.25,
        selected: ["SPY260918C00500000", "SPY260918P00500000"],
        priceSource: "UNDERLYING_PRICE_SOURCE_PARITY",
        priceTime: "2024-01-15T10:00:00Z",
        wanted: 4,
      },
      {
        underlying: "QQQ",
        channel: "trades",
        streams: 1,
        state: "EXPANSION_STATE_OFF",
        reason: "no access",
      },
    ],
  });
});

Deno.test("an unknown limit is unset, a limit of zero is not", () => {
  const limits = [undefined, 0].map((limit) => {
    const quota = { limit, learned: false, used: 0 };
    const report = { ...SUBSCRIPTIONS, feed: "sip" as const, quota };
    const { feeds } = decode(encodeStatus(PROXY, [report]));
    return feeds[0]?.subscriptions?.budget?.limit;
  });
  assert.deepEqual(limits, [undefined, 0]);
});

Deno.test("every source of an underlying's price has its number", () => {
  const { expansions: [expansion] } = SUBSCRIPTIONS;
  assert.ok(expansion);
  const sources = (["trade", "parity", "guess", undefined] as const).map((priceSource) => {
    const report = { ...SUBSCRIPTIONS, expansions: [{ ...expansion, priceSource }] };
    const { feeds } = decode(encodeStatus({ ...PROXY, feeds: [{ ...FEED, feed: "opra" }] }, [
      { ...report, feed: "opra" },
    ]));
    return feeds[0]?.subscriptions?.expansions[0]?.priceSource;
  });
  assert.deepEqual(sources, [
    UnderlyingPriceSource.TRADE,
    UnderlyingPriceSource.PARITY,
    UnderlyingPriceSource.OPEN_INTEREST,
    UnderlyingPriceSource.UNSPECIFIED,
  ]);
});

Deno.test("every state of a symbol and of an expansion has its number", () => {
  assert.deepEqual(SYMBOL_STATES, {
    acknowledged: SymbolState.ACKNOWLEDGED,
    requested: SymbolState.REQUESTED,
    waiting: SymbolState.WAITING,
    rejected: SymbolState.REFUSED,
    lingering: SymbolState.LINGERING,
  });
  assert.deepEqual(EXPANSION_STATES, {
    loading: ExpansionState.LOADING,
    ready: ExpansionState.READY,
    off: ExpansionState.OFF,
  });
});
