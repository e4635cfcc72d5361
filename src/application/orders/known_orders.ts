/**
 * The last known state of every open order, and of the latest finished ones.
 *
 * @module
 */
import type { OrderDetails, OrderUpdate } from "../../domain/market/order_events.ts";
import { compareTimestamps, type Timestamp } from "../../domain/market/timestamp.ts";
import {
  isCorrection,
  isFinal,
  knownAfter,
  type KnownOrder,
} from "../../domain/orders/reconcile.ts";
import type { Envelope } from "../broadcast/envelope.ts";

/** Open orders that are kept; Alpaca allows far fewer of an account. */
const MAX_OPEN = 50_000;

/** An order with the event that led to its state. */
interface Entry {
  readonly known: KnownOrder;
  /** `undefined` when the state is from REST. */
  readonly last: Envelope<OrderUpdate> | undefined;
  /** The last update that was derived. */
  readonly derived: OrderUpdate | undefined;
  /** The state as an event, if there is no last event; made once for all streams. */
  state?: Envelope<OrderUpdate>;
}

/** The states of the orders of one account. */
export class KnownOrders {
  readonly #maxFinished: number;
  readonly #open = new Map<string, Entry>();
  readonly #finished = new Map<string, Entry>();
  #forgottenUntil: Timestamp | undefined;
  /** The entries in order, until one changes. */
  #sorted: { readonly [which in "open" | "all"]?: readonly Entry[] } = {};

  /** @param maxFinished finished orders that are kept */
  constructor(maxFinished: number) {
    this.#maxFinished = maxFinished;
  }

  /** Ids of the open orders. */
  get openIds(): readonly string[] {
    return [...this.#open.keys()];
  }

  /** What is known of an order. */
  get(id: string): KnownOrder | undefined {
    return this.#entry(id)?.known;
  }

  /** Whether an order that is not known may have been, and forgotten after its last change. */
  mayBeForgotten({ updatedAt }: OrderDetails): boolean {
    return this.#forgottenUntil !== undefined && compare(updatedAt, this.#forgottenUntil) <= 0;
  }

  /** Orders that last changed until a time may have been forgotten, if none were until now. */
  forgetUntil(updatedAt: Timestamp | undefined): void {
    this.#forgottenUntil ??= updatedAt;
  }

  /** Ids of the legs of multi-leg orders. */
  legIds(): ReadonlySet<string> {
    const ids = new Set<string>();
    for (const { known: { order } } of [...this.#open.values(), ...this.#finished.values()]) {
      for (const { id } of order.orderClass === "mleg" ? order.legs : []) ids.add(id);
    }
    return ids;
  }

  /** The last update of an order that was derived. */
  derived(id: string): OrderUpdate | undefined {
    return this.#entry(id)?.derived;
  }

  /** Adds the state after an event, unless a later one is known. */
  add(envelope: Envelope<OrderUpdate>): void {
    const { event, origin } = envelope;
    const { order } = event;
    const entry = this.#entry(order.id);
    const before = entry?.known;
    if (before && isEarlier(order, before.order)) return;
    if (before && isFinal(before.order) && !isCorrection(event.event)) return;
    const derived = origin === "reconciled" ? event : entry?.derived;
    this.#set({ known: knownAfter(order, before), last: envelope, derived });
  }

  /** Adds the state that REST has, unless a later one is known. */
  addState(order: OrderDetails): void {
    const entry = this.#entry(order.id);
    const before = entry?.known;
    if (before && isEarlier(order, before.order)) return;
    const isSame = before?.order.status === order.status &&
      before.order.filledQty === order.filledQty;
    const last = isSame ? entry?.last : undefined;
    this.#set({ known: knownAfter(order, before), last, derived: entry?.derived });
  }

  /** Forgets an order that does not exist any more. */
  delete(id: string): void {
    this.#sorted = {};
    this.#open.delete(id);
  }

  /** The open orders, or all of them, by the time of their submission. */
  entries(which: "open" | "all"): readonly Entry[] {
    const known = this.#sorted[which];
    if (known) return known;
    const finished = which === "all" ? this.#finished.values() : [];
    const sorted = [...finished, ...this.#open.values()]
      .sort((a, b) => compare(a.known.order.submittedAt, b.known.order.submittedAt));
    this.#sorted = { ...this.#sorted, [which]: sorted };
    return sorted;
  }

  #entry(id: string): Entry | undefined {
    return this.#open.get(id) ?? this.#finished.get(id);
  }

  #set(entry: Entry): void {
    const { order } = entry.known;
    this.#sorted = {};
    this.#open.delete(order.id);
    this.#finished.delete(order.id);
    const orders = isFinal(order) ? this.#finished : this.#open;
    orders.set(order.id, entry);
    if (orders.size <= (isFinal(order) ? this.#maxFinished : MAX_OPEN)) return;
    for (const [id, { known: { order: { updatedAt } } }] of orders) {
      orders.delete(id);
      if (compare(updatedAt, this.#forgottenUntil ?? updatedAt) >= 0) {
        this.#forgottenUntil = updatedAt;
      }
      return;
    }
  }
}

/** Whether a state of an order is from before another one. */
export function isEarlier(some: OrderDetails, other: OrderDetails): boolean {
  return compare(some.updatedAt, other.updatedAt) < 0;
}

function compare(some: Timestamp | undefined, other: Timestamp | undefined): number {
  return some && other ? compareTimestamps(some, other) : 0;
}
