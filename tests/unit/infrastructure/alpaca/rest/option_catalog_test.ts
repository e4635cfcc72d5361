import assert from "node:assert/strict";
import { ApiUnavailable } from "../../../../../src/application/ports/api_unavailable.ts";
import type { StockFeedKind } from "../../../../../src/domain/connection/feed.ts";
import { dayOfDate } from "../../../../../src/domain/calendar/exchange_time.ts";
import { AlpacaCatalog } from "../../../../../src/infrastructure/alpaca/rest/option_catalog.ts";
import { type Answer, json, ScriptedApi } from "./scripted_api.ts";

function catalogOf(
  api: ScriptedApi,
  stockFeed: StockFeedKind = "sip",
): AlpacaCatalog {
  const host = { client: api.client, url: api.url };
  return new AlpacaCatalog({
    trading: host,
    data: host,
    stockFeed,
    optionFeed: "indicative",
  });
}

/** A contract as Alpaca writes it. */
function listed(symbol: string, changes: Record<string, unknown> = {}) {
  return {
    symbol,
    underlying_symbol: "SPY",
    root_symbol: "SPY",
    expiration_date: "2028-01-21",
    type: "call",
    strike_price: "650.5",
    open_interest: "17",
    ...changes,
  };
}

function page(contracts: readonly unknown[], next: string | null = null) {
  return json({ option_contracts: contracts, next_page_token: next });
}

const symbolsOf = (contracts: readonly { readonly symbol: string }[]) =>
  contracts.map(({ symbol }) => symbol);

Deno.test("a chain is requested with every expiry and read page by page", async () => {
  await using api = new ScriptedApi([
    page([listed("A1"), listed("A2")], "two"),
    page([listed("A3")], "three"),
    page([listed("A3"), listed("A4", { type: "put", open_interest: null })]),
  ]);
  const contracts = await catalogOf(api).contracts("SPY", api.signal);
  assert.deepEqual(symbolsOf(contracts), ["A1", "A2", "A3", "A4"]);
  assert.deepEqual(contracts[0], {
    symbol: "A1",
    underlying: "SPY",
    root: "SPY",
    expiryDay: dayOfDate("2028-01-21"),
    right: "call",
    strike: 650.5,
    openInterest: 17,
    isAdjusted: false,
    isTradable: true,
  });
  assert.equal(contracts[3]?.openInterest, 0);
  const [first, second] = api.requests.map(({ url }) => url);
  assert.equal(first?.pathname, "/v2/options/contracts");
  assert.equal(first?.searchParams.get("underlying_symbols"), "SPY");
  assert.equal(first?.searchParams.get("expiration_date_lte"), "2100-01-01");
  assert.equal(first?.searchParams.get("limit"), "1000");
  assert.equal(first?.searchParams.get("page_token"), null);
  assert.equal(second?.searchParams.get("page_token"), "two");
});

Deno.test("the underlying of a contract decides, not its root", async () => {
  await using api = new ScriptedApi([page([
    listed("SPXW1", { underlying_symbol: "SPX", root_symbol: "SPXW" }),
    listed("AAPL1", { underlying_symbol: "AAPL", root_symbol: "SPX" }),
  ])]);
  const contracts = await catalogOf(api).contracts("SPX", api.signal);
  assert.deepEqual(symbolsOf(contracts), ["SPXW1"]);
});

const BAD_ENTRIES: readonly unknown[] = [
  null,
  "text",
  {},
  listed("B", { symbol: undefined }),
  listed("B", { root_symbol: null }),
  listed("B", { strike_price: null }),
  listed("B", { strike_price: "0" }),
  listed("B", { strike_price: "much" }),
  listed("B", { strike_price: "Infinity" }),
  listed("B", { expiration_date: "soon" }),
  listed("B", { expiration_date: undefined }),
  listed("B", { type: "straddle" }),
  // Values that cannot be converted to text or a number.
  listed("B", { strike_price: { toString: 1, valueOf: 1 } }),
  listed("B", { expiration_date: { toString: 1, valueOf: 1 } }),
  listed("B".repeat(65)),
];

Deno.test("inactive contracts are left out", async () => {
  const statuses = ["inactive", "active", "expired", undefined];
  const body = page(statuses.map((status, at) => listed("ABCD"[at] ?? "", { status })));
  await using api = new ScriptedApi([body]);
  assert.deepEqual(symbolsOf(await catalogOf(api).contracts("SPY", api.signal)), ["B", "D"]);
});

Deno.test("contracts that are not tradable are part of the list", async () => {
  const body = page([listed("A", { tradable: false }), listed("B", { tradable: true })]);
  await using api = new ScriptedApi([body]);
  const contracts = await catalogOf(api).contracts("SPY", api.signal);
  assert.deepEqual(contracts.map(({ isTradable }) => isTradable), [false, true]);
});

Deno.test("contracts that do not deliver 100 shares are adjusted", async () => {
  const equity = (amount: string) => ({ type: "equity", symbol: "SPY", amount });
  await using api = new ScriptedApi([page([
    listed("A", { size: "100", deliverables: [equity("100")] }),
    listed("B", { deliverables: [{ type: "cash", amount: null }] }),
    listed("C", { root_symbol: "SPY1" }),
    listed("D", { size: "83" }),
    listed("E", { deliverables: [equity("83")] }),
    listed("F", { deliverables: [equity("100"), { type: "cash", amount: "12.5" }] }),
    listed("G", { size: { toString: 1 }, deliverables: "none" }),
  ])]);
  const contracts = await catalogOf(api).contracts("SPY", api.signal);
  const adjusted = contracts.filter(({ isAdjusted }) => isAdjusted);
  assert.equal(contracts.length, 7);
  assert.deepEqual(symbolsOf(adjusted), ["C", "D", "E", "F"]);
});

Deno.test("open interest that is not a number counts as 0", async () => {
  const interest = { open_interest: { toString: 1, valueOf: 1 } };
  await using api = new ScriptedApi([page([listed("A", interest)])]);
  const [contract] = await catalogOf(api).contracts("SPY", api.signal);
  assert.equal(contract?.openInterest, 0);
});

for (const entry of BAD_ENTRIES) {
  Deno.test(`a contract like ${JSON.stringify(entry)} costs itself only`, async () => {
    await using api = new ScriptedApi([page([entry, listed("GOOD")])]);
    const contracts = await catalogOf(api).contracts("SPY", api.signal);
    assert.deepEqual(symbolsOf(contracts), ["GOOD"]);
  });
}

const NO_ANSWERS: readonly (readonly [string, Answer])[] = [
  ["another map", json({ snapshots: {} })],
  ["a list", json([])],
  ["null", json(null)],
  ["a list that is a text", json({ option_contracts: "none" })],
];

for (const [what, answer] of NO_ANSWERS) {
  Deno.test(`${what} is no chain without contracts but no answer`, async () => {
    await using api = new ScriptedApi([answer]);
    await assert.rejects(
      catalogOf(api).contracts("SPY", api.signal),
      /no "option_contracts": check the address/,
    );
  });
}

Deno.test("an unknown underlying has no contracts", async () => {
  await using api = new ScriptedApi([page([])]);
  assert.deepEqual(await catalogOf(api).contracts("NOPE", api.signal), []);
});

Deno.test("a repeated page token is an error", async () => {
  await using api = new ScriptedApi([page([listed("A")], "again")]);
  await assert.rejects(
    catalogOf(api).contracts("SPY", api.signal),
    /a page token is repeated/,
  );
  assert.equal(api.requests.length, 2);
});

for (
  const [what, second] of [
    ["is refused", json({ message: "forbidden" }, { status: 403 })],
    ["has no contracts", json({})],
  ] as const satisfies readonly (readonly [string, Answer])[]
) {
  Deno.test(`a chain whose second page ${what} is no shorter chain but an error`, async () => {
    await using api = new ScriptedApi([page([listed("A")], "two"), second]);
    await assert.rejects(catalogOf(api).contracts("SPY", api.signal), ApiUnavailable);
  });
}

Deno.test("too many pages are an error", async () => {
  let count = 0;
  const headers = { "x-ratelimit-limit": "10000" };
  const more: Answer = () =>
    Response.json({ option_contracts: [], next_page_token: `${count++}` }, { headers });
  await using api = new ScriptedApi([more]);
  await assert.rejects(
    catalogOf(api).contracts("SPY", api.signal),
    /more than 100 pages/,
  );
  assert.equal(api.requests.length, 100);
});

const TIME = "2026-09-14T14:30:00.5Z";
const AT = Date.parse(TIME);

Deno.test("last trades are read in one request; invalid ones are omitted", async () => {
  const trades = {
    SPY: { p: 571.25, s: 100, t: TIME },
    QQQ: { p: 0, t: TIME },
    IWM: { p: "1", t: TIME },
    DIA: null,
    GLD: { p: 200 },
    SLV: { p: 20, t: "soon" },
    TLT: { p: 90 },
  };
  // JSON has no infinity, but its numbers have no limit.
  const body = JSON.stringify({ trades }).replace('"p":200', `"p":1e999,"t":"${TIME}"`);
  await using api = new ScriptedApi([() => new Response(body)]);
  const names = [...Object.keys(trades), "BRK.B"];
  const found = await catalogOf(api, "iex").lastTrades(names, api.signal);
  assert.deepEqual([...found.trades], [["SPY", { price: 571.25, at: AT }]]);
  assert.equal(found.rejected.size, 0);
  const url = api.requests[0]?.url ?? new URL(api.url);
  assert.equal(url.pathname, "/v2/stocks/trades/latest");
  assert.equal(url.searchParams.get("symbols"), names.join());
  assert.equal(url.searchParams.get("feed"), "iex");
});

const PRICE_FEEDS: readonly (readonly [StockFeedKind, string | null])[] = [
  ["sip", "sip"],
  ["iex", "iex"],
  ["delayed_sip", null],
  ["boats", null],
  ["overnight", null],
  ["test", null],
];

for (const [kind, feed] of PRICE_FEEDS) {
  Deno.test(`with the stock feed "${kind}", prices are of ${feed ?? "the best"}`, async () => {
    await using api = new ScriptedApi([json({ trades: {} })]);
    await catalogOf(api, kind).lastTrades(["SPY"], api.signal);
    assert.equal(api.requests[0]?.url.searchParams.get("feed"), feed);
  });
}

/** Answers with trades of all symbols, or rejects all of them for some. */
function rejecting(bad: readonly string[], messageOf: (name: string) => string): Answer {
  return (url) => {
    const symbols = url.searchParams.get("symbols")?.split(",") ?? [];
    const first = symbols.find((name) => bad.includes(name));
    if (first !== undefined) {
      return Response.json({ message: messageOf(first) }, { status: 400 });
    }
    return Response.json({
      trades: Object.fromEntries(symbols.map((name) => [name, { p: 5, t: TIME }])),
    });
  };
}

Deno.test("a rejected symbol affects only its own price", async () => {
  await using api = new ScriptedApi([rejecting(["SPX"], () => "bad parameters")]);
  const names = ["A", "B", "C", "SPX", "D", "E", "F"];
  const { trades, rejected } = await catalogOf(api).lastTrades(names, api.signal);
  assert.deepEqual([...trades.keys()].sort(), ["A", "B", "C", "D", "E", "F"]);
  assert.deepEqual([...rejected], ["SPX"]);
  assert.equal(api.requests.length, 7, "bisected");
});

Deno.test("a symbol that the rejection names costs one request", async () => {
  const bad = ["SPX", "VIX"];
  await using api = new ScriptedApi([rejecting(bad, (name) => `invalid symbol: ${name}`)]);
  const names = ["A", "I", "SPX", "D", "VIX", "E", "S"];
  const { trades, rejected } = await catalogOf(api).lastTrades(names, api.signal);
  assert.deepEqual([...trades.keys()], ["A", "I", "D", "E", "S"]);
  assert.deepEqual([...rejected], bad);
  assert.equal(api.requests.length, 3);
});

Deno.test("a list of rejected symbols costs a bounded number of requests", async () => {
  const names = Array.from({ length: 100 }, (_, at) => `S${at}`);
  await using api = new ScriptedApi([rejecting(names, () => "bad parameters")]);
  const { trades, rejected } = await catalogOf(api).lastTrades(names, api.signal);
  assert.equal(trades.size, 0);
  assert.ok(rejected.size < names.length, "the others are requested the next time");
  assert.ok(api.requests.length <= 1 + 2 * 16, `${api.requests.length} requests`);
});

Deno.test("a plan without access to prices is not bisected", async () => {
  await using api = new ScriptedApi([
    json({ message: "forbidden" }, { status: 403 }),
  ]);
  await assert.rejects(
    catalogOf(api).lastTrades(["A", "B"], api.signal),
    /HTTP 403 forbidden/,
  );
  assert.equal(api.requests.length, 1);
});

Deno.test("many underlyings take several requests", async () => {
  await using api = new ScriptedApi([json({ trades: {} })]);
  const names = Array.from({ length: 450 }, (_, at) => `S${at}`);
  await catalogOf(api).lastTrades(names, api.signal);
  const counts = api.requests
    .map(({ url }) => url.searchParams.get("symbols")?.split(",").length);
  assert.deepEqual(counts, [200, 200, 50]);
});

Deno.test("option quotes have a finite ask and a time; the bid may be 0", async () => {
  const snapshot = (bp: unknown, ap: unknown, t: unknown = TIME) => ({
    latestQuote: { bp, ap, t },
  });
  await using api = new ScriptedApi([
    json({
      snapshots: { A: snapshot(1, 2), B: snapshot(0, 2), C: { greeks: {} } },
      next_page_token: "more",
    }),
    json({
      snapshots: {
        D: snapshot(2.5, 2.5),
        E: snapshot(3, 2),
        F: snapshot("1", 2),
        G: null,
        H: snapshot(0, 0),
        I: snapshot(-1, 2),
        J: snapshot(1, 2, "soon"),
      },
      next_page_token: null,
    }),
  ]);
  const expiryDay = dayOfDate("2026-12-18") ?? 0;
  const quotes = await catalogOf(api).quotes({
    underlying: "SPX",
    expiryDay,
    strikes: [5_600.123, 5_900],
  }, api.signal);
  assert.deepEqual([...quotes], [
    ["A", { bid: 1, ask: 2, at: AT }],
    ["B", { bid: 0, ask: 2, at: AT }],
    ["D", { bid: 2.5, ask: 2.5, at: AT }],
  ]);
  const url = api.requests[0]?.url ?? new URL(api.url);
  assert.equal(url.pathname, "/v1beta1/options/snapshots/SPX");
  assert.deepEqual(Object.fromEntries(url.searchParams), {
    feed: "indicative",
    expiration_date: "2026-12-18",
    strike_price_gte: "5600.12",
    strike_price_lte: "5900.00",
    limit: "1000",
  });
});

Deno.test("deltas are those of the snapshots within expiries and strikes", async () => {
  const snapshot = (delta: unknown) => ({ greeks: { delta } });
  await using api = new ScriptedApi([
    json({
      snapshots: { A: snapshot(0.5), B: snapshot(-1), C: { greeks: null }, D: {} },
      next_page_token: "more",
    }),
    json({
      snapshots: { E: snapshot(0), F: snapshot("0.5"), G: snapshot(1.01), H: null },
      next_page_token: null,
    }),
  ]);
  const expiries = [dayOfDate("2026-12-18") ?? 0, dayOfDate("2027-01-15") ?? 0] as const;
  const query = { underlying: "BRK.B", expiries, right: "put", strikes: [400, 600] } as const;
  const deltas = await catalogOf(api).deltas(query, api.signal);
  assert.deepEqual([...deltas], [["A", 0.5], ["B", -1], ["E", 0]]);
  const url = api.requests[0]?.url ?? new URL(api.url);
  assert.equal(url.pathname, "/v1beta1/options/snapshots/BRK.B");
  assert.deepEqual(Object.fromEntries(url.searchParams), {
    feed: "indicative",
    expiration_date_gte: "2026-12-18",
    expiration_date_lte: "2027-01-15",
    type: "put",
    strike_price_gte: "400.00",
    strike_price_lte: "600.00",
    limit: "1000",
  });
});
