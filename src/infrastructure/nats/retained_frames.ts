/**
 * The JetStream stream that retains what a hub publishes, for recordings: NATS fills it from the
 * subjects of the feeds, so the hub publishes nothing twice.
 *
 * @module
 */
import {
  DiscardPolicy,
  JetStreamApiCodes,
  JetStreamApiError,
  jetstreamManager,
} from "@nats-io/jetstream";
import type { Clock } from "../../application/ports/clock.ts";
import type { Log } from "../../application/ports/log.ts";
import { messageOf, type NatsClient } from "./nats_client.ts";

/** The stream and its limits. */
interface RetainedFramesOptions {
  readonly client: Pick<NatsClient, "connection">;
  readonly stream: string;
  /** The subjects that it captures. */
  readonly subjects: string;
  /** Servers that keep a copy. */
  readonly replicas: number;
  readonly maxBytes: number;
  readonly maxAgeMs: number;
  readonly clock: Clock;
  readonly log: Log;
}

const REQUEST_TIMEOUT_MS = 5_000;
/** Pause after a failure; it doubles. */
const FIRST_DELAY_MS = 1_000;
const MAX_DELAY_MS = 60_000;
const NANOS_PER_MS = 1_000_000;
/** What NATS uses by default. */
const DUPLICATE_MS = 120_000;

/** Creates the stream, or gives it the limits of the settings; repeated until it succeeds. */
export async function prepareRetainedFrames(
  options: RetainedFramesOptions,
  signal: AbortSignal,
): Promise<void> {
  const { clock, log, stream } = options;
  let delayMs = FIRST_DELAY_MS;
  while (!signal.aborted) {
    try {
      return await prepare(options, signal);
    } catch (error) {
      if (signal.aborted) return;
      log.warn("Cannot prepare the JetStream stream for retained frames, retrying", {
        stream,
        cause: messageOf(error),
        delay_ms: delayMs,
      });
      await clock.sleep(delayMs, signal);
      delayMs = Math.min(2 * delayMs, MAX_DELAY_MS);
    }
  }
}

/** Warns about a stream that an earlier setting has created: NATS continues to fill it. */
export async function warnOfRetainedFrames(
  { client, stream, log }: Pick<RetainedFramesOptions, "client" | "stream" | "log">,
  signal: AbortSignal,
): Promise<void> {
  try {
    const { streams } = await jetstreamManager(await client.connection(signal), {
      timeout: REQUEST_TIMEOUT_MS,
      checkAPI: false,
    });
    const { state: { bytes } } = await streams.info(stream);
    log.warn("NATS still retains frames, although the settings retain none", {
      stream,
      bytes,
      remedy: `Remove the stream if its frames are not needed: nats stream rm ${stream}`,
    });
  } catch (cause) {
    if (!signal.aborted && !isMissing(cause)) {
      log.debug("Cannot see whether NATS retains frames", { stream, cause: messageOf(cause) });
    }
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof JetStreamApiError && error.code === JetStreamApiCodes.StreamNotFound;
}

async function prepare(options: RetainedFramesOptions, signal: AbortSignal): Promise<void> {
  const { client, stream, subjects, replicas, maxBytes, maxAgeMs, log } = options;
  const { streams } = await jetstreamManager(await client.connection(signal), {
    timeout: REQUEST_TIMEOUT_MS,
    checkAPI: false,
  });
  const limits = {
    subjects: [subjects],
    num_replicas: replicas,
    max_bytes: maxBytes,
    max_age: maxAgeMs * NANOS_PER_MS,
    // NATS refuses a longer one than the age.
    duplicate_window: Math.min(maxAgeMs, DUPLICATE_MS) * NANOS_PER_MS,
    discard: DiscardPolicy.Old,
  };
  try {
    await streams.update(stream, limits);
  } catch (error) {
    if (!isMissing(error)) throw error;
    await streams.add({
      ...limits,
      name: stream,
      description: "Frames of Alpaca as a hub of Alpaca Stream Proxy has received them",
    });
    log.info("Created a JetStream stream for retained frames", { stream, replicas });
  }
}
