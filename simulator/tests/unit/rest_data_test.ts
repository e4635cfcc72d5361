import assert from "node:assert/strict";
import fc from "fast-check";
import type { OptionContract } from "../../src/ports.ts";
import { MarketHistory } from "../../src/rest/market_history.ts";
import { greeksOf, optionPrice } from "../../src/rest/greeks.ts";
import { nextWeekend } from "../../src/rest/option_contracts.ts";
import { BASIC, keys, restBench } from "./rest_support.ts";
import { HIGH_CALL, LOW_CALL } from "./trading_support.ts";

/** Contracts of SPY: strikes 1 to `count`, calls and puts, every other Friday. */
function chain(count: number): OptionContract[] {
  const days = ["2026-09-18", "2026-10-02", "2026-12-18"];
  return Array.from({ length: count }, (_, index) => {
    const expiration = days[index % days.length] ?? "";
    const type = index % 2 === 0 ? "call" : "put";
    const strike = 1 + index;
    const code = expiration.slice(2).replaceAll("-", "");
    return {
      symbol: `SPY${code}${type === "call" ? "C" : "P"}${
        String(strike * 1000).padStart(8, "0")
      }`,
      root: "SPY",
      underlying: "SPY",
      expiration,
      type,
      strike,
      style: "american",
    } as const;
  });
}

interface ContractPage {
  option_contracts: { symbol: string; id: string }[];
  next_page_token: string | null;
}

Deno.test("twelve thousand contracts come page by page, each exactly once", async () => {
  const contracts = chain(12_000);
  using api = restBench({}, contracts);
  for (const limit of [10_000, 777]) {
    const symbols: string[] = [];
    let token = "";
    let pages = 0;
    do {
      const page: ContractPage = await api.get(
        `/v2/options/contracts?underlying_symbols=SPY&expiration_date_lte=2030-01-01&limit=${limit}${token}`,
      );
      assert.ok(page.option_contracts.length <= limit);
      symbols.push(...page.option_contracts.map(({ symbol }) => symbol));
      token = `&page_token=${encodeURIComponent(page.next_page_token ?? "")}`;
      pages++;
      if (page.next_page_token === null) break;
    } while (pages < 100);
    assert.equal(pages, Math.ceil(12_000 / limit));
    assert.deepEqual(symbols, contracts.map(({ symbol }) => symbol).sort());
  }
});

Deno.test("without a bound contracts end with the next weekend", async () => {
  using api = restBench({}, chain(300));
  const near: ContractPage = await api.get("/v2/options/contracts?limit=1000");
  assert.equal(near.option_contracts.length, 100);
  assert.ok(
    near.option_contracts.every(({ symbol }) => symbol.startsWith("SPY260918")),
  );
  const day: ContractPage = await api.get(
    "/v2/options/contracts?expiration_date=2026-12-18&limit=1000",
  );
  assert.equal(day.option_contracts.length, 100);
  assert.equal(nextWeekend(Date.parse("2026-09-14T00:00:00Z")), "2026-09-20");
  assert.equal(nextWeekend(Date.parse("2026-09-20T12:00:00Z")), "2026-09-27");
});

Deno.test("a page has a hundred contracts unless asked otherwise", async () => {
  using api = restBench({}, chain(600));
  const page: ContractPage = await api.get(
    "/v2/options/contracts?expiration_date_lte=2030-01-01",
  );
  assert.equal(page.option_contracts.length, 100);
  assert.notEqual(page.next_page_token, null);
});

Deno.test("contracts are filtered by type, strike, root, style and status", async () => {
  using api = restBench({}, chain(300));
  const count = async (query: string) => {
    const page: ContractPage = await api.get(
      `/v2/options/contracts?expiration_date_lte=2030-01-01&limit=1000&${query}`,
    );
    return page.option_contracts.length;
  };
  assert.equal(await count(""), 300);
  assert.equal(await count("type=put"), 150);
  assert.equal(await count("strike_price_gte=100&strike_price_lte=109.5"), 10);
  assert.equal(await count("expiration_date_gte=2026-10-01"), 200);
  assert.equal(await count("root_symbol=SPY"), 300);
  assert.equal(await count("root_symbol=SPXW"), 0);
  assert.equal(await count("style=european"), 0);
  assert.equal(await count("underlying_symbols=MSFT,SPY"), 300);
  assert.equal(await count("status=inactive"), 0);
});

Deno.test("one contract is found by symbol and by id", async () => {
  using api = restBench();
  const bySymbol = await api.get(`/v2/options/contracts/${LOW_CALL}`);
  assert.equal(bySymbol.strike_price, "650");
  assert.equal(bySymbol.multiplier, "100");
  assert.equal(bySymbol.expiration_date, "2026-12-18");
  assert.equal(bySymbol.name, "SPY Dec 18 2026 650 Call");
  assert.equal(bySymbol.deliverables[0].symbol, "SPY");
  const byId = await api.get(`/v2/options/contracts/${bySymbol.id}`);
  assert.deepEqual(byId, bySymbol);
  assert.equal((await api.send("/v2/options/contracts/NOPE")).status, 404);
});

Deno.test("latest stock data has the stream's keys without type and symbol", async () => {
  using api = restBench();
  const response = await api.send("/v2/stocks/trades/latest?symbols=MSFT,NOPE");
  assert.equal(
    await response.text(),
    '{"trades":{"MSFT":{"p":402.1,"s":7,"i":9007199254740993,"t":"2026-09-14T14:29:58.25Z"}}}',
  );
  const { quotes } = await api.get("/v2/stocks/quotes/latest?symbols=msft,SPY");
  assert.deepEqual(Object.keys(quotes), ["MSFT", "SPY"]);
  assert.equal(quotes.SPY.bp, 650);
  const { bars } = await api.get("/v2/stocks/bars/latest?symbols=SPY&feed=iex");
  assert.equal(bars.SPY.c, 650.02);
  const one = await api.get("/v2/stocks/SPY/quotes/latest");
  assert.equal(one.symbol, "SPY");
  assert.equal(one.quote.ap, 650.02);
});

Deno.test("stock snapshots are a map at the top", async () => {
  using api = restBench();
  const found = await api.get("/v2/stocks/snapshots?symbols=SPY,NOPE");
  assert.deepEqual(Object.keys(found), ["SPY"]);
  assert.deepEqual(Object.keys(found.SPY), [
    "latestTrade",
    "latestQuote",
    "minuteBar",
    "dailyBar",
  ]);
});

Deno.test("option data and snapshots cover listed contracts only", async () => {
  using api = restBench();
  const { quotes } = await api.get(
    `/v1beta1/options/quotes/latest?symbols=${LOW_CALL},MSFT`,
  );
  assert.deepEqual(Object.keys(quotes), [LOW_CALL]);
  const { trades } = await api.get(
    `/v1beta1/options/trades/latest?symbols=${HIGH_CALL}`,
  );
  assert.equal(trades[HIGH_CALL].p, 8.2);
  const named = await api.get(
    `/v1beta1/options/snapshots?symbols=${HIGH_CALL},${LOW_CALL}`,
  );
  assert.deepEqual(Object.keys(named.snapshots), [LOW_CALL, HIGH_CALL]);
  const { greeks, impliedVolatility } = named.snapshots[LOW_CALL];
  assert.ok(greeks.delta > 0.4 && greeks.delta < 0.7);
  assert.ok(impliedVolatility > 0 && impliedVolatility < 1);
  const whole = await api.get("/v1beta1/options/snapshots/SPY?limit=1");
  assert.deepEqual(Object.keys(whole.snapshots), [LOW_CALL]);
  const rest = await api.get(
    `/v1beta1/options/snapshots/SPY?limit=1&page_token=${whole.next_page_token}`,
  );
  assert.deepEqual(Object.keys(rest.snapshots), [HIGH_CALL]);
  assert.equal(rest.next_page_token, null);
  const newer = await api.get(
    "/v1beta1/options/snapshots/SPY?updated_since=2026-09-14T15:00:00Z",
  );
  assert.deepEqual(newer.snapshots, {});
});

Deno.test("implied volatility gives back the volatility of a price", () => {
  fc.assert(fc.property(
    fc.double({ min: 0.05, max: 2, noNaN: true }),
    fc.double({ min: 0.8, max: 1.25, noNaN: true }),
    fc.double({ min: 0.1, max: 2, noNaN: true }),
    fc.constantFrom("call" as const, "put" as const),
    (volatility, moneyness, years, type) => {
      const terms = { strike: 100, type };
      const spot = 100 * moneyness;
      const price = optionPrice(terms, { spot, years, volatility });
      const near = optionPrice(terms, {
        spot,
        years,
        volatility: volatility + 0.001,
      });
      fc.pre(near - price > 1e-5); // where the price tells anything at all
      const known = greeksOf(terms, { price, spot, years });
      assert.ok(known);
      assert.ok(Math.abs(known.impliedVolatility - volatility) < 0.002);
      assert.ok(Math.abs(known.greeks.delta) <= 1);
      assert.ok(known.greeks.gamma >= 0 && known.greeks.vega >= 0);
    },
  ));
});

Deno.test("a price below intrinsic value has no greeks", () => {
  const terms = { strike: 100, type: "call" } as const;
  assert.equal(greeksOf(terms, { price: 1, spot: 150, years: 1 }), undefined);
  assert.equal(greeksOf(terms, { price: 0, spot: 150, years: 1 }), undefined);
});

for (
  const [path, text] of [
    ["/v2/stocks/quotes/latest", /symbols: it is required/],
    ["/v2/stocks/quotes/latest?symbols=MS%20FT", /invalid symbol: MS FT/],
    ["/v2/stocks/quotes/latest?symbols=SPY&feed=nyse", /invalid feed/],
    ["/v2/stocks/bars?symbols=SPY", /timeframe: it is required/],
    ["/v2/stocks/bars?symbols=SPY&timeframe=1Day", /only 1Min/],
    ["/v2/stocks/trades?symbols=SPY&limit=10001", /from 1 to 10000/],
    ["/v2/stocks/trades?symbols=SPY&page_token=x", /page_token/],
    ["/v2/stocks/trades?symbols=SPY&start=now", /invalid start/],
    ["/v2/stocks/meta/conditions/trade", /tape: it is required/],
    ["/v2/stocks/meta/conditions/bar?tape=A", /trade or quote/],
    ["/v1beta1/options/snapshots/SPY?limit=1001", /from 1 to 1000/],
    ["/v1beta1/options/snapshots/SPY?type=both", /call, put/],
    [
      `/v1beta1/options/quotes/latest?symbols=${
        Array.from({ length: 101 }, (_, n) => `S${n}`).join(",")
      }`,
      /at most 100/,
    ],
    ["/v2/options/contracts?limit=10001", /from 1 to 10000/],
    ["/v2/options/contracts?expiration_date=tomorrow", /YYYY-MM-DD/],
    ["/v2/options/contracts?expiration_date=2026-02-31", /YYYY-MM-DD/],
    ["/v2/options/contracts?strike_price_gte=high", /decimal number/],
    ["/v2/options/contracts?page_token=%21", /page_token/],
    ["/v2/options/contracts?status=gone", /active, inactive/],
  ] as const
) {
  Deno.test(`GET ${path.slice(0, 60)} is 400 and says why`, async () => {
    using api = restBench();
    const response = await api.send(path);
    assert.equal(response.status, 400);
    assert.match((await response.json()).message, text);
  });
}

Deno.test("history comes by symbol and time, in pages, within its span", async () => {
  using api = restBench();
  for (let second = 0; second < 10; second++) {
    for (const S of ["SPY", "MSFT"]) {
      const t = `2026-09-14T14:30:0${second}.5Z`;
      api.history.record({ T: "t", S, p: second, t });
      api.history.record({ T: "b", S, c: second, t });
    }
  }
  const path = "/v2/stocks/trades?symbols=SPY,MSFT" +
    "&start=2026-09-14T14:30:02Z&end=2026-09-14T14:30:08Z";
  const seen: string[] = [];
  let token = "";
  for (let page = 0; page < 5; page++) {
    const { trades, next_page_token } = await api.get(
      `${path}&limit=5${token}`,
    );
    for (const [symbol, list] of Object.entries(trades)) {
      for (const { p } of list as { p: number }[]) seen.push(symbol + p);
    }
    if (next_page_token === null) break;
    token = `&page_token=${encodeURIComponent(next_page_token)}`;
  }
  const each = [2, 3, 4, 5, 6, 7];
  assert.deepEqual(seen, [
    ...each.map((p) => `MSFT${p}`),
    ...each.map((p) => `SPY${p}`),
  ]);
  const down = await api.get(
    "/v2/stocks/bars?symbols=SPY&timeframe=1Min&sort=desc&limit=2",
  );
  assert.deepEqual(down.bars.SPY.map(({ c }: { c: number }) => c), [9, 8]);
  const iex = await api.get("/v2/stocks/trades?symbols=SPY&feed=iex");
  assert.deepEqual(iex, { trades: {}, next_page_token: null });
});

Deno.test("history keeps the newest elements up to its capacity", () => {
  fc.assert(fc.property(
    fc.integer({ min: 1, max: 20 }),
    fc.integer({ min: 0, max: 60 }),
    (capacity, count) => {
      const history = new MarketHistory(capacity);
      for (let n = 0; n < count; n++) {
        const t = new Date(n * 1_000).toISOString();
        history.record({ T: "q", S: "SPY", bp: n, t });
      }
      const kept = history.entries("quotes", "SPY")
        .map(({ element }) => element["bp"]);
      const first = Math.max(0, count - capacity);
      assert.deepEqual(
        kept,
        Array.from({ length: count - first }, (_, n) => first + n),
      );
    },
  ));
});

Deno.test("exchanges and conditions depend on stock, option and tape", async () => {
  using api = restBench();
  assert.equal((await api.get("/v2/stocks/meta/exchanges")).V, "IEX");
  assert.equal((await api.get("/v1beta1/options/meta/exchanges")).W, "Cboe C2");
  const cta = await api.get("/v2/stocks/meta/conditions/trade?tape=A");
  const utp = await api.get("/v2/stocks/meta/conditions/trade?tape=C");
  assert.equal(cta.W, undefined);
  assert.equal(utp.W, "Average Price Trade");
  assert.equal(cta[" "], "Regular Sale");
  const quotes = await api.get("/v1beta1/options/meta/conditions/quote");
  assert.deepEqual(Object.keys(quotes), ["A"]);
});

Deno.test("feeds beyond the plan are forbidden", async () => {
  using api = restBench();
  const as = async (path: string) => {
    const response = await api.send(path, { headers: keys(BASIC) });
    return [response.status, (await response.json()).message];
  };
  assert.deepEqual(await as("/v2/stocks/quotes/latest?symbols=SPY&feed=sip"), [
    403,
    "subscription does not permit querying recent SIP data",
  ]);
  assert.deepEqual(
    await as(`/v1beta1/options/quotes/latest?symbols=${LOW_CALL}&feed=opra`),
    [403, "subscription does not permit querying OPRA data"],
  );
  assert.deepEqual(await as("/v2/stocks/quotes/latest?symbols=SPY&feed=iex"), [
    200,
    undefined,
  ]);
});
