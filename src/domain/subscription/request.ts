/**
 * Subscription requests and the errors that upstream replies with.
 *
 * @module
 */
import { type Pair, WILDCARD } from "./symbol_sets.ts";

/** What a request does with its pairs. */
export type Action = "subscribe" | "unsubscribe";

/** One request to upstream. Requests carry no ids; replies arrive in order. */
export interface SubscriptionRequest {
  readonly action: Action;
  /** At most what the chunk limits allow; empty only for a probe. */
  readonly pairs: readonly Pair[];
  /** True when the request changes nothing and only asks for a reply. */
  readonly probe: boolean;
}

/** An error frame of upstream. */
export interface UpstreamError {
  readonly code: number;
  readonly message: string;
}

/** Stands for the missing reply to a pair that was requested repeatedly. */
export const NOT_ACKNOWLEDGED: UpstreamError = {
  code: 0,
  message: "not acknowledged",
};

/** Formats an error; a code that upstream did not send is left out. */
export function errorText({ code, message }: UpstreamError): string {
  return code === NOT_ACKNOWLEDGED.code ? message : `${message} (code ${code})`;
}

const SYMBOL_LIMIT_EXCEEDED = 405;
const INTERNAL_ERROR = 500;

/** Whether an error says that the symbol limit leaves no slot for a named pair. */
export function isOverLimit(
  { code }: UpstreamError,
  { symbol }: Pair,
): boolean {
  return code === SYMBOL_LIMIT_EXCEEDED && symbol !== WILDCARD;
}

/** Whether an error is an internal error of upstream (5xx). */
export function isServerError({ code }: UpstreamError): boolean {
  return code >= INTERNAL_ERROR;
}

/** Whether an error rejects what was requested, rather than a temporary failure. */
export function isRejection(error: UpstreamError): boolean {
  return error.code !== NOT_ACKNOWLEDGED.code && !isServerError(error);
}

/** Limits of one request. */
export interface ChunkLimits {
  /** Pairs of channel and symbol per request, at least 1. */
  readonly maxPairs: number;
  /** Bytes of symbols (with quotes and commas) per request. */
  readonly maxBytes: number;
}

/** Takes from `pairs` what fits into one request; always at least one pair. */
export function takeChunk(
  pairs: Iterable<Pair>,
  limits: ChunkLimits,
): readonly Pair[] {
  const chunk: Pair[] = [];
  let bytes = 0;
  for (const pair of pairs) {
    // Two quotes and a comma around each symbol, which is ASCII.
    bytes += pair.symbol.length + 3;
    const full = chunk.length >= limits.maxPairs || bytes > limits.maxBytes;
    if (full && chunk.length > 0) break;
    chunk.push(pair);
  }
  return chunk;
}
