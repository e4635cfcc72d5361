/**
 * Ends stalled streams and logs lost messages, periodically.
 *
 * @module
 */
import type { QueueMemory } from "../broadcast/queue_memory.ts";
import type { Clock } from "../ports/clock.ts";
import type { Log } from "../ports/log.ts";
import type { StreamRegistry } from "./stream_registry.ts";

/** Time between two checks for stalled streams, in ms. */
const STALL_INTERVAL_MS = 1_000;
/** Time between two reports of losses, in ms: a slow stream loses all the time. */
const LOSS_INTERVAL_MS = 30_000;
/** Streams that are logged one by one; of the others only their number. */
const LOGGED = 5;

/** Options of {@linkcode endStalled}. */
export interface EndStalledOptions {
  /** The memory of the streams' queues; swept in the same interval. */
  readonly memory: QueueMemory;
  /** Time in ms after which a stream that takes nothing is ended; 0: no limit. */
  readonly stalledMs: number;
  readonly clock: Pick<Clock, "sleep">;
  readonly log: Log;
  readonly signal: AbortSignal;
}

/**
 * Ends and logs, until `signal` fires, every stream with messages queued that has taken none for
 * `stalledMs`. One timer serves all streams; a stream is ended at most a second late, one of
 * thousands some seconds.
 */
export async function endStalled(
  streams: StreamRegistry,
  options: EndStalledOptions,
): Promise<void> {
  const { memory, stalledMs, clock, log, signal } = options;
  while (!signal.aborted) {
    await clock.sleep(STALL_INTERVAL_MS, signal);
    if (signal.aborted) return;
    memory.sweep();
    if (stalledMs === 0) continue;
    const ended = streams.endStalled(stalledMs);
    for (const { channel, filter, queued } of ended.slice(0, LOGGED)) {
      log.warn("Ended a stalled stream: its client does not read", {
        channel,
        filter,
        queued,
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

/**
 * Logs, until `signal` fires, which streams have lost messages since the last report. Metrics have
 * the sums; only the log identifies the streams.
 */
export async function reportLosses(
  streams: StreamRegistry,
  options: {
    readonly clock: Clock;
    readonly log: Log;
    readonly signal: AbortSignal;
  },
): Promise<void> {
  const { clock, log, signal } = options;
  while (!signal.aborted) {
    await clock.sleep(LOSS_INTERVAL_MS, signal);
    const losses = streams.takeLosses().sort((a, b) => b.dropped - a.dropped);
    for (const { channel, filter, dropped } of losses.slice(0, LOGGED)) {
      log.warn(`A slow ${channel} stream loses messages`, { filter, dropped });
    }
    if (losses.length > LOGGED) {
      log.warn("More streams lose messages", {
        streams: losses.length - LOGGED,
      });
    }
  }
}
