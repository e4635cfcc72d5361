/**
 * What every HTTP/2 request passes before it is a call.
 *
 * Strangers: what is not gRPC is told so in the words of HTTP. grpc-js would
 * answer it by a status that Deno does not know, so that it leaves as an empty
 * 200, which a prober or a person takes for a success.
 *
 * Content type: grpc-js answers `application/grpc+proto`; the contract says
 * `application/grpc`, for refusals too.
 *
 * @module
 */
import type {
  Http2Server,
  IncomingHttpHeaders,
  OutgoingHttpHeaders,
  ServerHttp2Stream,
  ServerStreamResponseOptions,
} from "node:http2";
import type { CallError } from "./call_error.ts";
import { closeUnread, refuseStream } from "./refuse_stream.ts";

/** What the two kinds of existing clients send; parameters may follow. */
const ACCEPTED = /^application\/grpc(\+proto)?\s*(;|$)/;

const ANSWER = "This port speaks gRPC alone: POST, application/grpc. Health, " +
  "metrics and a page for people are on STREAM_PROXY_HEALTH_PORT.\n";

/** grpc-js's part: takes a stream and its headers. */
type Serve = (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => void;

/**
 * Judges and prepares a stream; returns why it is refused, if it is. A stream
 * that it closes is not served either.
 */
export type Admit = (
  stream: ServerHttp2Stream,
  headers: IncomingHttpHeaders,
) => CallError | undefined;

/**
 * Puts the gate before the listeners that serve the streams of `http2Server`.
 * `admit` judges every stream; those that pass are given to `admitted` before
 * they are served.
 */
export function gateCalls(
  http2Server: Http2Server,
  { admit, admitted }: {
    readonly admit: Admit;
    readonly admitted: (stream: ServerHttp2Stream) => void;
  },
): void {
  // Node's types name the class that both ends of a stream have in common.
  const served = http2Server.listeners("stream") as unknown as Serve[];
  http2Server.removeAllListeners("stream");
  http2Server.on("stream", (either, headers) => {
    const stream = either as ServerHttp2Stream;
    const limit = admit(stream, headers);
    if (stream.closed) return;
    const refusal = refusalOf(headers);
    if (refusal) return refuse(stream, refusal);
    if (limit) return refuseStream(stream, limit);
    answerAsGrpc(stream);
    admitted(stream);
    for (const serve of served) serve(stream, headers);
  });
}

/** The HTTP status for a request that is no gRPC; undefined for one that is. */
function refusalOf(
  headers: IncomingHttpHeaders,
): OutgoingHttpHeaders | undefined {
  if (!ACCEPTED.test(headers["content-type"] ?? "")) return { ":status": 415 };
  if (headers[":method"] !== "POST") return { ":status": 405, allow: "POST" };
  return undefined;
}

function refuse(stream: ServerHttp2Stream, refusal: OutgoingHttpHeaders): void {
  // A stranger that leaves early has nobody else to hear it.
  stream.on("error", () => {});
  stream.respond({ ...refusal, "content-type": "text/plain; charset=utf-8" });
  stream.end(ANSWER, () => closeUnread(stream));
  stream.resume();
}

/** Has whatever headers are sent say the contract's content type. */
function answerAsGrpc(stream: ServerHttp2Stream): void {
  const respond = stream.respond;
  stream.respond = (
    headers?: OutgoingHttpHeaders,
    options?: ServerStreamResponseOptions,
  ) =>
    respond.call(
      stream,
      { ...headers, "content-type": "application/grpc" },
      options,
    );
}
