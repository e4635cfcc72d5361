/**
 * A local Alpaca for tests: market-data streams, trade updates and the REST
 * endpoints around them, on one port, from a seeded market.
 *
 * ```ts
 * import { startSimulator } from "@alpaca-stream-proxy/simulator";
 *
 * await using simulator = await startSimulator({ messagesPerSecond: 0 });
 * simulator.emit("sip", [{ T: "q", S: "AAPL", bp: 1, ap: 2, t: "…" }]);
 * simulator.faults.rejectUpgrades("sip", 429, 2);
 * simulator.connections.drop({ endpoint: "opra" });
 * ```
 *
 * @module
 */
export type { Account, PlanName } from "./src/accounts.ts";
export { type Clock, ManualClock, type Timer } from "./src/clock.ts";
export type {
  Connections,
  ConnectionSelector,
  DropOptions,
  MuteOptions,
} from "./src/connections.ts";
export type { Faults, FaultyAction } from "./src/faults.ts";
export type {
  Delivery,
  DeliveryOutcome,
  Ledger,
  LedgerEntry,
  LedgerFilter,
  ProducedMessage,
  SubscriptionChange,
} from "./src/ledger.ts";
export type { HistoryEntry, HistoryKind } from "./src/market/history.ts";
export type { MarketEvent } from "./src/market/stock_feed.ts";
export type { FractionalSizes } from "./src/market/sizes.ts";
export type { Market } from "./src/market/market.ts";
export type { ChannelName, CryptoEndpoint, EndpointName } from "./src/protocol/endpoints.ts";
export { formatOptionSymbol, type OptionTerms } from "./src/protocol/option_symbol.ts";
export type {
  Greeks,
  LatestDays,
  MarketPrices,
  OptionContract,
  PriceQuote,
  PriceSource,
} from "./src/market/prices.ts";
export { DEMO_ACCOUNT, type SimulatorOptions } from "./src/options.ts";
export type { ArticleOptions } from "./src/market/news_feed.ts";
export type { Encodable, Message, NewsArticle, StreamMessage } from "./src/protocol/messages.ts";
export { Timestamp } from "./src/protocol/timestamp.ts";
export { SeededRandom } from "./src/random.ts";
export {
  type Moment,
  type PlayedFeed,
  replay,
  type ReplayOptions,
  type ReplayReport,
} from "./src/replay/replay.ts";
export type { Hole } from "./src/replay/feed_order.ts";
export { DamagedRecording, type RecordingSource } from "./src/replay/recording.ts";
export type { RestFault, RestFaultKind } from "./src/rest_faults.ts";
export type { RestOptions } from "./src/rest/rest_api.ts";
export type { LoggedRequest } from "./src/session/request_log.ts";
export type { MalformedMessages, SymbolPlace, SymbolRefusal } from "./src/stream_faults.ts";
export type { SymbolCounting } from "./src/session/subscription_state.ts";
export { type SessionInfo, type Simulator, startSimulator } from "./src/simulator.ts";
export type { AutoTraderOptions } from "./src/trading/auto_trader.ts";
export type { ManualFill, ManualFills } from "./src/trading/manual_fills.ts";
export type { UpdateListener } from "./src/trading/order_store.ts";
export type { FillActivity, FillActivityJson } from "./src/trading/activities.ts";
export type {
  OrderDelivery,
  OrderDeliveryOutcome,
  OrderLedger,
  OrderLedgerEntry,
  OrderLedgerFilter,
} from "./src/trading/order_ledger.ts";
export type { EngineOptions, InjectedOrder, OrderEngine } from "./src/trading/order_engine.ts";
export type { LegFillJson, OrderJson, TradeUpdate } from "./src/trading/order_json.ts";
export { OrderRejection } from "./src/trading/order_request.ts";
export type { Trading, TradingOptions } from "./src/trading/trading.ts";
export type {
  TradingFrames,
  TradingStream,
  TradingStreamOptions,
} from "./src/trading/trading_stream.ts";
