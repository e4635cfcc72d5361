/** Deltas, and a split, from a simulated Alpaca to the selection, over real HTTP. */
import assert from "node:assert/strict";
import { occRoot } from "../../../src/domain/market/occ_symbol.ts";
import type { Clock, Simulator } from "@alpaca-stream-proxy/simulator";
import { StreamProxyService } from "../../../src/gen/cream/v1/stream_proxy_pb.ts";
import { connectTo } from "../../support/grpc_client.ts";
import { startHarness } from "../../support/harness.ts";
import { ScaledClock } from "../../support/scaled_clock.ts";
import { until } from "../../support/until.ts";
import { OptionHarness } from "./harness.ts";
import { emit, SelectionStream, subscribed } from "./selection_stream.ts";

/** Shares of AAPL are split ten for one. */
async function split({ url }: Simulator): Promise<void> {
  const body = JSON.stringify({ symbol: "AAPL", ratio: 10 });
  const reply = await fetch(`${url}/_control/split`, { method: "POST", body });
  assert.equal(reply.status, 200, await reply.text());
}

Deno.test("a selection by delta has the puts that the snapshots name", async () => {
  await using harness = await OptionHarness.open();
  harness.run();
  using _stream = await harness.open("SPY", { right: "put", minAbsDelta: 0.2, maxAbsDelta: 0.4 });
  const symbols = harness.sink.symbols();
  assert.ok(symbols.length > 0);
  for (const symbol of symbols) {
    const { delta = 0 } = harness.simulator.market.greeks(symbol) ?? {};
    assert.ok(delta < -0.15 && delta > -0.45, `${symbol} has ${delta}`);
  }
});

Deno.test("after a split the catalog has the adjusted contracts beside new ones", async () => {
  await using harness = await OptionHarness.open();
  const { simulator, catalog, signal } = harness;
  const before = await catalog.contracts("AAPL", signal);
  await split(simulator);
  const after = await catalog.contracts("AAPL", signal);
  const adjusted = after.filter(({ isAdjusted }) => isAdjusted);
  assert.equal(adjusted.length, before.length);
  assert.deepEqual(new Set(adjusted.map(({ symbol }) => occRoot(symbol))), new Set(["AAPL1"]));
  const strikes = after.filter(({ isAdjusted }) => !isAdjusted).map(({ strike }) => strike);
  const price = simulator.market.lastPrice("AAPL") ?? 0;
  assert.ok(price < 30 && Math.min(...strikes) < price && Math.max(...strikes) > price, `${price}`);
});

/** The simulator's time is that of the proxy. */
function clockOf(clock: ScaledClock): Clock {
  return {
    now: () => clock.now(),
    nowNanos: () => BigInt(Math.round(clock.now() * 1_000)) * 1_000n,
    setTimer(delayMs, callback) {
      const stop = new AbortController();
      clock.sleep(delayMs, stop.signal).then(() => stop.signal.aborted || callback());
      return { cancel: () => stop.abort(), [Symbol.dispose]: () => stop.abort() };
    },
  };
}

function strikesOf(symbols: Iterable<string>): readonly number[] {
  return [...symbols].map((symbol) => Number(symbol.slice(-8)) / 1_000).sort((a, b) => a - b);
}

Deno.test("an open stream follows a split: new strikes enter, all old ones leave", async () => {
  // A Monday, 10:30 in New York; ten times as fast as the machine's.
  const clock = new ScaledClock("2026-09-14T14:30:00Z");
  await using harness = await startHarness({ clock, simulator: { clock: clockOf(clock) } });
  const { simulator, address } = harness;
  using client = connectTo({ url: `http://${address}` }, StreamProxyService);
  await using stream = new SelectionStream(client, {
    underlyings: ["AAPL"],
    optionSelection: { maxExpiries: 1, strikesEachSide: 2, onlySelected: true },
    options: { meta: true, notices: true },
  });
  const areSubscribed = () =>
    [...stream.selected].every((it) => subscribed(simulator).includes(it));
  await until("eight are selected", () => stream.selected.size === 8 && areSubscribed());
  const before = new Set(stream.selected);
  const oldPrice = simulator.market.lastPrice("AAPL") ?? 0;
  assert.ok(strikesOf(before).every((strike) => Math.abs(strike - oldPrice) < oldPrice * 0.1));
  await split(simulator);
  const isNew = () =>
    stream.selected.size === 8 && ![...stream.selected].some((it) => before.has(it));
  await until("eight others are selected", () => isNew() && areSubscribed(), 30_000);
  const price = simulator.market.lastPrice("AAPL") ?? 0;
  assert.ok(price < oldPrice / 5, `${price}`);
  const strikes = strikesOf(stream.selected);
  assert.deepEqual(
    ["C", "P"].map((right) => [...stream.selected].filter((it) => it.at(-9) === right).length),
    [4, 4],
  );
  assert.equal(strikes.filter((strike) => strike < price).length, 4, `${strikes} around ${price}`);
  for (const symbol of stream.selected) {
    assert.match(symbol, /^AAPL\d{6}[CP]/, "no adjusted contract");
    assert.ok(simulator.market.optionContract(symbol), `${symbol} is listed`);
  }
  // Until the new strikes are listed, the lowest of the old ones can be selected for a moment.
  const namesOf = (change: string) =>
    stream.changes.filter((text) => text.startsWith(`${change} `))
      .map((text) => text.split(" ")[1] ?? "");
  const [entered, left] = [namesOf("entered"), namesOf("left")];
  assert.deepEqual(entered.toSorted(), [...left, ...stream.selected].sort());
  for (const symbol of before) assert.ok(left.includes(symbol), `${symbol} has left`);
  const unsubscribed = () => !subscribed(simulator).some((it) => left.includes(it));
  await until("the old ones are unsubscribed", unsubscribed);
  emit(simulator, [...left, ...stream.selected], 2);
  await until("quotes arrive", () => stream.quotes.length >= 8);
  assert.deepEqual(stream.quotes.toSorted(), [...stream.selected].map((it) => `${it} 2`).sort());
});
