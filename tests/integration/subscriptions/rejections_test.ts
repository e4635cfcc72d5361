/**
 * Rejected symbols are isolated and reported; the others are subscribed.
 *
 * @module
 */
import assert from "node:assert/strict";
import { SymbolState } from "../../../src/gen/cream/v1/stream_proxy_pb.ts";
import { startHarness } from "../../support/harness.ts";
import { until } from "../../support/until.ts";
import { clientOf, collect, METHODS } from "../../support/streams.ts";
import { changes, statusOf, stocks, subscribed } from "./kit.ts";

const PLACE = { endpoint: "sip", channel: "quotes" };

Deno.test("an invalid symbol among valid ones is isolated, and the status names it", async () => {
  await using harness = await startHarness({
    // Well-formed, but unknown to this upstream.
    simulator: { stockSymbolPattern: /^(?!BAD)[A-Z0-9.]+$/ },
  });
  const { simulator } = harness;
  using client = clientOf(harness);
  await using mixed = collect(client, METHODS.streamQuotes, {
    symbols: [...stocks(200), "BAD", ...stocks(199, 200)],
  });
  await mixed.opened;
  await until("the good", () => subscribed(simulator, PLACE).size === 399);
  await until("the rejection is reported", async () => {
    const { errorMessage } = await statusOf(harness, "sip");
    return errorMessage?.endsWith("(code 400): quotes BAD") ?? false;
  });
  const { subscriptions } = await statusOf(harness, "sip");
  const rejected =
    subscriptions?.channels[0]?.symbols.filter(({ state }) => state === SymbolState.REFUSED) ?? [];
  assert.deepEqual(
    rejected.map(({ symbol, streams }) => [symbol, streams]),
    [["BAD", 1]],
  );
  assert.match(rejected[0]?.reason ?? "", /\(code 400\)/);
  assert.equal(mixed.ending(), undefined);
  const requests = changes(harness, "sip");
  assert.ok(requests.length <= 20, `${requests.length} requests`);
});

Deno.test("duplicate acknowledgements end with exactly what is requested", async () => {
  await using harness = await startHarness();
  const { simulator } = harness;
  simulator.faults.duplicateAcks("sip", 3);
  using client = clientOf(harness);
  await using stream = collect(client, METHODS.streamQuotes, {
    symbols: stocks(1_500),
  });
  await stream.opened;
  await until("all", () => subscribed(simulator, PLACE).size === 1_500);
  await until("all is quiet and had", async () => {
    const { subscriptions } = await statusOf(harness, "sip");
    return subscriptions?.channels[0]?.symbols.every(({ state }) =>
      state === SymbolState.ACKNOWLEDGED
    ) ?? false;
  });
  for (const { error } of changes(harness, "sip")) {
    assert.equal(error, undefined);
  }
});

Deno.test("a contradicting acknowledgement causes another request", async () => {
  await using harness = await startHarness();
  const { simulator } = harness;
  using client = clientOf(harness);
  await using stream = collect(client, METHODS.streamQuotes, {
    symbols: ["AAPL", "MSFT"],
  });
  await stream.opened;
  await until("both", () => subscribed(simulator, PLACE).size === 2);
  const asked = () => changes(harness, "sip").map(({ channels }) => channels.quotes);
  await until("reported", async () => {
    const { subscriptionCount } = await statusOf(harness, "sip");
    return subscriptionCount === 2;
  });
  simulator.emitRaw(
    "sip",
    JSON.stringify([{ T: "subscription", trades: [], quotes: ["MSFT"] }]),
  );
  await until("AAPL is asked for again", () => asked().length === 2);
  assert.deepEqual(asked()[1], ["AAPL"]);
  await until("reported again", async () => {
    const { subscriptionCount } = await statusOf(harness, "sip");
    return subscriptionCount === 2;
  });
});

Deno.test("400, 410 and 413 reject the symbol and do not end the session", async () => {
  for (const code of [400, 410, 413]) {
    await using harness = await startHarness();
    const { simulator } = harness;
    using client = clientOf(harness);
    await until(
      "the feed is up",
      async () => (await statusOf(harness, "sip")).lastConnectedAt !== undefined,
    );
    simulator.faults.failNext("sip", "subscribe", { code });
    await using first = collect(client, METHODS.streamQuotes, {
      symbols: ["AAPL"],
    });
    await first.opened;
    await until("reported", async () => {
      const { errorMessage } = await statusOf(harness, "sip");
      return errorMessage?.endsWith(`(code ${code}): quotes AAPL`) ?? false;
    });
    await using second = collect(client, METHODS.streamQuotes, {
      symbols: ["MSFT"],
    });
    await second.opened;
    await until("the other", () => subscribed(simulator, PLACE).has("MSFT"));
    assert.equal(first.ending(), undefined);
    const connections = changes(harness, "sip").map((each) => each.connection);
    assert.equal(new Set(connections).size, 1, "the socket stays");
  }
});
