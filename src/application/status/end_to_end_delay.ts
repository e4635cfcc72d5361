import { CHANNELS } from "../../domain/market/channels.ts";
import type { Timestamp } from "../../domain/market/timestamp.ts";
import type { Clock } from "../ports/clock.ts";
import { observe, type ProxyCounters } from "./counters.ts";

/** Time between two samples, in ms. */
const INTERVAL_MS = 250;

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
    await clock.sleep(INTERVAL_MS, signal);
  }
}
