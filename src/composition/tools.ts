import type { Clock } from "../application/ports/clock.ts";
import type { Log } from "../application/ports/log.ts";
import type { Tracing } from "../application/ports/tracing.ts";

/** The ports that every part is given; a library user may bring each. */
export interface Tools {
  /** The system's time otherwise. */
  readonly clock: Clock;
  /** Numbers in [0, 1), for jitter; `Math.random` otherwise. */
  readonly random: () => number;
  /** JSON lines on stdout otherwise. */
  readonly log: Log;
  /** OpenTelemetry otherwise. */
  readonly tracing: Tracing;
}
