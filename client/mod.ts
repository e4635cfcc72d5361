/**
 * A client of the proxy, for Deno and for Node 20 or later.
 *
 * A stream reconnects with backoff, continues after the last processed message
 * without a repetition, and compares every sequence with what the proxy reports:
 * a consumer receives each message once, or `onGap` is called where messages are
 * missing. Nothing is read ahead beyond 256 messages.
 *
 * ```ts ignore
 * import { connect } from "@alpaca-stream-proxy/proxy/client";
 *
 * const client = connect({ address: "localhost:50052" });
 * const quotes = client.quotes(["AAPL"], {
 *   snapshot: true,
 *   onGap: ({ reason, count }) => console.warn("missing", count, reason),
 *   onStale: ({ freshness, symbols }) => console.warn(freshness, symbols),
 * });
 * for await (const quote of quotes) {
 *   console.log(quote.symbol, quote.bidPrice, quote.askPrice, quote.meta.sequence);
 * }
 * ```
 *
 * @module
 */
export type { Message, UnknownEnum, UnknownField } from "@bufbuild/protobuf";
export type { WireType } from "@bufbuild/protobuf/wire";
export type { Duration, Timestamp } from "@bufbuild/protobuf/wkt";
export { Environment, OrderType, TimeInForce } from "../src/gen/cream/v1/common_pb.ts";
export { OrderSide } from "../src/gen/cream/v1/execution_pb.ts";
export {
  AssetClass,
  type CancelledTrade,
  type CaughtUp,
  type ChannelSubscriptions,
  ConnectionState,
  type ConnectionStatus,
  type CorrectedTrade,
  type CryptoBar,
  type CryptoQuote,
  type CryptoTrade,
  DeliveryPolicy,
  type Draining,
  type ExactValue,
  ExpansionState,
  type FeedNotice,
  type FeedStatus,
  type FeedSubscriptions,
  FeedType,
  Freshness,
  type Gap,
  GapReason,
  type Heartbeat,
  type Hello,
  type MessageMeta,
  type NewsArticle,
  type Notice,
  type OptionExpansion,
  type OptionQuoteUpdate,
  type OptionTrade,
  type Orderbook,
  type OrderbookLevel,
  OrderClass,
  type OrderDetails,
  OrderEvent,
  type OrderImbalance,
  type OrderUpdate,
  type OrderUpdateLeg,
  Origin,
  type PriceBand,
  type ResumePoint,
  SelectionChange,
  type StockBar,
  type StockQuote,
  type StockTrade,
  type StreamOptions as OptionsInForce,
  type SubscriptionNotice,
  type SymbolBudget,
  SymbolState,
  type SymbolSubscription,
  type TradeCorrection,
  type TradingStatus,
  UnderlyingPriceSource,
} from "../src/gen/cream/v1/stream_proxy_pb.ts";
export type { ProxyAddress } from "./address.ts";
export type {
  AnyMessage,
  ChannelMessages,
  ChannelName,
  ContractSelection,
  StreamFilter,
} from "./channels.ts";
export {
  type ClientStats,
  connect,
  type ConnectOptions,
  type OptionFilter,
  type OrderFilter,
  type ProxyClient,
  type StockFilter,
  type StreamOf,
} from "./client.ts";
export type { Credentials, TlsOptions } from "./credentials.ts";
export type { StreamGap, StreamGapReason } from "./gaps.ts";
export type { KeepAlive } from "./http2_connection.ts";
export type { ConnectionChange, Delivery, FreshnessChange, StreamOptions } from "./options.ts";
export type { StreamPosition } from "./progress.ts";
export { RpcError } from "./rpc_client.ts";
export type { ProxyStream, Received, StreamStats } from "./stream.ts";
