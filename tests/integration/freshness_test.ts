/**
 * Freshness of feeds and symbols, as clients and operators of a proxy on the simulator see it.
 *
 * @module
 */
import assert from "node:assert/strict";
import { setInterval } from "node:timers";
import { Freshness, type StreamQuotesResponse } from "../../src/gen/cream/v1/stream_proxy_pb.ts";
import { areSubscribed, type Harness, startHarness } from "../support/harness.ts";
import { ScaledClock } from "../support/scaled_clock.ts";
import { clientOf, collect, type Collected, METHODS } from "../support/streams.ts";
import { until } from "../support/until.ts";

const SYMBOLS = ["AAPL", "MSFT"];
const NAMES = new Map<number, string>(
  Object.entries(Freshness).map(([name, value]) => [value, name] as const),
);

/** Quotes of both symbols about 20 times a second of the proxy's clock, until disposed. */
function market({ simulator }: Harness): Disposable {
  const timer = setInterval(() => {
    simulator.emit(
      "sip",
      SYMBOLS.map((S) => ({
        T: "q",
        S,
        bx: "U",
        bp: 1,
        bs: 1,
        ax: "Q",
        ap: 2,
        as: 1,
        c: ["R"],
        t: "2026-11-16T15:00:00Z",
        z: "C",
      })),
    );
  }, 5);
  return { [Symbol.dispose]: () => clearInterval(timer) };
}

/** The states of the feed in a stream's notices: `STALE`, or `STALE MSFT` of a symbol. */
function states({ messages }: Collected): string[] {
  return (messages as StreamQuotesResponse[]).flatMap(({ notice }) => {
    if (notice?.kind.case !== "feed") return [];
    const { freshness, symbols } = notice.kind.value;
    return [[NAMES.get(freshness), ...symbols].join(" ")];
  });
}

async function healthOf({ health }: Harness): Promise<Record<string, unknown>> {
  const { feeds } = await (await fetch(`${health}/health`)).json();
  const { state, stale_symbols } = feeds.sip.freshness;
  return { state, stale_symbols };
}

/** A proxy at a time of day whose client has learned the rates of both symbols. */
async function busyHarness(time: string) {
  const clock = new ScaledClock(time);
  const harness = await startHarness({
    clock,
    env: { STREAM_PROXY_HEARTBEAT_TIMEOUT_SECS: "60" },
  });
  const client = clientOf(harness);
  const streams = SYMBOLS.map((symbol) =>
    collect(client, METHODS.streamQuotes, { symbols: [symbol], options: { notices: true } })
  );
  const [apple, microsoft] = streams;
  assert.ok(apple && microsoft);
  const quoting = market(harness);
  await until(
    "both are subscribed",
    () => areSubscribed(harness.simulator, { endpoint: "sip", channel: "quotes" }, SYMBOLS),
  );
  await until("both have a rate", () => streams.every(({ messages }) => messages.length > 300));
  return {
    harness,
    clock,
    apple,
    microsoft,
    async [Symbol.asyncDispose]() {
      quoting[Symbol.dispose]();
      for (const stream of streams) await stream[Symbol.asyncDispose]();
      client[Symbol.dispose]();
      await harness[Symbol.asyncDispose]();
    },
  };
}

Deno.test("a feed that goes mute is stale in notices, health and metrics, and kept", async () => {
  await using busy = await busyHarness("2026-11-16T10:00:00-05:00");
  const { harness, apple, microsoft } = busy;
  const { faults } = harness.simulator;
  const before = harness.simulator.sessions().length;
  faults.muteStream("sip");
  for (const stream of [apple, microsoft]) {
    await until(() => `${states(stream)}`, () => states(stream).at(-1) === "STALE");
  }
  assert.deepEqual(await healthOf(harness), { state: "stale", stale_symbols: 0 });
  const metrics = await (await fetch(`${harness.health}/metrics`)).text();
  const seconds = /alpaca_proxy_feed_stale_seconds\{feed="sip"\} (\S+)/.exec(metrics)?.[1];
  assert.ok(Number(seconds) >= 2, `${seconds} s`);
  faults.unmuteStream("sip");
  await until(() => `${states(apple)}`, () => states(apple).at(-1) === "LIVE");
  assert.equal(harness.simulator.sessions().length, before);
  assert.equal(harness.log.records.some(({ fields }) => fields.error_type !== undefined), false);
});

Deno.test("a symbol that goes mute is stale in the streams that request it alone", async () => {
  await using busy = await busyHarness("2026-11-16T10:00:00-05:00");
  const { harness, apple, microsoft } = busy;
  const { faults } = harness.simulator;
  faults.muteSymbol("MSFT");
  await until(() => `${states(microsoft)}`, () => states(microsoft).at(-1) === "STALE MSFT");
  assert.deepEqual(await healthOf(harness), { state: "live", stale_symbols: 1 });
  assert.equal(states(apple).some((state) => state.startsWith("STALE ")), false);
  faults.unmuteSymbol("MSFT");
  await until(() => `${states(microsoft)}`, () => states(microsoft).at(-1) === "LIVE MSFT");
  assert.deepEqual(await healthOf(harness), { state: "live", stale_symbols: 0 });
});

Deno.test("a stream that opens while its symbol is stale receives a notice", async () => {
  await using busy = await busyHarness("2026-11-16T10:00:00-05:00");
  const { harness, microsoft } = busy;
  const { faults } = harness.simulator;
  faults.muteSymbol("MSFT");
  await until(() => `${states(microsoft)}`, () => states(microsoft).at(-1) === "STALE MSFT");
  using client = clientOf(harness);
  const open = (symbols: string[], snapshot: boolean) =>
    collect(client, METHODS.streamQuotes, { symbols, options: { notices: true, snapshot } });
  await using both = open(SYMBOLS, true);
  await using all = open([], false);
  await using apple = open(["AAPL"], false);
  for (const stream of [both, all]) {
    await until(() => `${states(stream)}`, () => states(stream).length > 0);
    assert.deepEqual(states(stream), ["STALE MSFT"]);
  }
  await until("data of the other symbol", () => apple.messages.length > 2);
  assert.deepEqual(states(apple), []);
  faults.unmuteSymbol("MSFT");
  await until(() => `${states(both)}`, () => states(both).at(-1) === "LIVE MSFT");
});

Deno.test("on a holiday a feed is closed, with or without data", async () => {
  await using busy = await busyHarness("2026-11-26T10:00:00-05:00");
  const { harness, apple } = busy;
  assert.deepEqual(await healthOf(harness), { state: "closed", stale_symbols: 0 });
  harness.simulator.faults.muteStream("sip");
  const { clock } = busy;
  await clock.sleep(20_000);
  assert.deepEqual(await healthOf(harness), { state: "closed", stale_symbols: 0 });
  assert.equal(states(apple).includes("STALE"), false);
});
