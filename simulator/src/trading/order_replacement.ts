/**
 * `PATCH /v2/orders/{id}`: a replacement is a new order with its own id that
 * takes the place of the old one, in its group too. The old order is told to
 * be `replaced`, then the new one to be `new`; if the venue refuses, the old
 * one lives on (`order_replace_rejected`) and the new one is `rejected`.
 *
 * @module
 */
import { type Decimal, decimalText, ZERO } from "./decimals.ts";
import { isFinal, type Order, type OrderStatus } from "./order.ts";
import type { OrderDesk } from "./order_desk.ts";
import { invalid } from "./order_refusal.ts";
import {
  clientOrderIdOf,
  type OrderRequest,
  pricePolicy,
  TIMES_IN_FORCE,
} from "./order_request.ts";
import {
  type Fields,
  objectOf,
  optionalPositive,
  optionalWord,
} from "./request_fields.ts";

const REPLACEABLE: ReadonlySet<OrderStatus> = new Set<OrderStatus>([
  "accepted",
  "new",
  "held",
  "partially_filled",
]);

/** What a replacement needs from the engine. */
export interface ReplacementRules {
  /** Throws when the client's id is taken. */
  checkClientId(id: string | undefined): void;
  /** When an order of this time in force executes and ends. */
  times(
    request: Pick<OrderRequest, "timeInForce" | "extendedHours" | "symbol">,
  ): Pick<Order, "expiresAt" | "releaseAt">;
}

/** The two orders of a replacement and where the old one came from. */
export interface Replacement {
  readonly old: Order;
  readonly next: Order;
  readonly before: OrderStatus;
}

/** Checks a replacement and makes its order; it does not work yet. */
export function startReplacement(
  desk: OrderDesk,
  old: Order,
  body: unknown,
  rules: ReplacementRules,
): Order {
  const changes = readChanges(old, objectOf(body, "request body"));
  rules.checkClientId(changes.clientOrderId);
  const timeInForce = changes.timeInForce ?? old.timeInForce;
  const now = desk.clock.nowNanos();
  const next: Order = {
    ...old,
    ...(desk.settings.replacementKeepsFills
      ? {}
      : { filledQty: ZERO, filledValue: ZERO }),
    ...changes.fields,
    ...rules.times({ ...old, timeInForce }),
    id: desk.random.uuid(),
    clientOrderId: changes.clientOrderId ?? desk.random.uuid(),
    timeInForce,
    status: "pending_new",
    replaces: old.id,
    waterMark: undefined,
    createdAt: now,
    updatedAt: now,
    submittedAt: now,
    children: [],
  };
  desk.book.add(next);
  desk.move(old, {
    status: "pending_replace",
    event: "pending_replace",
    silent: !desk.settings.pendingChangeEvents,
  });
  return next;
}

/** Lets the replacement take effect, or be refused. */
export function finishReplacement(
  desk: OrderDesk,
  { old, next, before }: Replacement,
  { refused }: { refused: boolean },
): void {
  if (isFinal(old) || refused) {
    if (!isFinal(old)) {
      old.status = before;
      desk.announce(old, "order_replace_rejected");
    }
    unlink(next);
    return desk.move(next, { status: "rejected", event: "rejected" });
  }
  old.replacedBy = next.id;
  takePlace(old, next);
  desk.move(old, { status: "replaced", event: "replaced" });
  if (isFinal(next)) return;
  const partly = !next.filledQty.isZero();
  if (before === "held") {
    next.status = "held";
    next.watching = old.watching;
    desk.announce(next, "held");
  } else if (before === "accepted") {
    desk.move(next, { status: "accepted", event: "accepted" });
  } else {
    desk.move(next, {
      status: partly ? "partially_filled" : "new",
      event: "new",
    });
  }
}

interface Changes {
  readonly clientOrderId: string | undefined;
  readonly timeInForce: Order["timeInForce"] | undefined;
  readonly fields: Partial<
    Pick<
      Order,
      "qty" | "limitPrice" | "stopPrice" | "trailPrice" | "trailPercent"
    >
  >;
}

function readChanges(old: Order, body: Fields): Changes {
  if (!REPLACEABLE.has(old.status)) {
    throw invalid(`unable to replace order, order is in "${old.status}" state`);
  }
  if (old.role === "leg") throw invalid("legs cannot be replaced alone");
  if (old.role === "strategy" || old.notional !== undefined) {
    throw invalid("this kind of order cannot be replaced");
  }
  const readPrice = pricePolicy({ symbol: old.symbol, multiLeg: false });
  const trail = optionalPositive(body, "trail");
  const byPrice = old.trailPrice !== undefined;
  const given = {
    qty: optionalPositive(body, "qty"),
    limitPrice: readPrice(body, "limit_price"),
    stopPrice: readPrice(body, "stop_price"),
    trailPrice: byPrice ? trail : undefined,
    trailPercent: byPrice ? undefined : trail,
  };
  checkChanges(old, { ...given, trail });
  const fields = Object.fromEntries(
    Object.entries(given).filter(([, value]) => value !== undefined),
  );
  return {
    clientOrderId: clientOrderIdOf(body),
    timeInForce: optionalWord(body, "time_in_force", TIMES_IN_FORCE),
    fields,
  };
}

type Amounts = Record<
  "qty" | "limitPrice" | "stopPrice" | "trail",
  Decimal | undefined
>;

function checkChanges(old: Order, given: Amounts): void {
  const { qty, limitPrice, stopPrice, trail } = given;
  if (qty?.lessThanOrEqualTo(old.filledQty)) {
    throw invalid(`qty must be > filled qty ${decimalText(old.filledQty)}`);
  }
  if (limitPrice !== undefined && old.limitPrice === undefined) {
    throw invalid(`${old.type} orders require no limit_price`);
  }
  if (stopPrice !== undefined && old.stopPrice === undefined) {
    throw invalid(`${old.type} orders require no stop_price`);
  }
  if (trail !== undefined && old.type !== "trailing_stop") {
    throw invalid(`${old.type} orders require no trail`);
  }
}

/** Puts the new order where the old one was among its relatives. */
function takePlace(old: Order, next: Order): void {
  if (old.parent !== undefined) {
    old.parent.children = old.parent.children.map((child) =>
      child === old ? next : child
    );
    old.parent = undefined;
  }
  next.children = old.children;
  for (const child of next.children) child.parent = next;
  old.children = [];
}

/** A refused replacement belongs to no group, so it cannot end one. */
function unlink(next: Order): void {
  next.parent = undefined;
}
