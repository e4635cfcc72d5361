import assert from "node:assert/strict";
import { once } from "node:events";
import { spawn } from "node:child_process";
import {
  createCounters,
  ERROR_TYPES,
  MESSAGE_TYPES,
  PROCESSING_BUCKETS,
} from "../../../../src/application/status/counters.ts";
import { MarketCalendar } from "../../../../src/domain/calendar/market_calendar.ts";
import { GAP_REASONS } from "../../../../src/domain/market/notices.ts";
import { createMetrics, METRICS } from "../../../../src/infrastructure/metrics/metrics.ts";
import { sampleStatus } from "../../../support/sample_status.ts";

function setup() {
  const counters = createCounters();
  let status = sampleStatus(["disconnected", "disconnected", "disconnected"], {
    clientCount: 0,
  });
  const render = createMetrics({ counters, status: () => status, calendar: new MarketCalendar() });
  return {
    counters,
    render,
    show: (next: typeof status) => void (status = next),
    samples: async () => parseSamples(await render()),
  };
}

/** Sample name with labels -> value; fails on a sample that comes twice. */
function parseSamples(text: string): Map<string, number> {
  const samples = new Map<string, number>();
  for (const line of text.split("\n")) {
    if (line === "" || line.startsWith("#")) continue;
    const at = line.lastIndexOf(" ");
    const name = line.slice(0, at);
    assert.ok(!samples.has(name), `${name} twice`);
    samples.set(name, Number(line.slice(at + 1)));
  }
  return samples;
}

Deno.test("the nine contract metrics have their names and types", async () => {
  const text = await setup().render();
  const contract = {
    alpaca_proxy_messages_received_total: "counter",
    alpaca_proxy_messages_sent_total: "counter",
    alpaca_proxy_messages_dropped_total: "counter",
    alpaca_proxy_websocket_connections: "gauge",
    alpaca_proxy_grpc_clients: "gauge",
    alpaca_proxy_subscriptions_total: "gauge",
    alpaca_proxy_websocket_errors_total: "counter",
    alpaca_proxy_reconnects_total: "counter",
    alpaca_proxy_message_processing_seconds: "histogram",
  };
  for (const [name, type] of Object.entries(contract)) {
    assert.ok(text.includes(`# TYPE ${name} ${type}\n`), name);
  }
});

Deno.test("a hub has series of its lease, and a single process has none", async () => {
  const { samples, show } = setup();
  const leaseOf = async () => [...await samples()].filter(([name]) => /_lease_|_role_/.test(name));
  assert.deepEqual(await leaseOf(), []);
  const now = 1_705_330_863_900;
  const lease = { term: 7n, since: now - 60_000, takeovers: 2, losses: 1, problem: undefined };
  const states = ["connected", "connected", "connected"] as const;
  show(sampleStatus(states, { cluster: { role: "hub", lease } }));
  assert.deepEqual(await leaseOf(), [
    ['alpaca_proxy_role_info{role="hub"}', 1],
    ["alpaca_proxy_lease_held", 1],
    ["alpaca_proxy_lease_term", 7],
    ["alpaca_proxy_lease_state_seconds", 60],
    ["alpaca_proxy_lease_reachable", 1],
    ["alpaca_proxy_lease_takeovers_total", 2],
    ["alpaca_proxy_lease_losses_total", 1],
  ]);
});

Deno.test("each connection to NATS is open or not, and absent without NATS", async () => {
  const { samples, counters } = setup();
  const connections = async () =>
    [...await samples()].filter(([name]) => name.startsWith("alpaca_proxy_nats_connected"));
  assert.deepEqual(await connections(), []);
  Object.assign(counters.nats, { lease: true, feeds: false });
  assert.deepEqual(await connections(), [
    ['alpaca_proxy_nats_connected{connection="lease"}', 1],
    ['alpaca_proxy_nats_connected{connection="feeds"}', 0],
  ]);
});

Deno.test("staleness is measured by feed, and 0 where it is not known", async () => {
  const { show, samples } = setup();
  const status = sampleStatus(["connected", "connected", "connected"]);
  const [stocks, ...others] = status.feeds;
  assert.ok(stocks);
  const notice = { freshness: "stale", since: 0, reason: "No data", symbols: [] } as const;
  const freshness = { notice, staleSeconds: 63.5, staleSymbols: 2 };
  show({ ...status, feeds: [{ ...stocks, freshness }, ...others] });
  const values = await samples();
  assert.equal(values.get('alpaca_proxy_feed_stale_seconds{feed="sip"}'), 63.5);
  assert.equal(values.get('alpaca_proxy_feed_stale_seconds{feed="opra"}'), 0);
  assert.equal(values.get('alpaca_proxy_stale_symbols{feed="sip"}'), 2);
  assert.equal(values.get('alpaca_proxy_stale_symbols{feed="opra"}'), 0);
});

Deno.test("every declared metric is exposed with its help, and no other", async () => {
  const text = await setup().render();
  const exposed = [...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)];
  assert.deepEqual(
    exposed.map(([, name, type]) => `${name} ${type}`).sort(),
    Object.values(METRICS).map(({ name, type }) => `${name} ${type}`).sort(),
  );
  for (const { name, help } of Object.values(METRICS)) {
    assert.ok(text.includes(`# HELP ${name} ${help}\n`));
  }
});

Deno.test("every series exists from the start, at zero", async () => {
  const samples = await setup().samples();
  const zero = (sample: string) => assert.equal(samples.get(sample), 0, sample);
  for (const feed of ["sip", "opra", "trading"]) {
    for (const type of MESSAGE_TYPES) {
      zero(`${METRICS.received.name}{feed="${feed}",message_type="${type}"}`);
    }
    for (const type of ERROR_TYPES) {
      zero(`${METRICS.errors.name}{feed="${feed}",error_type="${type}"}`);
    }
    zero(`${METRICS.connections.name}{feed="${feed}"}`);
    zero(`${METRICS.subscriptions.name}{feed="${feed}"}`);
    zero(`${METRICS.reconnects.name}{feed="${feed}"}`);
    zero(`${METRICS.inexact.name}{feed="${feed}"}`);
    zero(`${METRICS.processing.name}_count{feed="${feed}"}`);
    zero(`${METRICS.processing.name}_sum{feed="${feed}"}`);
    zero(`${METRICS.processing.name}_bucket{le="+Inf",feed="${feed}"}`);
  }
  const channels = ["stock_quote", "stock_trade", "stock_bar"].concat(
    "stock_updated_bar",
    "stock_daily_bar",
    "trading_status",
    "price_band",
    "trade_correction",
    "imbalance",
    "option_quote",
    "option_trade",
    "order_update",
  );
  for (const type of channels) {
    zero(`${METRICS.sent.name}{message_type="${type}"}`);
    zero(`${METRICS.dropped.name}{message_type="${type}"}`);
    zero(`${METRICS.conflated.name}{message_type="${type}"}`);
  }
  for (const reason of GAP_REASONS) zero(`${METRICS.gaps.name}{reason="${reason}"}`);
  for (const result of ["exact", "inexact"]) zero(`${METRICS.resumes.name}{result="${result}"}`);
  zero(METRICS.clients.name);
});

Deno.test("a scrape shows what the counters say at that moment, not more", async () => {
  const { counters, samples } = setup();
  counters.feeds.sip.received.quote = 10;
  counters.feeds.trading.errors.malformed_element = 100;
  counters.feeds.opra.reconnects = 2;
  counters.feeds.sip.inexact = 3;
  counters.channels.optionTrades.sent = 7;
  counters.channels.optionTrades.dropped = 1;
  counters.channels.optionTrades.conflated = 5;
  counters.streams.gaps.slow_client = 4;
  counters.streams.resumes.inexact = 6;
  await samples();
  counters.feeds.sip.received.quote++;
  const seen = await samples();
  const expected = {
    [`${METRICS.received.name}{feed="sip",message_type="quote"}`]: 11,
    [`${METRICS.errors.name}{feed="trading",error_type="malformed_element"}`]: 100,
    [`${METRICS.reconnects.name}{feed="opra"}`]: 2,
    [`${METRICS.inexact.name}{feed="sip"}`]: 3,
    [`${METRICS.sent.name}{message_type="option_trade"}`]: 7,
    [`${METRICS.dropped.name}{message_type="option_trade"}`]: 1,
    [`${METRICS.conflated.name}{message_type="option_trade"}`]: 5,
    [`${METRICS.gaps.name}{reason="slow_client"}`]: 4,
    [`${METRICS.resumes.name}{result="inexact"}`]: 6,
  };
  for (const [sample, value] of Object.entries(expected)) {
    assert.equal(seen.get(sample), value, sample);
  }
});

Deno.test("the gauges follow the status", async () => {
  const { show, samples } = setup();
  show(sampleStatus(["connected", "authenticating", "error"], {
    draining: true,
  }));
  const seen = await samples();
  assert.equal(seen.get(METRICS.clients.name), 5);
  assert.equal(seen.get(METRICS.draining.name), 1);
  assert.equal(seen.get(`${METRICS.subscriptions.name}{feed="sip"}`), 7);
  const open = ["sip", "opra", "trading"].map((feed) =>
    seen.get(`${METRICS.connections.name}{feed="${feed}"}`)
  );
  assert.deepEqual(open, [1, 1, 0]);
  const state = `${METRICS.feedState.name}{feed="trading",state=`;
  assert.equal(seen.get(`${state}"error"}`), 1);
  assert.equal(seen.get(`${state}"connected"}`), 0);
});

for (
  const [what, now, open, expected] of [
    ["in the regular session", "2026-11-27T12:59:59-05:00", "regular options", "sip opra"],
    ["before delayed data arrive", "2026-11-27T09:44:00-05:00", "regular options", "sip"],
    ["after an early close", "2026-11-27T13:00:00-05:00", "postmarket", ""],
    ["on a holiday", "2026-11-26T12:00:00-05:00", "", ""],
    ["before the opening", "2026-11-25T09:29:59-05:00", "premarket", ""],
    ["on a Sunday evening", "2026-11-29T20:00:00-05:00", "overnight", ""],
  ] as const
) {
  Deno.test(`open markets and expected data are reported ${what}`, async () => {
    const { samples, show } = setup();
    show(sampleStatus(["connected", "connected", "connected"], { now: Date.parse(now) }));
    const seen = await samples();
    for (const market of ["premarket", "regular", "postmarket", "overnight", "options"]) {
      const value = seen.get(`${METRICS.marketOpen.name}{market="${market}"}`);
      assert.equal(value, Number(open.split(" ").includes(market)), market);
    }
    for (const feed of ["sip", "opra", "trading"]) {
      const value = seen.get(`${METRICS.dataExpected.name}{feed="${feed}"}`);
      assert.equal(value, Number(expected.split(" ").includes(feed)), feed);
    }
  });
}

Deno.test("the histogram is cumulative and ends in all of it", async () => {
  const { counters, samples } = setup();
  const { processing } = counters.feeds.opra;
  processing.counts[0] = 3;
  processing.counts[2] = 4;
  processing.counts[PROCESSING_BUCKETS.length] = 5; // above the last bound
  processing.sum = 1.5;
  const seen = await samples();
  const bucket = (le: number | string) =>
    seen.get(`${METRICS.processing.name}_bucket{le="${le}",feed="opra"}`);
  assert.deepEqual(PROCESSING_BUCKETS.map(bucket), [
    3,
    3,
    ...PROCESSING_BUCKETS.slice(2).map(() => 7),
  ]);
  assert.equal(bucket("+Inf"), 12);
  assert.equal(seen.get(`${METRICS.processing.name}_count{feed="opra"}`), 12);
  assert.equal(seen.get(`${METRICS.processing.name}_sum{feed="opra"}`), 1.5);
});

Deno.test("the process reports its memory, its time and its version", async () => {
  const seen = await setup().samples();
  assert.ok(Number(seen.get(METRICS.residentMemory.name)) > 1e6);
  assert.ok(Number(seen.get(METRICS.cpu.name)) > 0);
  const started = Number(seen.get(METRICS.startTime.name));
  assert.ok(Math.abs(started - Date.now() / 1000) < 3600);
  const build =
    `${METRICS.build.name}{version="0.1.0",deno="${Deno.version.deno}",environment="PAPER"}`;
  assert.equal(seen.get(build), 1);
});

Deno.test("two proxies in one process keep their metrics apart", async () => {
  const [left, right] = [setup(), setup()];
  left.counters.channels.stockBars.sent = 1;
  const sample = `${METRICS.sent.name}{message_type="stock_bar"}`;
  assert.equal((await left.samples()).get(sample), 1);
  assert.equal((await right.samples()).get(sample), 0);
});

const promtool = await findPromtool();

Deno.test({
  name: "promtool finds nothing but the one name that the contract fixes" +
    (promtool ? "" : " (skipped: no promtool on the PATH)"),
  ignore: !promtool,
  fn: async () => {
    const { counters, render } = setup();
    counters.feeds.sip.processing.counts[1] = 2;
    const { output } = await runPromtool(await render());
    const complaints = output.split("\n").filter(Boolean);
    assert.deepEqual(complaints.filter((line) => !line.includes(METRICS.subscriptions.name)), []);
  },
});

Deno.test({
  name: "promtool would notice a broken page" +
    (promtool ? "" : " (skipped: no promtool on the PATH)"),
  ignore: !promtool,
  fn: async () => {
    const { code } = await runPromtool("# TYPE a counter\na 1\na 2\n");
    assert.notEqual(code, 0);
  },
});

async function findPromtool(): Promise<boolean> {
  try {
    await runPromtool("");
    return true;
  } catch {
    return false; // not installed
  }
}

/** Feeds a page to `promtool check metrics`; rejects when there is none. */
async function runPromtool(page: string) {
  const child = spawn("promtool", ["check", "metrics"]);
  const output: string[] = [];
  child.stdout.on("data", (bytes) => output.push(String(bytes)));
  child.stderr.on("data", (bytes) => output.push(String(bytes)));
  await once(child, "spawn");
  child.stdin.end(page);
  const [code] = await once(child, "close");
  return { code: Number(code), output: output.join("") };
}

Deno.test("quotas are reported per feed and identity; an unknown limit is infinite", async () => {
  const render = createMetrics({
    counters: createCounters(),
    status: () => sampleStatus(["connected", "connected", "connected"]),
    calendar: new MarketCalendar(),
    quotas: () => [{
      feed: "sip",
      limit: undefined,
      learned: false,
      used: 7,
      waiting: 0,
      rejected: 1,
    }, {
      feed: "opra",
      limit: 1000,
      learned: false,
      used: 1003,
      waiting: 3,
      rejected: 0,
      shares: [
        { identity: "bot", used: 12, reserved: 100 },
        { identity: "_other", used: 3, reserved: 0 },
      ],
    }],
  });
  const samples = parseSamples((await render()).replaceAll("+Inf", "Infinity"));
  const sample = (name: string, feed: string) =>
    samples.get(`alpaca_proxy_${name}{feed="${feed}"}`);
  assert.equal(sample("symbol_budget_limit", "sip"), Infinity);
  assert.equal(sample("symbol_budget_limit", "opra"), 1000);
  assert.equal(sample("symbol_budget_used", "sip"), 7);
  assert.equal(sample("symbol_budget_used", "opra"), 1003);
  assert.equal(sample("symbols_waiting", "opra"), 3);
  assert.equal(sample("symbols_refused", "sip"), 1);
  const ofIdentity = (name: string, identity: string) =>
    samples.get(`alpaca_proxy_${name}{feed="opra",identity="${identity}"}`);
  assert.equal(ofIdentity("identity_symbol_slots", "bot"), 12);
  assert.equal(ofIdentity("identity_reserved_slots", "bot"), 100);
  assert.equal(ofIdentity("identity_symbol_slots", "_other"), 3);
});

Deno.test("contracts without a slot are summed over the underlyings of a channel", async () => {
  const report = {
    underlying: "SPY",
    streams: 1,
    state: "ready",
    reason: undefined,
    centre: 500,
    selected: new Set<string>(),
    priceSource: "trade",
    pricedAt: undefined,
  } as const;
  const status = sampleStatus(["connected", "connected", "connected"]);
  const render = createMetrics({
    counters: createCounters(),
    status: () => status,
    calendar: new MarketCalendar(),
    expansions: () => [
      { ...report, channel: "quotes", wanted: 42, contracts: 12 },
      { ...report, channel: "quotes", underlying: "QQQ", wanted: 10, contracts: 5 },
      { ...report, channel: "trades", wanted: 10, contracts: 10 },
    ],
  });
  const samples = parseSamples(await render());
  const missing = (channel: string) =>
    samples.get(`alpaca_proxy_option_contracts_missing{channel="${channel}"}`);
  assert.deepEqual([missing("quotes"), missing("trades")], [35, 0]);
});

Deno.test("ages, times in a state, fullest queues and event-loop delays are reported", async () => {
  const counters = createCounters();
  const status = sampleStatus(["connected", "connected", "connected"]);
  const render = createMetrics({
    counters,
    status: () => ({
      ...status,
      feeds: status.feeds.map((feed) => ({ ...feed, stateMs: { connected: 1_500 } })),
    }),
    calendar: new MarketCalendar(),
    activity: { lastMessageAt: (feed) => feed === "sip" ? status.now - 2_000 : undefined },
    clients: { fullestQueues: () => new Map([["stockQuotes", 0.25], ["stockTrades", 0.1]]) },
  });
  counters.loopDelay.counts[0] = 4;
  counters.loopDelay.sum = 0.5;
  const samples = parseSamples(await render());
  const { dataAge, feedStateSeconds, fullestQueue, loopDelay } = METRICS;
  assert.equal(samples.get(`${dataAge.name}{feed="sip"}`), 2);
  assert.equal(samples.has(`${dataAge.name}{feed="opra"}`), false);
  const seconds = (state: string) =>
    samples.get(`${feedStateSeconds.name}{feed="sip",state="${state}"}`);
  assert.deepEqual([seconds("connected"), seconds("error")], [1.5, 0]);
  const fullest = (type: string) => samples.get(`${fullestQueue.name}{message_type="${type}"}`);
  assert.deepEqual(["stock_quote", "stock_trade", "stock_bar"].map(fullest), [0.25, 0.1, 0]);
  assert.equal(samples.get(`${loopDelay.name}_count`), 4);
  assert.equal(samples.get(`${loopDelay.name}_sum`), 0.5);
  assert.equal(samples.get(`${loopDelay.name}_bucket{le="+Inf"}`), 4);
});

Deno.test("limits show what they hold and whom they refused", async () => {
  const counters = createCounters();
  const queueMemory = { bytes: 7, limit: 100 };
  const render = createMetrics({
    counters,
    status: () => sampleStatus(["connected", "connected", "connected"]),
    calendar: new MarketCalendar(),
    queueMemory,
  });
  counters.refusals.stalled = 2;
  queueMemory.bytes = 9;
  const samples = parseSamples(await render());
  const refused = (limit: string) => samples.get(`alpaca_proxy_refusals_total{limit="${limit}"}`);
  assert.equal(refused("stalled"), 2);
  assert.equal(refused("symbols"), 0);
  assert.equal(samples.get("alpaca_proxy_queue_memory_bytes"), 9);
  assert.equal(samples.get("alpaca_proxy_queue_memory_limit_bytes"), 100);
  assert.ok(
    (samples.get("process_heap_limit_bytes") ?? 0) > 2 ** 26,
    "a heap limit that the runtime reports",
  );
});
