/**
 * How the orders of a group affect each other (Alpaca docs "Placing Orders"):
 *
 * - the exits of a bracket or oto are held until the entry is completely filled;
 * - then the take-profit becomes active, and a stop-loss beside it stays held
 *   while it watches the last price;
 * - when one of two exits executes in part, the quantity of the other shrinks;
 *   when one ends, the other is canceled;
 * - when an entry ends without being filled, its exits are canceled.
 *
 * @module
 */
import { isFinal, isWorking, type Order, remainingQty, type StatusChange } from "./order.ts";

/** Changes the status of orders; implemented by `OrderStore`. */
interface OrderMover {
  move(order: Order, change: StatusChange): void;
}

/** Updates the group of an order that has just changed. */
export function followGroup(store: OrderMover, order: Order): void {
  if (order.orderClass === "simple" || order.orderClass === "mleg") return;
  const exits = exitsOf(order);
  if (order.role === "entry") followEntry(store, order, exits);
  else followExit(store, order, exits);
}

/** Activates a stop-loss whose stop price was reached; cancels the profit. */
export function releaseStopLoss(store: OrderMover, stop: Order): void {
  stop.watching = false;
  stop.triggered = true;
  for (const other of exitsOf(stop)) {
    if (other === stop || isFinal(other)) continue;
    other.watching = false;
    store.move(other, { status: "canceled", event: "canceled" });
  }
  store.move(stop, { status: "new", event: "new" });
}

function exitsOf(order: Order): Order[] {
  const root = order.parent ?? order;
  return root.role === "take_profit" ? [root, ...root.children] : root.children;
}

function followEntry(store: OrderMover, entry: Order, exits: Order[]): void {
  if (entry.status === "replaced" || !isFinal(entry)) return;
  if (entry.status === "filled") activate(store, exits);
  else cancelAll(store, exits);
}

function followExit(store: OrderMover, exit: Order, exits: Order[]): void {
  if (exit.status === "replaced") return;
  // A triggered stop has no other exit: its profit was canceled.
  const others = exits.filter((other) => other !== exit && !other.triggered);
  if (isFinal(exit)) return cancelAll(store, others);
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

function activate(store: OrderMover, exits: Order[]): void {
  const profit = exits.find((exit) => exit.role === "take_profit");
  for (const exit of exits) {
    if (exit.status !== "held") continue;
    if (exit.role === "stop_loss" && profit !== undefined) exit.watching = true;
    else store.move(exit, { status: "new", event: "new" });
  }
}

function cancelAll(store: OrderMover, orders: Order[]): void {
  for (const order of orders) {
    order.watching = false;
    store.move(order, { status: "canceled", event: "canceled" });
  }
}
