/**
 * What upstream loses in silence, on a link that always has traffic.
 *
 * @module
 */
import assert from "node:assert/strict";
import { fastClock } from "../../support/fast_clock.ts";
import { FaultyUpstream } from "../../support/faulty_upstream.ts";
import { startHarness } from "../../support/harness.ts";
import { until } from "../../support/until.ts";
import { clientOf, collect, METHODS } from "../../support/streams.ts";

/** The audit's period, and what a slow machine may add. */
const SOON_MS = 300_000 + 60_000;

function quoteOf(symbol: string) {
  const t = "2024-01-15T10:00:00.5Z";
  return { T: "q", S: symbol, bx: "Q", bp: 1, bs: 1, ax: "P", ap: 2, as: 2, t };
}

Deno.test("a symbol that upstream drops is subscribed again within five minutes", async () => {
  await using upstream = await FaultyUpstream.start();
  await using time = fastClock();
  const { clock } = time;
  await using harness = await startHarness({
    clock,
    env: { ALPACA_STOCK_STREAM_URL: upstream.url },
  });
  using client = clientOf(harness);
  await using stream = collect(client, METHODS.streamQuotes, {
    symbols: ["MSFT", "AAPL"],
  });
  await until("both are subscribed", () => upstream.quotes.size === 2);
  const { logins } = upstream;
  const asked = upstream.asked.length;
  upstream.forget("AAPL");
  const since = clock.monotonic();
  await until("AAPL is back", () => {
    upstream.send(quoteOf("MSFT"));
    return upstream.quotes.has("AAPL");
  }, 60_000);
  const took = clock.monotonic() - since;
  assert.ok(took <= SOON_MS, `${took} ms`);
  assert.deepEqual(upstream.asked.slice(asked), [["MSFT"], ["AAPL"]]);
  assert.equal(upstream.logins, logins, "on the same connection");
  assert.ok(stream.messages.length > 0, "there was traffic");
});
