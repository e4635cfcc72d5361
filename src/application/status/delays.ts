/**
 * Samples delays: of the event loop, and of messages on their way through the proxy.
 *
 * @module
 */
import { CHANNELS, RELAYS, type StreamKind } from "../../domain/market/channels.ts";
import type { Timestamp } from "../../domain/market/timestamp.ts";
import type { UpstreamChannel } from "../../domain/subscription/pairs.ts";
import type { Clock } from "../ports/clock.ts";
import type { RelayEnvelope } from "../relay/relay_queue.ts";
import type { MessagePlace } from "../relay/relayed_message.ts";
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

/** Channels whose messages have the time at which they were made. */
const TIMED: ReadonlySet<UpstreamChannel | undefined> = new Set(["trades", "quotes", "orderbooks"]);

/** What {@linkcode measureEndToEndDelay} needs. */
interface DelayOptions {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Reads the time of a message as upstream sent it, in epoch ms; `undefined` without one. */
  readonly readTime: (message: MessagePlace) => number | undefined;
}

/**
 * Measures the delay from Alpaca's timestamp until a message is handed to the transport, until
 * `signal` fires. Four times a second the oldest message of the next batch of each channel and
 * relay is measured, so that other batches cost a comparison. Of relays, which have all types, only
 * trades, quotes and order books are.
 */
export async function measureEndToEndDelay(
  { channels, relays, endToEnd }: ProxyCounters,
  { clock, signal, readTime }: DelayOptions,
): Promise<void> {
  const add = (kind: StreamKind, time: number) => {
    // Below 0 where Alpaca's clock is ahead.
    const seconds = Math.max(0, clock.now() / 1_000 - time);
    observe(endToEnd[kind], { seconds, messages: 1 });
  };
  while (!signal.aborted) {
    for (const channel of CHANNELS) {
      const counters = channels[channel];
      counters.onSent = ({ event }) => {
        counters.onSent = undefined;
        const { timestamp } = event as { readonly timestamp: Timestamp | undefined };
        if (timestamp) add(channel, timestamp.seconds + timestamp.nanos / 1e9);
      };
    }
    for (const relay of RELAYS) {
      const counters = relays[relay];
      counters.onSent = (oldest) => {
        const { channel, event } = oldest as RelayEnvelope;
        if (!TIMED.has(channel)) return;
        counters.onSent = undefined;
        const time = readTime(event);
        if (time !== undefined) add(relay, time / 1_000);
      };
    }
    await clock.sleep(MESSAGE_INTERVAL_MS, signal);
  }
}
