/**
 * Converts requests to filters.
 *
 * Symbols are normalized and duplicates removed. An entry that cannot be a symbol
 * is an error with all violations: a filter that never matches looks like a
 * market without data.
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
import { RequestValidator } from "./request_validator.ts";
import {
  identity,
  normalizeOption,
  normalizeStock,
  normalizeUnderlying,
} from "./normalize_symbols.ts";

/** Limits and defaults of requests. */
export interface RequestLimits {
  /** Longest list of a request, in entries. */
  readonly maxSymbols: number;
  /** Used for fields that an option selection does not set. */
  readonly defaultSelection: OptionSelection;
}

/** The limits with default settings. */
export const DEFAULT_LIMITS: RequestLimits = {
  maxSymbols: 20_000,
  defaultSelection: DEFAULT_SELECTION,
};

/**
 * Reads the filter of a stock stream.
 *
 * @throws {CallError} INVALID_ARGUMENT with all violations
 */
export function stockFilter(
  request: { readonly symbols: readonly string[] },
  limits: RequestLimits = DEFAULT_LIMITS,
): StreamFilter {
  const validator = new RequestValidator(limits.maxSymbols);
  const symbols = validator.list("symbols", request.symbols, normalizeStock);
  validator.throwIfInvalid();
  return { symbols };
}

/**
 * Reads the filter of an option stream.
 *
 * @throws {CallError} INVALID_ARGUMENT with all violations
 */
export function optionFilter(
  request: {
    readonly symbols: readonly string[];
    readonly underlyings: readonly string[];
    readonly optionSelection?: SelectionMessage | undefined;
  },
  limits: RequestLimits = DEFAULT_LIMITS,
): StreamFilter {
  const validator = new RequestValidator(limits.maxSymbols);
  const symbols = validator.list("symbols", request.symbols, normalizeOption);
  const underlyings = validator.list(
    "underlyings",
    request.underlyings,
    normalizeUnderlying,
  );
  const selection = readSelection(request.optionSelection, {
    defaults: limits.defaultSelection,
    validator,
    underlyings: request.underlyings.length,
  });
  validator.throwIfInvalid();
  return { symbols, underlyings, ...(selection && { selection }) };
}

/**
 * Reads the filter of the order stream. Order ids keep their case. Symbols are
 * normalized like those of options and keep their slashes: orders can be for
 * crypto pairs.
 *
 * @throws {CallError} INVALID_ARGUMENT with all violations
 */
export function orderFilter(
  request: {
    readonly symbols: readonly string[];
    readonly orderIds: readonly string[];
  },
  limits: RequestLimits = DEFAULT_LIMITS,
): StreamFilter {
  const validator = new RequestValidator(limits.maxSymbols);
  const orderIds = validator.list("order_ids", request.orderIds, identity);
  const symbols = validator.list("symbols", request.symbols, normalizeOption);
  validator.throwIfInvalid();
  return { symbols, orderIds };
}
