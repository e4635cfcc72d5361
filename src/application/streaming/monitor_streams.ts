/**
 * Ends stalled streams and logs dropped messages, periodically.
 *
 * @module
 */
import type { QueueMemory } from "../broadcast/queue_memory.ts";
import type { Clock } from "../ports/clock.ts";
import type { Log } from "../ports/log.ts";
import type { StreamRegistry } from "./stream_registry.ts";

/** Time between two checks for stalled streams, in ms. */
const STALL_INTERVAL_MS = 1_000;
/** Time between two reports of dropped messages, in ms: a slow stream drops all the time. */
const DROPPED_INTERVAL_MS = 30_000;
/** Streams that are logged one by one; of the others only their number. */
const LOGGED = 5;

/** Options of both functions. */
interface MonitorOptions {
  readonly clock: Pick<Clock, "sleep">;
  readonly log: Log;
  readonly signal: AbortSignal;
}

/** Options of {@linkcode endStalled}. */
interface EndStalledOptions extends MonitorOptions {
  /** The memory of the streams' queues; swept in the same interval. */
  readonly memory: QueueMemory;
  /** Time in ms after which a stream that takes nothing is ended; 0: no limit. */
  readonly stalledMs: number;
}

/**
 * Ends and logs, until `signal` fires, every stream with messages queued that has taken none for
 * `stalledMs`. One timer serves all streams; a stream is ended at most a second late, one of
 * thousands some seconds.
 */
export async function endStalled(
  streams: StreamRegistry,
  { memory, stalledMs, clock, log, signal }: EndStalledOptions,
): Promise<void> {
  while (!signal.aborted) {
    await clock.sleep(STALL_INTERVAL_MS, signal);
    if (signal.aborted) return;
    memory.sweep();
    streams.releaseRetained();
    if (stalledMs === 0) continue;
    const ended = streams.clients.endStalled(stalledMs);
    for (const { channel, filter, queued } of ended.slice(0, LOGGED)) {
      const fields = { channel, filter, queued, stalledMs };
      log.warn("Ended a stalled stream: its client does not read", fields);
    }
    const others = ended.length - LOGGED;
    if (others > 0) log.warn("Ended more stalled streams", { streams: others });
  }
}

/**
 * Logs, until `signal` fires, of which streams messages were dropped since the last report. Metrics
 * have the sums; only the log identifies the streams.
 */
export async function reportDropped(
  streams: StreamRegistry,
  { clock, log, signal }: MonitorOptions,
): Promise<void> {
  while (!signal.aborted) {
    await clock.sleep(DROPPED_INTERVAL_MS, signal);
    const reports = streams.clients.takeDropped().sort((a, b) => b.dropped - a.dropped);
    for (const { channel, filter, dropped } of reports.slice(0, LOGGED)) {
      log.warn("Dropped messages of a slow stream", { channel, filter, dropped });
    }
    const others = reports.length - LOGGED;
    if (others > 0) log.warn("Dropped messages of more slow streams", { streams: others });
  }
}
