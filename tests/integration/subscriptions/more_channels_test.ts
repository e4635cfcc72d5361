/**
 * Channels besides quotes, trades and minute bars: subscribed only for streams, and
 * delivered from the simulator to a client.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { DescMethodServerStreaming } from "@bufbuild/protobuf";
import type { Simulator } from "@alpaca-stream-proxy/simulator";
import type { StreamTradesResponse } from "../../../src/gen/cream/v1/stream_proxy_pb.ts";
import { startHarness } from "../../support/harness.ts";
import { clientOf, collect, messageOf, METHODS } from "../../support/streams.ts";
import { until } from "../../support/until.ts";
import { changes, statusOf, subscribed } from "./kit.ts";

const t = "2026-09-14T14:30:02.118450321Z";
const timestamp = { seconds: 1_789_396_202n, nanos: 118_450_321 };
const bar = { S: "AAPL", o: 1.5, h: 2.5, l: 1.25, c: 2, v: 49_378, n: 461, vw: 1.75, t };
const barMeans = {
  open: 1.5,
  high: 2.5,
  low: 1.25,
  close: 2,
  volume: 49_378n,
  tradeCount: 461,
  vwap: 1.75,
};
const cancel = { T: "x", S: "AAPL", i: 465, x: "D", p: 270.5, s: 100, a: "E", t, z: "C" };
const trade = { T: "t", S: "AAPL", i: 1, x: "D", p: 1.5, s: 1, c: ["@"], t, z: "C" };

/** A method, Alpaca's channel, an element of it, and the fields of its message. */
const CHANNELS: readonly (readonly [
  DescMethodServerStreaming,
  string,
  Parameters<Simulator["emit"]>[1][number],
  Readonly<Record<string, unknown>>,
])[] = [
  [METHODS.streamUpdatedBars, "updatedBars", { T: "u", ...bar }, barMeans],
  [METHODS.streamDailyBars, "dailyBars", { T: "d", ...bar }, barMeans],
  [
    METHODS.streamTradingStatuses,
    "statuses",
    { T: "s", S: "AAPL", sc: "H", sm: "Trading Halt", rc: "T12", rm: "", t, z: "C" },
    {
      statusCode: "H",
      statusMessage: "Trading Halt",
      reasonCode: "T12",
      reasonMessage: "",
      tape: "C",
    },
  ],
  [
    METHODS.streamPriceBands,
    "lulds",
    { T: "l", S: "AAPL", u: 3.25, d: 2.75, i: "B", t, z: "C" },
    { limitUpPrice: 3.25, limitDownPrice: 2.75, indicator: "B", tape: "C" },
  ],
  [
    METHODS.streamTradeCorrections,
    "trades",
    cancel,
    { tradeId: 465n, exchange: "D", price: 270.5, size: 100, action: "E", tape: "C" },
  ],
  [
    METHODS.streamImbalances,
    "imbalances",
    { T: "i", S: "AAPL", p: 9.25, t, z: "C" },
    { price: 9.25, tape: "C" },
  ],
];

for (const [method, channel, element, means] of CHANNELS) {
  Deno.test(`${method.name} subscribes ${channel} of its symbols and delivers them`, async () => {
    await using harness = await startHarness();
    const { simulator } = harness;
    using client = clientOf(harness);
    {
      await using stream = collect(client, method, { symbols: ["AAPL"] });
      await stream.opened;
      await until("subscribed", () => subscribed(simulator, { endpoint: "sip", channel }).size > 0);
      simulator.emit("sip", [{ ...element, S: "MSFT" }, element]);
      await until("delivered", () => stream.messages.length > 0);
      assert.equal(stream.messages.length, 1);
      const message = messageOf(stream.messages[0]);
      if (message === undefined || !("timestamp" in message)) assert.fail("no timestamp");
      const { $typeName: _, timestamp: at, ...fields } = message;
      assert.deepEqual({ ...fields, at: { seconds: at?.seconds, nanos: at?.nanos } }, {
        symbol: "AAPL",
        ...means,
        at: timestamp,
      });
    }
    await until(
      "unsubscribed",
      () => subscribed(simulator, { endpoint: "sip", channel }).size === 0,
    );
    const asked = changes(harness, "sip").map(({ action, channels }) => [action, channels]);
    assert.deepEqual(asked, [
      ["subscribe", { [channel]: ["AAPL"] }],
      ["unsubscribe", { [channel]: ["AAPL"] }],
    ]);
    assert.deepEqual(changes(harness, "opra"), []);
  });
}

Deno.test("corrections arrive although no stream has the trades, and no trade does", async () => {
  await using harness = await startHarness();
  const { simulator } = harness;
  using client = clientOf(harness);
  await using stream = collect(client, METHODS.streamTradeCorrections);
  await stream.opened;
  const place = { endpoint: "sip", channel: "trades" };
  await until("subscribed", () => subscribed(simulator, place).has("*"));
  const correction = {
    T: "c",
    S: "MSFT",
    x: "M",
    oi: 7,
    op: 39.25,
    os: 440_000,
    oc: [" ", "7"],
    ci: 8,
    cp: 39.5,
    cs: 300,
    cc: ["@"],
    t,
    z: "B",
  };
  simulator.emit("sip", [trade, correction, trade, cancel]);
  await until("delivered", () => stream.messages.length === 2);
  const [first, second] = stream.messages.map((each) => messageOf(each));
  assert.equal(first?.$typeName, "cream.v1.CorrectedTrade");
  assert.deepEqual(
    [first.originalId, first.originalPrice, first.originalSize, first.originalConditions],
    [7n, 39.25, 440_000, [" ", "7"]],
  );
  assert.deepEqual(
    [first.correctedId, first.correctedPrice, first.correctedSize, first.correctedConditions],
    [8n, 39.5, 300, ["@"]],
  );
  assert.deepEqual([first.symbol, first.exchange, first.tape], ["MSFT", "M", "B"]);
  assert.equal(second?.$typeName, "cream.v1.CancelledTrade");
});

Deno.test("a channel that Alpaca rejects does not end the session, and others go on", async () => {
  await using harness = await startHarness();
  const { simulator } = harness;
  using client = clientOf(harness);
  await until(
    "the feed is up",
    async () => (await statusOf(harness, "sip")).lastConnectedAt !== undefined,
  );
  simulator.faults.failNext("sip", "subscribe", { code: 410 });
  await using rejected = collect(client, METHODS.streamImbalances, { symbols: ["AAPL"] });
  await rejected.opened;
  await until("reported", async () => {
    const { errorMessage } = await statusOf(harness, "sip");
    return errorMessage?.endsWith("(code 410): imbalances AAPL") ?? false;
  });
  await using quotes = collect(client, METHODS.streamQuotes, { symbols: ["AAPL"] });
  await quotes.opened;
  const place = { endpoint: "sip", channel: "quotes" };
  await until("the quotes are subscribed", () => subscribed(simulator, place).has("AAPL"));
  assert.equal(rejected.ending(), undefined);
  const connections = changes(harness, "sip").map(({ connection }) => connection);
  assert.equal(new Set(connections).size, 1, "the socket stays");
});

Deno.test("an acknowledgement without a channel leaves its data flowing", async () => {
  await using harness = await startHarness();
  const { simulator } = harness;
  using client = clientOf(harness);
  await using stream = collect(client, METHODS.streamImbalances, { symbols: ["AAPL"] });
  await stream.opened;
  const place = { endpoint: "sip", channel: "imbalances" };
  await until("subscribed", () => subscribed(simulator, place).has("AAPL"));
  for (let repeat = 0; repeat < 4; repeat++) {
    simulator.emitRaw("sip", JSON.stringify([{ T: "subscription", trades: [], quotes: [] }]));
  }
  simulator.emit("sip", [{ T: "i", S: "AAPL", p: 9.25, t, z: "C" }]);
  await until("delivered", () => stream.messages.length === 1);
  const connections = changes(harness, "sip").map(({ connection }) => connection);
  assert.equal(new Set(connections).size, 1, "the socket stays");
});

Deno.test("a fractional size is rounded, and its digits are in the metadata", async () => {
  await using harness = await startHarness();
  const { simulator } = harness;
  using client = clientOf(harness);
  await using plain = collect(client, METHODS.streamTrades, { symbols: ["AAPL"] });
  await using exact = collect(client, METHODS.streamTrades, {
    symbols: ["AAPL"],
    options: { meta: true },
  });
  await Promise.all([plain.opened, exact.opened]);
  const place = { endpoint: "sip", channel: "trades" };
  await until("subscribed", () => subscribed(simulator, place).has("AAPL"));
  const frame = JSON.stringify([trade, trade, trade]);
  const sizes = ["0.10", "2.500000", "7"];
  let next = 0;
  simulator.emitRaw("sip", frame.replaceAll('"s":1', () => `"s":${sizes[next++]}`));
  await until("delivered", () => plain.messages.length + exact.messages.length === 6);
  const told = (messages: readonly unknown[]) =>
    messages.map((message) => {
      const { trade, meta } = message as StreamTradesResponse;
      return [trade?.size, meta?.exactValues.map(({ field, value }) => `${field} ${value}`)];
    });
  assert.deepEqual(told(plain.messages), [[0, undefined], [3, undefined], [7, undefined]]);
  assert.deepEqual(told(exact.messages), [[0, ["size 0.10"]], [3, ["size 2.500000"]], [7, []]]);
});
