/**
 * A living order engine for one account: orders are submitted, replaced and
 * canceled, meet the market of a `PriceSource` and end; every step is told as
 * a trade update of Alpaca's protocol.
 *
 * Time passes on the given clock only and chance comes from the given seed
 * only, so the same requests at the same times give the same updates, ids
 * included. A market look happens every `matchIntervalMs` while orders are
 * open; nothing runs while there are none.
 *
 * @module
 */
import type {
  PriceSource,
  SimClock,
  SimTimer,
  SimulatorRandom,
} from "../ports.ts";
import {
  type AccountFigures,
  accountFigures,
  checkFunds,
} from "./account_figures.ts";
import { AssetIds } from "./asset_ids.ts";
import {
  type EngineOptions,
  type EngineSettings,
  engineSettings,
} from "./engine_options.ts";
import type { Execution } from "./fill_activities.ts";
import { isFinal, isWorking, type Order } from "./order.ts";
import { OrderDesk, type UpdateListener } from "./order_desk.ts";
import { createOrder, type OrderStamp } from "./order_factory.ts";
import { matchOrder, watchStop } from "./order_matcher.ts";
import { invalid, notFound } from "./order_refusal.ts";
import { finishReplacement, startReplacement } from "./order_replacement.ts";
import {
  assetClassOf,
  type OrderRequest,
  parseOrderRequest,
} from "./order_request.ts";
import { checkOrderRules } from "./order_rules.ts";
import type { WireOrder } from "./order_wire.ts";
import type { Position } from "./position_book.ts";
import { isRegularSession, nextBoundary } from "./session_hours.ts";
import { Venue } from "./venue.ts";

/** What an engine is made from. */
export interface EngineParts {
  readonly clock: SimClock;
  readonly random: SimulatorRandom;
  readonly prices: PriceSource;
  /** Shared by everything that names assets; made from `random` if absent. */
  readonly assetIds?: AssetIds;
}

const GTC_DAYS_MS = 90 * 86_400_000;
const NANOS_PER_MS = 1_000_000n;

/** Submits, replaces, cancels and fills the orders of one account. */
export class OrderEngine implements Disposable {
  /** What a venue may do to orders on its own account; for tests and demos. */
  readonly venue: Venue;
  readonly #desk: OrderDesk;
  readonly #settings: EngineSettings;
  readonly #timers = new Set<SimTimer>();
  #matchTimer: SimTimer | undefined;
  #disposed = false;

  /** Starts an engine without orders. */
  constructor(parts: EngineParts, options: EngineOptions = {}) {
    this.#settings = engineSettings(options);
    this.#desk = new OrderDesk({
      clock: parts.clock,
      random: parts.random,
      prices: parts.prices,
      assetIds: parts.assetIds ?? new AssetIds(parts.random),
      settings: this.#settings,
    });
    this.venue = new Venue(this.#desk);
  }

  /** Hears every update from now on, until disposed. */
  onUpdate(listener: UpdateListener): Disposable {
    return this.#desk.onUpdate(listener);
  }

  /** Orders that are not finished. */
  get openCount(): number {
    return this.#desk.book.openCount;
  }

  /**
   * Takes a request of the shape of `POST /v2/orders`; throws an
   * `OrderRefusal` that says what is wrong with it.
   */
  submit(body: unknown): WireOrder {
    const request = parseOrderRequest(body);
    checkOrderRules(request, this.#desk.prices);
    this.#checkClientId(request.clientOrderId);
    if (this.#settings.checkBuyingPower) checkFunds(this.#desk, request);
    const order = createOrder(request, this.#stamp(request));
    this.#desk.book.add(order);
    if (this.#settings.pendingNewEvents) {
      this.#desk.announce(order, "pending_new", { withoutExecution: true });
    }
    this.#later(this.#settings.acceptDelayMs, () => this.#accept(order));
    this.#armMatching();
    return this.#desk.render(order);
  }

  /**
   * Asks to cancel an order; the answer comes as an update. Throws an
   * `OrderRefusal` (404, 422) when there is nothing to cancel.
   */
  cancel(orderId: string): void {
    const order = this.#mustGet(orderId);
    if (isFinal(order) || isChanging(order)) {
      throw invalid(`order is already in "${order.status}" state`);
    }
    if (order.role === "leg") throw invalid("legs cannot be canceled alone");
    const before = order.status;
    this.#desk.move(order, {
      status: "pending_cancel",
      event: "pending_cancel",
      silent: !this.#settings.pendingChangeEvents,
    });
    this.#later(this.#settings.changeDelayMs, () => {
      if (isFinal(order)) return;
      if (this.venue.refusesCancel()) {
        return this.venue.rejectCancel(order, before);
      }
      this.#desk.move(order, { status: "canceled", event: "canceled" });
    });
  }

  /** Asks to cancel every open order; returns their ids. */
  cancelAll(): string[] {
    const ids: string[] = [];
    for (const order of this.#desk.book.open()) {
      const following = order.parent !== undefined &&
        !isFinal(order.parent);
      if (isFinal(order) || following) continue;
      if (isChanging(order)) continue;
      this.cancel(order.id);
      ids.push(order.id);
    }
    return ids;
  }

  /**
   * Replaces an order as `PATCH /v2/orders/{id}` does; returns the new order,
   * which becomes `new` when the old one is told to be `replaced`.
   */
  replace(orderId: string, body: unknown): WireOrder {
    const order = this.#mustGet(orderId);
    const before = order.status;
    const next = startReplacement(this.#desk, order, body, {
      checkClientId: (id) => this.#checkClientId(id),
      times: (request) => this.#times(request),
    });
    this.#later(this.#settings.changeDelayMs, () => {
      finishReplacement(this.#desk, { old: order, next, before }, {
        refused: this.venue.refusesReplace(),
      });
    });
    this.#armMatching();
    return this.#desk.render(next);
  }

  /** One order, or undefined. */
  get(orderId: string): Order | undefined {
    return this.#desk.book.get(orderId);
  }

  /** One order by the client's own id, or undefined. */
  getByClientId(clientOrderId: string): Order | undefined {
    return this.#desk.book.getByClientId(clientOrderId);
  }

  /** Every order that is remembered, oldest first. */
  orders(): Iterable<Order> {
    return this.#desk.book.all();
  }

  /** Writes an order as Alpaca would. */
  render(order: Order, nested = true): WireOrder {
    return this.#desk.render(order, nested);
  }

  /** Every execution that is remembered, oldest first. */
  executions(): Iterable<Execution> {
    return this.#desk.fills.all();
  }

  /** All positions. */
  positions(): Position[] {
    return this.#desk.positions.all();
  }

  /** Cash, market values and buying power at current prices. */
  figures(): AccountFigures {
    return accountFigures(this.#desk.positions, this.#desk.prices);
  }

  /** Looks at the market once for every open order, without waiting. */
  matchNow(): void {
    const now = this.#desk.clock.nowNanos();
    for (const order of this.#desk.book.open()) {
      if (!isFinal(order)) this.#step(order, now);
    }
  }

  /** Stops all timers; orders stay as they are. */
  [Symbol.dispose](): void {
    this.#disposed = true;
    this.#matchTimer?.cancel();
    for (const timer of this.#timers) timer.cancel();
    this.#timers.clear();
  }

  #accept(order: Order): void {
    if (order.status !== "pending_new") return;
    const now = this.#desk.clock.nowNanos();
    const queued = order.releaseAt !== undefined && order.releaseAt > now;
    if (queued) {
      this.#desk.move(order, { status: "accepted", event: "accepted" });
    } else this.#desk.move(order, { status: "new", event: "new" });
    if (order.role === "entry" && this.#settings.heldEvents) {
      for (const exit of order.children) this.#desk.announce(exit, "held");
    }
    if (!queued) this.#step(order, now);
  }

  #step(order: Order, now: bigint): void {
    if (order.role === "leg") return;
    const auction = order.timeInForce === "opg" || order.timeInForce === "cls";
    if (order.status === "accepted" && (order.releaseAt ?? now) <= now) {
      this.#desk.move(order, { status: "new", event: "new" });
      matchOrder(this.#desk, order);
      if (auction) this.venue.expire(order.id);
    } else if (order.expiresAt !== undefined && order.expiresAt <= now) {
      if (order.parent === undefined || isFinal(order.parent)) {
        this.venue.expire(order.id);
      }
    } else if (order.watching && this.#isOpenFor(order)) {
      watchStop(this.#desk, order);
    } else if (isWorking(order) && this.#isOpenFor(order)) {
      matchOrder(this.#desk, order);
    }
  }

  #isOpenFor(order: Order): boolean {
    return this.#settings.marketHours === "always" ||
      order.assetClass === "crypto" || order.extendedHours ||
      isRegularSession(this.#desk.clock.now());
  }

  #mustGet(orderId: string): Order {
    const order = this.#desk.book.get(orderId);
    if (order === undefined) throw notFound(`order not found for ${orderId}`);
    return order;
  }

  #checkClientId(id: string | undefined): void {
    if (id !== undefined && this.#desk.book.getByClientId(id) !== undefined) {
      throw invalid("client_order_id must be unique");
    }
  }

  #stamp(request: OrderRequest): OrderStamp {
    return {
      now: this.#desk.clock.nowNanos(),
      random: this.#desk.random,
      assetIds: this.#desk.assetIds,
      positionQty: (symbol) => this.#desk.positions.qty(symbol),
      ...this.#times(request),
    };
  }

  /** When the order may execute and when it ends, by its time in force. */
  #times(
    { timeInForce, extendedHours, symbol }: Pick<
      OrderRequest,
      "timeInForce" | "extendedHours" | "symbol"
    >,
  ): { expiresAt: bigint | undefined; releaseAt: bigint | undefined } {
    const now = this.#desk.clock.now();
    const at = (ms: number) => BigInt(Math.round(ms)) * NANOS_PER_MS;
    const closed = this.#settings.marketHours === "regular" &&
      assetClassOf(symbol) !== "crypto" && !extendedHours &&
      !isRegularSession(now);
    const releaseAt = closed ? at(nextBoundary(now, "open")) : undefined;
    switch (timeInForce) {
      case "opg":
        return {
          expiresAt: undefined,
          releaseAt: at(nextBoundary(now, "open")),
        };
      case "cls":
        return {
          expiresAt: undefined,
          releaseAt: at(nextBoundary(now, "close")),
        };
      case "ioc":
      case "fok":
        return { expiresAt: undefined, releaseAt };
      case "gtc":
        return { expiresAt: at(now + GTC_DAYS_MS), releaseAt };
      case "day": {
        const end = extendedHours ? "extended" : "close";
        return { expiresAt: at(nextBoundary(now, end)), releaseAt };
      }
    }
  }

  #later(delayMs: number, action: () => void): void {
    if (this.#disposed) return;
    const timer = this.#desk.clock.setTimer(delayMs, () => {
      this.#timers.delete(timer);
      action();
    });
    this.#timers.add(timer);
  }

  #armMatching(): void {
    if (this.#matchTimer !== undefined || this.#disposed) return;
    this.#matchTimer = this.#desk.clock.setTimer(
      this.#settings.matchIntervalMs,
      () => {
        this.#matchTimer = undefined;
        this.matchNow();
        if (this.#desk.book.openCount > 0) this.#armMatching();
      },
    );
  }
}

/** Whether a cancel or a replacement is under way. */
function isChanging({ status }: Order): boolean {
  return status === "pending_cancel" || status === "pending_replace";
}
