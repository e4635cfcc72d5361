/**
 * Derives the events of an order that were missed from its last known state, its present state and
 * its executions.
 *
 * Only what left a trace is derived: `new`, executions, the final event, and the word of the
 * present status. An event that the present state contradicts or does not show (a request to cancel
 * that was rejected meanwhile, a suspension that has ended) is not derived, and nothing else is.
 *
 * @module
 */
import type { OrderDetails, OrderLeg, OrderUpdate } from "../market/order_events.ts";
import { compareTimestamps, type Timestamp } from "../market/timestamp.ts";
import { divide, multiply, parseQuantity, type Quantity, quantityText } from "./quantity.ts";

/** An order as REST has it. */
export interface RestOrder {
  readonly order: OrderDetails;
  /** Id of the order that this one replaces. */
  readonly replaces: string | undefined;
  readonly replacedAt: Timestamp | undefined;
}

/** One execution, of a multi-leg order one per leg. */
export interface Execution {
  readonly orderId: string;
  /** What the activity calls the execution; empty if it has no name. */
  readonly id: string;
  readonly at: Timestamp | undefined;
  readonly price: string;
  readonly qty: string;
  /** Executed quantity of the order, this execution included. */
  readonly cumQty: string;
}

/** What was known of an order before the events that were missed. */
export interface KnownOrder {
  readonly order: OrderDetails;
  /** Whether the order was live at the venue at some time. */
  readonly wasActive: boolean;
}

/** The events of one order that were missed. */
interface Missed {
  /** In order. */
  readonly events: readonly OrderUpdate[];
  /** Whether the executions explain the executed quantity. */
  readonly isComplete: boolean;
}

/** What the events of one order are derived from. */
interface MissedInputs {
  /** `undefined` for an order that was submitted since. */
  readonly known: KnownOrder | undefined;
  readonly current: RestOrder;
  /** Of the order, of a multi-leg order those of its legs; in any order. */
  readonly executions: readonly Execution[];
  /** Executed quantity of the order that this one replaces, which it continues. */
  readonly inherited: string;
}

/** Statuses of an order that never executes again. */
const FINAL: ReadonlySet<string> = new Set([
  "filled",
  "canceled",
  "expired",
  "rejected",
  "replaced",
]);
/** Statuses before an order is live at the venue. */
const WAITING: ReadonlySet<string> = new Set([
  "",
  "pending_new",
  "accepted",
  "accepted_for_bidding",
  "held",
  "pending_review",
]);
/** Statuses that an order leaves by becoming `new` again. */
const PAUSED: ReadonlySet<string> = new Set(["suspended", "done_for_day", "calculated"]);
/** Statuses of an order that is live at the venue. */
const ACTIVE: ReadonlySet<string> = new Set(["new", "partially_filled", "filled"]);
/** Requests whose event Alpaca often leaves out. */
const REQUESTS: ReadonlySet<string> = new Set([
  "pending_new",
  "pending_cancel",
  "pending_replace",
]);
/** The event by which an order leaves a request without an effect. */
const REJECTIONS: ReadonlyMap<string, string> = new Map([
  ["pending_cancel", "order_cancel_rejected"],
  ["pending_replace", "order_replace_rejected"],
]);

/** Events that change executions, also of an order that had ended. */
const CORRECTIONS: ReadonlySet<string> = new Set(["trade_bust", "trade_correct", "restated"]);

/** Whether the order never changes again, except by a correction. */
export function isFinal({ status }: OrderDetails): boolean {
  return FINAL.has(status);
}

/** Whether an event can change an order that had ended. */
export function isCorrection(event: string): boolean {
  return CORRECTIONS.has(event);
}

/**
 * What has to have been known of an order of which nothing is known and that was submitted before
 * the events that are to be derived: it was live, and its executions are those before the given
 * ones.
 */
export function presumed(
  { order }: RestOrder,
  executions: readonly Execution[],
): KnownOrder {
  let filled = parseQuantity(order.filledQty) ?? 0n;
  for (const { cum, qty } of executionsOf(order, executions)) {
    if (cum - qty < filled) filled = cum - qty;
  }
  const status = FINAL.has(order.status) ? "new" : order.status;
  return { order: { ...order, status, filledQty: quantityText(filled) }, wasActive: true };
}

/** What is known of an order after an update, or of one that REST has. */
export function knownAfter(order: OrderDetails, before: KnownOrder | undefined): KnownOrder {
  const isActive = ACTIVE.has(order.status) || PAUSED.has(order.status) ||
    REJECTIONS.has(order.status) || order.status === "stopped";
  return { order, wasActive: before?.wasActive === true || isActive };
}

/** Derives the events that lead from the known to the present state of an order. */
export function missedEvents({ known, current, executions, inherited }: MissedInputs): Missed {
  const { order } = current;
  const before = known?.order;
  if (before && isFinal(before)) {
    // Corrections leave no trace but another state.
    const isSame = before.status === order.status &&
      normal(before.filledQty) === normal(order.filledQty);
    return { events: [], isComplete: isSame };
  }
  const start = parseQuantity(before?.filledQty ?? inherited);
  const end = parseQuantity(order.filledQty);
  if (start === undefined || end === undefined || end < start) {
    return { events: [], isComplete: false };
  }
  const fills = fillsBetween(start, end, executionsOf(order, executions));
  const isComplete = (fills.at(-1)?.cum ?? start) === end;
  const events: OrderUpdate[] = [];
  const add = (event: string, at: Timestamp | undefined, status: string, fill?: Fill) => {
    const filled = fill?.cum ?? (isComplete ? lastFilled(events) ?? start : end);
    events.push(updateOf({ event, at, status, fill, filled, before, current }));
  };
  const from = before?.status ?? "";
  const isActive = ACTIVE.has(order.status) || end > start;
  const wasWaiting = WAITING.has(from) ? known?.wasActive !== true : PAUSED.has(from);
  const hasResumed = from === "stopped" && order.status === "new";
  if (isComplete && isActive && (wasWaiting || hasResumed)) {
    add("new", latest(order.submittedAt, before?.updatedAt), "new");
  }
  if (isComplete) {
    for (const fill of fills) {
      const isLast = order.status === "filled" && fill.cum === end;
      add(isLast ? "fill" : "partial_fill", fill.at, isLast ? "filled" : "partially_filled", fill);
    }
  } else if (order.status === "filled") add("fill", order.filledAt ?? order.updatedAt, "filled");
  const rejection = REJECTIONS.get(from);
  if (FINAL.has(order.status)) {
    if (order.status !== "filled") add(order.status, endOf(current), order.status);
  } else if (rejection !== undefined && ACTIVE.has(order.status) && end === start) {
    add(rejection, order.updatedAt, order.status);
  } else if (order.status !== from && !isUnannounced(order.status, known)) {
    add(order.status, order.updatedAt, order.status);
  }
  return { events, isComplete };
}

/** Whether an order can have a status without an event of that name. */
function isUnannounced(status: string, known: KnownOrder | undefined): boolean {
  // An exit of a bracket is held before its entry is accepted.
  return ACTIVE.has(status) || REQUESTS.has(status) || (status === "held" && !known);
}

/** An execution whose quantities are parsed. */
interface Fill {
  readonly id: string;
  readonly at: Timestamp | undefined;
  readonly price: string;
  readonly qty: Quantity;
  readonly cum: Quantity;
}

/** The executions that lead from one executed quantity to another; up to the first hole. */
function fillsBetween(start: Quantity, end: Quantity, fills: readonly Fill[]): readonly Fill[] {
  const sorted = fills.toSorted((a, b) => a.cum < b.cum ? -1 : a.cum > b.cum ? 1 : 0);
  const found: Fill[] = [];
  let at = start;
  for (const fill of sorted) {
    if (fill.cum <= at || fill.cum > end) continue;
    if (fill.cum - fill.qty !== at) break;
    found.push(fill);
    at = fill.cum;
  }
  return found;
}

function executionsOf(order: OrderDetails, executions: readonly Execution[]): readonly Fill[] {
  if (order.orderClass === "mleg") return unitsOf(order.legs, executions);
  return executions.filter(({ orderId }) => orderId === order.id).flatMap(fillOf);
}

function fillOf({ id, at, price, qty, cumQty }: Execution): readonly Fill[] {
  const size = parseQuantity(qty);
  const cum = parseQuantity(cumQty);
  return size === undefined || cum === undefined ? [] : [{ id, at, price, qty: size, cum }];
}

/** The executions of a multi-leg order: those of which every leg has its part. */
function unitsOf(legs: readonly OrderLeg[], executions: readonly Execution[]): readonly Fill[] {
  const [first, ...others] = legs.map((leg) => legFills(leg, executions));
  const units: Fill[] = [];
  for (const [cum, fill] of first ?? []) {
    let net: Quantity | undefined = fill.net;
    for (const other of others) {
      const part = other.get(cum);
      net = part?.qty === fill.qty && net !== undefined ? net + part.net : undefined;
    }
    if (net === undefined) continue;
    units.push({ id: "", at: fill.at, price: quantityText(net), qty: fill.qty, cum });
  }
  return units;
}

/** The executions of a leg in units of the order, by the executed units. */
function legFills(
  leg: OrderLeg,
  executions: readonly Execution[],
): ReadonlyMap<Quantity, Fill & { readonly net: Quantity }> {
  const ratio = parseQuantity(leg.ratioQty || "1") ?? 0n;
  const fills = new Map<Quantity, Fill & { readonly net: Quantity }>();
  for (const execution of executions) {
    if (execution.orderId !== leg.id) continue;
    const [fill] = fillOf(execution);
    const price = parseQuantity(execution.price);
    if (!fill || price === undefined) continue;
    const qty = divide(fill.qty, ratio);
    const cum = divide(fill.cum, ratio);
    if (qty === undefined || cum === undefined) continue;
    const paid = multiply(price, ratio);
    fills.set(cum, { ...fill, qty, cum, net: leg.side === "buy" ? paid : -paid });
  }
  return fills;
}

function lastFilled(events: readonly OrderUpdate[]): Quantity | undefined {
  const last = events.at(-1);
  return last && parseQuantity(last.order.filledQty);
}

function updateOf({ event, at, status, fill, filled, before, current }: {
  readonly event: string;
  readonly at: Timestamp | undefined;
  readonly status: string;
  readonly fill: Fill | undefined;
  readonly filled: Quantity;
  readonly before: OrderDetails | undefined;
  readonly current: RestOrder;
}): OrderUpdate {
  const { order } = current;
  const isPresent = status === order.status && quantityText(filled) === normal(order.filledQty);
  const occasion = fill ? fill.id || quantityText(filled) : idOf(at ?? order.updatedAt);
  return {
    event,
    eventId: `${order.id}:${event}:${occasion}`,
    timestamp: at,
    order: isPresent ? order : {
      ...order,
      status,
      filledQty: quantityText(filled),
      filledAvgPrice: averageOf(filled, before, order),
      updatedAt: at ?? order.updatedAt,
      filledAt: undefined,
      canceledAt: undefined,
      expiredAt: undefined,
      failedAt: undefined,
      legs: before?.legs ?? [],
    },
    executionId: fill?.id || undefined,
    price: fill?.price,
    qty: fill && quantityText(fill.qty),
    positionQty: undefined,
  };
}

/** The average price at an executed quantity, where a state shows it. */
function averageOf(
  filled: Quantity,
  before: OrderDetails | undefined,
  order: OrderDetails,
): string {
  const text = quantityText(filled);
  if (text === normal(order.filledQty)) return order.filledAvgPrice;
  return before && text === normal(before.filledQty) ? before.filledAvgPrice : "";
}

function normal(text: string): string {
  const value = parseQuantity(text);
  return value === undefined ? text : quantityText(value);
}

function idOf(at: Timestamp | undefined): string {
  return at ? `${at.seconds}.${String(at.nanos).padStart(9, "0")}` : "";
}

function endOf({ order, replacedAt }: RestOrder): Timestamp | undefined {
  switch (order.status) {
    case "canceled":
      return order.canceledAt ?? order.updatedAt;
    case "expired":
      return order.expiredAt ?? order.updatedAt;
    case "replaced":
      return replacedAt ?? order.updatedAt;
    default:
      return order.failedAt ?? order.updatedAt;
  }
}

function latest(some: Timestamp | undefined, other: Timestamp | undefined) {
  if (!some || !other) return some ?? other;
  return compareTimestamps(some, other) < 0 ? other : some;
}

/**
 * Identifies what an update reports, equal for an event and for the same event as derived: an
 * execution by the quantity that is executed after it, any other by its word.
 */
export function occasionOf({ event, order }: OrderUpdate): string {
  const isFill = event === "fill" || event === "partial_fill";
  return isFill ? `${order.id} fill ${normal(order.filledQty)}` : `${order.id} ${event}`;
}

/**
 * Whether one update of an order comes before another: by the executed quantity, at the same
 * quantity by the stage of the order, and by time. The time alone does not tell, because that of a
 * derived `new` is the submission, and the events of one moment share it.
 */
export function isBefore(some: OrderUpdate, other: OrderUpdate): boolean {
  const byTime = compareTimes(some.timestamp, other.timestamp);
  const someFilled = parseQuantity(some.order.filledQty) ?? 0n;
  const otherFilled = parseQuantity(other.order.filledQty) ?? 0n;
  // A later update with a lower quantity reports an execution that was busted.
  if (someFilled !== otherFilled) return someFilled < otherFilled && byTime <= 0;
  const byStage = stageOf(some.event) - stageOf(other.event);
  return byStage < 0 || (byStage === 0 && byTime < 0);
}

function compareTimes(some: Timestamp | undefined, other: Timestamp | undefined): number {
  return some && other ? compareTimestamps(some, other) : 0;
}

/** Orders the events that leave the executed quantity as it is, after the execution. */
function stageOf(event: string): number {
  if (WAITING.has(event)) return 0;
  if (event === "fill" || event === "partial_fill") return 1;
  if (event === "new") return 2;
  return FINAL.has(event) ? 4 : 3;
}

/**
 * Merges events that were derived with events that arrived meanwhile, by time and, of one order, by
 * {@linkcode isBefore}; each of both keeps its order.
 */
export function mergeByTime<T extends { readonly update: OrderUpdate }>(
  derived: readonly T[],
  arrived: readonly T[],
): readonly T[] {
  const merged: T[] = [];
  let at = 0;
  for (const each of arrived) {
    const { update } = each;
    while (at < derived.length) {
      const next = derived[at] as T;
      const isLater = next.update.order.id === update.order.id
        ? isBefore(update, next.update)
        : compareTimes(next.update.timestamp, update.timestamp) > 0;
      if (isLater) break;
      merged.push(next);
      at++;
    }
    merged.push(each);
  }
  return [...merged, ...derived.slice(at)];
}
