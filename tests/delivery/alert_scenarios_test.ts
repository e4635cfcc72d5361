import assert from "node:assert/strict";
import { parse } from "yaml";
import { ROOT } from "../../scripts/delivery/generate.ts";
import type { Rule } from "../../scripts/delivery/alert_rules.ts";
import type { FailureType } from "../../src/domain/connection/failure.ts";
import type { FeedKind } from "../../src/domain/connection/feed.ts";
import { dayOfDate, instantAt } from "../../src/domain/calendar/exchange_time.ts";
import { MarketCalendar } from "../../src/domain/calendar/market_calendar.ts";
import { requires } from "../support/requires.ts";
import {
  attempts,
  between,
  countAt,
  errors,
  RECONNECTS,
  SIP,
  times,
  withIncidents,
} from "./alert_incidents.ts";
import { CLUSTER_SCENARIOS } from "./cluster_scenarios.ts";
import { checkScenario, type Firing, type Scenario } from "./alert_scenarios.ts";

const { groups } = parse(
  Deno.readTextFileSync(new URL("monitoring/prometheus/alerts.yaml", ROOT)),
) as { readonly groups: readonly { readonly rules: readonly Rule[] }[] };
const RULES = groups.flatMap(({ rules }) => rules);
const ALERTS = RULES.filter(({ alert }) => alert !== undefined);

const calendar = new MarketCalendar();

type Series = Scenario["series"];

/** A scenario of a proxy that is up: its scrape succeeds. */
function scenario(name: string, rest: Omit<Scenario, "name">): Scenario {
  return { name, ...rest, series: { up: () => 1, ...rest.series } };
}

/** Series of a feed whose session is connected and that has subscriptions. */
function connectedFeed(feed: string, received: (minute: number) => number): Series {
  return {
    [`alpaca_proxy_feed_state{feed="${feed}",state="connected"}`]: () => 1,
    [`alpaca_proxy_subscriptions_total{feed="${feed}"}`]: () => 10,
    [`alpaca_proxy_messages_received_total{feed="${feed}",message_type="quote"}`]: received,
    [`alpaca_proxy_messages_received_total{feed="${feed}",message_type="control"}`]: (minute) =>
      Math.floor(minute),
  };
}

/** Instant of a time in New York such as `2026-11-27 09:30`. */
function newYork(text: string): number {
  const [date = "", hours = 0, minutes = 0] = text.split(/[ :]/);
  const day = dayOfDate(date);
  assert.ok(day !== undefined, text);
  return instantAt(day, Number(hours) * 60 + Number(minutes));
}

/**
 * A scenario of connected feeds between two times in New York. Feeds are named after
 * their products, because a proxy has one stock feed, and the rules apply to any.
 */
function marketScenario(name: string, from: string, to: string, feeds: {
  /** Feeds that receive data exactly while their market is open. */
  readonly healthy: readonly FeedKind[];
  /** Feeds that never receive data, and when that is reported. */
  readonly silent: Readonly<Partial<Record<FeedKind, readonly string[]>>>;
  /** When the four hours of incidents start. @default never */
  readonly incidents?: readonly string[];
}): Scenario {
  const start = newYork(from);
  const expected = (kind: FeedKind, minute: number) =>
    calendar.isDataExpected(kind, start + minute * 60_000);
  const series: Record<string, (minute: number) => number> = {};
  const addFeed = (kind: FeedKind, received: (minute: number) => number) => {
    Object.assign(series, connectedFeed(kind, received));
    series[`alpaca_proxy_data_expected{feed="${kind}"}`] = (minute) =>
      Number(expected(kind, minute));
  };
  for (const kind of feeds.healthy) {
    let count = 0;
    addFeed(kind, (minute) => count += expected(kind, minute) ? 100 : 0);
  }
  const firing: Firing[] = [];
  const minuteOf = (time: string) => (newYork(time) - start) / 60_000;
  for (const [kind, intervals] of Object.entries(feeds.silent)) {
    addFeed(kind as FeedKind, () => 5);
    for (const interval of intervals) {
      const [begins = "", ends = ""] = interval.split(" to ");
      firing.push({
        alert: "AlpacaFeedSilent",
        of: { feed: kind },
        from: minuteOf(begins),
        to: minuteOf(ends),
      });
    }
  }
  const minutes = minuteOf(to);
  const market = scenario(name, { minutes, stepSeconds: 60, series, firing });
  const { incidents } = feeds;
  return incidents === undefined ? market : withIncidents(market, incidents.map(minuteOf));
}

/**
 * A scenario of a feed whose session is lost at minute 2, whose attempts fail with `type`
 * until minute `ended` and then succeed, with the proxy's own delays.
 *
 * @param firing alerts and the minute from which they fire until the feed is connected
 */
function outage(name: string, type: FailureType, { ended, firing = {} }: {
  readonly ended: number;
  readonly firing?: Readonly<Record<string, number>>;
}): Scenario {
  const { failures, back } = attempts(type, 2, ended);
  const failed = countAt(...failures);
  const series = {
    ...connectedFeed("sip", (minute) => minute * 100),
    'alpaca_proxy_feed_state{feed="sip",state="connected"}': between(2, back, 0, 1),
    'alpaca_proxy_data_expected{feed="sip"}': () => 1,
    [errors(type)]: failed,
    // A failure is counted when it happens, the next attempt after the delay.
    [RECONNECTS]: (minute: number) =>
      minute >= back ? failures.length : Math.max(0, failed(minute) - 1),
    ...Object.fromEntries(
      ["dial", "rate_limited", "auth", "connection_limit"].filter((other) => other !== type)
        .map((other) => [errors(other), () => 0]),
    ),
  };
  return scenario(name, {
    minutes: Math.ceil(ended) + 20,
    series,
    firing: Object.entries(firing).map(([alert, from]) => ({ alert, of: SIP, from, to: back })),
  });
}

const SCENARIOS: readonly Scenario[] = [
  marketScenario(
    "a week with normal days, nights, a holiday, an early close and a weekend",
    "2026-11-22 12:00",
    "2026-11-29 12:00",
    {
      healthy: ["sip", "boats", "indicative"],
      silent: {
        opra: [
          "2026-11-23 09:35 to 2026-11-23 16:00",
          "2026-11-24 09:35 to 2026-11-24 16:00",
          "2026-11-25 09:35 to 2026-11-25 16:00",
          "2026-11-27 09:35 to 2026-11-27 13:00",
        ],
        delayed_sip: [
          "2026-11-23 09:50 to 2026-11-23 16:00",
          "2026-11-24 09:50 to 2026-11-24 16:00",
          "2026-11-25 09:50 to 2026-11-25 16:00",
          "2026-11-27 09:50 to 2026-11-27 13:00",
        ],
        overnight: [
          "2026-11-22 20:20 to 2026-11-23 04:00",
          "2026-11-23 20:20 to 2026-11-24 04:00",
          "2026-11-24 20:20 to 2026-11-25 04:00",
          "2026-11-26 20:20 to 2026-11-27 04:00",
        ],
        trade_updates: [],
      },
      incidents: [
        "2026-11-23 10:00", // a normal day
        "2026-11-25 01:00", // a night
        "2026-11-26 10:00", // a holiday
        "2026-11-27 11:00", // an early close, at 13:00
        "2026-11-28 10:00", // a weekend
      ],
    },
  ),
  marketScenario("daylight time begins", "2026-03-08 12:00", "2026-03-09 18:00", {
    healthy: ["sip"],
    silent: {
      opra: ["2026-03-09 09:35 to 2026-03-09 16:00"],
      boats: ["2026-03-08 20:05 to 2026-03-09 04:00"],
    },
  }),
  marketScenario("daylight time ends", "2026-11-01 12:00", "2026-11-02 18:00", {
    healthy: ["sip"],
    silent: {
      opra: ["2026-11-02 09:35 to 2026-11-02 16:00"],
      boats: ["2026-11-01 20:05 to 2026-11-02 04:00"],
    },
  }),
  outage("a ghost session holds the connection for 90 seconds", "connection_limit", {
    ended: 3.5,
  }),
  outage("another program holds the connection for half an hour", "connection_limit", {
    ended: 32,
    firing: { AlpacaConnectionLimit: 5 },
  }),
  outage("the credentials are refused for an hour", "auth", {
    ended: 62,
    firing: { AlpacaFeedDown: 4, AlpacaCredentialsRefused: 5 },
  }),
  outage("the network fails for ten minutes", "dial", {
    ended: 12,
    firing: { AlpacaFeedDown: 4 },
  }),
  outage("the network fails for a minute", "dial", { ended: 3 }),
  scenario("the session is closed every two minutes for half an hour", {
    minutes: 60,
    series: {
      ...connectedFeed("sip", (minute) => minute * 100),
      [RECONNECTS]: countAt(...times(10, 40, 2)),
      [errors("closed")]: countAt(...times(10, 40, 2)),
      [errors("auth")]: () => 0,
    },
    firing: [{ alert: "AlpacaReconnectStorm", of: SIP, from: 22, to: 43 }],
  }),
  scenario("the session is closed six times in a quarter of an hour", {
    minutes: 40,
    series: {
      [RECONNECTS]: countAt(...times(10, 20, 2)),
      [errors("auth")]: () => 0,
    },
    firing: [],
  }),
  scenario("heartbeats are lost", {
    minutes: 40,
    series: { [errors("heartbeat")]: countAt(5, 10, 14) },
    firing: [{ alert: "AlpacaHeartbeatLost", of: SIP, from: 14, to: 20 }],
  }),
  scenario("Alpaca rejects one request", {
    minutes: 20,
    series: { [errors("upstream_error")]: countAt(5) },
    firing: [],
  }),
  scenario("Alpaca rejects requests for three minutes", {
    minutes: 20,
    series: { [errors("upstream_error")]: countAt(5, 6, 7) },
    firing: [],
  }),
  scenario("Alpaca rejects a request every minute", {
    minutes: 40,
    series: { [errors("upstream_error")]: countAt(...times(10, 20, 1)) },
    firing: [{ alert: "AlpacaUpstreamErrors", of: SIP, from: 15, to: 23 }],
  }),
  scenario("Alpaca sends a message of an unknown type", {
    minutes: 80,
    series: { [errors("unknown_type")]: countAt(10), [errors("malformed_frame")]: () => 0 },
    firing: [{
      alert: "AlpacaProtocolDrift",
      of: { ...SIP, error_type: "unknown_type" },
      from: 10,
      to: 70,
    }],
  }),
  scenario("clients request almost all of the quota, then more than it", {
    minutes: 50,
    series: {
      'alpaca_proxy_symbol_budget_used{feed="sip"}': between(5, 20, 901, 900),
      'alpaca_proxy_symbol_budget_limit{feed="sip"}': () => 1_000,
      'alpaca_proxy_symbol_budget_used{feed="opra"}': () => 5_000,
      'alpaca_proxy_symbol_budget_limit{feed="opra"}': () => Infinity,
      'alpaca_proxy_symbols_waiting{feed="sip"}': between(10, 30, 7),
      'alpaca_proxy_symbols_waiting{feed="opra"}': between(10, 14, 7),
      'alpaca_proxy_symbols_refused{feed="sip"}': between(20, 45, 2),
      'alpaca_proxy_symbols_refused{feed="opra"}': between(20, 34, 2),
    },
    firing: [
      { alert: "AlpacaSymbolBudget", of: SIP, from: 10, to: 20 },
      { alert: "AlpacaSymbolsWaiting", of: SIP, from: 15, to: 30 },
      { alert: "AlpacaSymbolsRefused", of: SIP, from: 35, to: 45 },
    ],
  }),
  scenario("clients read too slowly", {
    minutes: 60,
    series: {
      'alpaca_proxy_messages_sent_total{message_type="stock_quote"}': (minute) => minute * 10_000,
      // 1 % from minute 5 to 20, in the average of five minutes above 0.1 % a little longer.
      'alpaca_proxy_messages_dropped_total{message_type="stock_quote"}': (minute) =>
        Math.min(Math.max(0, minute - 5), 15) * 100,
      'alpaca_proxy_messages_sent_total{message_type="stock_trade"}': (minute) => minute * 10_000,
      'alpaca_proxy_messages_dropped_total{message_type="stock_trade"}': (minute) => minute,
      'alpaca_proxy_messages_dropped_total{message_type="order_update"}': countAt(10, 10, 11),
      // Updates wait from minute 0 on; from minute 10 to 20 none is stored.
      "alpaca_proxy_order_updates_pending": between(0, 20, 3, 0),
      "alpaca_proxy_order_updates_stored_total": (minute) =>
        minute < 10 ? minute * 60 : minute < 20 ? 600 : 600 + (minute - 20) * 60,
      "alpaca_proxy_queue_memory_bytes": between(10, 30, 250, 10),
      "alpaca_proxy_queue_memory_limit_bytes": () => 256,
      'alpaca_proxy_refusals_total{limit="stalled"}': countAt(...times(10, 12.5, 0.5)),
      'alpaca_proxy_edge_entries_missing_total{feed="sip"}': countAt(10),
    },
    firing: [
      { alert: "AlpacaEdgeFramesMissing", of: SIP, from: 10, to: 20 },
      {
        alert: "AlpacaMessagesDropped",
        of: { message_type: "stock_quote" },
        from: 10.75,
        to: 24.5,
      },
      { alert: "AlpacaOrderUpdatesDropped", from: 10, to: 21 },
      { alert: "AlpacaOrderUpdatesNotStored", from: 17, to: 20 },
      { alert: "AlpacaQueueMemory", from: 15, to: 30 },
      { alert: "AlpacaStreamsStalled", from: 12.5, to: 40 },
    ],
  }),
  scenario("clients are refused and sockets cannot be accepted", {
    minutes: 40,
    series: {
      'alpaca_proxy_refusals_total{limit="streams"}': countAt(...times(10, 20, 1)),
      'alpaca_proxy_refusals_total{limit="symbols"}': countAt(10),
      'alpaca_proxy_accept_failures_total{reason="descriptors"}': countAt(...times(10, 20, 0.25)),
      'alpaca_proxy_accept_failures_total{reason="memory"}': countAt(10, 10.25),
      // A client that starts with an old token, and one denial after the other.
      'alpaca_proxy_access_refusals_total{reason="expired"}': countAt(10, 11, 12),
      'alpaca_proxy_access_refusals_total{reason="denied"}': (minute) => Math.floor(minute) * 20,
      'alpaca_proxy_accept_failures_total{reason="aborted"}': (minute) => Math.floor(minute),
    },
    firing: [
      { alert: "AlpacaClientsRefused", of: { limit: "streams" }, from: 15, to: 25 },
      { alert: "AlpacaAcceptFailing", of: { reason: "descriptors" }, from: 13, to: 22 },
    ],
  }),
  scenario("the certificate is renewed late", {
    minutes: 60,
    series: {
      // Six days are left at minute 10; renewed at minute 40.
      alpaca_proxy_tls_certificate_expiry_seconds: (minute) =>
        (minute < 10 ? 8 : minute < 40 ? 6 : 90) * 86_400,
    },
    firing: [{ alert: "AlpacaCertificateExpiring", from: 25, to: 40 }],
  }),
  scenario("the process is busy, slow and short of memory", {
    minutes: 60,
    series: {
      // 95 % of a core from minute 5 to 30, otherwise 20 %.
      "process_cpu_seconds_total": (minute) =>
        minute * 12 + Math.min(Math.max(0, minute - 5), 25) * 45,
      "process_heap_used_bytes": between(10, 20, 700, 100),
      "process_resident_memory_bytes": between(30, 40, 1_020, 900),
      "process_heap_limit_bytes": () => 800,
      // 2 % of the messages take 50 to 100 ms from minute 5 to 30.
      ...Object.fromEntries(["0.05", "0.1", "+Inf"].map((le) => [
        `alpaca_proxy_message_processing_seconds_bucket{feed="sip",le="${le}"}`,
        (minute: number) =>
          minute * 1_000 - (le === "0.05" ? Math.min(Math.max(0, minute - 5), 25) * 20 : 0),
      ])),
    },
    firing: [
      { alert: "AlpacaProxyBusy", from: 19.5, to: 30.75 },
      { alert: "AlpacaProxyMemory", from: 15, to: 20 },
      { alert: "AlpacaProxyMemory", from: 35, to: 40 },
      { alert: "AlpacaSlowProcessing", of: SIP, from: 17.75, to: 32.5 },
    ],
  }),
  scenario("a hub loses its lease, and the other one cannot take it", {
    minutes: 60,
    series: {
      'alpaca_proxy_feed_state{instance="a",feed="sip",state="connected"}': () => 1,
      'alpaca_proxy_feed_state{instance="b",feed="sip",state="connected"}': () => 0,
      'alpaca_proxy_lease_held{instance="a"}': between(10, 20, 0, 1),
      'alpaca_proxy_lease_held{instance="b"}': () => 0,
      'alpaca_proxy_lease_losses_total{instance="a"}': countAt(10),
      'alpaca_proxy_lease_reachable{instance="a"}': () => 1,
      'alpaca_proxy_lease_reachable{instance="b"}': between(10, 20, 0, 1),
    },
    firing: [
      { alert: "AlpacaLeaseLost", from: 10, to: 25 },
      { alert: "AlpacaProxyNoHub", from: 11, to: 20 },
      { alert: "AlpacaLeaseUnreachable", from: 12, to: 20 },
    ],
  }),
  scenario("NATS does not take some frames of a hub", {
    minutes: 60,
    series: {
      'alpaca_proxy_hub_dropped_entries_total{instance="a",feed="sip"}': countAt(10),
      'alpaca_proxy_hub_dropped_entries_total{instance="b",feed="sip"}': () => 0,
    },
    firing: [{ alert: "AlpacaHubDropsFrames", from: 10, to: 25 }],
  }),
  scenario("the proxy restarts three times, cannot be scraped and does not stop", {
    minutes: 60,
    series: {
      "up": (minute) => minute < 40 ? 1 : minute < 45 ? 0 : minute < 50 ? undefined : 1,
      "process_start_time_seconds": (minute) => 1 + countAt(5, 10, 15)(minute),
      "alpaca_proxy_draining": between(20, 30, 1),
    },
    firing: [
      { alert: "AlpacaProxyRestarting", from: 15, to: 35 },
      { alert: "AlpacaProxyStuckDraining", from: 22, to: 30 },
      { alert: "AlpacaProxyDown", from: 42, to: 50 },
    ],
  }),
  ...CLUSTER_SCENARIOS,
];

for (const one of SCENARIOS) {
  Deno.test(requires(["promtool"], {
    name: `alerts fire as they should in the scenario: ${one.name}`,
    fn: () => checkScenario(one, RULES),
  }));
}

Deno.test("every alert fires in a scenario", () => {
  const fired = new Set(SCENARIOS.flatMap(({ firing }) => firing.map(({ alert }) => alert)));
  for (const { alert = "" } of ALERTS) assert.ok(fired.has(alert), alert);
});

/** Seconds of a duration such as `5m`. */
function seconds(duration: string): number {
  const unit = { s: 1, m: 60, h: 3_600 }[duration.at(-1) ?? ""];
  assert.ok(unit, duration);
  return Number.parseInt(duration) * unit;
}

Deno.test("no alert on an increase has a `for` below the range", () => {
  for (const { alert = "", expr, for: wait } of ALERTS) {
    if (wait === undefined) continue;
    for (const [, range = ""] of expr.matchAll(/\[(\w+)\]/g)) {
      assert.ok(seconds(wait) >= seconds(range), `${alert}: for ${wait}, range ${range}`);
    }
  }
});
