/**
 * Order updates of the trading stream.
 *
 * Quantities and prices are money: decimal text with Alpaca's digits. Enumerated fields (event,
 * class, type, side, …) are open sets, because Alpaca adds values without notice: they are text
 * here, and each API maps the values that it has.
 *
 * @module
 */
import type { Timestamp } from "./timestamp.ts";

/** An event of an order, with the order's state after it. */
export interface OrderUpdate {
  /** `new`, `fill`, `partial_fill`, `canceled`, … */
  readonly event: string;
  /**
   * Unique per event and equal for a repeat of it: Alpaca's id if it sends one, else derived
   * from the fields that identify the event.
   */
  readonly eventId: string;
  readonly timestamp: Timestamp | undefined;
  readonly order: OrderDetails;
  readonly executionId: string | undefined;
  /** Price of this execution, USD. */
  readonly price: string | undefined;
  /** Quantity of this execution. */
  readonly qty: string | undefined;
  /** Signed position after the execution. */
  readonly positionQty: string | undefined;
  /** The frame as Alpaca sent it, where it is kept. @default not kept */
  readonly source?: Uint8Array | undefined;
}

/** The state of an order; absent text fields are empty. */
export interface OrderDetails {
  readonly id: string;
  readonly clientOrderId: string;
  /** Ticker or OCC symbol; empty for the parent of a multi-leg order. */
  readonly symbol: string;
  readonly assetClass: string;
  readonly orderClass: string;
  readonly orderType: string;
  readonly side: string;
  readonly timeInForce: string;
  readonly qty: string;
  readonly filledQty: string;
  readonly filledAvgPrice: string;
  readonly limitPrice: string | undefined;
  readonly stopPrice: string | undefined;
  readonly status: string;
  readonly extendedHours: boolean;
  readonly createdAt: Timestamp | undefined;
  readonly updatedAt: Timestamp | undefined;
  readonly submittedAt: Timestamp | undefined;
  readonly filledAt: Timestamp | undefined;
  readonly canceledAt: Timestamp | undefined;
  readonly expiredAt: Timestamp | undefined;
  readonly failedAt: Timestamp | undefined;
  readonly commission: string | undefined;
  readonly legs: readonly OrderLeg[];
  /** The order as REST has it, where that is kept. @default not kept */
  readonly source?: Readonly<Record<string, unknown>> | undefined;
}

/** One leg of a multi-leg or bracket-like order. */
export interface OrderLeg {
  readonly id: string;
  readonly symbol: string;
  readonly side: string;
  readonly qty: string;
  readonly filledQty: string;
  readonly filledAvgPrice: string;
  readonly ratioQty: string;
  readonly status: string;
}

/**
 * Documented values of the enumerated fields; `""` where Alpaca leaves the field empty. Values
 * without a number in an API are delivered as its unspecified value; values that are not in this
 * table are delivered too, and counted. `tests/support/alpaca_vocabulary.ts` has the sources.
 */
export const ORDER_ENUMS = {
  event: [
    "new",
    "fill",
    "partial_fill",
    "canceled",
    "expired",
    "rejected",
    "pending_new",
    "stopped",
    "replaced",
    "suspended",
    "pending_cancel",
    "pending_replace",
    "calculated",
    "done_for_day",
    "trade_bust",
    "order_replace_rejected",
    "order_cancel_rejected",
    "accepted",
    "held",
    "restated",
    "trade_correct",
    "pending_review",
    "partially_filled",
  ],
  asset_class: [
    "",
    "us_equity",
    "us_option",
    "crypto",
    "crypto_perp",
    "ipo",
    "treasury",
    "corporate",
    "global_equity",
    "us_index",
  ],
  order_class: ["", "simple", "bracket", "oco", "oto", "mleg"],
  order_type: ["", "limit", "market", "stop", "stop_limit", "trailing_stop"],
  side: ["", "buy", "sell"],
  time_in_force: ["", "day", "gtc", "ioc", "fok", "opg", "cls", "gtd"],
} as const;

/** An enumerated field of an order update. */
export type OrderField = keyof typeof ORDER_ENUMS;

/** An unknown value of an enumerated field. */
interface UnknownEnum {
  readonly field: OrderField;
  readonly value: string;
}

/** Returns the unknown values of an update and of its legs. */
export function unknownEnums(update: OrderUpdate): readonly UnknownEnum[] {
  const { event, order } = update;
  const values: readonly UnknownEnum[] = [
    { field: "event", value: event },
    { field: "asset_class", value: order.assetClass },
    { field: "order_class", value: order.orderClass },
    { field: "order_type", value: order.orderType },
    { field: "side", value: order.side },
    { field: "time_in_force", value: order.timeInForce },
    ...order.legs.map((leg) => ({ field: "side" as const, value: leg.side })),
  ];
  return values.filter(({ field, value }) => {
    const documented: readonly string[] = ORDER_ENUMS[field];
    return !documented.includes(value);
  });
}
