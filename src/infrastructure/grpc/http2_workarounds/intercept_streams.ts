/**
 * Runs checks on each HTTP/2 stream before grpc-js serves it, and refuses non-gRPC requests with an
 * HTTP error.
 *
 * No hook
 * - Product: @grpc/grpc-js 1.14.7.
 * - Symptom: it has no hook before a call, and interceptors run too late for limits: the call
 *   exists then. So its HTTP/2 servers are read from a private field, and their `stream` listeners
 *   are replaced.
 * - Report: none found.
 * - Test: {@linkcode http2ServersOf} throws once the field moves.
 *
 * Non-gRPC requests
 * - Product: @grpc/grpc-js 1.14.7 on Deno 2.9.6.
 * - Symptom: grpc-js answers them with the constant of node:http2 for 415, which Deno lacks, so
 *   that the response is an empty 200; a prober or a person takes that for a success.
 * - Report: none found.
 * - Test: "grpc-js answers a request that is not gRPC with 200" fails once this can go.
 *
 * @module
 */
import type {
  Http2Server,
  IncomingHttpHeaders,
  OutgoingHttpHeaders,
  ServerHttp2Stream,
} from "node:http2";
import type { Server } from "@grpc/grpc-js";
import type { CallError } from "../call_error.ts";
import { removeLongDeadline } from "./long_deadline.ts";
import { closeUnread, sendError } from "./stream_end.ts";

/** The content types of both kinds of existing clients; parameters may follow. */
const GRPC = /^application\/grpc(\+proto)?\s*(;|$)/;

const EXPLANATION = "This port serves gRPC alone: POST, application/grpc. Health, " +
  "metrics and a page for people are on STREAM_PROXY_HEALTH_PORT.\n";

type StreamListener = (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => void;

/**
 * Checks and prepares a stream; returns why it is refused. A stream that it closes is not served
 * either. A promise delays the stream, and must not reject.
 */
type Admit = (
  stream: ServerHttp2Stream,
  headers: IncomingHttpHeaders,
) => CallError | undefined | Promise<CallError | undefined>;

/** Calls `admit` before the present listeners serve the streams of a server. */
export function interceptStreams(http2Server: Http2Server, admit: Admit): void {
  // Node's types name the class that both ends of a stream have in common.
  const served = http2Server.listeners("stream") as unknown as StreamListener[];
  http2Server.removeAllListeners("stream");
  http2Server.on("stream", (either, headers) => {
    const stream = either as ServerHttp2Stream;
    const serveUnless = (error: CallError | undefined) => {
      if (stream.closed || stream.destroyed) return;
      const httpError = httpErrorOf(headers);
      if (httpError) return refuse(stream, httpError);
      if (error) return sendError(stream, error);
      removeLongDeadline(headers);
      for (const serve of served) serve(stream, headers);
    };
    const error = admit(stream, headers);
    if (error instanceof Promise) error.then(serveUnless);
    else serveUnless(error);
  });
}

/** The HTTP status for a request that is not gRPC; undefined for one that is. */
function httpErrorOf(headers: IncomingHttpHeaders): OutgoingHttpHeaders | undefined {
  if (!GRPC.test(headers["content-type"] ?? "")) return { ":status": 415 };
  if (headers[":method"] !== "POST") return { ":status": 405, allow: "POST" };
  return undefined;
}

function refuse(stream: ServerHttp2Stream, error: OutgoingHttpHeaders): void {
  stream.respond({ ...error, "content-type": "text/plain; charset=utf-8" });
  stream.end(EXPLANATION, () => closeUnread(stream));
  stream.resume();
}

/**
 * The HTTP/2 servers inside a gRPC server, which has no public access to them.
 *
 * @throws {Error} when grpc-js keeps them elsewhere, because serving without limits would be worse
 * than not serving.
 */
export function http2ServersOf(server: Server): Http2Server[] {
  const { http2Servers } = server as unknown as {
    readonly http2Servers?: ReadonlyMap<Http2Server, unknown>;
  };
  if (!(http2Servers instanceof Map) || http2Servers.size === 0) {
    throw new Error(
      "Cannot limit HTTP/2 connections: this version of @grpc/grpc-js keeps its " +
        "servers elsewhere; use version 1.14.7",
    );
  }
  return [...http2Servers.keys()];
}
