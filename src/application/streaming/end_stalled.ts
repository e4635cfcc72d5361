import type { QueueMemory } from "../broadcast/queue_memory.ts";
import type { Clock } from "../ports/clock.ts";
import type { Log } from "../ports/log.ts";
import type { Streams } from "./open_streams.ts";

/** How often streams are looked at, in ms. */
const INTERVAL_MS = 1_000;
/** Streams that are logged one by one; of more, only the number. */
const LOGGED = 5;

/** What {@linkcode endStalled} works with. */
export interface EndStalledOptions {
  /** The memory of the streams' queues, which is swept in the same round. */
  readonly memory: QueueMemory;
  /** How long a stream may leave waiting messages untaken, in ms; 0: no limit. */
  readonly stalledMs: number;
  readonly clock: Pick<Clock, "sleep">;
  readonly log: Log;
  readonly signal: AbortSignal;
}

/**
 * Ends, until `signal` fires, every stream that has had messages waiting and
 * has taken none for `stalledMs`, and logs which. One timer serves all streams;
 * a stream is ended at most a second late.
 */
export async function endStalled(
  streams: Streams,
  options: EndStalledOptions,
): Promise<void> {
  const { memory, stalledMs, clock, log, signal } = options;
  while (!signal.aborted) {
    await clock.sleep(INTERVAL_MS, signal);
    if (signal.aborted) return;
    memory.sweep();
    if (stalledMs === 0) continue;
    const ended = streams.endStalled(stalledMs);
    for (const { channel, filter, waiting } of ended.slice(0, LOGGED)) {
      log.warn("Ended a stalled stream: its client does not read", {
        channel,
        filter,
        waiting,
        stalledMs,
      });
    }
    if (ended.length > LOGGED) {
      log.warn("Ended more stalled streams", {
        streams: ended.length - LOGGED,
      });
    }
  }
}
