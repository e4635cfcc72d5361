/**
 * Options by underlying, from a client's request to upstream's subscription.
 *
 * @module
 */
import assert from "node:assert/strict";
import { occRoot } from "../../../src/domain/market/occ_symbol.ts";
import type { Simulator } from "@alpaca-stream-proxy/simulator";
import { startHarness } from "../../support/harness.ts";
import { until } from "../../support/until.ts";
import { clientOf, collect, METHODS } from "../../support/streams.ts";

function subscribed(simulator: Simulator, channel: string): readonly string[] {
  return simulator.sessions()
    .filter(({ endpoint }) => endpoint === "opra")
    .flatMap(({ subscriptions }) => subscriptions[channel] ?? []);
}

function quoteOf(symbol: string) {
  return {
    T: "q",
    S: symbol,
    bx: "C",
    bp: 9.46,
    bs: 53,
    ax: "C",
    ap: 9.66,
    as: 38,
    c: "A",
    t: "2024-03-12T11:59:38.5Z",
  };
}

Deno.test("an underlying is subscribed as its contracts, including weeklies", async () => {
  await using harness = await startHarness({
    env: { STREAM_PROXY_OPTION_MAX_CONTRACTS: "40" },
    simulator: { messagesPerSecond: 500 },
  });
  const { simulator } = harness;
  using client = clientOf(harness);
  await using stream = collect(client, METHODS.streamOptionQuotes, {
    underlyings: ["SPX"],
  });
  await until(
    "contracts are subscribed",
    () => subscribed(simulator, "quotes").length > 0,
  );
  const contracts = subscribed(simulator, "quotes");
  assert.equal(contracts.length, 40);
  const roots = new Set(contracts.map(occRoot));
  assert.ok(roots.isSubsetOf(new Set(["SPX", "SPXW"])), [...roots].join());
  assert.ok(roots.has("SPXW"), "the nearest expiries are weeklies");
  assert.deepEqual(subscribed(simulator, "trades"), []);
  await until("quotes of the chain arrive", () => stream.messages.length > 20);
  for (const message of stream.messages) {
    const { quote } = message as { quote: { symbol: string } };
    assert.ok(contracts.includes(quote.symbol), quote.symbol);
  }
  await stream.close();
  await until(
    "nothing is subscribed any more",
    () => subscribed(simulator, "quotes").length === 0,
  );
});

Deno.test("a chain uses only the slots that the plan has left", async () => {
  await using harness = await startHarness({
    env: { ALPACA_PLAN: "options=25" },
    simulator: { messagesPerSecond: 0 },
  });
  const { simulator } = harness;
  using client = clientOf(harness);
  await using named = collect(client, METHODS.streamOptionQuotes, {
    symbols: ["AAPL990315C00172500", "AAPL990315P00172500"],
  });
  await named.opened;
  await using chain = collect(client, METHODS.streamOptionQuotes, {
    underlyings: ["SPY"],
  });
  await chain.opened;
  await until(
    "every slot is used",
    () => subscribed(simulator, "quotes").length === 25,
  );
  await named.close();
  await until(
    "places that become free go to the chain",
    () =>
      subscribed(simulator, "quotes").every((symbol) => occRoot(symbol) === "SPY") &&
      subscribed(simulator, "quotes").length === 25,
  );
});

Deno.test("a named open position gets the slot of a selected contract", async () => {
  await using harness = await startHarness({
    env: { ALPACA_PLAN: "options=20" },
    simulator: { messagesPerSecond: 0 },
  });
  const { simulator } = harness;
  using client = clientOf(harness);
  await using _chain = collect(client, METHODS.streamOptionQuotes, { underlyings: ["SPY"] });
  await until("every slot is used", () => subscribed(simulator, "quotes").length === 20);
  const before = new Set(subscribed(simulator, "quotes"));
  const position = "AAPL990315C00172500";
  await using named = collect(client, METHODS.streamOptionQuotes, { symbols: [position] });
  await named.opened;
  await until(
    "the position is subscribed",
    () => subscribed(simulator, "quotes").includes(position),
  );
  simulator.emit("opra", [quoteOf(position)]);
  await until("its quote arrives", () => named.messages.length === 1);
  const after = subscribed(simulator, "quotes");
  assert.equal(after.length, 20);
  assert.equal(after.filter((symbol) => before.has(symbol)).length, 19, "only one has gone");
});

Deno.test("five underlyings of one request share 120 slots, on quotes and trades", async () => {
  await using harness = await startHarness({
    env: { ALPACA_PLAN: "options=120" },
    simulator: { messagesPerSecond: 0 },
  });
  const { simulator } = harness;
  using client = clientOf(harness);
  const underlyings = ["SPY", "SPX", "AAPL", "TSLA", "MSFT"];
  await using _quotes = collect(client, METHODS.streamOptionQuotes, { underlyings });
  await using _trades = collect(client, METHODS.streamOptionTrades, { underlyings });
  const counts = (channel: string) => {
    const counts = Object.groupBy(
      subscribed(simulator, channel),
      (symbol) => occRoot(symbol).replace("SPXW", "SPX"),
    );
    return underlyings.map((name) => counts[name]?.length ?? 0);
  };
  await until(
    () => `each has 24 contracts: ${counts("quotes")}`,
    () => counts("quotes").every((count) => count === 24),
  );
  await until(
    () => `trades follow quotes: ${counts("trades")}`,
    () =>
      new Set(subscribed(simulator, "trades"))
        .symmetricDifference(new Set(subscribed(simulator, "quotes"))).size === 0,
  );
});

Deno.test("without the catalog a stream receives what others have subscribed", async () => {
  await using harness = await startHarness({
    env: { STREAM_PROXY_OPTION_CHAINS: "false" },
  });
  const { simulator } = harness;
  using client = clientOf(harness);
  const contract = "SPXW990327P04925000";
  await using index = collect(client, METHODS.streamOptionQuotes, {
    underlyings: ["SPX"],
  });
  await using other = collect(client, METHODS.streamOptionQuotes, {
    underlyings: ["S"],
  });
  await using named = collect(client, METHODS.streamOptionQuotes, {
    symbols: [contract],
  });
  await Promise.all([index.opened, other.opened, named.opened]);
  await until(
    "the contract is subscribed",
    () => subscribed(simulator, "quotes").includes(contract),
  );
  simulator.emit("opra", [quoteOf(contract)]);
  await until(
    "both receive it",
    () => named.messages.length === 1 && index.messages.length === 1,
  );
  assert.deepEqual(other.messages, []);
});
