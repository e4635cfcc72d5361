/**
 * The ports that every part receives, and the log.
 *
 * @module
 */
import type { Clock } from "../application/ports/clock.ts";
import type { Log, LogControl } from "../application/ports/log.ts";
import type { Tracing } from "../application/ports/tracing.ts";
import { RecentErrors } from "../application/status/recent_errors.ts";
import { systemClock } from "../infrastructure/clock/system_clock.ts";
import { type Config, secretsOf } from "../infrastructure/config/config.ts";
import { createJsonLog } from "../infrastructure/logging/json_log.ts";
import { redact } from "../infrastructure/logging/redaction.ts";
import { createTracing } from "../infrastructure/telemetry/tracing.ts";

/** Ports that every part receives; a library user may replace each. */
export interface Dependencies {
  /** Time source. @default the system clock */
  readonly clock: Clock;
  /** Numbers in [0, 1), for jitter. @default `Math.random` */
  readonly random: () => number;
  /** Log. @default JSON lines on stdout */
  readonly log: Log;
  /** Changes the level of the log. @default that of the default log, none for another one */
  readonly logControl?: LogControl;
  /** Traces of sessions and requests. @default OpenTelemetry */
  readonly tracing: Tracing;
}

/** The ports of one process, and what it has logged. */
interface OpenDependencies {
  readonly deps: Dependencies;
  readonly logControl: LogControl | undefined;
  /** The latest errors of the log. */
  readonly errors: RecentErrors;
  /** Texts that must not be shown. */
  readonly secrets: readonly string[];
}

/**
 * Makes the ports that `overrides` lacks.
 *
 * @param resources receives what has to be closed
 */
export function openDependencies(
  config: Config,
  overrides: Partial<Dependencies>,
  resources: AsyncDisposableStack,
): OpenDependencies {
  const secrets = secretsOf(config).map((secret) => secret.reveal());
  const clock = overrides.clock ?? systemClock;
  const errors = new RecentErrors(clock, redact(secrets));
  const makeLog = () => {
    const made = resources.use(createJsonLog({ level: config.logLevel, secrets, clock }));
    return { log: made, logControl: made.control };
  };
  const { log, logControl } = overrides.log
    ? { log: overrides.log, logControl: overrides.logControl }
    : makeLog();
  const deps = {
    clock,
    log: errors.listen(log),
    random: overrides.random ?? Math.random,
    tracing: overrides.tracing ?? createTracing(),
  };
  return { deps, logControl, errors, secrets };
}
