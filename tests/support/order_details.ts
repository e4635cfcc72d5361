/** Orders for tests of order updates. */
import type { OrderDetails } from "../../src/domain/market/order_events.ts";
import type { Timestamp } from "../../src/domain/market/timestamp.ts";

/** An open order of 10 AAPL that was submitted at a time, with changes. */
export function orderDetails(at: Timestamp, changes: Partial<OrderDetails> = {}): OrderDetails {
  return {
    id: "o",
    clientOrderId: "c",
    symbol: "AAPL",
    assetClass: "us_equity",
    orderClass: "",
    orderType: "limit",
    side: "buy",
    timeInForce: "gtc",
    qty: "10",
    filledQty: "0",
    filledAvgPrice: "",
    limitPrice: "1",
    stopPrice: undefined,
    status: "new",
    extendedHours: false,
    createdAt: at,
    updatedAt: at,
    submittedAt: at,
    filledAt: undefined,
    canceledAt: undefined,
    expiredAt: undefined,
    failedAt: undefined,
    commission: undefined,
    legs: [],
    ...changes,
  };
}
