/**
 * Ages and delays on a running proxy.
 *
 * @module
 */
import assert from "node:assert/strict";
import { areSubscribed, startHarness } from "../../support/harness.ts";
import { until } from "../../support/until.ts";
import { clientOf, collect, METHODS } from "../../support/streams.ts";

Deno.test("metrics show the age of data, its delay, and the time a feed was up", async () => {
  await using harness = await startHarness();
  const { simulator } = harness;
  using client = clientOf(harness);
  const symbols = ["AAPL"];
  await using stream = collect(client, METHODS.streamTrades, { symbols });
  await stream.opened;
  await until(
    "it is subscribed",
    () => areSubscribed(simulator, { endpoint: "sip", channel: "trades" }, symbols),
  );
  const metric = async (series: string): Promise<number | undefined> => {
    const page = await (await fetch(`${harness.health}/metrics`)).text();
    const line = page.split("\n").find((each) => each.startsWith(`alpaca_proxy_${series} `));
    return line === undefined ? undefined : Number(line.split(" ").at(-1));
  };
  const atLeast = async (series: string, least: number) => {
    const value = await metric(series);
    assert.ok(value !== undefined && value >= least && value < 20, `${series} ${value}`);
  };
  assert.equal(await metric('data_age_seconds{feed="sip"}'), undefined);
  const t = new Date(Date.now() - 3_000).toISOString();
  simulator.emit("sip", [{ T: "t", S: "AAPL", i: 1, x: "V", p: 1, s: 1, c: ["@"], t, z: "C" }]);
  await until("it arrives", () => stream.messages.length === 1);
  assert.equal(await metric('end_to_end_delay_seconds_count{message_type="stock_trade"}'), 1);
  await atLeast('end_to_end_delay_seconds_sum{message_type="stock_trade"}', 3);
  await until(
    "the age is known",
    async () => await metric('data_age_seconds{feed="sip"}') !== undefined,
  );
  await atLeast('data_age_seconds{feed="sip"}', 0);
  await atLeast('feed_state_seconds_total{feed="sip",state="connected"}', 0.001);
  assert.notEqual(await metric("event_loop_delay_seconds_count"), 0);
  assert.equal(await metric('fullest_queue_ratio{message_type="stock_trade"}'), 0);
});
