/**
 * The order engine of one account: orders are submitted, replaced and canceled,
 * match against the prices of a `PriceSource`, and end. Every step is announced
 * as a trade update of Alpaca's protocol.
 *
 * Time comes from the given clock and randomness from the given seed, so the
 * same requests at the same times produce the same updates, ids included. Orders
 * are matched every `matchIntervalMs` while there are open ones.
 *
 * @module
 */
import type { Clock, Timer } from "../clock.ts";
import { nextBoundary } from "../market/calendar.ts";
import type { PriceSource } from "../market/prices.ts";
import type { SeededRandom } from "../random.ts";
import type { FillActivity } from "./activities.ts";
import { ManualFills } from "./manual_fills.ts";
import { matchOrder, watchStop } from "./matching.ts";
import { type Decimal, isFinal, isWorking, type Order } from "./order.ts";
import { createOrder } from "./order_factory.ts";
import { type OrderJson, renderOrder } from "./order_json.ts";
import { finishReplacement, startReplacement } from "./order_replacement.ts";
import { invalid, notFound, type OrderRequest, parseOrderRequest } from "./order_request.ts";
import { checkOrderRules } from "./order_rules.ts";
import { OrderStore, type UpdateListener } from "./order_store.ts";

const GTC_DAYS_MS = 90 * 86_400_000;
const NANOS_PER_MS = 1_000_000n;
/** From a cancel or replace request to its effect. */
const CHANGE_DELAY_MS = 5;

/** Settings of an order engine. */
export interface EngineOptions {
  /** Announce `pending_cancel` and `pending_replace`. Default false. */
  readonly pendingChangeEvents?: boolean;
  /** Milliseconds from submission to `new`. Default 5. */
  readonly acceptDelayMs?: number;
  /** Milliseconds between two matches. Default 25. */
  readonly matchIntervalMs?: number;
  /** Probability that a match fills only a part. Default 0.25. */
  readonly partialFillChance?: number;
  /** Fill at most the size of the quote, or any quantity. Default `quote`. */
  readonly liquidity?: "quote" | "unlimited";
  /** Maximum of finished orders and executions to keep. Default 10,000. */
  readonly historyCapacity?: number;
  /** Whether updates have `event_id`. Default true. */
  readonly eventIds?: boolean;
  /**
   * Whether the ids of FILL activities end with the stream's `execution_id`,
   * which Alpaca does not document. Default false.
   */
  readonly activityIdsAreExecutions?: boolean;
}

/** When an order that a test adds was submitted. */
export interface InjectedOrder {
  /** Milliseconds since the epoch; may be weeks ago. */
  readonly submittedAt: number;
}

const DEFAULTS: Required<EngineOptions> = {
  pendingChangeEvents: false,
  acceptDelayMs: 5,
  matchIntervalMs: 25,
  partialFillChance: 0.25,
  liquidity: "quote",
  historyCapacity: 10_000,
  eventIds: true,
  activityIdsAreExecutions: false,
};

/** What an engine needs. */
interface EngineDependencies {
  readonly clock: Clock;
  readonly random: SeededRandom;
  readonly prices: PriceSource;
  /** The asset id of a symbol. */
  readonly assetId: (symbol: string) => string;
}

/** Submits, replaces, cancels and fills the orders of one account. */
export class OrderEngine implements Disposable {
  /** Fills, rejections and other events on demand. */
  readonly manualFills: ManualFills;
  readonly #store: OrderStore;
  readonly #settings: Required<EngineOptions>;
  readonly #assetId: (symbol: string) => string;
  readonly #timers = new Set<Timer>();
  #matchTimer: Timer | undefined;
  #disposed = false;

  /** Creates an engine; throws a RangeError for options out of range. */
  constructor(deps: EngineDependencies, options: EngineOptions = {}) {
    this.#settings = { ...DEFAULTS, ...options };
    const { partialFillChance, matchIntervalMs } = this.#settings;
    if (!(partialFillChance >= 0 && partialFillChance <= 1)) {
      throw new RangeError(
        `partialFillChance must be from 0 to 1, received ${partialFillChance}`,
      );
    }
    if (!(matchIntervalMs > 0)) {
      throw new RangeError(
        `matchIntervalMs must be above 0, received ${matchIntervalMs}`,
      );
    }
    this.#store = new OrderStore({ ...this.#settings, ...deps });
    this.#assetId = deps.assetId;
    this.manualFills = new ManualFills(this.#store);
  }

  /** Calls `listener` with every update from now on, until disposed. */
  onUpdate(listener: UpdateListener): Disposable {
    return this.#store.onUpdate(listener);
  }

  /** Number of orders that are not finished. */
  get openCount(): number {
    return this.#store.openCount;
  }

  /**
   * Submits an order with the body of `POST /v2/orders`. Throws an
   * `OrderRejection` with the reason for an invalid one.
   */
  submit(body: unknown): OrderJson {
    const request = parseOrderRequest(body);
    checkOrderRules(request, this.#store.prices);
    this.#checkClientId(request.clientOrderId);
    const order = this.#create(request, this.#store.clock.nowNanos());
    this.#store.add(order);
    // As paper trading may.
    this.#store.announce(order, "pending_new", { withoutExecution: true });
    this.#later(this.#settings.acceptDelayMs, () => this.#accept(order));
    this.#startMatching();
    return renderOrder(order);
  }

  /**
   * Adds an order that was submitted at an earlier time and has been working
   * since, without any event. Throws an `OrderRejection` for an invalid body.
   */
  inject(body: unknown, { submittedAt }: InjectedOrder): OrderJson {
    const request = parseOrderRequest(body);
    checkOrderRules(request, this.#store.prices);
    this.#checkClientId(request.clientOrderId);
    const order = this.#create(request, BigInt(Math.round(submittedAt)) * NANOS_PER_MS);
    const working = order.role === "strategy" ? [order, ...order.children] : [order];
    for (const member of working) member.status = "new";
    this.#store.add(order);
    this.#startMatching();
    return renderOrder(order);
  }

  /**
   * Requests to cancel an order; the result is an update. Throws an
   * `OrderRejection` (404, 422) for an order that cannot be canceled.
   */
  cancel(orderId: string): void {
    const order = this.#mustGet(orderId);
    if (isFinal(order) || isChanging(order)) {
      throw invalid(`order is already in "${order.status}" state`);
    }
    if (order.role === "leg") throw invalid("legs cannot be canceled alone");
    const before = order.status;
    this.#store.move(order, {
      status: "pending_cancel",
      event: "pending_cancel",
      silent: !this.#settings.pendingChangeEvents,
    });
    this.#later(CHANGE_DELAY_MS, () => {
      if (isFinal(order)) return;
      if (this.manualFills.takeCancelRejection()) {
        return this.manualFills.undoCancel(order, before);
      }
      this.#store.move(order, { status: "canceled", event: "canceled" });
    });
  }

  /** Requests to cancel every open order; returns their ids. */
  cancelAll(): string[] {
    const ids: string[] = [];
    for (const order of this.#store.open()) {
      const follows = order.parent !== undefined && !isFinal(order.parent);
      if (isFinal(order) || follows || isChanging(order)) continue;
      this.cancel(order.id);
      ids.push(order.id);
    }
    return ids;
  }

  /**
   * Replaces an order with the body of `PATCH /v2/orders/{id}`. Returns the new
   * order, which becomes `new` when the old one becomes `replaced`. Throws an
   * `OrderRejection` (404, 422) for an order that cannot be replaced.
   */
  replace(orderId: string, body: unknown): OrderJson {
    const order = this.#mustGet(orderId);
    const before = order.status;
    const next = startReplacement(this.#store, order, body, {
      announcePending: this.#settings.pendingChangeEvents,
      checkClientId: (id) => this.#checkClientId(id),
      expiresAt: (request) => this.#expiresAt(request),
    });
    this.#later(CHANGE_DELAY_MS, () => {
      finishReplacement(this.#store, { old: order, next, before }, {
        rejected: this.manualFills.takeReplaceRejection(),
      });
    });
    this.#startMatching();
    return renderOrder(next);
  }

  /**
   * One order, or undefined.
   *
   * @internal
   */
  get(orderId: string): Order | undefined {
    return this.#store.get(orderId);
  }

  /**
   * One order by the client's own id, or undefined.
   *
   * @internal
   */
  getByClientId(clientOrderId: string): Order | undefined {
    return this.#store.getByClientId(clientOrderId);
  }

  /**
   * Every order that is kept, oldest first.
   *
   * @internal
   */
  orders(): Iterable<Order> {
    return this.#store.all();
  }

  /**
   * Every FILL activity that is kept, oldest first.
   *
   * @internal
   */
  activities(): FillActivity[] {
    return this.#store.activities.all();
  }

  /**
   * Number of executions that are kept.
   *
   * @internal
   */
  get executionCount(): number {
    return this.#store.executionCount;
  }

  /**
   * Signed quantity held of a symbol; negative when short.
   *
   * @internal
   */
  position(symbol: string): Decimal {
    return this.#store.position(symbol);
  }

  /** Stops all timers; orders stay as they are. */
  [Symbol.dispose](): void {
    this.#disposed = true;
    this.#matchTimer?.cancel();
    for (const timer of this.#timers) timer.cancel();
    this.#timers.clear();
  }

  #create(request: OrderRequest, now: bigint): Order {
    return createOrder(request, {
      now,
      random: this.#store.random,
      assetId: this.#assetId,
      position: (symbol) => this.#store.position(symbol),
      expiresAt: this.#expiresAt(request, Number(now / NANOS_PER_MS)),
    });
  }

  #accept(order: Order): void {
    if (order.status !== "pending_new") return;
    const now = this.#store.clock.nowNanos();
    this.#store.move(order, { status: "new", event: "new" });
    if (order.role === "entry") {
      for (const exit of order.children) this.#store.announce(exit, "held");
    }
    this.#match(order, now);
  }

  #match(order: Order, now: bigint): void {
    if (order.role === "leg") return;
    if (order.expiresAt !== undefined && order.expiresAt <= now) {
      if (order.parent === undefined || isFinal(order.parent)) {
        this.manualFills.expire(order.id);
      }
    } else if (order.watching) watchStop(this.#store, order);
    else if (isWorking(order)) matchOrder(this.#store, order, this.#settings);
  }

  #mustGet(orderId: string): Order {
    const order = this.#store.get(orderId);
    if (order === undefined) throw notFound(`order not found for ${orderId}`);
    return order;
  }

  #checkClientId(id: string | undefined): void {
    if (id !== undefined && this.#store.getByClientId(id) !== undefined) {
      throw invalid("client_order_id must be unique");
    }
  }

  /** When an order expires by its time in force; undefined for never. */
  #expiresAt(
    { timeInForce, extendedHours }: Pick<
      Order,
      "timeInForce" | "extendedHours"
    >,
    now = this.#store.clock.now(),
  ): bigint | undefined {
    const at = (ms: number) => BigInt(Math.round(ms)) * NANOS_PER_MS;
    if (timeInForce === "gtc") return at(now + GTC_DAYS_MS);
    if (timeInForce !== "day") return undefined;
    return at(nextBoundary(now, extendedHours ? "extended" : "close"));
  }

  #later(delayMs: number, action: () => void): void {
    if (this.#disposed) return;
    const timer = this.#store.clock.setTimer(delayMs, () => {
      this.#timers.delete(timer);
      action();
    });
    this.#timers.add(timer);
  }

  #startMatching(): void {
    if (this.#matchTimer !== undefined || this.#disposed) return;
    const { matchIntervalMs } = this.#settings;
    this.#matchTimer = this.#store.clock.setTimer(matchIntervalMs, () => {
      this.#matchTimer = undefined;
      const now = this.#store.clock.nowNanos();
      for (const order of this.#store.open()) {
        if (!isFinal(order)) this.#match(order, now);
      }
      if (this.#store.openCount > 0) this.#startMatching();
    });
  }
}

/** Whether a cancel or a replacement is pending. */
function isChanging({ status }: Order): boolean {
  return status === "pending_cancel" || status === "pending_replace";
}
