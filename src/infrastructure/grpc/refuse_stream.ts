/**
 * Ends an HTTP/2 stream with a gRPC status, whether a call exists or not.
 *
 * @module
 */
import { constants, type ServerHttp2Stream } from "node:http2";
import type { CallError } from "./call_error.ts";

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
