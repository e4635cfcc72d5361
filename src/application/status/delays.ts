/**
 * Samples delays: of the event loop, and of messages on their way through the proxy.
 *
 * @module
 */
import { CHANNELS } from "../../domain/market/channels.ts";
import type { Timestamp } from "../../domain/market/timestamp.ts";
import type { Clock } from "../ports/clock.ts";
import { type Latency, observe, type ProxyCounters } from "./counters.ts";

/** Time between two samples of the event loop, in ms. */
const LOOP_INTERVAL_MS = 100;

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
    const due = clock.monotonic() + LOOP_INTERVAL_MS;
    await clock.sleep(LOOP_INTERVAL_MS, signal);
    if (signal.aborted) return;
    const lateMs = Math.max(0, clock.monotonic() - due);
    observe(latency, { seconds: lateMs / 1_000, messages: 1 });
  }
}

/** Time between two samples of messages, in ms. */
const MESSAGE_INTERVAL_MS = 250;

/**
 * Measures the delay from Alpaca's timestamp until a message is handed to the transport, until
 * `signal` fires. Four times a second the oldest message of the next batch of each channel is
 * measured, so that other batches cost a comparison.
 */
export async function measureEndToEndDelay(
  { channels, endToEnd }: ProxyCounters,
  { clock, signal }: { readonly clock: Clock; readonly signal: AbortSignal },
): Promise<void> {
  while (!signal.aborted) {
    for (const channel of CHANNELS) {
      const counters = channels[channel];
      counters.onSent = ({ event }) => {
        counters.onSent = undefined;
        const { timestamp } = event as { readonly timestamp: Timestamp | undefined };
        if (timestamp === undefined) return;
        const seconds = clock.now() / 1_000 - timestamp.seconds - timestamp.nanos / 1e9;
        // Below 0 where Alpaca's clock is ahead.
        observe(endToEnd[channel], { seconds: Math.max(0, seconds), messages: 1 });
      };
    }
    await clock.sleep(MESSAGE_INTERVAL_MS, signal);
  }
}
