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

const SYMBOLS = ["AAPL", "MSFT", "TSLA"];

for (const ALPACA_PLAN of ["auto", "unlimited", "basic", "stocks=4"]) {
  Deno.test(`405s after a reconnect pass with ALPACA_PLAN=${ALPACA_PLAN}`, async () => {
    await using upstream = await FaultyUpstream.start();
    await using time = fastClock();
    const { clock } = time;
    await using harness = await startHarness({
      clock,
      env: { ALPACA_STOCK_STREAM_URL: upstream.url, ALPACA_PLAN },
    });
    using client = clientOf(harness);
    await using _three = collect(client, METHODS.streamQuotes, {
      symbols: SYMBOLS,
    });
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
    await using _fourth = collect(client, METHODS.streamQuotes, {
      symbols: ["SPY"],
    });
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
