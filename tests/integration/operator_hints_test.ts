/**
 * The errors that only an operator can resolve.
 *
 * @module
 */
import assert from "node:assert/strict";
import { RpcError } from "../../client/rpc_client.ts";
import { startHarness } from "../support/harness.ts";
import { until } from "../support/until.ts";
import { clientOf, collect, METHODS } from "../support/streams.ts";

Deno.test("a stream of a disabled feed is FAILED_PRECONDITION with the setting", async () => {
  await using harness = await startHarness({
    env: { STREAM_PROXY_FEEDS: "trading" },
  });
  using client = clientOf(harness);
  await using quotes = collect(client, METHODS.streamQuotes, {
    symbols: ["AAPL"],
  });
  await using orders = collect(client, METHODS.streamOrderUpdates);
  await until("the quotes are refused", () => quotes.ending() !== undefined);
  const ending = quotes.ending();
  assert.ok(ending instanceof RpcError);
  assert.equal(ending.code, "FAILED_PRECONDITION");
  assert.match(ending.details, /sip feed.*STREAM_PROXY_FEEDS/);
  await orders.opened;
  assert.equal(orders.ending(), undefined);
});

Deno.test("invalid credentials are logged with the variables to check", async () => {
  const secret = "WRONG-secret-731";
  await using harness = await startHarness({ env: { ALPACA_SECRET: secret } });
  const lost = (feed: string) =>
    harness.log.records.find(({ message, fields }) =>
      message === "Feed connection failed, retrying" && fields.feed === feed
    );
  await until(
    "every feed was refused",
    () => ["sip", "opra", "trading"].every((feed) => lost(feed) !== undefined),
  );
  assert.match(String(lost("sip")?.fields.remedy), /ALPACA_KEY.*ALPACA_FEED/);
  assert.match(String(lost("opra")?.fields.remedy), /ALPACA_OPTIONS_FEED/);
  assert.match(String(lost("trading")?.fields.remedy), /CREAM_ENV/);
  assert.ok(!JSON.stringify(harness.log.records).includes(secret));
});
