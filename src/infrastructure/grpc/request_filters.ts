/**
 * From requests to filters: what a client wrote becomes what the proxy matches.
 *
 * Symbols become Alpaca's spelling, repeats are dropped. What cannot be a
 * symbol is refused with every wrong field named, because a filter that can
 * never match looks to its user like a market that is silent.
 *
 * @module
 */
import type { StreamFilter } from "../../application/streaming/market_streams.ts";
import {
  DEFAULT_SELECTION,
  type OptionSelection,
} from "../../domain/options/selection.ts";
import type { OptionSelection as SelectionMessage } from "../../gen/cream/v1/stream_proxy_pb.ts";
import { readSelection } from "./option_selection.ts";
import { RequestReader } from "./request_reader.ts";
import {
  asIs,
  optionSymbol,
  stockSymbol,
  underlyingSymbol,
} from "./symbol_spelling.ts";

/** What requests are measured by. */
export interface RequestLimits {
  /** Most entries that a list of a request may have. */
  readonly maxSymbols: number;
  /** What a request's option selection leaves open. */
  readonly defaultSelection: OptionSelection;
}

/** The limits of a proxy whose settings say nothing. */
export const DEFAULT_LIMITS: RequestLimits = {
  maxSymbols: 20_000,
  defaultSelection: DEFAULT_SELECTION,
};

/**
 * The filter of a stock stream.
 *
 * @throws {CallError} INVALID_ARGUMENT naming the wrong fields.
 */
export function stockFilter(
  request: { readonly symbols: readonly string[] },
  limits: RequestLimits = DEFAULT_LIMITS,
): StreamFilter {
  const reader = new RequestReader(limits.maxSymbols);
  const symbols = reader.list("symbols", request.symbols, stockSymbol);
  reader.check();
  return { symbols };
}

/**
 * The filter of an option stream.
 *
 * @throws {CallError} INVALID_ARGUMENT naming the wrong fields.
 */
export function optionFilter(
  request: {
    readonly symbols: readonly string[];
    readonly underlyings: readonly string[];
    readonly optionSelection?: SelectionMessage | undefined;
  },
  limits: RequestLimits = DEFAULT_LIMITS,
): StreamFilter {
  const reader = new RequestReader(limits.maxSymbols);
  const symbols = reader.list("symbols", request.symbols, optionSymbol);
  const underlyings = reader.list(
    "underlyings",
    request.underlyings,
    underlyingSymbol,
  );
  const selection = readSelection(request.optionSelection, {
    defaults: limits.defaultSelection,
    reader,
    underlyings: request.underlyings.length,
  });
  reader.check();
  return { symbols, underlyings, ...(selection && { selection }) };
}

/**
 * The filter of the order stream; order ids keep their case. Orders are for
 * stocks, options and crypto pairs: symbols are spelled as those of options,
 * and keep their slashes, because of the pairs.
 *
 * @throws {CallError} INVALID_ARGUMENT naming the wrong fields.
 */
export function orderFilter(
  request: {
    readonly symbols: readonly string[];
    readonly orderIds: readonly string[];
  },
  limits: RequestLimits = DEFAULT_LIMITS,
): StreamFilter {
  const reader = new RequestReader(limits.maxSymbols);
  const orderIds = reader.list("order_ids", request.orderIds, asIs);
  const symbols = reader.list("symbols", request.symbols, optionSymbol);
  reader.check();
  return { symbols, orderIds };
}
