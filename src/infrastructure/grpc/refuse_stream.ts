/**
 * Ends an HTTP/2 stream with a gRPC status, whether a call exists or not.
 *
 * @module
 */
import { constants, type ServerHttp2Stream } from "node:http2";
import { setImmediate } from "node:timers";
import type { CallError } from "./call_error.ts";

/**
 * Resets a stream whose response is complete and whose request may not be:
 * NO_ERROR has the client stop sending (RFC 9113, 8.1).
 */
export function closeUnread(stream: ServerHttp2Stream): void {
  stream.resume();
  setImmediate(() => {
    if (stream.destroyed) return;
    stream.close(constants.NGHTTP2_NO_ERROR);
    // A stream that grpc-js has paused would keep what it has buffered.
    setImmediate(() => stream.destroy());
  });
}

/** Sends `error` as a response without a body, if none has begun. */
export function refuseStream(
  stream: ServerHttp2Stream,
  error: CallError,
): void {
  if (stream.destroyed || stream.closed) return;
  // A client that leaves meanwhile causes an error that means nothing else.
  stream.on("error", () => {});
  stream.resume();
  if (stream.headersSent) {
    // gRPC clients report this code as RESOURCE_EXHAUSTED.
    stream.close(constants.NGHTTP2_ENHANCE_YOUR_CALM);
    return;
  }
  stream.respond({
    ":status": 200,
    "content-type": "application/grpc",
    "grpc-status": String(error.code),
    "grpc-message": encodeURI(error.message),
  }, { endStream: true });
}
