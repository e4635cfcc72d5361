/**
 * Four hours of incidents that make every alert fire except AlpacaFeedSilent, which
 * depends on the market. They are added to a scenario at any time of the week, because
 * these alerts must not depend on it.
 *
 * @module
 */
import { backoffDelay } from "../../src/domain/connection/backoff.ts";
import type { FailureType } from "../../src/domain/connection/failure.ts";
import type { Firing, Scenario } from "./alert_scenarios.ts";

/** Label of the feed that the incidents concern. */
export const SIP = { feed: "sip" };

/** Series that counts the reconnections of the feed. */
export const RECONNECTS = 'alpaca_proxy_reconnects_total{feed="sip"}';

/** Series that counts the feed's errors of a type. */
export function errors(type: string): string {
  return `alpaca_proxy_websocket_errors_total{feed="sip",error_type="${type}"}`;
}

/** A counter that grows by one at each of these minutes. */
export function countAt(...minutes: readonly number[]): (minute: number) => number {
  return (minute) => minutes.filter((at) => at <= minute).length;
}

/** Every `every` minutes from `from` until `to`. */
export function times(from: number, to: number, every: number): number[] {
  return Array.from({ length: Math.floor((to - from) / every) + 1 }, (_, at) => from + at * every);
}

/** A value that is `value` from `from` until `to` and `otherwise` at other times. */
export function between(from: number, to: number, value: number, otherwise = 0) {
  return (minute: number) => minute >= from && minute < to ? value : otherwise;
}

/** A counter that grows by `perMinute` from `from` until `to`. */
function growth(from: number, to: number, perMinute: number): (minute: number) => number {
  return (minute) => Math.min(Math.max(0, minute - from), to - from) * perMinute;
}

/** When attempts fail after a loss at `lost`, and when one succeeds, with the proxy's delays. */
export function attempts(type: FailureType, lost: number, ended: number): {
  readonly failures: readonly number[];
  readonly back: number;
} {
  const settings = { initialDelayMs: 500, maxDelayMs: 30_000, multiplier: 2 };
  const failures: number[] = [];
  let back = lost;
  for (let attempt = 1; back < ended; attempt++) {
    failures.push(back);
    back += backoffDelay({ type, attempt }, { settings, random: 0.5 }) / 60_000;
  }
  return { failures, back };
}

const NETWORK = attempts("dial", 0, 10);
const GHOST = attempts("connection_limit", 40, 41.5);
const REFUSED = attempts("auth", 60, 90);
const OTHER_PROGRAM = attempts("connection_limit", 120, 150);
const OUTAGES = [NETWORK, GHOST, REFUSED, OTHER_PROGRAM];
const CLOSED = times(180, 210, 2);

/** Whether the feed is connected, in minutes after the start of the incidents. */
function isConnected(minute: number): boolean {
  return !OUTAGES.some(({ failures: [lost = 0], back }) => minute >= lost && minute < back);
}

/** Values in minutes after the start of the incidents. */
const GAUGES: Scenario["series"] = {
  "up": between(220, 225, 0, 1),
  'alpaca_proxy_feed_state{feed="sip",state="connected"}': (minute) => Number(isConnected(minute)),
  'alpaca_proxy_symbol_budget_used{feed="sip"}': between(90, 110, 901, 900),
  'alpaca_proxy_symbol_budget_limit{feed="sip"}': () => 1_000,
  'alpaca_proxy_symbols_waiting{feed="sip"}': between(90, 110, 7),
  'alpaca_proxy_symbols_refused{feed="sip"}': between(90, 115, 2),
  'alpaca_proxy_feed_stale_seconds{feed="sip"}': between(226, 232, 90),
  'alpaca_proxy_stale_symbols{feed="sip"}': between(226, 236, 3),
  "alpaca_proxy_queue_memory_bytes": between(20, 40, 250, 10),
  "alpaca_proxy_queue_memory_limit_bytes": () => 256,
  "process_heap_used_bytes": between(120, 130, 700, 100),
  "process_resident_memory_bytes": between(140, 150, 1_020, 900),
  "process_heap_limit_bytes": () => 800,
  "alpaca_proxy_draining": between(200, 210, 1),
};

/** What incidents add to each counter, in minutes after their start. */
const COUNTERS: Readonly<Record<string, (minute: number) => number>> = {
  [errors("dial")]: countAt(...NETWORK.failures),
  [errors("auth")]: countAt(...REFUSED.failures),
  [errors("connection_limit")]: countAt(...GHOST.failures, ...OTHER_PROGRAM.failures),
  [errors("closed")]: countAt(...CLOSED),
  [errors("heartbeat")]: countAt(180, 182, 184),
  [errors("upstream_error")]: countAt(...times(90, 105, 1)),
  [errors("unknown_type")]: countAt(100),
  [RECONNECTS]: countAt(
    ...OUTAGES.flatMap(({ failures, back }) => [...failures.slice(1), back]),
    ...CLOSED,
  ),
  'alpaca_proxy_messages_sent_total{message_type="stock_quote"}': () => 0,
  'alpaca_proxy_messages_dropped_total{message_type="stock_quote"}': growth(20, 40, 100),
  'alpaca_proxy_messages_dropped_total{message_type="order_update"}': countAt(20),
  'alpaca_proxy_refusals_total{limit="stalled"}': countAt(...times(20, 25, 1)),
  'alpaca_proxy_refusals_total{limit="streams"}': countAt(...times(60, 80, 1)),
  'alpaca_proxy_access_refusals_total{reason="invalid"}': growth(60, 80, 10),
  'alpaca_proxy_access_refusals_total{reason="unavailable"}': countAt(...times(60, 80, 1)),
  'alpaca_proxy_accept_failures_total{reason="descriptors"}': countAt(...times(60, 80, 1)),
  "process_cpu_seconds_total": growth(120, 150, 45),
  [bucket("0.05")]: growth(120, 150, -20),
  [bucket("0.1")]: () => 0,
  [bucket("+Inf")]: () => 0,
  "process_start_time_seconds": countAt(180, 185, 190),
};

/** What counters grow by in each minute without incidents. */
const PER_MINUTE: Readonly<Record<string, number>> = {
  'alpaca_proxy_messages_sent_total{message_type="stock_quote"}': 10_000,
  "process_cpu_seconds_total": 12,
  [bucket("0.05")]: 1_000,
  [bucket("0.1")]: 1_000,
  [bucket("+Inf")]: 1_000,
};

function bucket(le: string): string {
  return `alpaca_proxy_message_processing_seconds_bucket{feed="sip",le="${le}"}`;
}

/**
 * What fires, in minutes after the start of the incidents, with a sample a minute. The ghost
 * session fires nothing.
 */
const FIRING: readonly Firing[] = [
  { alert: "AlpacaFeedDown", of: SIP, from: 2, to: NETWORK.back },
  { alert: "AlpacaOrderUpdatesDropped", from: 20, to: 30 },
  { alert: "AlpacaStreamsStalled", from: 25, to: 50 },
  { alert: "AlpacaQueueMemory", from: 25, to: 40 },
  { alert: "AlpacaMessagesDropped", of: { message_type: "stock_quote" }, from: 26, to: 45 },
  { alert: "AlpacaFeedDown", of: SIP, from: 62, to: REFUSED.back },
  { alert: "AlpacaCredentialsRefused", of: SIP, from: 63, to: REFUSED.back },
  { alert: "AlpacaAcceptFailing", of: { reason: "descriptors" }, from: 63, to: 82 },
  { alert: "AlpacaClientsRefused", of: { limit: "streams" }, from: 65, to: 85 },
  { alert: "AlpacaAccessRefused", from: 68, to: 83 },
  { alert: "AlpacaTokensUnverifiable", from: 65, to: 85 },
  { alert: "AlpacaSymbolBudget", of: SIP, from: 95, to: 110 },
  { alert: "AlpacaSymbolsWaiting", of: SIP, from: 95, to: 110 },
  { alert: "AlpacaSymbolsRefused", of: SIP, from: 105, to: 115 },
  { alert: "AlpacaUpstreamErrors", of: SIP, from: 95, to: 108 },
  {
    alert: "AlpacaProtocolDrift",
    of: { ...SIP, error_type: "unknown_type" },
    from: 100,
    to: 160,
  },
  { alert: "AlpacaConnectionLimit", of: SIP, from: 123, to: OTHER_PROGRAM.back },
  { alert: "AlpacaProxyMemory", from: 125, to: 130 },
  { alert: "AlpacaSlowProcessing", of: SIP, from: 133, to: 153 },
  { alert: "AlpacaProxyBusy", from: 135, to: 151 },
  { alert: "AlpacaProxyMemory", from: 145, to: 150 },
  { alert: "AlpacaHeartbeatLost", of: SIP, from: 184, to: 195 },
  { alert: "AlpacaReconnectStorm", of: SIP, from: 192, to: 213 },
  { alert: "AlpacaProxyRestarting", from: 190, to: 210 },
  { alert: "AlpacaProxyStuckDraining", from: 202, to: 210 },
  { alert: "AlpacaProxyDown", from: 222, to: 225 },
  { alert: "AlpacaFeedStale", of: SIP, from: 226, to: 232 },
  { alert: "AlpacaSymbolsStale", of: SIP, from: 231, to: 236 },
];

/**
 * Adds the incidents to a scenario of a connected `sip` feed with a sample a minute.
 *
 * @param starts minutes of the scenario in ascending order, at least four hours apart
 */
export function withIncidents(scenario: Scenario, starts: readonly number[]): Scenario {
  const sinceStart = (minute: number) =>
    minute - (starts.findLast((start) => start <= minute) ?? Infinity);
  const gauges = Object.entries(GAUGES).map(([name, valueAt]) => [
    name,
    (minute: number) => valueAt(sinceStart(minute)),
  ]);
  const counters = Object.entries(COUNTERS).map(([name, added]) => [
    name,
    (minute: number) =>
      starts.reduce(
        (total, start) => total + added(minute - start),
        minute * (PER_MINUTE[name] ?? 0),
      ),
  ]);
  let received = 0;
  const expected = scenario.series['alpaca_proxy_data_expected{feed="sip"}'];
  return {
    ...scenario,
    series: {
      ...scenario.series,
      'alpaca_proxy_messages_received_total{feed="sip",message_type="quote"}': (minute) =>
        received += expected?.(minute) === 1 && isConnected(sinceStart(minute)) ? 100 : 0,
      ...Object.fromEntries(gauges),
      ...Object.fromEntries(counters),
    },
    firing: [
      ...scenario.firing,
      ...starts.flatMap((start) =>
        FIRING.map(({ from, to, ...alert }) => ({ ...alert, from: start + from, to: start + to }))
      ),
    ],
  };
}
