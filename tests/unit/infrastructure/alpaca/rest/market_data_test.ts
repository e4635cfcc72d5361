import assert from "node:assert/strict";
import { RestMarketData } from "../../../../../src/infrastructure/alpaca/rest/market_data.ts";
import { json, ScriptedApi } from "./scripted_api.ts";

const SPAN = { from: Date.UTC(2026, 8, 14, 14, 30), to: Date.UTC(2026, 8, 14, 14, 31) };
const LIMITS = { span: SPAN, maxEvents: 30_000 };

function marketData(
  api: ScriptedApi,
  feeds: { stockFeed?: string | undefined; optionFeed?: string } = {},
): RestMarketData {
  const data = { client: api.client, url: api.url };
  return new RestMarketData({ data, stockFeed: "sip", optionFeed: "opra", ...feeds });
}

/** A trade as REST has it. */
function trade(i: number, changes: Record<string, unknown> = {}) {
  const t = `2026-09-14T14:30:${String(i % 60).padStart(2, "0")}.000000001Z`;
  return { i, x: "V", p: 10.5, s: 100, t, c: ["@"], z: "C", ...changes };
}

function tradesPage(trades: Record<string, unknown>, next: string | null = null) {
  return json({ trades, next_page_token: next });
}

const ids = (trades: readonly { readonly tradeId: number | bigint }[] | undefined) =>
  trades?.map(({ tradeId }) => tradeId);

Deno.test("the latest quotes of stocks are read as the stream's are", async () => {
  const quote = { bx: "Q", bp: 1.5, bs: 2, ax: "V", ap: 1.6, as: 3, c: ["R"], z: "C" };
  await using api = new ScriptedApi([
    json({ quotes: { AAPL: { ...quote, t: "2026-09-14T14:30:00.5Z" }, MSFT: { t: "soon" } } }),
  ]);
  const found = await marketData(api).latest("stockQuotes", ["AAPL", "MSFT", "X"], api.signal);
  assert.deepEqual([...found], [["AAPL", {
    symbol: "AAPL",
    timestamp: { seconds: Date.UTC(2026, 8, 14, 14, 30) / 1_000, nanos: 500_000_000 },
    bidExchange: "Q",
    bidPrice: 1.5,
    bidSize: 2,
    askExchange: "V",
    askPrice: 1.6,
    askSize: 3,
    conditions: ["R"],
    tape: "C",
  }]]);
  const { url } = api.requests[0] ?? {};
  assert.equal(url?.pathname, "/v2/stocks/quotes/latest");
  assert.equal(url?.search, "?symbols=AAPL%2CMSFT%2CX&feed=sip");
  assert.equal(api.counters.snapshot.ok, 1);
});

const LATEST_PATHS = [
  ["stockTrades", "/v2/stocks/trades/latest", "trades", "iex"],
  ["stockBars", "/v2/stocks/bars/latest", "bars", "iex"],
  ["optionQuotes", "/v1beta1/options/quotes/latest", "quotes", "indicative"],
  ["optionTrades", "/v1beta1/options/trades/latest", "trades", "indicative"],
] as const;

for (const [channel, path, list, feed] of LATEST_PATHS) {
  Deno.test(`the latest values of ${channel} are requested of the followed feed`, async () => {
    await using api = new ScriptedApi([json({ [list]: {} })]);
    const data = marketData(api, { stockFeed: "iex", optionFeed: "indicative" });
    assert.equal((await data.latest(channel, ["A"], api.signal)).size, 0);
    assert.equal(api.requests[0]?.url.pathname, path);
    assert.equal(api.requests[0]?.url.searchParams.get("feed"), feed);
  });
}

Deno.test("the test stream has no latest values, and nothing is requested", async () => {
  await using api = new ScriptedApi([json({})]);
  const data = marketData(api, { stockFeed: undefined });
  assert.equal((await data.latest("stockTrades", ["FAKEPACA"], api.signal)).size, 0);
  assert.equal(api.requests.length, 0);
});

Deno.test("a symbol that Alpaca rejects does not cost the values of the others", async () => {
  const symbols = Array.from({ length: 100 }, (_, i) => `S${i}`);
  const answer = (url: URL) => {
    const requested = url.searchParams.get("symbols")?.split(",") ?? [];
    if (requested.includes("S37")) {
      return Response.json({ message: "invalid symbol: S37" }, { status: 400 });
    }
    return Response.json({
      trades: Object.fromEntries(requested.map((symbol, i) => [symbol, trade(i)])),
    });
  };
  await using api = new ScriptedApi([answer]);
  const found = await marketData(api).latest("stockTrades", symbols, api.signal);
  assert.equal(found.size, 99);
  assert.ok(!found.has("S37"));
  assert.ok(api.requests.length <= 17, `${api.requests.length} requests`);
});

Deno.test("a rejection of every request is an error, after at most 33 requests", async () => {
  const symbols = Array.from({ length: 100 }, (_, i) => `S${i}`);
  await using api = new ScriptedApi([json({ message: "invalid feed" }, { status: 400 })]);
  await assert.rejects(
    marketData(api).latest("stockTrades", symbols, api.signal),
    /HTTP 400 invalid feed/,
  );
  assert.ok(api.requests.length <= 33, `${api.requests.length} requests`);
});

Deno.test("a history is read page by page, in order, with exact trade ids", async () => {
  await using api = new ScriptedApi([
    tradesPage({ AAPL: [trade(1), trade(2)] }, "two"),
    // The id is written as text here, because a double cannot hold it.
    () =>
      new Response(
        `{"trades":{"AAPL":[${
          JSON.stringify(trade(3)).replace('"i":3', '"i":9223372036854775807')
        }],` +
          `"MSFT":[${JSON.stringify(trade(4))}]},"next_page_token":null}`,
      ),
  ]);
  const query = { symbols: ["AAPL", "MSFT", "TSLA"], ...LIMITS };
  const history = await marketData(api).history("stockTrades", query, api.signal);
  assert.deepEqual(ids(history.events.get("AAPL")), [1, 2, 9223372036854775807n]);
  assert.deepEqual(ids(history.events.get("MSFT")), [4]);
  assert.deepEqual([...history.incomplete], []);
  assert.equal(history.problem, undefined);
  const [first, second] = api.requests.map(({ url }) => url.searchParams);
  assert.equal(api.requests[0]?.url.pathname, "/v2/stocks/trades");
  assert.equal(first?.get("symbols"), "AAPL,MSFT,TSLA");
  assert.equal(first?.get("start"), "2026-09-14T14:30:00.000Z");
  assert.equal(first?.get("end"), "2026-09-14T14:31:00.000Z");
  assert.equal(first?.get("feed"), "sip");
  assert.equal(second?.get("page_token"), "two");
  assert.equal(api.counters.backfill.ok, 2);
});

Deno.test("fractional sizes of a history are rounded and keep their digits", async () => {
  await using api = new ScriptedApi([
    tradesPage({ AAPL: [trade(1, { s: 0.25 }), trade(2, { s: "7.50" }), trade(3)] }),
  ]);
  const { events } = await marketData(api).history("stockTrades", {
    symbols: ["AAPL"],
    ...LIMITS,
  }, api.signal);
  assert.deepEqual(events.get("AAPL")?.map(({ size, exact }) => [size, exact]), [
    [0, [{ field: "size", value: "0.25" }]],
    [8, [{ field: "size", value: "7.50" }]],
    [100, undefined],
  ]);
});

Deno.test("bars are requested by the minute, option trades without a feed", async () => {
  await using api = new ScriptedApi([json({ bars: {}, trades: {} })]);
  const data = marketData(api);
  await data.history("stockBars", { symbols: ["A"], ...LIMITS }, api.signal);
  await data.history("optionTrades", { symbols: ["A"], ...LIMITS }, api.signal);
  const [bars, trades] = api.requests.map(({ url }) => url);
  assert.equal(bars?.pathname, "/v2/stocks/bars");
  assert.equal(bars?.searchParams.get("timeframe"), "1Min");
  assert.equal(trades?.pathname, "/v1beta1/options/trades");
  assert.equal(trades?.searchParams.get("feed"), null);
});

Deno.test("a history has the original of a corrected trade, not the correction", async () => {
  await using api = new ScriptedApi([tradesPage({
    A: [
      trade(1, { u: "incorrect" }),
      trade(2, { u: "corrected" }),
      trade(3, { u: "canceled" }),
    ],
  })]);
  const history = await marketData(api)
    .history("stockTrades", { symbols: ["A"], ...LIMITS }, api.signal);
  assert.deepEqual(ids(history.events.get("A")), [1, 3]);
});

Deno.test("a page that fails leaves the symbols from the last one on incomplete", async () => {
  await using api = new ScriptedApi([
    tradesPage({ A: [trade(1)], B: [trade(2)] }, "two"),
    json({ message: "no such token" }, { status: 400 }),
  ]);
  const query = { symbols: ["C", "B", "A"], ...LIMITS };
  const history = await marketData(api).history("stockTrades", query, api.signal);
  assert.deepEqual(ids(history.events.get("A")), [1]);
  assert.deepEqual(ids(history.events.get("B")), [2]);
  assert.deepEqual([...history.incomplete], [
    ["C", SPAN.from],
    ["B", SPAN.from + 2_000 + 1e-6],
  ]);
  assert.match(history.problem ?? "", /HTTP 400 no such token; 2 events of 2 symbols were read$/);
  assert.equal(history.status, 400);
});

Deno.test("without the documented order of symbols, a cut history completes none", async () => {
  await using api = new ScriptedApi([
    tradesPage({ B: [trade(1)] }, "two"),
    tradesPage({ A: [trade(2)] }, "three"),
    json({ message: "gone" }, { status: 400 }),
  ]);
  const history = await marketData(api)
    .history("stockTrades", { symbols: ["A", "B"], ...LIMITS }, api.signal);
  assert.deepEqual([...history.incomplete.values()], [SPAN.from, SPAN.from]);
});

Deno.test("an event that is not valid makes its symbol incomplete", async () => {
  await using api = new ScriptedApi([
    tradesPage({ A: [trade(1), trade(2, { p: null })], B: [trade(3)] }),
  ]);
  const history = await marketData(api)
    .history("stockTrades", { symbols: ["A", "B"], ...LIMITS }, api.signal);
  assert.deepEqual(ids(history.events.get("A")), [1]);
  assert.deepEqual([...history.incomplete], [["A", SPAN.from]]);
  assert.equal(history.problem, "Invalid events of 1 symbols");
});

Deno.test("a history that is too long is cut, and says what was read", async () => {
  const many = Array.from({ length: 20_000 }, (_, i) => trade(i));
  await using api = new ScriptedApi([
    tradesPage({ A: many }, "two"),
    tradesPage({ A: many }, "three"),
    tradesPage({ A: many }, "four"),
  ]);
  const history = await marketData(api)
    .history("stockTrades", { symbols: ["A"], ...LIMITS }, api.signal);
  assert.equal(history.events.get("A")?.length, 40_000);
  assert.deepEqual([...history.incomplete.keys()], ["A"]);
  assert.equal(
    history.problem,
    "More than 30000 events; 40000 events of 1 symbols were read",
  );
  assert.equal(api.requests.length, 2);
});

for (
  const [channel, feeds, name] of [
    ["stockTrades", { stockFeed: "delayed_sip" }, "delayed_sip"],
    ["stockBars", { stockFeed: undefined }, "test"],
    ["optionTrades", { optionFeed: "indicative" }, "indicative"],
  ] as const
) {
  Deno.test(`the stream "${name}" has no history, and nothing is requested`, async () => {
    await using api = new ScriptedApi([json({})]);
    const history = await marketData(api, feeds)
      .history(channel, { symbols: ["A"], ...LIMITS }, api.signal);
    assert.deepEqual([...history.incomplete], [["A", SPAN.from]]);
    assert.match(history.problem ?? "", new RegExp(`of the stream "${name}"; 0 events`));
    assert.equal(api.requests.length, 0);
  });
}

Deno.test("requests are counted by purpose and outcome, each attempt", async () => {
  await using api = new ScriptedApi([
    json({}, { status: 429 }),
    json({}, { status: 500 }),
    json({ trades: {} }),
    json({}, { status: 403 }),
  ]);
  const data = marketData(api);
  const latest = data.latest("stockTrades", ["A"], api.signal);
  await api.pass(1_000);
  await api.pass(2_000);
  await latest;
  await assert.rejects(data.latest("stockTrades", ["A"], api.signal));
  assert.deepEqual(api.counters.snapshot, { ok: 1, rate_limited: 1, rejected: 1, failed: 1 });
});
