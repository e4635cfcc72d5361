/**
 * Reads what REST has of an account since a moment: the open orders, the recent ones, those that
 * were known as open and are in neither list, and the executions.
 *
 * Executions are read last, so that those of every order that was read are among them.
 *
 * @module
 */
import type { Timestamp } from "../../domain/market/timestamp.ts";
import type { Execution, RestOrder } from "../../domain/orders/reconcile.ts";
import { type OrderHistory, TooManyEntries } from "../ports/order_history.ts";
import type { KnownOrders } from "./known_orders.ts";

/** Orders that are looked up one by one. */
const MAX_LOOKUPS = 1_000;
/** Orders that are looked up one by one before a list of older orders is read. */
const FEW_LOOKUPS = 10;

/** What REST has. */
export interface AccountOrders {
  /** By id. */
  readonly orders: ReadonlyMap<string, RestOrder>;
  readonly executions: readonly Execution[];
  /** Since when updates may be missing, in ms of Alpaca's clock. */
  readonly since: number;
  /** Ids of known open orders that REST does not have. */
  readonly vanished: readonly string[];
  /** Whether REST has executions of orders that it does not have. */
  readonly isUnexplained: boolean;
}

/** What is read. */
interface Reading {
  /** Since when updates may be missing; called after the first response. */
  readonly since: () => number;
  /** Whether nothing is known yet: executions are not needed then. */
  readonly isStart: boolean;
  readonly signal: AbortSignal;
}

/** Whether a time is after a moment in ms; false for none. */
export function isAfter(at: Timestamp | undefined, since: number): boolean {
  return at !== undefined && at.seconds * 1_000 + at.nanos / 1_000_000 > since;
}

/** Reads the orders of one account. */
export class OrderReader {
  readonly #history: OrderHistory;
  readonly #known: KnownOrders;

  constructor(history: OrderHistory, known: KnownOrders) {
    this.#history = history;
    this.#known = known;
  }

  /** @throws ApiUnavailable when not all of it can be read */
  async read({ since: sinceOf, isStart, signal }: Reading): Promise<AccountOrders> {
    const history = this.#history;
    const orders = new Map<string, RestOrder>();
    const add = (found: readonly RestOrder[]) => {
      for (const each of found) orders.set(each.order.id, each);
    };
    add(await history.openOrders(signal));
    // The first response shows the clock of REST.
    const since = sinceOf();
    // At the start recent orders are only shown to streams that resume.
    add(await this.#submittedAfter(since, signal, isStart));
    const vanished: string[] = [];
    // An old order that is not open any more is in no list of recent ones.
    const missing = () => this.#known.openIds.filter((id) => !orders.has(id));
    if (missing().length > FEW_LOOKUPS) add(await this.#submittedSince(missing(), signal));
    for (const [index, id] of missing().entries()) {
      if (orders.has(id)) continue;
      const found = index < MAX_LOOKUPS ? await history.order(id, signal) : [];
      add(found);
      if (!orders.has(id)) vanished.push(id);
    }
    const executions = isStart ? [] : await history.executionsAfter(since, signal);
    const unread = this.#unreadOrders(executions, orders);
    let isUnexplained = unread.length > MAX_LOOKUPS;
    for (const id of unread.slice(0, MAX_LOOKUPS)) {
      const found = await history.order(id, signal);
      isUnexplained ||= found.length === 0;
      // The updates of those that were submitted since the orders were read arrive live.
      add(found.filter(({ order: { submittedAt } }) => !isAfter(submittedAt, since)));
    }
    return { orders, executions, since, vanished, isUnexplained };
  }

  /** Ids of orders with executions that are neither known nor read. */
  #unreadOrders(
    executions: readonly Execution[],
    orders: ReadonlyMap<string, RestOrder>,
  ): readonly string[] {
    const unread = new Set<string>();
    for (const { orderId } of executions) {
      if (!orders.has(orderId) && !this.#known.get(orderId)) unread.add(orderId);
    }
    if (unread.size === 0) return [];
    for (const id of this.#known.legIds()) unread.delete(id);
    for (const { order } of orders.values()) for (const { id } of order.legs) unread.delete(id);
    return [...unread];
  }

  /** Finds orders in the list of those since their first submission, unless that is too long. */
  async #submittedSince(
    ids: readonly string[],
    signal: AbortSignal,
  ): Promise<readonly RestOrder[]> {
    let first = Infinity;
    for (const id of ids) {
      const at = this.#known.get(id)?.order.submittedAt;
      if (at) first = Math.min(first, at.seconds * 1_000);
    }
    if (first === Infinity) return [];
    const found = await this.#submittedAfter(first - 1, signal, true);
    const wanted = new Set(ids);
    return found.filter(({ order: { id } }) => wanted.has(id));
  }

  /** @param isOptional whether a list that is too long counts as empty */
  async #submittedAfter(
    since: number,
    signal: AbortSignal,
    isOptional: boolean,
  ): Promise<readonly RestOrder[]> {
    try {
      return await this.#history.submittedAfter(since, signal);
    } catch (error) {
      if (error instanceof TooManyEntries && isOptional) return [];
      throw error;
    }
  }
}
