/**
 * The subscriptions of one session, and the rules for its requests.
 *
 * @module
 */
import type { Plan } from "../accounts.ts";
import {
  ANY_CHANNEL,
  AUTOMATIC_CHANNELS,
  type ChannelName,
  type Endpoint,
  type ErrorCode,
} from "../protocol/endpoints.ts";
import { isOptionSymbol } from "../protocol/option_symbol.ts";

/** How the symbol limit of the Basic plan is counted; Alpaca's is unknown. */
export type SymbolCounting = "trades_and_quotes" | "distinct_symbols";

/** Rules that an endpoint and a plan put on subscriptions. */
export interface SubscriptionRules {
  readonly endpoint: Endpoint;
  readonly plan: Plan;
  readonly symbolCounting: SymbolCounting;
  /** Symbols that a stock stream accepts as well-formed. */
  readonly stockSymbolPattern: RegExp;
}

/** The symbols of one channel in a request. */
export interface ChannelChange {
  readonly channel: ChannelName;
  readonly symbols: readonly string[];
}

/** The channels of a valid request, or the error code of an invalid one. */
type ParsedChange =
  | { readonly changes: readonly ChannelChange[] }
  | { readonly error: ErrorCode };

/** Well-formed stock symbols: upper case, with class suffixes. */
export const STOCK_SYMBOL = /^[A-Z][A-Z0-9]{0,9}([./-][A-Z0-9]{1,4})*$/;

/** Well-formed crypto pairs: `BTC/USD`. */
const CRYPTO_PAIR = /^[A-Z0-9]{2,10}\/[A-Z0-9]{2,10}$/;

/** Called for every symbol that is added to or deleted from a channel. */
type ChangeListener = (
  change: "add" | "delete",
  channel: ChannelName,
  symbol: string,
) => void;

/**
 * The subscriptions of one session. A request is applied as a whole or, when
 * it is rejected, not at all.
 */
export class SubscriptionState {
  readonly #rules: SubscriptionRules;
  readonly #sets = new Map<ChannelName, Set<string>>();
  readonly #changed: ChangeListener;

  constructor(rules: SubscriptionRules, changed: ChangeListener = () => {}) {
    this.#rules = rules;
    this.#changed = changed;
    for (const channel of rules.endpoint.channels) {
      this.#sets.set(channel, new Set());
    }
  }

  /** Adds symbols; returns 405 when the plan's limit would be exceeded. */
  subscribe(changes: readonly ChannelChange[]): ErrorCode | undefined {
    if (this.#exceedsLimit(changes)) return 405;
    for (const { channel, symbols } of changes) {
      for (const symbol of symbols) this.#mirrored(channel, "add", symbol);
    }
    return undefined;
  }

  /** Removes symbols; those not subscribed are ignored. */
  unsubscribe(changes: readonly ChannelChange[]): void {
    for (const { channel, symbols } of changes) {
      for (const symbol of symbols) this.#mirrored(channel, "delete", symbol);
    }
  }

  /** Symbols of one channel in order of subscription. */
  symbols(channel: ChannelName): ReadonlySet<string> {
    return this.#sets.get(channel) ?? new Set();
  }

  /** Symbols of every channel, as in an acknowledgement. */
  snapshot(): Record<string, string[]> {
    const channels: Record<string, string[]> = {};
    for (const [channel, set] of this.#sets) channels[channel] = [...set];
    return channels;
  }

  #mirrored(channel: ChannelName, change: "add" | "delete", symbol: string) {
    this.#alter(channel, change, symbol);
    if (channel !== "trades") return;
    for (const mirror of AUTOMATIC_CHANNELS) {
      this.#alter(mirror, change, symbol);
    }
  }

  #alter(channel: ChannelName, change: "add" | "delete", symbol: string) {
    const set = this.#sets.get(channel);
    if (!set || set.has(symbol) === (change === "add")) return;
    set[change](symbol);
    this.#changed(change, channel, symbol);
  }

  #exceedsLimit(changes: readonly ChannelChange[]): boolean {
    const after = (channel: ChannelName) => {
      const union = new Set(this.#sets.get(channel));
      for (const change of changes) {
        if (change.channel !== channel) continue;
        for (const symbol of change.symbols) union.add(symbol);
      }
      return union;
    };
    switch (this.#rules.endpoint.kind) {
      case "stocks":
        return this.#stocksExceeded(after("quotes"), after("trades"));
      case "options":
        return after("quotes").size > this.#rules.plan.optionQuotes;
      case "crypto":
      case "news":
        return false;
    }
  }

  #stocksExceeded(quotes: Set<string>, trades: Set<string>): boolean {
    const limit = this.#rules.plan.stockSymbols;
    if (limit === Infinity) return false;
    if (quotes.has("*") || trades.has("*")) return true;
    return this.#rules.symbolCounting === "distinct_symbols"
      ? quotes.union(trades).size > limit
      : quotes.size + trades.size > limit;
  }
}

/**
 * Reads the channels of a request. Null and empty lists are ignored; a list of
 * symbols for a channel the stream lacks is 410, a request without any channel
 * or with a malformed symbol is 400.
 */
export function parseChange(
  members: Readonly<Record<string, unknown>>,
  rules: SubscriptionRules,
): ParsedChange {
  const changes: ChannelChange[] = [];
  let named = 0;
  for (const [key, value] of Object.entries(members)) {
    if (!ANY_CHANNEL.has(key)) continue;
    named++;
    const symbols = asSymbols(value);
    if (!symbols) return { error: 400 };
    if (symbols.length === 0 || AUTOMATIC_KEYS.has(key)) continue;
    const channel = rules.endpoint.channels.find((name) => name === key);
    if (!channel) return { error: 410 };
    changes.push({ channel, symbols });
  }
  if (named === 0) return { error: 400 };
  const error = checkSymbols(changes, rules);
  return error === undefined ? { changes } : { error };
}

const AUTOMATIC_KEYS: ReadonlySet<string> = new Set(AUTOMATIC_CHANNELS);

function asSymbols(value: unknown): readonly string[] | undefined {
  if (value === null || value === undefined) return [];
  if (!Array.isArray(value)) return undefined;
  return value.every((item) => typeof item === "string") ? value : undefined;
}

function checkSymbols(
  changes: readonly ChannelChange[],
  rules: SubscriptionRules,
): ErrorCode | undefined {
  const options = rules.endpoint.kind === "options";
  const isWellFormed = symbolCheck(rules);
  for (const { channel, symbols } of changes) {
    for (const symbol of symbols) {
      if (symbol === "*") {
        if (options && channel === "quotes") return 413;
      } else if (!isWellFormed(symbol)) return 400;
    }
  }
  return undefined;
}

/** Articles are about stocks and about crypto pairs, with or without their slash. */
function symbolCheck(rules: SubscriptionRules): (symbol: string) => boolean {
  const isStock = (symbol: string) => rules.stockSymbolPattern.test(symbol);
  const isPair = (symbol: string) => CRYPTO_PAIR.test(symbol);
  switch (rules.endpoint.kind) {
    case "stocks":
      return isStock;
    case "options":
      return isOptionSymbol;
    case "crypto":
      return isPair;
    case "news":
      return (symbol) => isStock(symbol) || isPair(symbol);
  }
}
