/**
 * The record keeper of one account: every change of an order goes through
 * here, is stamped, booked and announced exactly once, in order.
 *
 * Guarantees: an update carries the order as it is right after the event; ids
 * of events only grow; a finished order never changes status again; the
 * positions are the sum of the executions announced.
 *
 * @module
 */
import type { PriceSource, SimClock, SimulatorRandom } from "../ports.ts";
import type { AssetIds } from "./asset_ids.ts";
import { Decimal, decimalText, ZERO } from "./decimals.ts";
import type { EngineSettings } from "./engine_options.ts";
import {
  activityIdOf,
  type Execution,
  FillActivities,
} from "./fill_activities.ts";
import {
  type AssetClass,
  isFinal,
  type Move,
  type Order,
  type OrderStatus,
} from "./order.ts";
import { OrderBook } from "./order_book.ts";
import { followGroup } from "./order_groups.ts";
import {
  renderOrder,
  type TradeUpdate,
  type WireLegFill,
  type WireOrder,
} from "./order_wire.ts";
import { PositionBook } from "./position_book.ts";
import { ceilToMicros, formatInstant } from "./timestamps.ts";
import { UlidSequence } from "./ulid.ts";

/** Receives every update of an account, synchronously and in order. */
export type UpdateListener = (update: TradeUpdate) => void;

/** Fields an announcement adds to the order and its ids. */
export type UpdateDetails =
  & Partial<Omit<TradeUpdate, "event" | "event_id" | "at" | "order">>
  & { readonly withoutExecution?: boolean };

/** What one desk is made from. */
export interface DeskParts {
  readonly clock: SimClock;
  readonly random: SimulatorRandom;
  readonly prices: PriceSource;
  readonly assetIds: AssetIds;
  readonly settings: EngineSettings;
}

const SMALLEST_QTY = new Decimal("0.000000001");

/** Orders, positions, executions and announcements of one account. */
export class OrderDesk {
  readonly clock: SimClock;
  readonly random: SimulatorRandom;
  readonly prices: PriceSource;
  readonly assetIds: AssetIds;
  readonly settings: EngineSettings;
  readonly book: OrderBook;
  readonly positions: PositionBook;
  readonly fills: FillActivities;
  readonly #eventIds: UlidSequence;
  readonly #executionIds: SimulatorRandom;
  readonly #listeners = new Set<UpdateListener>();

  /** Opens an empty desk. */
  constructor({ clock, random, prices, assetIds, settings }: DeskParts) {
    this.clock = clock;
    this.random = random;
    this.prices = prices;
    this.assetIds = assetIds;
    this.settings = settings;
    this.book = new OrderBook(settings.historyCapacity);
    this.positions = new PositionBook(new Decimal(settings.cash));
    this.fills = new FillActivities(settings.historyCapacity);
    this.#eventIds = new UlidSequence(clock, random.fork("event ids"));
    this.#executionIds = random.fork("execution ids");
  }

  /** Hears every update from now on, until disposed. */
  onUpdate(listener: UpdateListener): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  /** Writes an order the way this exchange is set. */
  render(order: Order, nested = true): WireOrder {
    const { timestamps, simpleClass } = this.settings;
    return renderOrder(order, { timestamps, simpleClass, nested });
  }

  /** Tells the listeners of an event; the order is written as it is now. */
  announce(order: Order, event: string, details: UpdateDetails = {}): void {
    const { withoutExecution = false, ...fields } = details;
    const now = this.clock.nowNanos();
    const executionId = withoutExecution || fields.execution_id !== undefined
      ? {}
      : { execution_id: this.#executionIds.uuid() };
    const update: TradeUpdate = {
      event,
      event_id: this.#eventIds.next(),
      at: formatInstant(ceilToMicros(now)),
      timestamp: formatInstant(now),
      ...executionId,
      ...fields,
      order: this.render(order),
    };
    for (const listener of this.#listeners) listener(update);
  }

  /** Changes an order's status, announces it, and lets its group follow. */
  move(order: Order, { status, event, reason, silent }: Move): void {
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
  execute(
    order: Order,
    { qty, price }: { qty: Decimal; price: Decimal },
  ): void {
    if (isFinal(order)) return;
    const now = this.clock.nowNanos();
    const complete = addFill(order, { qty, price, now });
    const event = complete ? "fill" : "partial_fill";
    const execution = this.#record(order, { qty, price, event, now });
    this.#closeIfFinal(order);
    this.announce(order, event, {
      execution_id: execution.id,
      timestamp: formatInstant(now),
      price: decimalText(price),
      qty: decimalText(qty),
      position_qty: decimalText(this.positions.qty(order.symbol)),
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
    const event = complete ? "fill" : "partial_fill";
    const legs: WireLegFill[] = [];
    const positionQtys: Record<string, string> = {};
    order.children.forEach((leg, index) => {
      const price = prices[index] ?? ZERO;
      const legQty = qty.times(leg.ratioQty ?? 1);
      addFill(leg, { qty: legQty, price, now });
      const { id } = this.#record(leg, { qty: legQty, price, event, now });
      legs.push({
        order_id: leg.id,
        execution_id: id,
        symbol: leg.symbol,
        qty: decimalText(legQty),
        price: decimalText(price),
        timestamp: formatInstant(now),
      });
      positionQtys[leg.symbol] = decimalText(this.positions.qty(leg.symbol));
    });
    this.#closeIfFinal(order);
    this.announce(order, event, {
      withoutExecution: true,
      timestamp: formatInstant(now),
      price: decimalText(net),
      qty: decimalText(qty),
      position_qtys: positionQtys,
      legs,
    });
  }

  /** A new execution id, for corrections and busts. */
  nextExecutionId(): string {
    return this.#executionIds.uuid();
  }

  #record(
    order: Order,
    { qty, price, event, now }: {
      qty: Decimal;
      price: Decimal;
      event: "fill" | "partial_fill";
      now: bigint;
    },
  ): Execution {
    const side = order.side === "sell" ? "sell" : "buy";
    const assetClass: AssetClass = order.assetClass === ""
      ? "us_option"
      : order.assetClass;
    this.positions.apply({
      symbol: order.symbol,
      assetClass,
      side,
      qty,
      price,
    });
    const id = this.#executionIds.uuid();
    const execution: Execution = {
      id,
      activityId: activityIdOf(now, id),
      orderId: order.id,
      symbol: order.symbol,
      side,
      qty,
      price,
      at: now,
      type: event,
      cumQty: order.filledQty,
      leavesQty: order.qty?.minus(order.filledQty) ?? ZERO,
      orderStatus: order.status,
    };
    this.fills.add(execution);
    return execution;
  }

  #closeIfFinal(order: Order): void {
    if (!isFinal(order)) return;
    this.book.finish(order);
    if (order.role !== "strategy") return;
    for (const leg of order.children) this.book.finish(leg);
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
  const complete = isComplete(order, price);
  order.status = complete ? "filled" : "partially_filled";
  if (complete) order.filledAt = now;
  return complete;
}

/** A notional order is done when the rest would not buy the smallest unit. */
function isComplete(order: Order, price: Decimal): boolean {
  if (order.qty !== undefined) {
    return order.filledQty.greaterThanOrEqualTo(order.qty);
  }
  const rest = (order.notional ?? ZERO).minus(order.filledValue);
  return rest.lessThan(price.times(SMALLEST_QTY));
}
