/**
 * Rejects requests that are not gRPC with an HTTP error.
 *
 * @module
 */
import type { IncomingHttpHeaders, OutgoingHttpHeaders } from "node:http2";
import type { ServerStream } from "./http2_workarounds/server_stream.ts";
import { closeUnread } from "./http2_workarounds/stream_end.ts";

/** The content types of both kinds of existing clients; parameters may follow. */
const GRPC = /^application\/grpc(\+proto)?\s*(;|$)/;

const EXPLANATION = "This port serves gRPC alone: POST, application/grpc. Health, " +
  "metrics and a page for people are on STREAM_PROXY_HEALTH_PORT.\n";

/** The HTTP status for a request that is not gRPC; undefined for one that is. */
function httpErrorOf(headers: IncomingHttpHeaders): OutgoingHttpHeaders | undefined {
  if (!GRPC.test(headers["content-type"] ?? "")) return { ":status": 415 };
  if (headers[":method"] !== "POST") return { ":status": 405, allow: "POST" };
  return undefined;
}

/** Rejects a request if it is not gRPC; returns whether it was rejected. */
export function rejectNonGrpc(stream: ServerStream, headers: IncomingHttpHeaders): boolean {
  const error = httpErrorOf(headers);
  if (error === undefined) return false;
  const response = { ...error, "content-type": "text/plain; charset=utf-8" };
  if (headers[":method"] === "HEAD") {
    // Its response is complete: DATA behind it would be an error.
    stream.respond(response, { endStream: true });
    return true;
  }
  stream.respond(response);
  stream.end(EXPLANATION, () => closeUnread(stream.http2));
  stream.http2.resume();
  return true;
}
