/**
 * HTTP ports for tests: what they need beside their content, with limits that tests set.
 *
 * @module
 */
import {
  ConnectionLimits,
  type ConnectionLimitsOptions,
} from "../../src/application/connections/connection_limits.ts";
import { createCounters } from "../../src/application/status/counters.ts";
import { Activity } from "../../src/application/status/activity.ts";
import type { LiveSources } from "../../src/application/status/live_view.ts";
import { MarketCalendar } from "../../src/domain/calendar/market_calendar.ts";
import { systemClock } from "../../src/infrastructure/clock/system_clock.ts";
import { serveHttp, type ServeHttpOptions } from "../../src/infrastructure/http/serve_http.ts";
import { RecordingLog } from "./recording_log.ts";
import { sampleStatus } from "./sample_status.ts";

/** Serves the status of connected feeds on free ports; an error of a response fails the test. */
export function serveConnected(
  options: Partial<ServeHttpOptions> = {},
): ReturnType<typeof serveHttp> {
  return serveHttp({
    health: { host: "127.0.0.1", port: 0 },
    metrics: { host: "127.0.0.1", port: 0 },
    ...httpDependencies(),
    feeds: new Set(["sip", "opra", "trading"]),
    status: () => sampleStatus(["connected", "connected", "connected"]),
    renderMetrics: () => Promise.resolve(""),
    onError: (cause) => {
      throw cause;
    },
    ...options,
  });
}

/** Connection limits, a real clock, and reports without content. */
export function httpDependencies(
  limits: Partial<ConnectionLimitsOptions> = {},
): {
  readonly connections: ConnectionLimits;
  readonly clock: typeof systemClock;
} & Reports {
  const counters = createCounters();
  const connections = new ConnectionLimits({
    maxGrpc: 4_096,
    maxHttp: 256,
    counters,
    clock: systemClock,
    log: new RecordingLog(),
    ...limits,
  });
  return { ...noReports(counters), connections, clock: systemClock };
}

/** Sources of the status page beside the status. */
type Reports = Pick<
  LiveSources,
  "counters" | "activity" | "calendar" | "streams" | "subscriptions" | "errors"
>;

/** Sources without content. */
export function noReports(counters = createCounters()): Reports {
  return {
    counters,
    activity: new Activity(counters, systemClock),
    calendar: new MarketCalendar(),
    streams: () => [],
    subscriptions: () => [],
    errors: () => [],
  };
}
