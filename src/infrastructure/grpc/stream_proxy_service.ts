/**
 * `cream.v1.StreamProxyService`: the streams and the connection status.
 *
 * A stream is refused with a status alone while the proxy drains, when the request is invalid, or
 * when a symbol limit is exceeded. Otherwise it is opened (it receives every event from then on),
 * its headers are sent immediately, the pump writes its events, and it ends with UNAVAILABLE if the
 * proxy ends it.
 *
 * @module
 */
import { status as Code } from "@grpc/grpc-js";
import { QuotaExceeded } from "../../application/feeds/subscription_manager.ts";
import type { Clock } from "../../application/ports/clock.ts";
import type { Log } from "../../application/ports/log.ts";
import type { Tracing } from "../../application/ports/tracing.ts";
import type { StatusSource } from "../../application/status/status.ts";
import type { SubscriptionSource } from "../../application/status/reports.ts";
import {
  type MarketStreams,
  type StreamFilter,
  TooManySymbols,
} from "../../application/streaming/market_streams.ts";
import type { ChannelName } from "../../domain/market/channels.ts";
import type {
  StreamOptions as OptionsMessage,
  StreamProxyService,
} from "../../gen/cream/v1/stream_proxy_pb.ts";
import { CallError, ClientGone, refusalOf, stalled, unavailable } from "./call_error.ts";
import { type ChannelEncoders, createEncoders } from "./encoding/channel_encoders.ts";
import { encodeStatus } from "./encoding/status_response.ts";
import { WriteScheduler } from "./limits/write_scheduler.ts";
import { endCall, type OpenCalls, sendHeaders } from "./open_calls.ts";
import type { Handlers, StreamCall } from "./register_service.ts";
import { optionFilter, orderFilter, type RequestLimits, stockFilter } from "./request_filters.ts";
import { readOptions } from "./request_options.ts";
import { RequestValidator } from "./request_validator.ts";
import { pumpStream, type WriteTicker } from "./stream_pump.ts";
import { ResponseCache } from "./unary_responses.ts";

/** Dependencies of the service. */
interface StreamProxyDependencies {
  readonly streams: MarketStreams;
  readonly status: StatusSource;
  /** Subscriptions of each feed, for the status. @default not reported */
  readonly subscriptions: SubscriptionSource | undefined;
  readonly limits: RequestLimits;
  readonly calls: OpenCalls;
  readonly clock: Clock;
  readonly log: Log;
  readonly tracing: Tracing;
  /** Delays busy streams between two writes. @default no delay */
  readonly ticker: WriteTicker | undefined;
}

/** What all streams share. */
interface StreamsContext extends StreamProxyDependencies {
  readonly encoders: ChannelEncoders;
  readonly writes: WriteScheduler;
}

/** The part of a request that all streams have. */
interface OptionalOptions {
  readonly options?: OptionsMessage | undefined;
}

/** Reads the filter of a request; throws all violations, also those that the validator has. */
type ReadFilter<R> = (
  request: R,
  limits: RequestLimits,
  now: number,
  validator: RequestValidator,
) => StreamFilter;

/** Returns the handler of a channel, which serves a stream until its status is sent. */
function streamHandler<C extends ChannelName, R>(
  channel: C,
  readFilter: ReadFilter<R>,
  { streams, calls, limits, tracing, log, encoders, writes, ticker, clock }: StreamsContext,
): (call: StreamCall<R & OptionalOptions>) => Promise<void> {
  return async (call) => {
    const span = tracing.span("grpc.stream", {
      "rpc.system": "grpc",
      "rpc.method": call.getPath(),
      "client.address": call.getPeer(),
    });
    let end: unknown;
    try {
      const signal = calls.track(call);
      const request = call.request.take();
      const validator = new RequestValidator(limits.maxSymbols);
      readOptions(channel, request.options, validator);
      const filter = readFilter(request, limits, clock.now(), validator);
      const ended = Promise.withResolvers<unknown>();
      using stream = streams.open(channel, filter, {
        peer: call.getPeer(),
        userAgent: call.metadata.get("user-agent")[0]?.toString(),
        onStall: (stall) => ended.resolve(stalled(stall)),
      });
      using connection = writes.queueOf(call.getPeer());
      sendHeaders(call);
      const pumped = pumpStream(call, stream, {
        encode: encoders[channel],
        signal,
        ticker,
        writes: connection,
        clock,
        onEncodeError: (cause) => log.error("An event could not be encoded", { channel, cause }),
      });
      try {
        // The pump of a stalled client waits for its last write until the call ends.
        end = await Promise.race([pumped, ended.promise]);
      } finally {
        span.set({ "stream.sent": stream.sent, "stream.dropped": stream.dropped });
      }
      end ??= signal.aborted
        ? signal.reason
        : unavailable("The proxy ended this stream; reopen it");
    } catch (error) {
      if (error instanceof QuotaExceeded) {
        log.warn("Refused a stream: symbol quota exceeded", { channel, ...error.excess });
      } else if (error instanceof TooManySymbols) {
        log.warn("Refused a stream: STREAM_PROXY_MAX_SYMBOLS exceeded", {
          channel,
          ...error.excess,
        });
      }
      end = refusalOf(error);
    }
    if (end instanceof ClientGone) span.set({ "stream.end": "client" });
    else if (end instanceof CallError) span.set({ "stream.end": "proxy" });
    else {
      log.error("A client stream failed", { channel, cause: end });
      span.fail(end);
      span.set({ "stream.end": "fault" });
    }
    span.end();
    endCall(call, end);
  };
}

const NOT_SERVED = new CallError(Code.UNIMPLEMENTED, "This method is not served yet");

/** Returns the handlers of all methods. */
export function streamProxyHandlers(
  deps: StreamProxyDependencies,
): Handlers<typeof StreamProxyService> {
  const context = { ...deps, encoders: createEncoders(), writes: new WriteScheduler() };
  const cache = new ResponseCache(deps.clock);
  const { status, subscriptions } = deps;
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
    acknowledge: () => {
      throw NOT_SERVED;
    },
    getConnectionStatus: ({ includeSubscriptions }) =>
      includeSubscriptions
        ? cache.get(() => encodeStatus(status(), subscriptions?.()))
        : encodeStatus(status(), []),
  };
}
