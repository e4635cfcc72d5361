/**
 * Reads the body of a request over HTTP/1.1 within the limits of all unfinished requests.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import type { IncomingMessage } from "node:http";
import { ClientGone } from "../call_error.ts";
import type { PendingRequests, RequestBounds, RequestFault } from "../limits/pending_requests.ts";
import { type RefusalLog, requestError } from "../limits/refusals.ts";

/** What limits the bodies of requests. */
export interface BodyLimits {
  readonly requests: PendingRequests;
  readonly bounds: RequestBounds;
  readonly refusals: RefusalLog;
}

/**
 * Reads a body.
 *
 * @param isFramed whether its size is known from its first bytes
 * @throws {CallError} when it is too large, too slow, or when all unfinished requests hold too much
 * @throws {ClientGone}
 */
export function readBody(
  request: IncomingMessage,
  isFramed: boolean,
  { requests, bounds, refusals }: BodyLimits,
): Promise<Uint8Array> {
  const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>();
  const { socket } = request;
  let chunks: Uint8Array[] = [];
  const refuse = (fault: RequestFault, bytes: number) => {
    const [limit, error] = requestError(fault, bytes, bounds);
    refusals.report(limit, `${socket.remoteAddress}:${socket.remotePort}`, error.message);
    chunks = [];
    reject(error);
  };
  const announced = Number(request.headers["content-length"] ?? 0);
  if (announced > bounds.maxRequestBytes) {
    refuse("too_large", announced);
    return promise;
  }
  const pending = requests.open((fault) => refuse(fault, pending.size));
  request.on("data", (chunk: Uint8Array) => {
    if (pending.isRefused) return;
    if (isFramed) pending.readPrefix(chunk);
    chunks.push(chunk);
    requests.receive(pending, chunk.length);
  });
  request.once("end", () => {
    requests.release(pending);
    resolve(Buffer.concat(chunks));
    chunks = [];
  });
  request.once("close", () => {
    requests.release(pending);
    reject(new ClientGone());
  });
  return promise;
}
