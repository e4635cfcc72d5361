/**
 * The way of bodies from a source to one client.
 *
 * The law: at most one batch of a stream is on its way into HTTP/2. While the
 * client (or the network) has not taken it, nothing more is asked of the
 * source; what arrives meanwhile waits in the stream's own bounded queue and
 * leaves as the next, larger, batch. So a busy stream batches by itself, an idle
 * one waits for nothing, a slow client costs itself alone, and what it misses
 * is decided and counted in one place, its queue.
 *
 * A batch is cut to {@linkcode MAX_MESSAGES} and {@linkcode MAX_BYTES}, so that
 * a backlog does not become one huge write. The cut is large: a stream writes
 * once in a few turns of the event loop, so whatever is cut off is lost time
 * when everything is busy.
 *
 * @module
 */
import { Metadata } from "@grpc/grpc-js";
import type { OpenStream } from "../../application/streaming/market_streams.ts";
import type { Beat } from "./beat.ts";
import { ClientGone, toStatus } from "./call_error.ts";
import type { Encode } from "./encoding/channel_encoders.ts";
import type { Bodies } from "./service_bridge.ts";

/** Most messages of one write. */
export const MAX_MESSAGES = 8_192;
/** A write is cut once it has reached this many bytes. */
export const MAX_BYTES = 512 * 1024;

/** What an event that could not be encoded leaves in its envelope. */
const UNENCODABLE = new Uint8Array(0);

/** What is needed of a grpc-js call to write to it. */
export interface BodySink {
  write(bodies: Bodies, onTaken: () => void): unknown;
}

/** What is needed of a grpc-js call to end it. */
interface EndableCall {
  readonly cancelled: boolean;
  readonly writableEnded: boolean;
  emit(event: "error", status: unknown): unknown;
}

/** How {@linkcode encodeBatches} encodes. */
export interface EncodeOptions<T> {
  readonly encode: Encode<T>;
  readonly signal: AbortSignal;
  /** Told of an event that could not be encoded, once per event. */
  readonly onUnencodable: (error: unknown) => void;
  /** @default MAX_MESSAGES */
  readonly maxMessages?: number;
}

/** Bodies of a stream's events, made only where nobody has made them before. */
export async function* encodeBatches<T>(
  stream: OpenStream<T>,
  options: EncodeOptions<T>,
): AsyncGenerator<Bodies, void> {
  const { encode, signal, onUnencodable, maxMessages = MAX_MESSAGES } = options;
  for await (const batch of stream.batches(signal)) {
    let bodies: Uint8Array[] = [];
    let bytes = 0;
    for (const envelope of batch) {
      const body = envelope.encoded ??= encodeOr(
        envelope.event,
        encode,
        onUnencodable,
      );
      // No response is empty: it carries at least the message it wraps.
      if (body.length === 0) continue;
      bodies.push(body);
      bytes += body.length;
      if (bodies.length >= maxMessages || bytes >= MAX_BYTES) {
        yield bodies;
        bodies = [];
        bytes = 0;
      }
    }
    if (bodies.length > 0) yield bodies;
  }
}

/** One event that cannot be encoded costs that event, not the stream. */
function encodeOr<T>(
  event: T,
  encode: Encode<T>,
  onUnencodable: (error: unknown) => void,
): Uint8Array {
  try {
    return encode(event);
  } catch (error) {
    onUnencodable(error);
    return UNENCODABLE;
  }
}

/** Writes batches until the source ends or the signal fires. */
export async function pump(
  call: BodySink,
  batches: AsyncIterable<Bodies>,
  { signal, beat }: {
    readonly signal: AbortSignal;
    /** Waited for between two writes. @default nothing is waited for */
    readonly beat?: Beat | undefined;
  },
): Promise<void> {
  let wake = () => {};
  // grpc-js drops the callback of a write to a call that is over, so the
  // signal has to wake the pump as well.
  const onAbort = () => wake();
  const until = (event: (wake: () => void) => void) => {
    const { promise, resolve } = Promise.withResolvers<void>();
    wake = resolve;
    event(resolve);
    return promise;
  };
  signal.addEventListener("abort", onAbort);
  try {
    for await (const bodies of batches) {
      if (signal.aborted) return;
      await until((taken) => call.write(bodies, taken));
      if (signal.aborted) return;
      if (beat) await until((next) => beat.next(next));
    }
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

/** Sends the response headers now: clients wait for them, with a deadline. */
export function accept(call: { sendMetadata(metadata: Metadata): void }): void {
  call.sendMetadata(new Metadata());
}

/** Ends a call with the status of `reason`, unless nobody is left to be told. */
export function endCall(call: EndableCall, reason: unknown): void {
  if (reason instanceof ClientGone) return;
  if (call.cancelled || call.writableEnded) return;
  // The documented way to end a stream with a status; `destroy` sends none.
  call.emit("error", toStatus(reason));
}
