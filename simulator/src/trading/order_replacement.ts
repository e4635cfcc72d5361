/**
 * `PATCH /v2/orders/{id}`: a replacement is a new order with its own id that
 * takes the place of the old one, also in its group. The old order becomes
 * `replaced`, then the new one `new`. If the replacement is rejected, the old
 * order stays (`order_replace_rejected`) and the new one is `rejected`.
 *
 * @module
 */
import { type Decimal, decimalText, isFinal, type Order, type OrderStatus } from "./order.ts";
import {
  clientOrderIdOf,
  type Fields,
  invalid,
  objectOf,
  optionalPositive,
  optionalValue,
  priceReader,
  TIMES_IN_FORCE,
} from "./order_request.ts";
import type { OrderStore } from "./order_store.ts";

const REPLACEABLE: ReadonlySet<OrderStatus> = new Set<OrderStatus>([
  "new",
  "accepted",
  "held",
  "partially_filled",
]);

/** What a replacement needs from the engine. */
interface ReplacementRules {
  /** Whether to announce `pending_replace`. */
  readonly announcePending: boolean;
  /** Throws an `OrderRejection` for a client order id in use. */
  checkClientId(id: string | undefined): void;
  /** When an order of this time in force expires. */
  expiresAt(
    order: Pick<Order, "timeInForce" | "extendedHours">,
  ): bigint | undefined;
}

/** The two orders of a replacement. */
interface Replacement {
  readonly old: Order;
  readonly next: Order;
  /** Status of the old order before the request. */
  readonly before: OrderStatus;
}

/** Checks a replacement and creates its order, which is not active yet. */
export function startReplacement(
  store: OrderStore,
  old: Order,
  body: unknown,
  rules: ReplacementRules,
): Order {
  const changes = readChanges(old, objectOf(body, "request body"));
  rules.checkClientId(changes.clientOrderId);
  const timeInForce = changes.timeInForce ?? old.timeInForce;
  const now = store.clock.nowNanos();
  const next: Order = {
    ...old,
    ...changes.fields,
    expiresAt: rules.expiresAt({ ...old, timeInForce }),
    id: store.random.uuid(),
    clientOrderId: changes.clientOrderId ?? store.random.uuid(),
    timeInForce,
    status: "pending_new",
    replaces: old.id,
    waterMark: undefined,
    createdAt: now,
    updatedAt: now,
    submittedAt: now,
    children: [],
  };
  store.add(next);
  store.move(old, {
    status: "pending_replace",
    event: "pending_replace",
    silent: !rules.announcePending,
  });
  return next;
}

/** Activates the replacement, or rejects it. */
export function finishReplacement(
  store: OrderStore,
  { old, next, before }: Replacement,
  { rejected }: { rejected: boolean },
): void {
  if (isFinal(old) || rejected) {
    if (!isFinal(old)) {
      old.status = before;
      store.announce(old, "order_replace_rejected");
    }
    // A rejected replacement must not end the group.
    next.parent = undefined;
    return store.move(next, { status: "rejected", event: "rejected" });
  }
  old.replacedBy = next.id;
  takePlace(old, next);
  store.move(old, { status: "replaced", event: "replaced" });
  if (isFinal(next)) return;
  const partly = !next.filledQty.isZero();
  if (before === "held") {
    next.status = "held";
    next.watching = old.watching;
    store.announce(next, "held");
  } else {
    store.move(next, {
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
  if (old.role === "strategy") {
    throw invalid("this kind of order cannot be replaced");
  }
  const readPrice = priceReader(false);
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
    timeInForce: optionalValue(body, "time_in_force", TIMES_IN_FORCE),
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

/** Puts the new order into the group of the old one. */
function takePlace(old: Order, next: Order): void {
  if (old.parent !== undefined) {
    old.parent.children = old.parent.children.map((child) => child === old ? next : child);
    old.parent = undefined;
  }
  next.children = old.children;
  for (const child of next.children) child.parent = next;
  old.children = [];
}
