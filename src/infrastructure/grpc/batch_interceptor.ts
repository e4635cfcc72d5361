/**
 * What every call passes through on its way to the wire.
 *
 * Batches: a handler may write one *array* of encoded bodies. It goes down as
 * one message, which the serializer turns into a {@linkcode FramedBatch}: one
 * write, which costs tens of microseconds whatever its size, for all of them.
 * Where the framing below does not allow that, the array is unrolled: all but
 * the last are handed down at once, the last one carries the write's callback.
 * Cancellation, deadlines, flow control and trailers stay those of grpc-js.
 *
 * Dead calls: a client can vanish after its request was read and before the
 * handler would run. grpc-js starts the handler nevertheless and never tells
 * it, so the stream would stay open for ever; here it is not started.
 *
 * @module
 */
import { ServerInterceptingCall, type ServerInterceptor } from "@grpc/grpc-js";
import { framesBatches } from "./framed_batch.ts";

const nothing = () => {};

/** The part of a call that reads; grpc-js declares it private. */
interface Reader {
  readonly decoder?: { readPartialMessage?: unknown[] };
}

/**
 * Drops the bytes of a request that was read. grpc-js 1.14.7 keeps them until
 * the next request of the call begins, which in most calls is never. The test "a
 * field that is not known is not kept while its stream is open" fails without
 * this.
 */
function forgetRequest(call: unknown): void {
  const { decoder } = call as Reader;
  if (Array.isArray(decoder?.readPartialMessage)) {
    decoder.readPartialMessage = [];
  }
}

/** Sends batches, keeps dead calls from starting. */
export const batchInterceptor: ServerInterceptor = (_method, call) => {
  let dead = false;
  return new ServerInterceptingCall(call, {
    start(next) {
      next({
        onCancel() {
          dead = true;
        },
        onReceiveHalfClose(next) {
          forgetRequest(call);
          if (!dead) next();
        },
      });
    },
    sendMessage(message, next) {
      if (!Array.isArray(message) || framesBatches(call)) return next(message);
      const last = message.length - 1;
      for (let i = 0; i < last; i++) call.sendMessage(message[i], nothing);
      next(message[last]);
    },
  });
};
