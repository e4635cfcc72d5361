/** Lists of contracts that never arrive, over real HTTP, on a clock turned by hand. */
import assert from "node:assert/strict";
import { OptionChainCache } from "../../../src/application/options/option_chain_cache.ts";
import { MarketCalendar } from "../../../src/domain/calendar/market_calendar.ts";
import { UnderlyingDirectory } from "../../../src/domain/options/underlying_directory.ts";
import { AlpacaCatalog } from "../../../src/infrastructure/alpaca/rest/option_catalog.ts";
import { RestClient } from "../../../src/infrastructure/alpaca/rest/rest_client.ts";
import { until } from "../../support/until.ts";
import { ScriptedApi } from "../../unit/infrastructure/alpaca/rest/scripted_api.ts";

/** A Monday, 10:30 in New York. */
const NOW = Date.parse("2026-09-14T14:30:00Z");
/** The client's timeout of a request. */
const TIMEOUT_MS = 15_000;
const SLOW = ["XA", "XB", "XC", "XD", "XE"];

function listOf(name: string) {
  return {
    option_contracts: [{
      symbol: `${name}260918C00100000`,
      underlying_symbol: name,
      root_symbol: name,
      expiration_date: "2026-09-18",
      type: "call",
      strike_price: "100",
      status: "active",
      tradable: true,
    }],
    next_page_token: null,
  };
}

for (
  const [when, minutes, longestMs] of [
    ["are requested for the first time too", 0, SLOW.length * TIMEOUT_MS],
    ["have failed for half an hour", 30, TIMEOUT_MS],
  ] as const
) {
  Deno.test(`a chain is loaded soon although five never arrive: they ${when}`, async () => {
    const gate = Promise.withResolvers<void>();
    await using api = new ScriptedApi([async ({ searchParams }) => {
      const name = searchParams.get("underlying_symbols") ?? "";
      if (SLOW.includes(name)) await gate.promise;
      return Response.json(listOf(name));
    }], { now: NOW });
    const { clock, counters, log } = api;
    let started = 0;
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
          if (isTimeout) {
            started++;
            inFlight++;
          }
          await clock.sleep(ms, signal);
          if (isTimeout) inFlight--;
        },
      },
    });
    const host = { client, url: api.url };
    const chains = new OptionChainCache({
      catalog: new AlpacaCatalog({
        trading: host,
        data: host,
        stockFeed: "sip",
        optionFeed: "opra",
      }),
      directory: new UnderlyingDirectory(),
      clock,
      calendar: new MarketCalendar(),
      log,
      maxChains: 10,
      random: () => 0.5,
      onChange: () => {},
    });
    const end = new AbortController();
    const run = chains.run(end.signal);
    using uses = new DisposableStack();
    for (const name of SLOW) uses.use(chains.use(name));
    const isSlow = () =>
      api.requests.length === started &&
      SLOW.includes(api.requests.at(-1)?.url.searchParams.get("underlying_symbols") ?? "");
    /** Lets the time pass; a request in flight that is not slow is answered in no time. */
    const pass = async (isOver: () => boolean) => {
      while (!isOver()) {
        await until("what is sent is answered or slow", () => inFlight === 0 || isSlow());
        if (!isOver()) await clock.advance(clock.nextWakeIn ?? 0);
      }
    };
    await pass(() => clock.monotonic() >= minutes * 60_000);
    const openedAt = clock.monotonic();
    uses.use(chains.use("SPY"));
    await pass(() => chains.state("SPY").at === "ready");
    const ms = clock.monotonic() - openedAt;
    end.abort();
    gate.resolve();
    await run;
    assert.ok(ms <= longestMs, `${ms} ms`);
  });
}
