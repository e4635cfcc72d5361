/**
 * What upstream rejects for a moment although it worked before: the whole proxy
 * against a scripted stream.
 *
 * @module
 */
import assert from "node:assert/strict";
import { fastClock } from "../../support/fast_clock.ts";
import { FaultyUpstream } from "../../support/faulty_upstream.ts";
import { startHarness } from "../../support/harness.ts";
import { until } from "../../support/until.ts";
import { clientOf, collect, METHODS } from "../../support/streams.ts";
import { contracts } from "./kit.ts";

const SYMBOLS = ["AAPL", "MSFT", "TSLA"];

const CONTRACTS = contracts(4);

const STOCKS = {
  feed: "sip",
  variable: "ALPACA_STOCK_STREAM_URL",
  method: METHODS.streamQuotes,
  symbols: SYMBOLS,
  fourth: "SPY",
} as const;
const OPTIONS = {
  feed: "opra",
  variable: "ALPACA_OPTION_STREAM_URL",
  method: METHODS.streamOptionQuotes,
  symbols: CONTRACTS.slice(0, 3),
  fourth: CONTRACTS[3] ?? "",
} as const;

/** The feeds and plans, of which `plus` has no limit on stocks and 1,000 options. */
const CASES = [
  ...["auto", "unlimited", "basic", "plus", "stocks=4"].map((plan) => ({ ...STOCKS, plan })),
  ...["auto", "unlimited", "basic", "plus", "options=4"].map((plan) => ({ ...OPTIONS, plan })),
];

for (const { plan, feed, variable, method, symbols, fourth } of CASES) {
  Deno.test(`405s after a reconnect of ${feed} pass with ALPACA_PLAN=${plan}`, async () => {
    await using upstream = await FaultyUpstream.start(feed);
    await using time = fastClock();
    const { clock } = time;
    await using harness = await startHarness({
      clock,
      env: { [variable]: upstream.url, ALPACA_PLAN: plan },
    });
    using client = clientOf(harness);
    await using _three = collect(client, method, { symbols });
    await until("three are subscribed", () => upstream.quotes.size === 3);
    const { logins } = upstream;
    upstream.rejection = { code: 405, msg: "symbol limit exceeded" };
    const asked = upstream.asked.length;
    upstream.drop();
    await until(
      "it was asked and rejected",
      () => upstream.asked.length > asked,
    );
    await clock.sleep(3_000);
    upstream.rejection = undefined;
    const since = clock.monotonic();
    await using _fourth = collect(client, method, { symbols: [fourth] });
    await until("all are subscribed", () => upstream.quotes.size === 4, 60_000);
    const took = clock.monotonic() - since;
    assert.ok(took < 60_000, `${took} ms`);
    assert.equal(upstream.logins, logins + 1, "on the same connection");
  });
}

Deno.test("a login rejected once after a session that worked is retried in seconds", async () => {
  await using upstream = await FaultyUpstream.start();
  await using time = fastClock();
  const { clock } = time;
  await using harness = await startHarness({
    clock,
    env: { ALPACA_STOCK_STREAM_URL: upstream.url },
  });
  using client = clientOf(harness);
  await using _stream = collect(client, METHODS.streamQuotes, {
    symbols: SYMBOLS,
  });
  await until("three are subscribed", () => upstream.quotes.size === 3);
  const { logins } = upstream;
  upstream.rejectedLogins = 1;
  const since = clock.monotonic();
  upstream.drop();
  await until("it is back", () => upstream.logins > logins, 60_000);
  await until("three are subscribed", () => upstream.quotes.size === 3);
  const took = clock.monotonic() - since;
  assert.ok(took < 15_000, `${took} ms`);
  assert.ok(upstream.rejectedLogins < 0, "it was rejected in between");
});
