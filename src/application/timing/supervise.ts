import type { Clock } from "../ports/clock.ts";
import type { Log } from "../ports/log.ts";

/** Delay before a failed task is restarted. */
const RESTART_MS = 1_000;

/**
 * Runs a task until `signal` fires. A task that throws or returns early, which is a bug, is logged
 * and restarted after a second.
 *
 * @param run the task; must return only when its signal fires
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
    let cause: unknown = "it returned early";
    try {
      await run(signal);
      if (signal.aborted) return;
    } catch (error) {
      cause = error;
    }
    log.error("Task failed, restarting", { cause, delay_ms: RESTART_MS });
    await clock.sleep(RESTART_MS, signal);
  }
}
