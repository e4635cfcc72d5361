import type { Clock } from "../ports/clock.ts";
import { type Latency, observe } from "./counters.ts";

/** Time between two samples, in ms. */
const INTERVAL_MS = 100;

/**
 * Measures how late timers fire, ten times a second until `signal` fires: the time for which other
 * work blocks the event loop. `monitorEventLoopDelay` of Deno 2.9.6 reports 5 ms for a loop that is
 * blocked for 200 ms.
 */
export async function measureLoopDelay(
  latency: Latency,
  { clock, signal }: { readonly clock: Clock; readonly signal: AbortSignal },
): Promise<void> {
  while (!signal.aborted) {
    const due = clock.monotonic() + INTERVAL_MS;
    await clock.sleep(INTERVAL_MS, signal);
    if (signal.aborted) return;
    const lateMs = Math.max(0, clock.monotonic() - due);
    observe(latency, { seconds: lateMs / 1_000, messages: 1 });
  }
}
