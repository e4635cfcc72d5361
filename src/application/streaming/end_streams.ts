/**
 * Ends many streams one after the other, so that their clients do not all reconnect in one instant.
 *
 * Up to ten streams end together. More are spread evenly, the oldest first: 10 ms each, over at
 * most half of the time that they have to end. A stream with notices receives one when the ending
 * begins, and stays open for as long as the notice states, in which its client can open another
 * stream elsewhere.
 *
 * @module
 */
import type { Clock } from "../ports/clock.ts";

/** Streams that end without a distance. */
const TOGETHER = 10;
/** Time between the ends of two streams, in ms, unless there are too many of them. */
const DISTANCE_MS = 10;
/** Part of the grace period over which the ends are spread at most. */
const SPREAD_SHARE = 1 / 2;
/** Longest time between the notices and the first end of a stream with notices, in ms. */
const NOTICE_MS = 1_000;
/** Part of the grace period that this time may take. */
const NOTICE_SHARE = 1 / 4;
/** Time between two looks at what is due, in ms. */
const TICK_MS = 50;

/** A stream that can be ended. */
interface EndableStream {
  /** Whether it is still open: its client may have left. */
  readonly isOpen: boolean;
  /** Announces that it ends within `graceMs`; `undefined` for a stream without notices. */
  readonly announce: ((reason: string, graceMs: number) => void) | undefined;
  /** Ends it with UNAVAILABLE and the reason. */
  end(reason: string): void;
}

/**
 * Ends every stream within the grace period; resolves when the last one was asked to end, or when
 * the signal fires: those that are left stay open then.
 */
export async function endStreams(
  streams: readonly EndableStream[],
  { reason, graceMs, clock, signal }: {
    readonly reason: string;
    readonly graceMs: number;
    readonly clock: Pick<Clock, "monotonic" | "sleep">;
    /** @default never */
    readonly signal?: AbortSignal | undefined;
  },
): Promise<void> {
  const count = streams.length;
  const spreadMs = count > TOGETHER ? Math.min(count * DISTANCE_MS, graceMs * SPREAD_SHARE) : 0;
  const noticeMs = Math.min(NOTICE_MS, graceMs * NOTICE_SHARE);
  let waiting = streams.map((stream, index) => {
    const dueMs = index / count * spreadMs;
    return { stream, dueMs: stream.announce ? noticeMs + dueMs : dueMs };
  });
  for (const { stream, dueMs } of waiting) stream.announce?.(reason, dueMs);
  const startedAt = clock.monotonic();
  for (;;) {
    const elapsedMs = clock.monotonic() - startedAt;
    for (const { stream, dueMs } of waiting) {
      if (dueMs <= elapsedMs && stream.isOpen) stream.end(reason);
    }
    waiting = waiting.filter(({ stream, dueMs }) => dueMs > elapsedMs && stream.isOpen);
    if (waiting.length === 0) return;
    await clock.sleep(TICK_MS, signal);
    if (signal?.aborted) return;
  }
}
