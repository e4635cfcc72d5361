import type { Clock } from "../ports/clock.ts";
import type { Log } from "../ports/log.ts";
import type { Streams } from "./open_streams.ts";

/** How often losses are told, in ms: a stream that loses does so all the time. */
const INTERVAL_MS = 30_000;
/** Streams that are told one by one; of more, only the number. */
const SHOWN = 5;

/**
 * Tells the log, until `signal` fires, which streams have lost messages since
 * it last looked. Metrics have the sums; only the log can name the stream.
 */
export async function reportLosses(
  streams: Streams,
  options: {
    readonly clock: Clock;
    readonly log: Log;
    readonly signal: AbortSignal;
  },
): Promise<void> {
  const { clock, log, signal } = options;
  while (!signal.aborted) {
    await clock.sleep(INTERVAL_MS, signal);
    const losses = streams.takeLosses().sort((a, b) => b.lost - a.lost);
    for (const { channel, filter, lost } of losses.slice(0, SHOWN)) {
      log.warn(`A slow ${channel} stream loses messages`, { filter, lost });
    }
    if (losses.length > SHOWN) {
      log.warn("More streams lose messages", {
        streams: losses.length - SHOWN,
      });
    }
  }
}
