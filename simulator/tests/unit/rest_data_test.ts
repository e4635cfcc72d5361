import assert from "node:assert/strict";
import type { OptionContract } from "../../src/market/prices.ts";
import { nextWeekend } from "../../src/rest/contract_routes.ts";
import { BASIC, keys, restHarness } from "./rest_harness.ts";
import { HIGH_CALL, LOW_CALL } from "./trading_harness.ts";

/** Contracts of SPY: strikes 1 to `count`, calls and puts, every other Friday. */
function chain(count: number): OptionContract[] {
  const days = ["2026-09-18", "2026-10-02", "2026-12-18"];
  return Array.from({ length: count }, (_, index) => {
    const expiration = days[index % days.length] ?? "";
    const type = index % 2 === 0 ? "call" : "put";
    const strike = 1 + index;
    const code = expiration.slice(2).replaceAll("-", "");
    return {
      symbol: `SPY${code}${type === "call" ? "C" : "P"}${String(strike * 1000).padStart(8, "0")}`,
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
  using api = restHarness({}, contracts);
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
  using api = restHarness({}, chain(300));
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
  using api = restHarness({}, chain(600));
  const page: ContractPage = await api.get(
    "/v2/options/contracts?expiration_date_lte=2030-01-01",
  );
  assert.equal(page.option_contracts.length, 100);
  assert.notEqual(page.next_page_token, null);
});

Deno.test("contracts are filtered by type, strike, root, style and status", async () => {
  using api = restHarness({}, chain(300));
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

Deno.test("contracts that match a pattern are listed as not tradable", async () => {
  using api = restHarness({ untradableContracts: /P\d{8}$/ }, chain(300));
  const page = await api.get(
    "/v2/options/contracts?expiration_date_lte=2030-01-01&limit=1000",
  );
  const listed: { symbol: string; type: string; tradable: boolean }[] = page.option_contracts;
  assert.equal(listed.length, 300);
  for (const { symbol, type, tradable } of listed) assert.equal(tradable, type === "call", symbol);
});

Deno.test("a contract is listed with its terms", async () => {
  using api = restHarness();
  const { option_contracts: [listed] } = await api.get(
    "/v2/options/contracts?expiration_date=2026-12-18",
  );
  assert.equal(listed.symbol, LOW_CALL);
  assert.equal(listed.strike_price, "650");
  assert.equal(listed.multiplier, "100");
  assert.equal(listed.expiration_date, "2026-12-18");
  assert.equal(listed.name, "SPY Dec 18 2026 650 Call");
});

Deno.test("latest stock data has the stream's keys without type and symbol", async () => {
  using api = restHarness();
  const response = await api.send("/v2/stocks/trades/latest?symbols=MSFT,NOPE");
  assert.equal(
    await response.text(),
    '{"trades":{"MSFT":{"p":402.1,"s":7,"i":9007199254740993,"t":"2026-09-14T14:29:58.25Z"}}}',
  );
  const { quotes } = await api.get("/v2/stocks/quotes/latest?symbols=msft,SPY");
  assert.deepEqual(Object.keys(quotes), ["MSFT", "SPY"]);
  assert.equal(quotes.SPY.bp, 650);
});

Deno.test("the snapshots of a chain come page by page", async () => {
  using api = restHarness();
  const path = "/v1beta1/options/snapshots/SPY";
  const { snapshots } = await api.get(path);
  assert.deepEqual(Object.keys(snapshots), [LOW_CALL, HIGH_CALL]);
  assert.equal(snapshots[HIGH_CALL].latestTrade.p, 8.2);
  assert.equal(snapshots[LOW_CALL].latestQuote.bp, 12.3);
  const first = await api.get(`${path}?limit=1`);
  assert.deepEqual(Object.keys(first.snapshots), [LOW_CALL]);
  const rest = await api.get(
    `${path}?limit=1&page_token=${first.next_page_token}`,
  );
  assert.deepEqual(Object.keys(rest.snapshots), [HIGH_CALL]);
  assert.equal(rest.next_page_token, null);
});

for (
  const [path, text] of [
    ["/v2/stocks/quotes/latest", /symbols: it is required/],
    ["/v2/stocks/quotes/latest?symbols=MS%20FT", /invalid symbol: MS FT/],
    ["/v2/stocks/quotes/latest?symbols=SPY&feed=nyse", /invalid feed/],
    ["/v1beta1/options/snapshots/SPY?limit=1001", /from 1 to 1000/],
    ["/v1beta1/options/snapshots/SPY?type=both", /call, put/],
    ["/v2/options/contracts?limit=10001", /from 1 to 10000/],
    ["/v2/options/contracts?expiration_date=tomorrow", /YYYY-MM-DD/],
    ["/v2/options/contracts?expiration_date=2026-02-31", /YYYY-MM-DD/],
    ["/v2/options/contracts?strike_price_gte=high", /decimal number/],
    ["/v2/options/contracts?page_token=%21", /page_token/],
    ["/v2/options/contracts?status=gone", /active, inactive/],
  ] as const
) {
  Deno.test(`GET ${path.slice(0, 60)} is 400 with the reason`, async () => {
    using api = restHarness();
    const response = await api.send(path);
    assert.equal(response.status, 400);
    assert.match((await response.json()).message, text);
  });
}

Deno.test("feeds beyond the plan are forbidden", async () => {
  using api = restHarness();
  const as = async (path: string) => {
    const response = await api.send(path, { headers: keys(BASIC) });
    return [response.status, (await response.json()).message];
  };
  assert.deepEqual(await as("/v2/stocks/quotes/latest?symbols=SPY&feed=sip"), [
    403,
    "subscription does not permit querying recent SIP data",
  ]);
  assert.deepEqual(
    await as("/v1beta1/options/snapshots/SPY?feed=opra"),
    [403, "subscription does not permit querying OPRA data"],
  );
  assert.deepEqual(await as("/v2/stocks/quotes/latest?symbols=SPY&feed=iex"), [
    200,
    undefined,
  ]);
});
