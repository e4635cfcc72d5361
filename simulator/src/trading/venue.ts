/**
 * What a venue may do to orders on its own account: stop, suspend, refuse,
 * bust, correct. Tests and the auto trader use it to bring about the rare
 * events of Alpaca's protocol.
 *
 * Each method throws a `RangeError` for an order or execution that does not
 * exist; a finished order is left alone.
 *
 * @module
 */
import { Decimal, decimalText } from "./decimals.ts";
import type { Execution } from "./fill_activities.ts";
import { isFinal, type Order, type OrderStatus } from "./order.ts";
import type { OrderDesk } from "./order_desk.ts";

/** Why a cancel came too late, in Alpaca's word. */
export const TOO_LATE = "TOO_LATE_TO_CANCEL";

/** A quantity and a price, as decimal text. */
export interface ManualFill {
  readonly qty: string;
  readonly price: string;
}

/** The venue's side of the orders of one account. */
export class Venue {
  readonly #desk: OrderDesk;
  #cancelsToRefuse = 0;
  #replacesToRefuse = 0;

  /** Acts on the orders of this desk. */
  constructor(desk: OrderDesk) {
    this.#desk = desk;
  }

  /** Executes part or all of an order at a price, whatever the market. */
  fill(orderId: string, { qty, price }: ManualFill): void {
    this.#desk.execute(this.#order(orderId), {
      qty: new Decimal(qty),
      price: new Decimal(price),
    });
  }

  /** Turns an order down after it was taken in. */
  reject(orderId: string, reason?: string): void {
    this.#end(orderId, "rejected", reason);
  }

  /** Ends an order because its time is over. */
  expire(orderId: string): void {
    this.#end(orderId, "expired");
  }

  /** Ends an order without the client's asking, for a reason. */
  cancel(orderId: string, reason?: string): void {
    this.#end(orderId, "canceled", reason);
  }

  /** A trade is guaranteed at a price but has not happened yet. */
  stop(orderId: string): void {
    this.#mark(orderId, "stopped");
  }

  /** Takes an order out of trading until `resume`. */
  suspend(orderId: string): void {
    this.#mark(orderId, "suspended");
  }

  /** Settlement of the day is being computed; no more executions. */
  calculate(orderId: string): void {
    this.#mark(orderId, "calculated");
  }

  /** No more executions of this order today. */
  doneForDay(orderId: string): void {
    this.#mark(orderId, "done_for_day");
  }

  /** Puts a suspended, calculated or done order back to work. */
  resume(orderId: string): void {
    const order = this.#order(orderId);
    const status = order.filledQty.isZero() ? "new" : "partially_filled";
    this.#desk.move(order, { status, event: "new" });
  }

  /** Changes the quantity of an order, as after a corporate action. */
  restate(orderId: string, { qty }: { qty: string }): void {
    const order = this.#order(orderId);
    if (isFinal(order)) return;
    order.qty = new Decimal(qty);
    order.updatedAt = this.#desk.clock.nowNanos();
    this.#desk.announce(order, "restated", { reason: "CORPORATE_ACTION" });
  }

  /** Takes an execution back: quantity, average and position forget it. */
  bust(executionId: string): void {
    const { order, execution } = this.#takeBack(executionId);
    this.#desk.announce(order, "trade_bust", {
      previous_execution_id: execution.id,
      price: decimalText(execution.price),
      qty: decimalText(execution.qty),
      position_qty: decimalText(this.#desk.positions.qty(order.symbol)),
      reason: "TRADE_BUST",
    });
  }

  /** Gives an execution another price or quantity. */
  correct(executionId: string, { qty, price }: ManualFill): void {
    const { order, execution } = this.#takeBack(executionId);
    const id = this.#desk.nextExecutionId();
    const corrected: Execution = {
      ...execution,
      id,
      qty: new Decimal(qty),
      price: new Decimal(price),
    };
    this.#book(order, corrected);
    this.#desk.fills.add(corrected);
    this.#desk.announce(order, "trade_correct", {
      execution_id: id,
      previous_execution_id: execution.id,
      price: decimalText(corrected.price),
      qty: decimalText(corrected.qty),
      position_qty: decimalText(this.#desk.positions.qty(order.symbol)),
    });
  }

  /** Refuses the next cancel requests: they come too late. */
  refuseNextCancels(count = 1): void {
    this.#cancelsToRefuse += count;
  }

  /** Refuses the next replacements. */
  refuseNextReplaces(count = 1): void {
    this.#replacesToRefuse += count;
  }

  /** Whether this cancel is refused; uses up a planned refusal. */
  refusesCancel(): boolean {
    if (this.#cancelsToRefuse > 0) return this.#cancelsToRefuse-- > 0;
    return this.#happens(this.#desk.settings.cancelRejectChance);
  }

  /** Whether this replacement is refused; uses up a planned refusal. */
  refusesReplace(): boolean {
    if (this.#replacesToRefuse > 0) return this.#replacesToRefuse-- > 0;
    return this.#happens(this.#desk.settings.replaceRejectChance);
  }

  /** Tells that a cancel came too late; the order is as it was before. */
  rejectCancel(order: Order, before: OrderStatus): void {
    const status = before === "pending_new" ? "new" : before;
    const group = order.role === "strategy"
      ? [order, ...order.children]
      : [order];
    for (const member of group) member.status = status;
    order.updatedAt = this.#desk.clock.nowNanos();
    this.#desk.announce(order, "order_cancel_rejected", { reason: TOO_LATE });
  }

  /** Chance is asked only where it matters, so that seeds stay comparable. */
  #happens(chance: number): boolean {
    return chance > 0 && this.#desk.random.next() < chance;
  }

  #order(orderId: string): Order {
    const order = this.#desk.book.get(orderId);
    if (order === undefined) {
      throw new RangeError(`Cannot act on order ${orderId}: it is not known`);
    }
    return order;
  }

  #mark(orderId: string, status: OrderStatus): void {
    this.#desk.move(this.#order(orderId), { status, event: status });
  }

  #end(
    orderId: string,
    status: "canceled" | "expired" | "rejected",
    reason?: string,
  ): void {
    this.#desk.move(this.#order(orderId), {
      status,
      event: status,
      ...(reason === undefined ? {} : { reason }),
    });
  }

  #takeBack(executionId: string): { order: Order; execution: Execution } {
    const execution = this.#desk.fills.remove(executionId);
    const order = execution && this.#desk.book.get(execution.orderId);
    if (execution === undefined || order === undefined) {
      throw new RangeError(
        `Cannot change execution ${executionId}: it is not known`,
      );
    }
    this.#book(order, { ...execution, qty: execution.qty.negated() });
    return { order, execution };
  }

  /** Adds an execution to order and position; a negative one takes it back. */
  #book(order: Order, { qty, price, side, symbol }: Execution): void {
    order.filledQty = order.filledQty.plus(qty);
    order.filledValue = order.filledValue.plus(qty.times(price));
    order.updatedAt = this.#desk.clock.nowNanos();
    this.#desk.positions.apply({
      symbol,
      side,
      qty,
      price,
      assetClass: order.assetClass === "" ? "us_option" : order.assetClass,
    });
  }
}
