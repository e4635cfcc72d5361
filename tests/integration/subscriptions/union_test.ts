/**
 * Many streams, one session: the subscriptions are the union of their symbols.
 *
 * @module
 */
import assert from "node:assert/strict";
import { startHarness } from "../../support/harness.ts";
import { until } from "../../support/until.ts";
import { clientOf, collect, METHODS } from "../../support/streams.ts";
import { changes, metric, stocks, subscribed } from "./kit.ts";

const STREAMS = 200;
const SYMBOLS = 10_000;
const PLACE = { endpoint: "sip", channel: "quotes" };
const MAX_SYMBOLS = 400;
const MAX_BYTES = 15_000;

/** Each stream shares half of its symbols with the next one. */
function wishOf(stream: number): string[] {
  const share = SYMBOLS / STREAMS;
  return Array.from(
    { length: 2 * share },
    (_, index) => `S${(stream * share + index) % SYMBOLS}`,
  );
}

Deno.test("10 000 symbols of 200 streams are restored after a drop, each once", async () => {
  await using harness = await startHarness();
  const { simulator } = harness;
  await until(
    "the stock feed is up",
    () =>
      simulator.sessions().some(({ endpoint, state }) =>
        endpoint === "sip" && state === "authenticated"
      ),
  );
  simulator.faults.slowAcks("sip", 20);
  using client = clientOf(harness);
  await using streams = new AsyncDisposableStack();
  const opened = Array.from(
    { length: STREAMS },
    (_, index) =>
      streams.use(
        collect(client, METHODS.streamQuotes, { symbols: wishOf(index) }),
      ),
  );
  await Promise.all(opened.map((stream) => stream.opened));
  await until(
    "a part is subscribed",
    () => subscribed(simulator, PLACE).size >= 2_000,
  );
  const before = subscribed(simulator, PLACE).size;
  assert.ok(before < SYMBOLS, "the drop comes in the middle");
  simulator.connections.drop({ endpoint: "sip" }, { clean: true });
  await until(
    "the union is subscribed",
    () => subscribed(simulator, PLACE).size === SYMBOLS,
    30_000,
  );
  assert.deepEqual(
    [...subscribed(simulator, PLACE)].sort(),
    stocks(SYMBOLS).sort(),
  );
  await until(
    "the last acknowledgement was digested",
    async () =>
      await metric(harness, 'alpaca_proxy_subscriptions_total{feed="sip"}') ===
        SYMBOLS,
  );
  const requests = changes(harness, "sip");
  const byConnection = Map.groupBy(requests, ({ connection }) => connection);
  assert.equal(byConnection.size, 2);
  for (const each of byConnection.values()) {
    const asked = each.flatMap(({ channels }) => channels.quotes ?? []);
    assert.equal(new Set(asked).size, asked.length, "asked for twice");
  }
  const last = [...byConnection.values()].at(-1) ?? [];
  assert.equal(last.flatMap((each) => each.channels.quotes ?? []).length, 1e4);
  assert.ok(
    last.length <= SYMBOLS / MAX_SYMBOLS + 2,
    `${last.length} requests`,
  );
  for (const { action, channels, error } of requests) {
    assert.equal(action, "subscribe");
    assert.equal(error, undefined);
    assert.deepEqual(Object.keys(channels), ["quotes"]);
    const symbols = channels.quotes ?? [];
    assert.ok(symbols.length <= MAX_SYMBOLS);
    assert.ok(JSON.stringify(symbols).length <= MAX_BYTES);
  }
  for (const stream of opened) assert.equal(stream.ending(), undefined);
});

Deno.test("when streams end, exactly the symbols of the others stay subscribed", async () => {
  await using harness = await startHarness();
  const { simulator } = harness;
  using client = clientOf(harness);
  await using kept = collect(client, METHODS.streamQuotes, {
    symbols: stocks(600, 300),
  });
  const left = collect(client, METHODS.streamQuotes, { symbols: stocks(600) });
  await Promise.all([kept.opened, left.opened]);
  await until("all", () => subscribed(simulator, PLACE).size === 900);
  await left.close();
  await until("the rest", () => subscribed(simulator, PLACE).size === 600);
  assert.deepEqual(
    [...subscribed(simulator, PLACE)].sort(),
    stocks(600, 300).sort(),
  );
});

Deno.test("a client that restarts within the grace period is not seen upstream", async () => {
  await using harness = await startHarness({
    env: { STREAM_PROXY_UNSUBSCRIBE_GRACE_MS: "60000" },
  });
  const { simulator } = harness;
  for (let start = 0; start < 3; start++) {
    using client = clientOf(harness);
    await using stream = collect(client, METHODS.streamQuotes, {
      symbols: ["AAPL", "MSFT"],
    });
    await stream.opened;
    await until("subscribed", () => subscribed(simulator, PLACE).size === 2);
  }
  assert.equal(changes(harness, "sip").length, 1);
});
