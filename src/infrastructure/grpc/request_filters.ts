/**
 * Converts requests to filters.
 *
 * Symbols are normalized and duplicates removed. An entry of which the stream can never receive
 * anything is an error with all violations: a filter that never matches looks like a market without
 * data.
 *
 * @module
 */
import { MarketCalendar } from "../../domain/calendar/market_calendar.ts";
import type { StreamFilter } from "../../application/streaming/market_streams.ts";
import { ORDER_ENUMS } from "../../domain/market/order_events.ts";
import { DEFAULT_SELECTION, type OptionSelection } from "../../domain/options/selection.ts";
import type { OptionSelection as SelectionMessage } from "../../gen/cream/v1/stream_proxy_pb.ts";
import { readSelection } from "./request_selection.ts";
import { RequestValidator } from "./request_validator.ts";
import {
  checkExpiry,
  checkNews,
  checkOption,
  checkOrder,
  checkPair,
  checkStock,
  type CheckSymbol,
  checkUnderlying,
  identity,
  type Normalize,
  normalizeNews,
  normalizeOption,
  normalizeOrder,
  normalizePair,
  normalizeStock,
  normalizeUnderlying,
} from "./normalize_symbols.ts";

/** Limits and defaults of requests. */
export interface RequestLimits {
  /** Longest list of a request, in entries. */
  readonly maxSymbols: number;
  /** Used for fields that an option selection does not set. */
  readonly defaultSelection: OptionSelection;
  /** Whether contracts of underlyings are selected; false by setting. */
  readonly optionChains: boolean;
  /** When contracts trade for the last time depends on it. */
  readonly calendar: MarketCalendar;
}

/** The limits with default settings. */
export const DEFAULT_LIMITS: RequestLimits = {
  maxSymbols: 20_000,
  defaultSelection: DEFAULT_SELECTION,
  optionChains: true,
  calendar: new MarketCalendar(),
};

/**
 * Reads a filter that consists of symbols.
 *
 * @param validator may have violations of other fields
 * @throws {CallError} INVALID_ARGUMENT with all violations
 */
type ReadSymbols = (
  request: { readonly symbols: readonly string[] },
  limits?: RequestLimits,
  now?: number,
  validator?: RequestValidator,
) => StreamFilter;

function symbolFilter(normalize: Normalize, check: CheckSymbol): ReadSymbols {
  return (
    request,
    limits = DEFAULT_LIMITS,
    _now = 0,
    validator = new RequestValidator(limits.maxSymbols),
  ) => {
    const symbols = validator.list("symbols", request.symbols, normalize, check);
    validator.throwIfInvalid();
    return { symbols };
  };
}

/** Reads the filter of a stock stream. */
export const stockFilter: ReadSymbols = symbolFilter(normalizeStock, checkStock);

/** Reads the filter of a crypto stream. */
export const pairFilter: ReadSymbols = symbolFilter(normalizePair, checkPair);

/** Reads the filter of the news stream. */
export const newsFilter: ReadSymbols = symbolFilter(normalizeNews, checkNews);

/**
 * Reads the filter of an option stream. Expired contracts are refused only when the request has
 * nothing else: a client that reconnects with its list must not lose the other contracts.
 *
 * @param now the time in ms, at which contracts have expired; by default none has
 * @param validator may have violations of other fields
 * @throws {CallError} INVALID_ARGUMENT with all violations
 */
export function optionFilter(
  request: {
    readonly symbols: readonly string[];
    readonly underlyings: readonly string[];
    readonly optionSelection?: SelectionMessage | undefined;
  },
  limits: RequestLimits = DEFAULT_LIMITS,
  now = 0,
  validator: RequestValidator = new RequestValidator(limits.maxSymbols),
): StreamFilter {
  const expiry = checkExpiry(now, limits.calendar);
  const hasOnlyExpired = request.underlyings.length === 0 &&
    request.symbols.every((entry) => expiry(normalizeOption(entry.trim())));
  const check = hasOnlyExpired ? expiry : checkOption;
  const symbols = validator.list("symbols", request.symbols, normalizeOption, check);
  const underlyings = validator.list(
    "underlyings",
    request.underlyings,
    normalizeUnderlying,
    checkUnderlying,
  );
  const { optionSelection } = request;
  const selection = readSelection(optionSelection, {
    defaults: limits.defaultSelection,
    optionChains: limits.optionChains,
    validator,
    underlyings: request.underlyings,
    now,
    calendar: limits.calendar,
  });
  validator.throwIfInvalid();
  return {
    symbols,
    underlyings,
    ...(selection && { selection }),
    ...(optionSelection?.onlySelected && { onlySelected: true }),
  };
}

/**
 * Reads the filter of the order stream. Order ids keep their case. Symbols are normalized like
 * those of options and of stocks; crypto pairs keep their slash.
 *
 * @param validator may have violations of other fields
 * @throws {CallError} INVALID_ARGUMENT with all violations
 */
export function orderFilter(
  request: {
    readonly symbols: readonly string[];
    readonly orderIds: readonly string[];
    readonly clientOrderIdPrefixes?: readonly string[];
    readonly events?: readonly string[];
  },
  limits: RequestLimits = DEFAULT_LIMITS,
  _now = 0,
  validator: RequestValidator = new RequestValidator(limits.maxSymbols),
): StreamFilter {
  const orderIds = validator.list("order_ids", request.orderIds, identity);
  const symbols = validator.list("symbols", request.symbols, normalizeOrder, checkOrder);
  const clientOrderIdPrefixes = validator.prefixes(
    "client_order_id_prefixes",
    request.clientOrderIdPrefixes,
    MAX_CLIENT_ORDER_ID_LENGTH,
  );
  const events = validator.shortList("events", request.events, identity, checkEvent);
  validator.throwIfInvalid();
  return {
    symbols,
    orderIds,
    ...(clientOrderIdPrefixes.length > 0 && { clientOrderIdPrefixes }),
    ...(events.length > 0 && { events }),
  };
}

/** Characters of a client order id (Alpaca docs, "Create an Order"). */
const MAX_CLIENT_ORDER_ID_LENGTH = 128;

const EVENTS: ReadonlySet<string> = new Set(ORDER_ENUMS.event);

function checkEvent(word: string): string | undefined {
  return EVENTS.has(word) ? undefined : "is not an event of Alpaca's orders";
}
