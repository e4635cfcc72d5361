/** The requests of many underlyings, over real HTTP, on a clock turned by hand. */
import assert from "node:assert/strict";
import { Expansions } from "../../../src/application/options/expansions.ts";
import { MarketCalendar } from "../../../src/domain/calendar/market_calendar.ts";
import { DEFAULT_SELECTION } from "../../../src/domain/options/selection.ts";
import { UnderlyingDirectory } from "../../../src/domain/options/underlying_directory.ts";
import { AlpacaCatalog } from "../../../src/infrastructure/alpaca/rest/option_catalog.ts";
import { RestClient } from "../../../src/infrastructure/alpaca/rest/rest_client.ts";
import { until } from "../../support/until.ts";
import { CountingSink } from "../../unit/application/options/counting_sink.ts";
import { ScriptedApi } from "../../unit/infrastructure/alpaca/rest/scripted_api.ts";

/** A Monday, 10:30 in New York. */
const NOW = Date.parse("2026-09-14T14:30:00Z");
const NAMES = Array.from({ length: 100 }, (_, at) => `U${100 + at}`);
/** Not a divisor of other pauses, so that no pause is as long as the timeout. */
const INTERVAL_MS = 14_703;
/** The client's timeout of a request, which ends with the response. */
const TIMEOUT_MS = 15_000;
/** Has no last trade. */
const isIndex = (name: string) => Number(name.slice(1)) % 5 === 0;

const STRIKES = [98, 99, 100, 101, 102];
const TYPES = ["call", "put"] as const;

function contractsOf(name: string) {
  return STRIKES.flatMap((strike) =>
    TYPES.map((type) => ({
      symbol: `${name}260918${type === "call" ? "C" : "P"}${
        String(strike * 1000).padStart(8, "0")
      }`,
      underlying_symbol: name,
      root_symbol: name,
      expiration_date: "2026-09-18",
      type,
      strike_price: String(strike),
      open_interest: "1",
      status: "active",
      tradable: true,
      size: "100",
      multiplier: "100",
    }))
  );
}

function quotesOf(name: string, t: string) {
  return Object.fromEntries(
    contractsOf(name).map(({ symbol, strike_price, type }) => {
      const inner = type === "call" ? 100 - Number(strike_price) : Number(strike_price) - 100;
      const bp = Math.max(0, inner) + 2;
      return [symbol, { latestQuote: { bp, ap: bp + 0.1, t } }];
    }),
  );
}

Deno.test("chains and prices of 100 underlyings take a quarter of 200 requests", async () => {
  const sentAt: number[] = [];
  const headers = { "x-ratelimit-limit": "200" };
  await using api: ScriptedApi = new ScriptedApi([(url) => {
    sentAt.push(api.clock.monotonic());
    const t = new Date(api.clock.now()).toISOString();
    const names = (url.searchParams.get("symbols") ?? url.searchParams.get("underlying_symbols") ??
      url.pathname.split("/").at(-1) ?? "").split(",");
    const body = url.pathname.endsWith("/contracts")
      ? { option_contracts: names.flatMap(contractsOf), next_page_token: null }
      : url.pathname.endsWith("/latest")
      ? {
        trades: Object.fromEntries(
          names.filter((name) => !isIndex(name)).map((name) => [name, { p: 100, t }]),
        ),
      }
      : { snapshots: quotesOf(names.join(), t), next_page_token: null };
    return Response.json(body, { headers });
  }], { now: NOW });
  const { clock, log, counters } = api;
  let inFlight = 0;
  const client = new RestClient({
    credentials: () => ({ key: "KEY-1", secret: "SECRET-1" }),
    log,
    counters,
    clock: {
      now: () => clock.now(),
      monotonic: () => clock.monotonic(),
      async sleep(ms, signal) {
        const isTimeout = ms === TIMEOUT_MS;
        if (isTimeout) inFlight++;
        await clock.sleep(ms, signal);
        if (isTimeout) inFlight--;
      },
    },
  });
  const host = { client, url: api.url };
  const expansions = new Expansions({
    catalog: new AlpacaCatalog({ trading: host, data: host, stockFeed: "sip", optionFeed: "opra" }),
    sink: new CountingSink(),
    directory: new UnderlyingDirectory(),
    clock,
    calendar: new MarketCalendar(),
    log,
    random: () => 0.5,
    settings: { selection: DEFAULT_SELECTION, priceIntervalMs: INTERVAL_MS, maxChains: 128 },
  });
  const stop = new AbortController();
  const run = expansions.run(stop.signal);
  const streams = NAMES.map((name) => expansions.open("quotes", name));
  let isDone = false;
  const end = clock.monotonic() + 300_000;
  while (!isDone) {
    // A request in flight is answered in no time.
    await until("all that may be sent is answered", () => inFlight === 0);
    if (clock.nextWakeIn === undefined || clock.monotonic() >= end) isDone = true;
    else await clock.advance(Math.min(clock.nextWakeIn, end - clock.monotonic()));
  }
  const reports = expansions.reports();
  for (const stream of streams) stream[Symbol.dispose]();
  stop.abort();
  await run;
  assert.equal(sentAt.length, api.requests.length);
  const mostPerMinute = Math.max(
    ...sentAt.map((from) => sentAt.filter((at) => at >= from && at < from + 60_000).length),
  );
  assert.ok(mostPerMinute <= 50, `${mostPerMinute} requests in a minute`);
  const prices = api.requests.filter(({ url }) => url.pathname.endsWith("/latest"));
  assert.ok(prices.length >= 20, `${prices.length} requests for last trades in five minutes`);
  for (const { underlying, contracts, priceSource } of reports) {
    assert.equal(contracts, 10, underlying);
    assert.equal(priceSource, isIndex(underlying) ? "parity" : "trade", underlying);
  }
});
