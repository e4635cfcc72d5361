/**
 * Intercepts every call to write batches and to release its request.
 *
 * Batches
 * - Product: @grpc/grpc-js 1.14.7.
 * - Symptom: it has no call that writes several messages. A handler writes an array
 *   of encoded messages as one message, which the serializer turns into a
 *   {@linkcode FramedBatch}: one write, which costs tens of microseconds regardless
 *   of size. Where {@linkcode framesBatches} is false, the array is written message
 *   by message and the last one carries the callback. Cancellation, deadlines, flow
 *   control and trailers remain those of grpc-js.
 * - Report: none found.
 * - Test: "every size of batch is its messages' frames, for both content types"
 *   fails without this.
 *
 * Requests
 * - Product: @grpc/grpc-js 1.14.7.
 * - Symptom: it keeps the bytes of a request until the next request of the call
 *   begins, which most calls never send.
 * - Report: none found.
 * - Test: "a field that is not known is not kept while its stream is open" fails
 *   without this.
 *
 * A call with an interceptor whose client disconnects before its handler starts is
 * never given to the handler: the listener of grpc-js drops all later events. The
 * test "a client that vanishes right after its request leaves nothing behind" keeps
 * that.
 *
 * @module
 */
import { ServerInterceptingCall, type ServerInterceptor } from "@grpc/grpc-js";
import { framesBatches } from "./framed_batch.ts";

const noop = () => {};

/** The part of a call that reads; grpc-js declares it private. */
interface Reader {
  readonly decoder?: { readPartialMessage?: unknown[] };
}

/** Releases the bytes of a request that was read. */
function releaseRequest(call: unknown): void {
  const { decoder } = call as Reader;
  if (Array.isArray(decoder?.readPartialMessage)) {
    decoder.readPartialMessage = [];
  }
}

/** Writes batches and releases requests. */
export const batchInterceptor: ServerInterceptor = (_method, call) => {
  const canFrame = framesBatches(call);
  return new ServerInterceptingCall(call, {
    start(next) {
      next({
        onReceiveHalfClose(next) {
          releaseRequest(call);
          next();
        },
      });
    },
    sendMessage(message, next) {
      if (canFrame || !Array.isArray(message)) return next(message);
      const last = message.length - 1;
      for (let i = 0; i < last; i++) call.sendMessage(message[i], noop);
      next(message[last]);
    },
  });
};
