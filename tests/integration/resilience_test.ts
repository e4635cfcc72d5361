/**
 * What the proxy survives, and what its clients see of it: nothing but data
 * that goes on.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { FeedId } from "../../src/domain/connection/feed.ts";
import { areSubscribed, type Harness, startHarness } from "../support/harness.ts";
import { until } from "../support/until.ts";
import { clientOf, collect, METHODS } from "../support/streams.ts";

const QUOTE = {
  T: "q",
  S: "AAPL",
  bx: "Q",
  bp: 1.5,
  bs: 1,
  ax: "P",
  ap: 1.75,
  as: 2,
  c: ["R"],
  t: "2024-01-15T10:00:00.5Z",
  z: "C",
};
const CONTRACT = "AAPL990315C00172500";
const OPTION_TRADE = {
  T: "t",
  S: CONTRACT,
  p: 2.5,
  s: 1,
  x: "N",
  c: "S",
  t: "2024-03-11T13:35:35Z",
};

async function connected(harness: Harness): Promise<void> {
  await until("all feeds are connected", async () => {
    const answer = await fetch(`${harness.health}/health`);
    return (await answer.json()).status === "healthy";
  });
}

async function metric(harness: Harness, series: string): Promise<number> {
  const page = await fetch(`${harness.health}/metrics`).then((r) => r.text());
  const line = page.split("\n").find((each) => each.startsWith(`${series} `));
  assert.ok(line, `no series ${series}`);
  return Number(line.slice(series.length));
}

function statesOf(harness: Harness, feed: FeedId): readonly unknown[] {
  return harness.log.records
    .filter(({ message, fields }) => message === "Feed state" && fields.feed === feed)
    .map(({ fields }) => fields.to);
}

Deno.test("a reconnected stock feed restores its subscriptions; streams stay open", async () => {
  await using harness = await startHarness();
  const { simulator } = harness;
  using client = clientOf(harness);
  await using named = collect(client, METHODS.streamQuotes, {
    symbols: ["AAPL", "MSFT"],
  });
  await using all = collect(client, METHODS.streamBars);
  await Promise.all([named.opened, all.opened]);
  const quotes = { endpoint: "sip", channel: "quotes" };
  const bars = { endpoint: "sip", channel: "bars" };
  const restored = () =>
    areSubscribed(simulator, quotes, ["AAPL", "MSFT"]) &&
    areSubscribed(simulator, bars, ["*"]);
  await until("the union is subscribed", restored);
  simulator.emit("sip", [QUOTE]);
  await until("the first quote", () => named.messages.length === 1);

  simulator.connections.drop({ endpoint: "sip" }, { clean: true });
  await until(
    "the feed was lost",
    () => statesOf(harness, "sip").includes("reconnecting"),
  );
  await until("the union is subscribed again", restored);
  simulator.emit("sip", [QUOTE]);
  await until("the second quote", () => named.messages.length === 2);

  assert.deepEqual(statesOf(harness, "sip"), [
    "connecting",
    "authenticating",
    "connected",
    "reconnecting",
    "connecting",
    "authenticating",
    "connected",
  ]);
  assert.equal(named.ending(), undefined);
  assert.equal(
    await metric(harness, 'alpaca_proxy_reconnects_total{feed="sip"}'),
    1,
  );
  assert.equal(
    await metric(
      harness,
      'alpaca_proxy_websocket_errors_total{feed="sip",error_type="closed"}',
    ),
    1,
  );
  assert.equal(
    await metric(harness, 'alpaca_proxy_subscriptions_total{feed="sip"}'),
    3,
  );
});

Deno.test("a dropped option feed comes back with its subscriptions", async () => {
  await using harness = await startHarness();
  const { simulator } = harness;
  using client = clientOf(harness);
  await using trades = collect(client, METHODS.streamOptionTrades, {
    symbols: [CONTRACT],
  });
  const place = { endpoint: "opra", channel: "trades" };
  await until("subscribed", () => areSubscribed(simulator, place, [CONTRACT]));
  simulator.connections.drop({ endpoint: "opra" }, { clean: true });
  await until("lost", () => statesOf(harness, "opra").includes("reconnecting"));
  await until("subscribed again", () => areSubscribed(simulator, place, [CONTRACT]));
  simulator.emit("opra", [OPTION_TRADE]);
  await until("the trade", () => trades.messages.length === 1);
  assert.equal(trades.ending(), undefined);
});

Deno.test("a dropped trading feed listens again", async () => {
  await using harness = await startHarness();
  const { simulator } = harness;
  using client = clientOf(harness);
  await using orders = collect(client, METHODS.streamOrderUpdates);
  await orders.opened;
  await connected(harness);
  simulator.connections.drop({ endpoint: "trading" }, { clean: true });
  await until(
    "lost",
    () => statesOf(harness, "trading").includes("reconnecting"),
  );
  await connected(harness);
  simulator.trading.stream.emitTradeUpdate({
    event: "new",
    order: { id: "o-1", symbol: "AAPL" },
  });
  await until("the update", () => orders.messages.length === 1);
  assert.equal(orders.ending(), undefined);
});

Deno.test("a session opens after a ghost session has ended", async () => {
  await using harness = await startHarness({ simulator: { ghostSeconds: 1 } });
  await connected(harness);
  harness.simulator.connections.drop({ endpoint: "sip" });
  await until("406 was counted", async () =>
    await metric(
      harness,
      'alpaca_proxy_websocket_errors_total{feed="sip",error_type="connection_limit"}',
    ) > 0);
  const health = await fetch(`${harness.health}/health`).then((r) => r.json());
  assert.equal(health.feeds.sip.state, "reconnecting");
  await connected(harness);
});

Deno.test("a silent connection is detected, and a quiet one that replies stays open", async () => {
  await using harness = await startHarness({
    env: {
      STREAM_PROXY_HEARTBEAT_INTERVAL_SECS: "1",
      STREAM_PROXY_HEARTBEAT_TIMEOUT_SECS: "2",
    },
  });
  await connected(harness);
  harness.simulator.connections.mute({ endpoint: "sip" });
  const since = performance.now();
  await until(
    "the mute feed was given up",
    () => statesOf(harness, "sip").includes("reconnecting"),
  );
  const noticedMs = performance.now() - since;
  assert.ok(noticedMs < 10_000, `noticed after ${noticedMs} ms`);
  await connected(harness);
  for (const feed of ["opra", "trading"] as const) {
    assert.deepEqual(
      statesOf(harness, feed),
      ["connecting", "authenticating", "connected"],
      `${feed} was quiet for longer than interval and timeout together`,
    );
  }
  assert.equal(
    await metric(
      harness,
      'alpaca_proxy_websocket_errors_total{feed="sip",error_type="heartbeat"}',
    ),
    1,
  );
});

Deno.test("a hundred invalid messages do not affect valid ones", async () => {
  await using harness = await startHarness();
  const { simulator } = harness;
  using client = clientOf(harness);
  await using quotes = collect(client, METHODS.streamQuotes, {
    symbols: ["AAPL"],
  });
  await until(
    "subscribed",
    () => areSubscribed(simulator, { endpoint: "sip", channel: "quotes" }, ["AAPL"]),
  );
  const bad = [
    { T: "?", S: "AAPL" },
    { T: "q", S: "AAPL" },
    { ...QUOTE, t: "yesterday" },
    { ...QUOTE, bp: "one" },
    { ...QUOTE, S: null },
    { ...QUOTE, as: -1.5 },
    { S: "AAPL" },
    null,
    "text",
    [QUOTE],
  ];
  const frame = [];
  for (let i = 0; i < 100; i++) {
    frame.push({ ...QUOTE, bs: i + 1 }, bad[i % bad.length]);
  }
  simulator.emitRaw("sip", JSON.stringify(frame));
  await until("every good neighbour", () => quotes.messages.length === 100);
  const sizes = (quotes.messages as { quote: { bidSize: number } }[])
    .map(({ quote }) => quote.bidSize);
  assert.deepEqual(sizes, Array.from({ length: 100 }, (_, i) => i + 1));
  const errors = (type: string) =>
    metric(
      harness,
      `alpaca_proxy_websocket_errors_total{feed="sip",error_type="${type}"}`,
    );
  assert.equal(await errors("unknown_type"), 20);
  assert.equal(await errors("malformed_element"), 80);
  assert.deepEqual(statesOf(harness, "sip").at(-1), "connected");
});

Deno.test("three thousand opened and closed streams free their resources", async () => {
  await using harness = await startHarness();
  const { simulator } = harness;
  await connected(harness);
  let before = 0;
  for (let round = 0; round < 3; round++) {
    using client = clientOf(harness);
    const streams = Array.from(
      { length: 1000 },
      (_, i) =>
        collect(client, METHODS.streamQuotes, {
          symbols: [`S${round}A${i % 200}`, `NEVER${i}`],
        }),
    );
    await Promise.all(streams.map(({ opened }) => opened));
    assert.equal(await metric(harness, "alpaca_proxy_grpc_clients"), 1000);
    await Promise.all(streams.map((stream) => stream.close()));
    await until(
      "all streams are gone",
      async () => await metric(harness, "alpaca_proxy_grpc_clients") === 0,
    );
    // The first round also fills caches that stay.
    if (round === 0) before = await settledHeap();
  }
  await until(
    "nothing is subscribed",
    () =>
      simulator.sessions().every((session) => (session.subscriptions.quotes ?? []).length === 0),
  );
  await until(
    "the acknowledgement was digested",
    async () =>
      await metric(harness, 'alpaca_proxy_subscriptions_total{feed="sip"}') ===
        0,
  );
  let grown = 0;
  await until("the memory is freed", async () => {
    grown = await settledHeap() - before;
    return grown < 4 * 2 ** 20;
  }).catch((cause) => {
    throw new Error(`The heap grew by ${grown} bytes`, { cause });
  });
});

/** Used heap after garbage had the chance to go. */
async function settledHeap(): Promise<number> {
  const { gc } = globalThis as { gc?: () => void };
  assert.ok(gc, "run this through `deno task test`, which exposes gc");
  for (let i = 0; i < 3; i++) {
    gc();
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return Deno.memoryUsage().heapUsed;
}
