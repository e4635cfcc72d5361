/**
 * Converts requests to filters.
 *
 * Symbols are normalized and duplicates removed. An entry of which the stream can never receive
 * anything is an error with all violations: a filter that never matches looks like a market without
 * data.
 *
 * @module
 */
import type { StreamFilter } from "../../application/streaming/market_streams.ts";
import { ORDER_ENUMS } from "../../domain/market/order_events.ts";
import type { OptionRight as DomainRight } from "../../domain/options/contract.ts";
import {
  DEFAULT_SELECTION,
  type OptionSelection,
  SELECTION_BOUNDS,
} from "../../domain/options/selection.ts";
import {
  OptionRight,
  type OptionSelection as SelectionMessage,
} from "../../gen/cream/v1/stream_proxy_pb.ts";
import { RequestValidator } from "./request_validator.ts";
import {
  checkExpiry,
  checkOption,
  checkOrder,
  checkStock,
  type CheckSymbol,
  checkUnderlying,
  identity,
  normalizeOption,
  normalizeOrder,
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
 * @param validator may have violations of other fields
 * @throws {CallError} INVALID_ARGUMENT with all violations
 */
export function stockFilter(
  request: { readonly symbols: readonly string[] },
  limits: RequestLimits = DEFAULT_LIMITS,
  _now = 0,
  validator: RequestValidator = new RequestValidator(limits.maxSymbols),
): StreamFilter {
  const symbols = validator.list("symbols", request.symbols, normalizeStock, checkStock);
  validator.throwIfInvalid();
  return { symbols };
}

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
  const expiry = checkExpiry(now);
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
  const selection = readSelection(request.optionSelection, {
    defaults: limits.defaultSelection,
    validator,
    underlyings: request.underlyings.length,
  });
  validator.throwIfInvalid();
  return { symbols, underlyings, ...(selection && { selection }) };
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
  const clientOrderIdPrefixes = shortList(
    validator,
    "client_order_id_prefixes",
    request.clientOrderIdPrefixes,
  );
  const events = shortList(validator, "events", request.events, checkEvent);
  validator.throwIfInvalid();
  return {
    symbols,
    orderIds,
    ...(clientOrderIdPrefixes.length > 0 && { clientOrderIdPrefixes }),
    ...(events.length > 0 && { events }),
  };
}

/** Longest list that is compared entry by entry with every order update. */
const MAX_SHORT_LIST = 100;

function shortList(
  validator: RequestValidator,
  field: string,
  entries: readonly string[] = [],
  check?: CheckSymbol,
): readonly string[] {
  if (entries.length > MAX_SHORT_LIST) {
    const text = `has ${entries.length} entries; at most ${MAX_SHORT_LIST} are allowed`;
    validator.addViolation(field, text);
    return [];
  }
  return validator.list(field, entries, identity, check);
}

const EVENTS: ReadonlySet<string> = new Set(ORDER_ENUMS.event);

function checkEvent(word: string): string | undefined {
  return EVENTS.has(word) ? undefined : "is not an event of Alpaca's orders";
}

const FIELD = "option_selection";

/** Numeric fields by their names in the API, with their names in the domain. */
const NUMBERS = {
  min_days: { name: "minDays", bounds: SELECTION_BOUNDS.days },
  max_days: { name: "maxDays", bounds: SELECTION_BOUNDS.days },
  strike_window_percent: {
    name: "strikeWindowPercent",
    bounds: SELECTION_BOUNDS.strikeWindowPercent,
  },
  max_contracts: { name: "maxContracts", bounds: SELECTION_BOUNDS.maxContracts },
} as const;

const RIGHTS: ReadonlyMap<OptionRight, DomainRight | undefined> = new Map([
  [OptionRight.UNSPECIFIED, undefined],
  [OptionRight.CALL, "call"],
  [OptionRight.PUT, "put"],
]);

/**
 * Returns the selection, with `defaults` for absent fields; `undefined` without a message. Each
 * invalid field becomes a violation.
 */
function readSelection(
  message: SelectionMessage | undefined,
  { defaults, validator, underlyings }: {
    readonly defaults: OptionSelection;
    readonly validator: RequestValidator;
    /** Number of underlyings in the request. */
    readonly underlyings: number;
  },
): OptionSelection | undefined {
  if (message === undefined) return undefined;
  if (underlyings === 0) {
    const text = "selects contracts of underlyings; set underlyings, or leave it out";
    validator.addViolation(FIELD, text);
  }
  for (const [field, { name, bounds: { min, max } }] of Object.entries(NUMBERS)) {
    const value = message[name];
    if (value === undefined || (value >= min && value <= max)) continue;
    validator.addViolation(`${FIELD}.${field}`, `is ${value}; it must be from ${min} to ${max}`);
  }
  if (!RIGHTS.has(message.right)) {
    validator.addViolation(
      `${FIELD}.right`,
      `is ${message.right}; it must be OPTION_RIGHT_CALL, OPTION_RIGHT_PUT or unset`,
    );
  }
  const { minDays = defaults.minDays, maxDays = defaults.maxDays } = message;
  if (minDays > maxDays) {
    // Reports the field that the client set; the other one may be a default.
    const byDefault = message.minDays === undefined ? " by default; set it too" : "";
    const [field, text] = message.maxDays === undefined
      ? ["min_days", `is ${minDays}, above max_days, which is ${maxDays} by default; set it too`]
      : ["max_days", `is ${maxDays}, below min_days, which is ${minDays}${byDefault}`];
    validator.addViolation(`${FIELD}.${field}`, text);
  }
  return {
    minDays,
    maxDays,
    strikeWindowPercent: message.strikeWindowPercent ?? defaults.strikeWindowPercent,
    right: message.right === OptionRight.UNSPECIFIED ? defaults.right : RIGHTS.get(message.right),
    maxContracts: message.maxContracts ?? defaults.maxContracts,
  };
}
