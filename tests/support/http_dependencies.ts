/**
 * What the HTTP ports need beside their content, with limits that tests set.
 *
 * @module
 */
import {
  ConnectionLimits,
  type ConnectionLimitsOptions,
} from "../../src/application/connections/connection_limits.ts";
import { createCounters } from "../../src/application/status/counters.ts";
import { systemClock } from "../../src/infrastructure/clock/system_clock.ts";
import { RecordingLog } from "./recording_log.ts";

/** Connection limits and a real clock. */
export function httpDependencies(
  limits: Partial<ConnectionLimitsOptions> = {},
): {
  readonly connections: ConnectionLimits;
  readonly clock: typeof systemClock;
} {
  const connections = new ConnectionLimits({
    maxGrpc: 4_096,
    maxHttp: 256,
    counters: createCounters(),
    clock: systemClock,
    log: new RecordingLog(),
    ...limits,
  });
  return { connections, clock: systemClock };
}
