/**
 * Events that the exchange causes by itself: fills at any price, rejections,
 * suspensions, corrected and busted trades. Tests and the auto trader use them
 * to produce the rare events of Alpaca's protocol.
 *
 * Each method throws a RangeError for an unknown order or execution and ignores
 * a finished order.
 *
 * @module
 */
import {
  Decimal,
  decimalText,
  isFinal,
  type Order,
  type OrderStatus,
  remainingQty,
} from "./order.ts";
import type { OrderStore } from "./order_store.ts";

/** Alpaca's reason for a late cancel. */
const TOO_LATE = "TOO_LATE_TO_CANCEL";

/** A quantity and a price, as decimal text. */
export interface ManualFill {
  /** Quantity, for example `10` or `0.5`. */
  readonly qty: string;
  /** Price in dollars. */
  readonly price: string;
}

/** Events of one account's orders on demand. */
export class ManualFills {
  readonly #store: OrderStore;
  #cancelsToReject = 0;
  #replacesToReject = 0;

  /** Acts on the orders of a store. */
  constructor(store: OrderStore) {
    this.#store = store;
  }

  /**
   * Executes part or all of an order at any price. The default is what is left,
   * at the last price. The legs of a multi-leg order execute together, each in
   * the middle of its quote; `price` is ignored.
   */
  fill(orderId: string, fill: Partial<ManualFill> = {}): void {
    const order = this.#order(orderId);
    if (order.role === "leg") throw new RangeError(`order ${orderId} is a leg; fill its parent`);
    const qty = fill.qty === undefined ? remainingQty(order) : new Decimal(fill.qty);
    if (order.role === "strategy") return this.#fillStrategy(order, qty);
    const price = new Decimal(fill.price ?? this.#store.prices.lastPrice(order.symbol) ?? 0);
    this.#store.execute(order, { qty, price });
  }

  /** Marks an order as accepted but not routed; it waits for `resume`. */
  accept(orderId: string): void {
    this.#mark(orderId, "accepted");
  }

  /** Holds an order until `resume`. */
  hold(orderId: string): void {
    this.#mark(orderId, "held");
  }

  /** Marks an order as under review; it waits for `resume`. */
  review(orderId: string): void {
    this.#mark(orderId, "pending_review");
  }

  /** Announces that a cancel was rejected; the order stays as it is. */
  rejectCancel(orderId: string): void {
    const order = this.#order(orderId);
    this.#store.announce(order, "order_cancel_rejected", { reason: TOO_LATE });
  }

  /** Announces that a replacement was rejected; the order stays as it is. */
  rejectReplace(orderId: string): void {
    this.#store.announce(this.#order(orderId), "order_replace_rejected");
  }

  /** Rejects an order after it was accepted. */
  reject(orderId: string, reason?: string): void {
    this.#end(orderId, "rejected", reason);
  }

  /** Expires an order. */
  expire(orderId: string): void {
    this.#end(orderId, "expired");
  }

  /** Cancels an order without a request, with a reason. */
  cancel(orderId: string, reason?: string): void {
    this.#end(orderId, "canceled", reason);
  }

  /** Marks an order as stopped: a trade is guaranteed but has not happened. */
  stop(orderId: string): void {
    this.#mark(orderId, "stopped");
  }

  /** Stops executions until `resume`. */
  suspend(orderId: string): void {
    this.#mark(orderId, "suspended");
  }

  /** Marks an order as being settled; it does not execute until `resume`. */
  calculate(orderId: string): void {
    this.#mark(orderId, "calculated");
  }

  /** Marks an order as done for the day; it does not execute until `resume`. */
  doneForDay(orderId: string): void {
    this.#mark(orderId, "done_for_day");
  }

  /** Makes a suspended, calculated or done order active again. */
  resume(orderId: string): void {
    const order = this.#order(orderId);
    const status = order.filledQty.isZero() ? "new" : "partially_filled";
    this.#store.move(order, { status, event: "new" });
  }

  /** Changes the quantity of an order, as after a corporate action. */
  restate(orderId: string, { qty }: { qty: string }): void {
    const order = this.#order(orderId);
    if (isFinal(order)) return;
    order.qty = new Decimal(qty);
    order.updatedAt = this.#store.clock.nowNanos();
    this.#store.announce(order, "restated", { reason: "CORPORATE_ACTION" });
  }

  /** Busts an execution: quantity, average price and position revert. */
  bust(executionId: string): void {
    const { order, execution } = this.#store.revert(executionId);
    this.#store.announce(order, "trade_bust", {
      previous_execution_id: execution.id,
      price: decimalText(execution.price),
      qty: decimalText(execution.qty),
      position_qty: decimalText(this.#store.position(order.symbol)),
      reason: "TRADE_BUST",
    });
  }

  /** Changes price or quantity of an execution. */
  correct(executionId: string, fill: ManualFill): void {
    const { order } = this.#store.revert(executionId);
    const qty = new Decimal(fill.qty);
    const price = new Decimal(fill.price);
    const id = this.#store.correct(order, { qty, price });
    this.#store.announce(order, "trade_correct", {
      execution_id: id,
      previous_execution_id: executionId,
      price: decimalText(price),
      qty: decimalText(qty),
      position_qty: decimalText(this.#store.position(order.symbol)),
    });
  }

  /** Rejects the next cancel requests as too late. */
  rejectNextCancels(count = 1): void {
    this.#cancelsToReject += count;
  }

  /** Rejects the next replacements. */
  rejectNextReplaces(count = 1): void {
    this.#replacesToReject += count;
  }

  /**
   * Whether to reject this cancel; uses up a planned rejection.
   *
   * @internal
   */
  takeCancelRejection(): boolean {
    return this.#cancelsToReject > 0 && this.#cancelsToReject-- > 0;
  }

  /**
   * Whether to reject this replacement; uses up a planned rejection.
   *
   * @internal
   */
  takeReplaceRejection(): boolean {
    return this.#replacesToReject > 0 && this.#replacesToReject-- > 0;
  }

  /**
   * Announces that a cancel was too late; the order returns to `before`.
   *
   * @internal
   */
  undoCancel(order: Order, before: OrderStatus): void {
    const status = before === "pending_new" ? "new" : before;
    const group = order.role === "strategy" ? [order, ...order.children] : [order];
    for (const member of group) member.status = status;
    order.updatedAt = this.#store.clock.nowNanos();
    this.#store.announce(order, "order_cancel_rejected", { reason: TOO_LATE });
  }

  #fillStrategy(order: Order, qty: Decimal): void {
    let net = new Decimal(0);
    const prices = order.children.map(({ symbol, side, ratioQty }) => {
      const quote = this.#store.prices.quote(symbol);
      const middle = new Decimal(quote?.bid ?? 0).plus(quote?.ask ?? 0).div(2).toDecimalPlaces(4);
      const paid = middle.times(ratioQty ?? 1);
      net = side === "buy" ? net.plus(paid) : net.minus(paid);
      return middle;
    });
    this.#store.executeStrategy(order, { qty, net, prices });
  }

  #order(orderId: string): Order {
    const order = this.#store.get(orderId);
    if (order === undefined) {
      throw new RangeError(`there is no order ${orderId}`);
    }
    return order;
  }

  #mark(orderId: string, status: OrderStatus): void {
    this.#store.move(this.#order(orderId), { status, event: status });
  }

  #end(
    orderId: string,
    status: "canceled" | "expired" | "rejected",
    reason?: string,
  ): void {
    this.#store.move(this.#order(orderId), {
      status,
      event: status,
      ...(reason === undefined ? {} : { reason }),
    });
  }
}
