/**
 * What the trading stream says of an order.
 *
 * Quantities and prices are decimal text and stay digit for digit what the
 * broker sent: they are money. Words (event, class, type, side, …) are open
 * sets: the broker invents new ones, so they stay text here and each face maps
 * the ones it knows.
 *
 * @module
 */
import type { Timestamp } from "./timestamp.ts";

/** One thing that happened to an order, with the order's state after it. */
export interface OrderUpdate {
  /** The broker's word: `new`, `fill`, `partial_fill`, `canceled`, … */
  readonly event: string;
  /**
   * Unique per event and equal for a repeat of it: the broker's own id where
   * it sends one, else derived from the event's identity.
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
}

/** An order as the broker sees it; text fields are empty where it says nothing. */
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
