/**
 * Writing to a call, and how it begins and ends.
 *
 * @module
 */
import { Metadata, type StatusObject } from "@grpc/grpc-js";
import { ClientGone, toStatus } from "./call_error.ts";
import type { Bodies } from "./service_bridge.ts";

/** What is needed of a grpc-js call to write to it. */
export interface BodySink {
  write(bodies: Bodies, onTaken: () => void): unknown;
}

/** What is needed of a grpc-js call to end it. */
interface EndableCall extends SendingCall {
  readonly writableEnded: boolean;
  /** Writes that have not finished. */
  readonly writableLength: number;
  emit(event: "error", status: unknown): unknown;
}

/** The part of a call that sends; grpc-js declares it private. */
interface Sender {
  readonly call?: { sendStatus(status: StatusObject): void };
}

/** A call of any kind. */
export interface SendingCall {
  readonly cancelled: boolean;
}

/**
 * Gives the status of `reason` to HTTP/2 although a write is pending.
 *
 * @returns whether grpc-js has that way
 */
export function sendStatus(call: SendingCall, reason: unknown): boolean {
  const { call: sender } = call as Sender;
  sender?.sendStatus(toStatus(reason));
  return sender !== undefined;
}

/**
 * Writes batches, one at a time, until the source ends or the signal fires: for
 * services that have little to say. Market data goes by `stream_pump.ts`.
 */
export async function pump(
  call: BodySink,
  batches: AsyncIterable<Bodies>,
  { signal }: { readonly signal: AbortSignal },
): Promise<void> {
  let wake = () => {};
  // grpc-js drops the callback of a write to a call that is over, so the
  // signal has to wake the pump as well.
  const onAbort = () => wake();
  signal.addEventListener("abort", onAbort);
  try {
    for await (const bodies of batches) {
      if (signal.aborted) return;
      await new Promise<void>((taken) => {
        wake = taken;
        call.write(bodies, taken);
      });
      if (signal.aborted) return;
    }
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

/** Sends the response headers now: clients wait for them, with a deadline. */
export function accept(call: { sendMetadata(metadata: Metadata): void }): void {
  call.sendMetadata(new Metadata());
}

/**
 * Ends a call with the status of `reason`, unless its client has gone.
 *
 * A status follows the data that was written before. grpc-js 1.14.7 sends none
 * to HTTP/2 before that data has been taken, so a client that does not read
 * would keep its call open. With a write pending, the status is therefore given
 * to HTTP/2 directly, which ends the stream in time (`patch_stream.ts`).
 */
export function endCall(call: EndableCall, reason: unknown): void {
  if (reason instanceof ClientGone) return;
  if (call.cancelled || call.writableEnded) return;
  if (call.writableLength > 0 && sendStatus(call, reason)) return;
  // The documented way to end a stream with a status; `destroy` sends none.
  call.emit("error", toStatus(reason));
}
