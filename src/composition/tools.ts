import type { Clock } from "../application/ports/clock.ts";
import type { Log } from "../application/ports/log.ts";
import type { Tracing } from "../application/ports/tracing.ts";

/** The ports that every part is given. */
export interface Tools {
  readonly clock: Clock;
  /** Numbers in [0, 1), for jitter. */
  readonly random: () => number;
  readonly log: Log;
  readonly tracing: Tracing;
}
