/** An account with a scripted REST API, for tests of the order journal. */
import { Channel } from "../../src/application/broadcast/channel.ts";
import { Subscriber } from "../../src/application/broadcast/subscriber.ts";
import { OrderJournal } from "../../src/application/orders/order_journal.ts";
import { ApiUnavailable } from "../../src/application/ports/api_unavailable.ts";
import type { OrderHistory } from "../../src/application/ports/order_history.ts";
import { createCounters } from "../../src/application/status/counters.ts";
import type { Gap } from "../../src/domain/market/notices.ts";
import type { OrderDetails, OrderUpdate } from "../../src/domain/market/order_events.ts";
import type { Timestamp } from "../../src/domain/market/timestamp.ts";
import type { Execution, RestOrder } from "../../src/domain/orders/reconcile.ts";
import { ManualClock } from "./manual_clock.ts";
import { orderDetails } from "./order_details.ts";
import { RecordingLog } from "./recording_log.ts";

import type { OrderStore, StoredEntry } from "../../src/application/ports/order_store.ts";

export const MAX_SILENCE_MS = 20_000;
const SETTLE_MS = 250;

/** A time in ms since the Unix epoch. */
export function timestamp(ms: number): Timestamp {
  return { seconds: Math.floor(ms / 1_000), nanos: ms % 1_000 * 1_000_000 };
}

/** Limits of an account, and what outlives its process. */
interface AccountOptions {
  readonly capacity?: number;
  readonly store?: OrderStore;
  readonly restored?: readonly StoredEntry[];
}

/** An account behind a scripted REST API, its journal and a stream with options. */
export class Account implements OrderHistory {
  readonly clock = new ManualClock();
  readonly log = new RecordingLog();
  readonly counters = createCounters();
  readonly channel: Channel<OrderUpdate>;
  readonly journal: OrderJournal;
  /** What REST has. */
  readonly orders = new Map<string, RestOrder>();
  executions: (Execution & { readonly atMs: number })[] = [];
  /** Requests of orders by their id. */
  readonly lookups: string[] = [];
  clockAheadMs = 0;
  /** Whether REST fails. */
  isDown = false;
  /** Called before executions are returned. */
  onExecutions: (() => void) | undefined;
  readonly #lines: string[] = [];
  readonly #taken;

  constructor({ capacity = 100, store, restored = [] }: AccountOptions = {}) {
    this.channel = new Channel<OrderUpdate>(
      { symbol: ({ order }) => order.symbol, secondary: ({ order }) => order.id },
      { capacity: 1_000, counters: this.counters.channels.orderUpdates },
    );
    this.journal = new OrderJournal({
      channel: this.channel,
      capacity,
      history: this,
      store,
      maxSilenceMs: MAX_SILENCE_MS,
      settleMs: SETTLE_MS,
      clock: this.clock,
      log: this.log,
      counters: this.counters.orders,
    });
    this.journal.restore(restored);
    const filter = { symbols: new Set<string>(), secondary: new Set<string>() };
    this.#taken = this.channel.subscribeQueue(
      filter,
      {},
      (options) => new Subscriber<OrderUpdate>(options),
    );
    this.channel.observe({
      filter,
      fillsOutages: false,
      gap: (gap: Gap) => this.#lines.push(`gap ${gap.reason} ${gap.symbols}`),
      fillOutage: () => {},
      carried: () => {},
    });
  }

  openOrders(): Promise<readonly RestOrder[]> {
    if (this.isDown) return Promise.reject(new ApiUnavailable("HTTP 500"));
    const isOpen = ({ order: { status } }: RestOrder) =>
      ["new", "partially_filled"].includes(status);
    return Promise.resolve([...this.orders.values()].filter(isOpen));
  }

  submittedAfter(since: number): Promise<readonly RestOrder[]> {
    return Promise.resolve(
      [...this.orders.values()].filter(({ order: { submittedAt } }) =>
        submittedAt !== undefined && submittedAt.seconds * 1_000 > since
      ),
    );
  }

  order(id: string): Promise<readonly RestOrder[]> {
    this.lookups.push(id);
    const found = this.orders.get(id);
    return Promise.resolve(found ? [found] : []);
  }

  executionsAfter(since: number): Promise<readonly Execution[]> {
    this.onExecutions?.();
    return Promise.resolve(this.executions.filter(({ atMs }) => atMs > since));
  }

  /** An order as it is now. */
  details(id: string, changes: Partial<OrderDetails> = {}): OrderDetails {
    const now = timestamp(this.clock.now());
    return orderDetails(now, { id, ...this.orders.get(id)?.order, ...changes });
  }

  /** Changes an order at the exchange; returns it. */
  set(id: string, changes: Partial<OrderDetails> = {}): OrderDetails {
    const order = this.details(id, { updatedAt: timestamp(this.clock.now()), ...changes });
    this.orders.set(id, { order, replaces: undefined, replacedAt: undefined });
    return order;
  }

  /** Executes a part of an order, with or without an update of it. */
  fill(id: string, qty: string, cumQty: string, status = "partially_filled"): OrderDetails {
    const atMs = this.clock.now();
    const at = timestamp(atMs);
    const execution = { orderId: id, id: `x${id}${cumQty}`, at, price: "1", qty, cumQty, atMs };
    this.executions.push(execution);
    return this.set(id, { filledQty: cumQty, status });
  }

  /** An update arrives. */
  receive(event: string, order: OrderDetails, changes: Partial<OrderUpdate> = {}): void {
    const at = order.updatedAt;
    this.journal.publish({
      event,
      eventId: `${order.id} ${event} ${at?.seconds}.${at?.nanos} ${order.filledQty}`,
      timestamp: at,
      order,
      executionId: undefined,
      price: undefined,
      qty: undefined,
      positionQty: undefined,
      ...changes,
    }, this.clock.now());
  }

  /** Connects the trading stream and lets REST be read. */
  async connect(ms = SETTLE_MS + 10): Promise<void> {
    this.journal.carried();
    await this.clock.advance(ms);
  }

  /** Connects, forgets what a stream has received, and loses the link for a moment. */
  async startOutage(): Promise<void> {
    await this.connect();
    this.lines();
    await this.disconnect(100);
  }

  async disconnect(ms: number): Promise<void> {
    this.journal.notCarried("upstream_lost");
    await this.clock.advance(ms);
  }

  /** What a stream with options has received since the last call: updates, then gaps. */
  lines(): string[] {
    const events = this.#taken.take().map(({ event: { event, order }, origin }) =>
      `${origin === "live" ? "" : `${origin} `}${order.id} ${event} ${order.filledQty}`
    );
    return [...events, ...this.#lines.splice(0)];
  }
}
