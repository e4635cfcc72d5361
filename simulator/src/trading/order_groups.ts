/**
 * How orders of one group move each other (Alpaca docs "Placing Orders"):
 *
 * - the exits of a bracket or oto are held until the entry is filled whole;
 * - then the take-profit goes to the venue, and a stop-loss beside it keeps
 *   being held while it watches the market;
 * - when one of two exits executes, the other shrinks with it; when one is
 *   finished in any way, the other is canceled;
 * - an entry that ends without being filled takes its exits with it.
 *
 * @module
 */
import {
  isFinal,
  isWorking,
  type Move,
  type Order,
  remainingQty,
} from "./order.ts";

/** Who moves orders from one status to the next. */
export interface OrderMover {
  move(order: Order, move: Move): void;
}

/** Applies to the group what just happened to one of its orders. */
export function followGroup(desk: OrderMover, order: Order): void {
  if (order.orderClass === "simple" || order.orderClass === "mleg") return;
  const exits = exitsOf(order);
  if (order.role === "entry") followEntry(desk, order, exits);
  else followExit(desk, order, exits);
}

/** The stop price was touched: the profit goes, the stop comes alive. */
export function releaseStopLoss(desk: OrderMover, stop: Order): void {
  stop.watching = false;
  stop.triggered = true;
  for (const other of exitsOf(stop)) {
    if (other === stop || isFinal(other)) continue;
    other.watching = false;
    desk.move(other, { status: "canceled", event: "canceled" });
  }
  desk.move(stop, { status: "new", event: "new" });
}

function exitsOf(order: Order): Order[] {
  const root = order.parent ?? order;
  return root.role === "take_profit" ? [root, ...root.children] : root.children;
}

function followEntry(desk: OrderMover, entry: Order, exits: Order[]): void {
  if (entry.status === "replaced" || !isFinal(entry)) return;
  if (entry.status === "filled") activate(desk, exits);
  else cancelAll(desk, exits);
}

function followExit(desk: OrderMover, exit: Order, exits: Order[]): void {
  if (exit.status === "replaced") return;
  // A stop that was touched lives on alone: its profit is gone for good.
  const others = exits.filter((other) => other !== exit && !other.triggered);
  if (isFinal(exit)) return cancelAll(desk, others);
  if (exit.status === "partially_filled") {
    for (const other of others) {
      if (!isFinal(other)) other.qty = remainingQty(exit);
    }
  }
  const guardsProfit = exit.role === "take_profit" && isWorking(exit);
  for (const other of others) {
    if (guardsProfit && other.status === "held") other.watching = true;
  }
}

function activate(desk: OrderMover, exits: Order[]): void {
  const profit = exits.find((exit) => exit.role === "take_profit");
  for (const exit of exits) {
    if (exit.status !== "held") continue;
    if (exit.role === "stop_loss" && profit !== undefined) exit.watching = true;
    else desk.move(exit, { status: "new", event: "new" });
  }
}

function cancelAll(desk: OrderMover, orders: Order[]): void {
  for (const order of orders) {
    order.watching = false;
    desk.move(order, { status: "canceled", event: "canceled" });
  }
}
