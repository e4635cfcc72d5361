/**
 * Subscription requests and what upstream answers to them.
 *
 * @module
 */
import { type Pair, WILDCARD } from "./symbol_sets.ts";

/** One request to upstream. Requests carry no ids: answers come in order. */
export interface SubscriptionRequest {
  readonly action: "subscribe" | "unsubscribe";
  /** Never more than the chunk limits allow; empty only for a probe. */
  readonly pairs: readonly Pair[];
  /** True when the request only asks for an answer and changes nothing. */
  readonly probe: boolean;
}

/** An error frame of upstream. */
export interface UpstreamError {
  readonly code: number;
  readonly message: string;
}

/** The pair was asked for often enough and never acknowledged. */
export const NOT_ACKNOWLEDGED: UpstreamError = {
  code: 0,
  message: "not acknowledged",
};

/** An error in words; a code that upstream did not give is left out. */
export function errorText({ code, message }: UpstreamError): string {
  return code === NOT_ACKNOWLEDGED.code ? message : `${message} (code ${code})`;
}

const SYMBOL_LIMIT_EXCEEDED = 405;
const INTERNAL_ERROR = 500;

/** Whether an error says that there is no place for a named pair. */
export function isFull({ code }: UpstreamError, { symbol }: Pair): boolean {
  return code === SYMBOL_LIMIT_EXCEEDED && symbol !== WILDCARD;
}

/** Whether an error is a fault of upstream's own. */
export function isFault({ code }: UpstreamError): boolean {
  return code >= INTERNAL_ERROR;
}

/** Whether an error speaks of what was asked, and not of trouble that passes. */
export function isObjection(error: UpstreamError): boolean {
  return error.code !== NOT_ACKNOWLEDGED.code && !isFault(error);
}

/** Bounds of one request. */
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
