/**
 * A record for tests: every order event of every account, and to which sessions
 * of the trading stream it was sent. It is off unless it has a capacity.
 *
 * @module
 */
import type { Clock } from "../clock.ts";
import type { TradeUpdate } from "./order_json.ts";

/**
 * What became of an event for a session: `sent` (written to the socket, or
 * waiting because of a delay), `dropped` or `muted` because of a fault, `lost`
 * because the socket did not send.
 */
export type OrderDeliveryOutcome = "sent" | "dropped" | "muted" | "lost";

/** One event for one session. */
export interface OrderDelivery {
  /** Number of the connection. */
  readonly connection: number;
  /** What became of it. */
  readonly outcome: OrderDeliveryOutcome;
  /** How many times it was sent. */
  readonly copies: number;
}

/** One order event, with a stream connected or without. */
export interface OrderLedgerEntry {
  /** Rises by one with every event of any account. */
  readonly number: number;
  /** When it happened, in milliseconds since the epoch. */
  readonly at: number;
  /** Key id of the account. */
  readonly account: string;
  /** The event, as it is sent. */
  readonly update: TradeUpdate;
  /** The sessions that listened, in order of their connection. */
  readonly deliveries: OrderDelivery[];
}

/** Selects events; all of them without members. */
export interface OrderLedgerFilter {
  /** Key id of an account. */
  readonly account?: string;
  /** Id of an order. */
  readonly order?: string;
  /** Only events with a greater number. */
  readonly after?: number;
}

/** The order events of all accounts, in order. */
export class OrderLedger {
  readonly #clock: Clock;
  readonly #capacity: number;
  #entries: OrderLedgerEntry[] = [];
  #count = 0;

  /** Keeps at least the latest `capacity` events; 0 disables it. */
  constructor(clock: Clock, capacity: number) {
    this.#clock = clock;
    this.#capacity = capacity;
  }

  /** Whether anything is recorded. */
  get isEnabled(): boolean {
    return this.#capacity > 0;
  }

  /** Number of the latest event; 0 before the first one. */
  get lastNumber(): number {
    return this.#count;
  }

  /** Number of events that were dropped because of the capacity. */
  get dropped(): number {
    return this.#count - this.#entries.length;
  }

  /** Events in order. */
  events(filter: OrderLedgerFilter = {}): OrderLedgerEntry[] {
    const { account, order, after } = filter;
    return this.#entries.filter((entry) =>
      (account === undefined || entry.account === account) &&
      (order === undefined || entry.update.order.id === order) &&
      (after === undefined || entry.number > after)
    );
  }

  /**
   * Adds an event; undefined when nothing is recorded.
   *
   * @internal
   */
  add(account: string, update: TradeUpdate): OrderLedgerEntry | undefined {
    if (!this.isEnabled) return undefined;
    const at = this.#clock.now();
    const entry = { number: ++this.#count, at, account, update, deliveries: [] };
    this.#entries.push(entry);
    // Dropped in bulk, so that appending stays cheap.
    if (this.#entries.length >= this.#capacity * 2) {
      this.#entries = this.#entries.slice(-this.#capacity);
    }
    return entry;
  }
}
