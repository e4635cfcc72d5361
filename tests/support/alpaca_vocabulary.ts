/**
 * The values that Alpaca documents, by vocabulary, as of September 2026. Tests compare the tables
 * of the product with this one. Sources:
 *
 * - Stocks: docs.alpaca.markets, "WebSocket Stream" and "Real-time Stock Data"; imbalances:
 *   alpacahq/alpaca-trade-api-go, `marketdata/stream/entities.go`.
 * - Options: docs.alpaca.markets, "Real-time Option Data".
 * - Trading: docs.alpaca.markets, "Websocket Streaming". `trade_bust`, `trade_correct`, `held` and
 *   `restated`: "Subscribe to Trade Events (SSE)". `accepted` and `restated`: alpacahq/alpaca-py,
 *   `alpaca/trading/enums.py`. `held`, `pending_review` and `partially_filled`:
 *   alpacahq/alpaca-trade-api-csharp, `TradeEvent`.
 * - Order fields: the OpenAPI document `trading-api.json` in alpacahq/alpaca-mcp-server; `""` where
 *   multi-leg orders leave a field empty.
 *
 * @module
 */

/** Values of `T` that carry data, by stream. */
export const DATA_TYPES = {
  stocks: ["t", "q", "b", "u", "d", "c", "x", "l", "s", "i"],
  options: ["t", "q"],
} as const;

/** Values of `T` that concern the session. */
export const CONTROL_TYPES = ["success", "error", "subscription"] as const;

/** Values of the enumerated fields of an order update. */
export const ORDER_VALUES = {
  event: [
    "pending_new",
    "accepted",
    "new",
    "partial_fill",
    "partially_filled",
    "fill",
    "canceled",
    "expired",
    "rejected",
    "done_for_day",
    "replaced",
    "pending_cancel",
    "pending_replace",
    "pending_review",
    "order_cancel_rejected",
    "order_replace_rejected",
    "stopped",
    "suspended",
    "calculated",
    "held",
    "trade_bust",
    "trade_correct",
    "restated",
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
  order_type: ["", "market", "limit", "stop", "stop_limit", "trailing_stop"],
  side: ["", "buy", "sell"],
  time_in_force: ["", "day", "gtc", "opg", "cls", "ioc", "fok", "gtd"],
} as const;
