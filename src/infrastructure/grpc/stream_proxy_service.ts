/**
 * `cream.v1.StreamProxyService`: the streams, acknowledgements and the connection status.
 *
 * @module
 */
import type { Access } from "../../application/access/access.ts";
import { authorizeSubscriptions } from "../../application/access/authorize.ts";
import type { StreamAudit } from "../../application/admin/stream_audit.ts";
import type { Clock } from "../../application/ports/clock.ts";
import type { Log } from "../../application/ports/log.ts";
import type { Tracing } from "../../application/ports/tracing.ts";
import type { StatusSource } from "../../application/status/status.ts";
import type { SubscriptionSource } from "../../application/status/reports.ts";
import type { MarketStreams } from "../../application/streaming/market_streams.ts";
import type { StreamProxyService } from "../../gen/cream/v1/stream_proxy_pb.ts";
import { acknowledge } from "./acknowledge.ts";
import { createEncoders } from "./encoding/channel_encoders.ts";
import { MetaEncoder } from "./encoding/message_meta.ts";
import { encodeStatus } from "./encoding/status_response.ts";
import { WriteScheduler } from "./limits/write_scheduler.ts";
import type { Handlers } from "./methods.ts";
import type { OpenCalls } from "./open_calls.ts";
import {
  newsFilter,
  optionFilter,
  orderFilter,
  pairFilter,
  type RequestLimits,
  stockFilter,
} from "./request_filters.ts";
import { streamHandler, type StreamsContext } from "./stream_handler.ts";
import type { WriteTicker } from "./stream_pump.ts";
import { ResponseCache } from "./unary_responses.ts";

/** Dependencies of the service. */
interface StreamProxyDependencies {
  readonly streams: MarketStreams;
  readonly status: StatusSource;
  /** Subscriptions of each feed, for the status. @default not reported */
  readonly subscriptions: SubscriptionSource | undefined;
  readonly limits: RequestLimits;
  readonly access: Pick<Access, "denied">;
  readonly calls: OpenCalls;
  readonly clock: Clock;
  readonly log: Log;
  readonly tracing: Tracing;
  /** Logs streams that are refused. @default none */
  readonly audit?: Pick<StreamAudit, "refused"> | undefined;
  /** Delays busy streams between two writes. @default no delay */
  readonly ticker: WriteTicker | undefined;
}

/** Returns the handlers of all methods. */
export function streamProxyHandlers(
  deps: StreamProxyDependencies,
): Handlers<typeof StreamProxyService> {
  const { status, subscriptions, streams } = deps;
  const context: StreamsContext = {
    ...deps,
    encoders: createEncoders(),
    meta: new MetaEncoder(),
    writes: new WriteScheduler(),
    version: status().version,
  };
  const cache = new ResponseCache(deps.clock);
  return {
    streamQuotes: streamHandler("stockQuotes", stockFilter, context),
    streamTrades: streamHandler("stockTrades", stockFilter, context),
    streamBars: streamHandler("stockBars", stockFilter, context),
    streamOptionQuotes: streamHandler("optionQuotes", optionFilter, context),
    streamOptionTrades: streamHandler("optionTrades", optionFilter, context),
    streamUpdatedBars: streamHandler("stockUpdatedBars", stockFilter, context),
    streamDailyBars: streamHandler("stockDailyBars", stockFilter, context),
    streamTradingStatuses: streamHandler("tradingStatuses", stockFilter, context),
    streamPriceBands: streamHandler("priceBands", stockFilter, context),
    streamTradeCorrections: streamHandler("tradeCorrections", stockFilter, context),
    streamImbalances: streamHandler("imbalances", stockFilter, context),
    streamOrderUpdates: streamHandler("orderUpdates", orderFilter, context),
    streamCryptoQuotes: streamHandler("cryptoQuotes", pairFilter, context),
    streamCryptoTrades: streamHandler("cryptoTrades", pairFilter, context),
    streamCryptoBars: streamHandler("cryptoBars", pairFilter, context),
    streamCryptoUpdatedBars: streamHandler("cryptoUpdatedBars", pairFilter, context),
    streamCryptoDailyBars: streamHandler("cryptoDailyBars", pairFilter, context),
    streamOrderbooks: streamHandler("orderbooks", pairFilter, context),
    streamNews: streamHandler("news", newsFilter, context),
    acknowledge: (request, { name }) => acknowledge(request, streams, name),
    getConnectionStatus: ({ includeSubscriptions }, identity) => {
      if (!includeSubscriptions) return encodeStatus(status());
      const present = status();
      authorizeSubscriptions(identity.grants, present.feeds.map(({ feed }) => feed));
      return cache.get(() => encodeStatus(present, subscriptions?.() ?? []));
    },
  };
}
