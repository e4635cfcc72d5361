/**
 * Fault injection: tests plan faults, sessions and market consult them. `"*"`
 * stands for every endpoint. Methods whose names start with `take` use up one
 * planned fault per call.
 *
 * @module
 */

import { type RestFault, RestFaults } from "./rest_faults.ts";
import {
  type MalformedMessages,
  StreamFaults,
  type SymbolPlace,
  type SymbolRefusal,
} from "./stream_faults.ts";

/** The name of the trading stream where an endpoint is expected. */
export const TRADING_ENDPOINT = "trading";

/** A client request that can be answered with a planned error. */
export type FaultyAction = "auth" | "subscribe";

/** The faults that the trading stream consults. */
export type TradingFaults = Pick<
  Faults,
  | "takeOrderEventCopies"
  | "orderEventDelayMs"
  | "takeAckCopies"
  | "ackDelayMs"
  | "takeError"
  | "isStreamMuted"
  | "isStreamSilent"
>;

function checkedDelay(delayMs: number): number {
  if (delayMs >= 0) return delayMs;
  throw new RangeError(`a delay must be 0 ms or more, not ${delayMs}`);
}

/** Planned values per endpoint, each for a number of uses. */
class Planned<T> {
  readonly #queues = new Map<string, { value: T; left: number }[]>();

  plan(endpoint: string, value: T, count: number): void {
    if (!Number.isInteger(count) || count < 1) {
      throw new RangeError(`a fault's count must be 1 or more, not ${count}`);
    }
    const queue = this.#queues.get(endpoint) ?? [];
    queue.push({ value, left: count });
    this.#queues.set(endpoint, queue);
  }

  take(endpoint: string): T | undefined {
    return this.#takeFrom(endpoint) ?? this.#takeFrom("*");
  }

  clear(): void {
    this.#queues.clear();
  }

  #takeFrom(endpoint: string): T | undefined {
    const queue = this.#queues.get(endpoint);
    const first = queue?.[0];
    if (!queue || !first) return undefined;
    first.left--;
    if (first.left === 0) queue.shift();
    return first.value;
  }
}

/** The planned faults of a simulator. */
export class Faults {
  readonly #upgrades = new Planned<number>();
  readonly #errors = {
    auth: new Planned<number>(),
    subscribe: new Planned<number>(),
  };
  readonly #acks = new Planned<number>();
  readonly #orders = new Planned<number>();
  readonly #market = new Planned<true>();
  readonly #ackDelays = new Map<string, number>();
  readonly #dataDelays = new Map<string, number>();
  /**
   * What streams do not send as they should.
   *
   * @internal
   */
  readonly streams: StreamFaults = new StreamFaults();
  readonly #rest = new RestFaults();
  #orderDelayMs = 0;
  #restDelayMs = 0;

  /** Rejects the next upgrades of an endpoint with an HTTP status. */
  rejectUpgrades(endpoint: string, status: number, count = 1): void {
    if (!Number.isInteger(status) || status < 400 || status > 599) {
      throw new RangeError(`an upgrade is refused with 400–599, not ${status}`);
    }
    this.#upgrades.plan(endpoint, status, count);
  }

  /** Replies to the next logins or subscribes with an error code. */
  failNext(
    endpoint: string,
    action: FaultyAction,
    options: { code: number; count?: number },
  ): void {
    this.#errors[action].plan(endpoint, options.code, options.count ?? 1);
  }

  /** Delays every subscription acknowledgement; 0 ends the delay. */
  slowAcks(endpoint: string, delayMs: number): void {
    this.#ackDelays.set(endpoint, checkedDelay(delayMs));
  }

  /** Delays all market data, timestamps unchanged; 0 ends the delay. */
  delayData(endpoint: string, delayMs: number): void {
    this.#dataDelays.set(endpoint, checkedDelay(delayMs));
  }

  /** Executes the next requests without acknowledging them. */
  loseAcks(endpoint: string, count = 1): void {
    this.#acks.plan(endpoint, 0, count);
  }

  /** Sends the next acknowledgements twice. */
  duplicateAcks(endpoint: string, count = 1): void {
    this.#acks.plan(endpoint, 2, count);
  }

  /**
   * Stops all data of a stream, present and future connections alike. The socket
   * stays open; acknowledgements, errors and pongs stop too if `replies` is
   * false. The market goes on.
   */
  muteStream(endpoint: string, options: { readonly replies?: boolean } = {}): void {
    this.streams.muteStream(endpoint, options);
  }

  /** Ends `muteStream`. */
  unmuteStream(endpoint: string): void {
    this.streams.unmuteStream(endpoint);
  }

  /**
   * Stops the data of one symbol, everywhere or on one stream or channel. The
   * market of the symbol goes on.
   */
  muteSymbol(symbol: string, place: SymbolPlace = {}): void {
    this.streams.muteSymbol(symbol, place);
  }

  /** Ends `muteSymbol`, everywhere or on one stream or channel. */
  unmuteSymbol(symbol: string, place: SymbolPlace = {}): void {
    this.streams.unmuteSymbol(symbol, place);
  }

  /** Sends the next messages with an invalid price and time. */
  malformNext(wanted: MalformedMessages = {}): void {
    this.streams.malformNext(wanted);
  }

  /**
   * Rejects subscriptions to these symbols with an error code; with the code 0
   * they are left out of the acknowledgement and get no data.
   */
  refuseSymbols(symbols: readonly string[], refusal: SymbolRefusal = {}): void {
    this.streams.refuseSymbols(symbols, refusal);
  }

  /** Ends `refuseSymbols`. */
  acceptSymbols(endpoint = "*"): void {
    this.streams.acceptSymbols(endpoint);
  }

  /** Timestamps the next generated trades in the past (sold out of sequence). */
  lateTrades(count = 1): void {
    this.#market.plan("late", true, count);
  }

  /** Follows the next generated trades with a correction. */
  correctTrades(count = 1): void {
    this.#market.plan("correct", true, count);
  }

  /** Follows the next generated trades with a cancel. */
  cancelTrades(count = 1): void {
    this.#market.plan("cancel", true, count);
  }

  /** Sends the next order events `copies` times; 0 drops them. */
  copyOrderEvents(copies: number, count = 1): void {
    this.#orders.plan("*", copies, count);
  }

  /** Delays every order event; 0 ends the delay. */
  delayOrderEvents(delayMs: number): void {
    this.#orderDelayMs = checkedDelay(delayMs);
  }

  /** Replies to the next REST requests with an HTTP status. */
  failRequests(status: number, count = 1): void {
    this.#rest.plan({ kind: "status", status, count });
  }

  /** Plans a fault of the next REST requests, or of all until `clearRest`. */
  failRest(fault: RestFault): void {
    this.#rest.plan(fault);
  }

  /** Ends every fault of REST requests except the delay. */
  clearRest(): void {
    this.#rest.clear();
  }

  /** Delays every REST reply; 0 ends the delay. */
  delayRequests(delayMs: number): void {
    this.#restDelayMs = checkedDelay(delayMs);
  }

  /** Ends every planned and lasting fault. */
  reset(): void {
    this.#upgrades.clear();
    this.#errors.auth.clear();
    this.#errors.subscribe.clear();
    this.#acks.clear();
    this.#orders.clear();
    this.#market.clear();
    this.#ackDelays.clear();
    this.#dataDelays.clear();
    this.streams.reset();
    this.#orderDelayMs = 0;
    this.#rest.clear();
    this.#restDelayMs = 0;
  }

  /** HTTP status for this upgrade; undefined to accept it. */
  takeUpgradeStatus(endpoint: string): number | undefined {
    return this.#upgrades.take(endpoint);
  }

  /** Error code for this request; undefined to execute it. */
  takeError(endpoint: string, action: FaultyAction): number | undefined {
    return this.#errors[action].take(endpoint);
  }

  /** Number of times to send this acknowledgement. */
  takeAckCopies(endpoint: string): number {
    return this.#acks.take(endpoint) ?? 1;
  }

  /** Delay of acknowledgements in milliseconds. */
  ackDelayMs(endpoint: string): number {
    return this.#ackDelays.get(endpoint) ?? this.#ackDelays.get("*") ?? 0;
  }

  /** Delay of market data in milliseconds. */
  dataDelayMs(endpoint: string): number {
    if (this.#dataDelays.size === 0) return 0;
    return this.#dataDelays.get(endpoint) ?? this.#dataDelays.get("*") ?? 0;
  }

  /** Whether the data of a symbol is stopped in a place. */
  isSymbolMuted(symbol: string, place: SymbolPlace = {}): boolean {
    return this.streams.isSymbolMuted(symbol, place);
  }

  /** Whether a stream sends no data. */
  isStreamMuted(endpoint: string): boolean {
    return this.streams.isMuted(endpoint);
  }

  /** Whether a stream sends nothing at all. */
  isStreamSilent(endpoint: string): boolean {
    return this.streams.isSilent(endpoint);
  }

  /** Whether to timestamp this trade in the past. */
  takeLateTrade(): boolean {
    return this.#market.take("late") ?? false;
  }

  /** Whether this trade is corrected or cancelled. */
  takeTradeCorrection(): "correct" | "cancel" | undefined {
    if (this.#market.take("correct")) return "correct";
    return this.#market.take("cancel") ? "cancel" : undefined;
  }

  /** Number of times to send this order event: 0 drops, 2 duplicates it. */
  takeOrderEventCopies(): number {
    return this.#orders.take("*") ?? 1;
  }

  /** Delay of order events in milliseconds. */
  orderEventDelayMs(): number {
    return this.#orderDelayMs;
  }

  /** The fault of this REST request; undefined for none. */
  takeRestFault(path: string): RestFault | undefined {
    return this.#rest.take(path);
  }

  /** Delay of REST replies in milliseconds. */
  restDelayMs(): number {
    return this.#restDelayMs;
  }
}
