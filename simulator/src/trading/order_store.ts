/**
 * The orders, executions and positions of one account. Every change of an order
 * goes through the store, which announces it exactly once, in order.
 *
 * Guarantees: an update contains the order as it is right after the event; event
 * ids grow; a finished order never changes its status; a position is the sum of
 * the announced executions.
 *
 * @module
 */
import type { Clock } from "../clock.ts";
import type { PriceSource } from "../market/prices.ts";
import type { SeededRandom } from "../random.ts";
import {
  type Decimal,
  decimalText,
  isFinal,
  type Order,
  type OrderStatus,
  type StatusChange,
  ZERO,
} from "./order.ts";
import { ActivityLog } from "./activities.ts";
import { followGroup } from "./order_groups.ts";
import { type LegFillJson, renderOrder, timeText, type TradeUpdate } from "./order_json.ts";
import { UlidSequence } from "./ulid.ts";

const NANOS_PER_MICRO = 1000n;

/** Receives every update of an account, synchronously and in order. */
export type UpdateListener = (update: TradeUpdate) => void;

/** One execution of one order. */
interface Execution {
  /** The stream's `execution_id`. */
  readonly id: string;
  readonly orderId: string;
  readonly qty: Decimal;
  readonly price: Decimal;
}

/** Fields that an announcement adds to the order and its ids. */
type UpdateDetails =
  & Partial<Omit<TradeUpdate, "event" | "event_id" | "at" | "order">>
  & { readonly withoutExecution?: boolean };

/** What an order store needs. */
interface StoreDependencies {
  readonly clock: Clock;
  readonly random: SeededRandom;
  readonly prices: PriceSource;
  /** Maximum of finished orders and of executions that are kept. */
  readonly historyCapacity: number;
  /** Whether updates have `event_id`. */
  readonly eventIds: boolean;
  /** Whether the ids of activities end with the `execution_id`. */
  readonly activityIdsAreExecutions: boolean;
}

/** Orders, executions and positions of one account. */
export class OrderStore {
  readonly clock: Clock;
  readonly random: SeededRandom;
  readonly prices: PriceSource;
  readonly #capacity: number;
  readonly #orders = new Map<string, Order>();
  readonly #byClientId = new Map<string, Order>();
  readonly #open = new Map<string, Order>();
  readonly #executions = new Map<string, Execution>();
  readonly #positions = new Map<string, Decimal>();
  readonly activities: ActivityLog;
  readonly #eventIds: UlidSequence | undefined;
  readonly #executionIds: SeededRandom;
  readonly #listeners = new Set<UpdateListener>();

  /** Creates an empty store. */
  constructor(deps: StoreDependencies) {
    const { clock, random, prices, historyCapacity } = deps;
    this.clock = clock;
    this.random = random;
    this.prices = prices;
    this.#capacity = historyCapacity;
    const eventIds = new UlidSequence(clock, random.fork("event ids"));
    this.#eventIds = deps.eventIds ? eventIds : undefined;
    this.activities = new ActivityLog(random.fork("activity ids"), {
      capacity: historyCapacity,
      idsAreExecutions: deps.activityIdsAreExecutions,
    });
    this.#executionIds = random.fork("execution ids");
  }

  /** Calls `listener` with every update from now on, until disposed. */
  onUpdate(listener: UpdateListener): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  /** Number of orders that are not finished. */
  get openCount(): number {
    return this.#open.size;
  }

  /** Adds an order and its children. */
  add(root: Order): void {
    for (const order of [root, ...root.children]) {
      this.#orders.set(order.id, order);
      this.#byClientId.set(order.clientOrderId, order);
      this.#open.set(order.id, order);
    }
  }

  /** One order by its id. */
  get(id: string): Order | undefined {
    return this.#orders.get(id);
  }

  /** One order by the client's own id. */
  getByClientId(clientOrderId: string): Order | undefined {
    return this.#byClientId.get(clientOrderId);
  }

  /** Every order that is kept, oldest first. */
  all(): IterableIterator<Order> {
    return this.#orders.values();
  }

  /** A copy of the open orders, oldest first. */
  open(): Order[] {
    return [...this.#open.values()];
  }

  /** Signed quantity held of a symbol; negative when short. */
  position(symbol: string): Decimal {
    return this.#positions.get(symbol) ?? ZERO;
  }

  /** Sends an event with the current state of the order to the listeners. */
  announce(order: Order, event: string, details: UpdateDetails = {}): void {
    const { withoutExecution = false, ...fields } = details;
    const now = this.clock.nowNanos();
    const executionId = withoutExecution || fields.execution_id !== undefined
      ? {}
      : { execution_id: this.#executionIds.uuid() };
    const update: TradeUpdate = {
      event,
      ...(this.#eventIds ? { event_id: this.#eventIds.next() } : {}),
      // Alpaca's `at` has microseconds.
      at: timeText(ceilToMicros(now)),
      timestamp: timeText(now),
      ...executionId,
      ...fields,
      order: renderOrder(order),
    };
    for (const listener of this.#listeners) listener(update);
  }

  /** Changes the status of an order, announces it and updates its group. */
  move(order: Order, { status, event, reason, silent }: StatusChange): void {
    if (isFinal(order)) return;
    const now = this.clock.nowNanos();
    setStatus(order, status, now);
    if (order.role === "strategy") {
      for (const leg of order.children) setStatus(leg, status, now);
    }
    this.#closeIfFinal(order);
    if (!silent) {
      this.announce(order, event, {
        ...(reason === undefined ? {} : { reason }),
        ...(status === "pending_new" ? { withoutExecution: true } : {}),
      });
    }
    followGroup(this, order);
  }

  /** Executes a part of an order at a price. */
  execute(order: Order, { qty, price }: { qty: Decimal; price: Decimal }) {
    if (isFinal(order)) return;
    const now = this.clock.nowNanos();
    const event = addFill(order, { qty, price, now }) ? "fill" : "partial_fill";
    const id = this.#record(order, { qty, price });
    this.#closeIfFinal(order);
    this.announce(order, event, {
      execution_id: id,
      timestamp: timeText(now),
      price: decimalText(price),
      qty: decimalText(qty),
      position_qty: decimalText(this.position(order.symbol)),
    });
    followGroup(this, order);
  }

  /** Executes units of a multi-leg order, each leg at its own price. */
  executeStrategy(
    order: Order,
    { qty, net, prices }: { qty: Decimal; net: Decimal; prices: Decimal[] },
  ): void {
    if (isFinal(order)) return;
    const now = this.clock.nowNanos();
    const complete = addFill(order, { qty, price: net, now });
    const legs: LegFillJson[] = [];
    const positionQtys: Record<string, string> = {};
    order.children.forEach((leg, index) => {
      const price = prices[index] ?? ZERO;
      const legQty = qty.times(leg.ratioQty ?? 1);
      addFill(leg, { qty: legQty, price, now });
      legs.push({
        order_id: leg.id,
        execution_id: this.#record(leg, { qty: legQty, price }),
        symbol: leg.symbol,
        qty: decimalText(legQty),
        price: decimalText(price),
        timestamp: timeText(now),
      });
      positionQtys[leg.symbol] = decimalText(this.position(leg.symbol));
    });
    this.#closeIfFinal(order);
    this.announce(order, complete ? "fill" : "partial_fill", {
      withoutExecution: true,
      timestamp: timeText(now),
      price: decimalText(net),
      qty: decimalText(qty),
      position_qtys: positionQtys,
      legs,
    });
  }

  /**
   * Takes an execution back: quantity, average price and position change as if
   * it had not happened. Throws a RangeError for an unknown id.
   */
  revert(executionId: string): { order: Order; execution: Execution } {
    const execution = this.#executions.get(executionId);
    const order = execution && this.#orders.get(execution.orderId);
    if (execution === undefined || order === undefined) {
      throw new RangeError(`there is no execution ${executionId}`);
    }
    this.#executions.delete(executionId);
    this.activities.remove(executionId);
    const { qty, price } = execution;
    this.#book(order, { qty: qty.negated(), price });
    return { order, execution };
  }

  /** Replaces a reverted execution by another one; returns its id. */
  correct(order: Order, fill: { qty: Decimal; price: Decimal }): string {
    this.#book(order, fill);
    const id = this.#executionIds.uuid();
    this.#keep(id, order, fill);
    return id;
  }

  /** Number of executions that are kept. */
  get executionCount(): number {
    return this.#executions.size;
  }

  #record(order: Order, fill: { qty: Decimal; price: Decimal }): string {
    this.#addPosition(order, fill.qty);
    const id = this.#executionIds.uuid();
    this.#keep(id, order, fill);
    return id;
  }

  #keep(
    id: string,
    order: Order,
    fill: { qty: Decimal; price: Decimal },
  ): void {
    this.activities.add(order, { id, ...fill, at: this.clock.nowNanos() });
    this.#executions.set(id, { id, orderId: order.id, ...fill });
    if (this.#executions.size <= this.#capacity) return;
    const [oldest] = this.#executions.keys();
    if (oldest !== undefined) this.#executions.delete(oldest);
  }

  /** Adds an execution to order and position; a negative one reverts it. */
  #book(order: Order, { qty, price }: { qty: Decimal; price: Decimal }): void {
    order.filledQty = order.filledQty.plus(qty);
    order.filledValue = order.filledValue.plus(qty.times(price));
    order.updatedAt = this.clock.nowNanos();
    this.#addPosition(order, qty);
  }

  #addPosition({ symbol, side }: Order, qty: Decimal): void {
    const signed = side === "sell" ? qty.negated() : qty;
    const position = this.position(symbol).plus(signed);
    if (position.isZero()) this.#positions.delete(symbol);
    else this.#positions.set(symbol, position);
  }

  #closeIfFinal(order: Order): void {
    if (!isFinal(order)) return;
    this.#finish(order);
    if (order.role !== "strategy") return;
    for (const leg of order.children) this.#finish(leg);
  }

  #finish(order: Order): void {
    if (!this.#open.delete(order.id)) return;
    if (this.#orders.size - this.#open.size > this.#capacity) {
      this.#dropOldest();
    }
  }

  /** Drops the oldest order of which the whole group is finished. */
  #dropOldest(): void {
    for (const order of this.#orders.values()) {
      const root = order.parent ?? order;
      const group = [root, ...root.children];
      if (!group.every(isFinal)) continue;
      for (const member of group) {
        this.#orders.delete(member.id);
        this.#byClientId.delete(member.clientOrderId);
      }
      return;
    }
  }
}

function setStatus(order: Order, status: OrderStatus, now: bigint): void {
  order.status = status;
  order.updatedAt = now;
  if (status === "pending_cancel") order.cancelRequestedAt = now;
  if (status === "canceled") order.canceledAt = now;
  if (status === "expired") order.expiredAt = now;
  if (status === "rejected") order.failedAt = now;
  if (status === "replaced") order.replacedAt = now;
}

/** Adds an execution to an order; true when nothing is left to execute. */
function addFill(
  order: Order,
  { qty, price, now }: { qty: Decimal; price: Decimal; now: bigint },
): boolean {
  order.filledQty = order.filledQty.plus(qty);
  order.filledValue = order.filledValue.plus(qty.times(price));
  order.updatedAt = now;
  const complete = order.filledQty.greaterThanOrEqualTo(order.qty);
  order.status = complete ? "filled" : "partially_filled";
  if (complete) order.filledAt = now;
  return complete;
}

function ceilToMicros(nanos: bigint): bigint {
  const rest = nanos % NANOS_PER_MICRO;
  return rest === 0n ? nanos : nanos + NANOS_PER_MICRO - rest;
}
