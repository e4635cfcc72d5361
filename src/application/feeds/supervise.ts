import type { Clock } from "../ports/clock.ts";
import type { Log } from "../ports/log.ts";

/** Pause before a part that failed is started again. */
const RESTART_MS = 1_000;

/**
 * Keeps a part running until `signal` fires: a fault in it (or an end that
 * nobody asked for) is a mistake of ours, is logged as an error, and costs a
 * pause, never silence.
 *
 * @param run the part; it is to end only when its signal fires
 */
export async function supervise(
  run: (signal: AbortSignal) => Promise<void>,
  options: {
    readonly clock: Clock;
    readonly log: Log;
    readonly signal: AbortSignal;
  },
): Promise<void> {
  const { clock, log, signal } = options;
  while (!signal.aborted) {
    let cause: unknown = "it ended by itself";
    try {
      await run(signal);
      if (signal.aborted) return;
    } catch (error) {
      cause = error;
    }
    log.error("A part failed and is started again", {
      cause,
      delay_ms: RESTART_MS,
    });
    await clock.sleep(RESTART_MS, signal);
  }
}
