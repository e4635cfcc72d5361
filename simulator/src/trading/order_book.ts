/**
 * All orders of one account. Open orders stay for as long as they live;
 * finished ones are kept up to a bound, oldest out first, and counted when
 * they go. An order whose relatives still live is not forgotten before them.
 *
 * @module
 */
import { isFinal, type Order, orderGroup } from "./order.ts";

/** Orders by id and by client order id, in the order of submission. */
export class OrderBook {
  readonly #orders = new Map<string, Order>();
  readonly #byClientId = new Map<string, Order>();
  readonly #open = new Map<string, Order>();
  readonly #capacity: number;
  #finished = 0;
  #forgotten = 0;

  /** Keeps at most `capacity` finished orders. */
  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  /** Finished orders that were dropped to stay within the bound. */
  get forgotten(): number {
    return this.#forgotten;
  }

  /** Orders that are not finished. */
  get openCount(): number {
    return this.#open.size;
  }

  /** Takes in a new order and its children. */
  add(root: Order): void {
    for (const order of [root, ...root.children]) {
      this.#orders.set(order.id, order);
      this.#byClientId.set(order.clientOrderId, order);
      this.#open.set(order.id, order);
    }
  }

  /** Tells the book that an order came to its end. */
  finish(order: Order): void {
    if (!this.#open.delete(order.id)) return;
    this.#finished++;
    if (this.#finished > this.#capacity) this.#forgetOldest();
  }

  /** One order by its id. */
  get(id: string): Order | undefined {
    return this.#orders.get(id);
  }

  /** One order by the client's own id. */
  getByClientId(clientOrderId: string): Order | undefined {
    return this.#byClientId.get(clientOrderId);
  }

  /** Every order, oldest first. */
  all(): IterableIterator<Order> {
    return this.#orders.values();
  }

  /** A copy of the open orders, oldest first, safe to change while walking. */
  open(): Order[] {
    return [...this.#open.values()];
  }

  #forgetOldest(): void {
    for (const order of this.#orders.values()) {
      const group = orderGroup(order);
      if (!group.every((member) => isFinal(member))) continue;
      for (const member of group) {
        if (!this.#orders.delete(member.id)) continue;
        this.#byClientId.delete(member.clientOrderId);
        this.#finished--;
        this.#forgotten++;
      }
      return;
    }
  }
}
