/**
 * `cream.v1.StreamProxyService`: six streams and the connection status.
 *
 * A stream is rejected with a status alone while the proxy drains, when the
 * request is invalid, or when a symbol limit is exceeded. Otherwise it is opened
 * (it receives every event from then on), its headers are sent immediately, the
 * pump writes its events, and it ends with UNAVAILABLE if the proxy ends it.
 *
 * @module
 */
import { QuotaExceeded } from "../../application/feeds/subscription_manager.ts";
import type { Clock } from "../../application/ports/clock.ts";
import type { Log } from "../../application/ports/log.ts";
import type { Span, Tracing } from "../../application/ports/tracing.ts";
import type { StatusSource } from "../../application/status/status.ts";
import type { SubscriptionSource } from "../../application/status/reports.ts";
import type {
  MarketStreams,
  OpenStream,
  StreamFilter,
} from "../../application/streaming/market_streams.ts";
import { TooManySymbols } from "../../application/streaming/open_errors.ts";
import type { ChannelName } from "../../domain/market/channels.ts";
import type { StreamProxyService } from "../../gen/cream/v1/stream_proxy_pb.ts";
import { CallError, ClientGone, rejectionOf, stalled, unavailable } from "./call_error.ts";
import { createEncoders, type Encode } from "./encoding/channel_encoders.ts";
import { encodeStatus } from "./encoding/status_response.ts";
import { WriteScheduler } from "./limits/turn_scheduler.ts";
import { endCall, type OpenCalls, sendHeaders } from "./open_calls.ts";
import type { Handlers, StreamCall } from "./register_service.ts";
import { optionFilter, orderFilter, type RequestLimits, stockFilter } from "./request_filters.ts";
import { pumpStream, type WriteTicker } from "./stream_pump.ts";
import { ResponseCache } from "./unary_responses.ts";

/** Dependencies of the service. */
export interface StreamProxyDependencies {
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

/** The end of a stream, as a span attribute. */
function endReason(end: unknown): string {
  if (end instanceof ClientGone) return "client";
  return end instanceof CallError ? "proxy" : "fault";
}

/** Serves the streams of all clients. */
class StreamServer {
  readonly #deps: StreamProxyDependencies;
  readonly #encoders = createEncoders();
  readonly #writes = new WriteScheduler();

  constructor(deps: StreamProxyDependencies) {
    this.#deps = deps;
  }

  /** Serves one call until its status is sent. */
  async serve(
    channel: ChannelName,
    call: StreamCall,
    readFilter: () => StreamFilter,
  ): Promise<void> {
    const { tracing, log } = this.#deps;
    const span = tracing.span("grpc.stream", {
      "rpc.system": "grpc",
      "rpc.method": call.getPath(),
      "client.address": call.getPeer(),
    });
    let end: unknown;
    try {
      end = await this.#stream({ channel, call, span }, readFilter);
    } catch (error) {
      if (error instanceof QuotaExceeded) {
        const fields = { channel, ...error.excess };
        log.warn("Rejected a stream: symbol quota exceeded", fields);
      } else if (error instanceof TooManySymbols) {
        const fields = { channel, ...error.excess };
        log.warn(
          "Rejected a stream: STREAM_PROXY_MAX_SYMBOLS exceeded",
          fields,
        );
      }
      end = rejectionOf(error);
    }
    const reason = endReason(end);
    if (reason === "fault") {
      log.error("A client stream failed", { channel, cause: end });
      span.fail(end);
    }
    span.set({ "stream.end": reason });
    span.end();
    endCall(call, end);
  }

  /** Opens and pumps a stream; returns why it ended. */
  async #stream(
    { channel, call, span }: {
      readonly channel: ChannelName;
      readonly call: StreamCall;
      readonly span: Span;
    },
    readFilter: () => StreamFilter,
  ): Promise<unknown> {
    const { streams, calls, log, ticker, clock } = this.#deps;
    const signal = calls.track(call);
    // The types pair a channel's events with its encoder only for a literal
    // channel name, so the pair is untyped here.
    const ended = Promise.withResolvers<CallError>();
    using stream = streams.open(
      channel,
      readFilter(),
      (stall) => ended.resolve(stalled(stall)),
    ) as OpenStream<unknown>;
    const encode = this.#encoders[channel] as Encode<unknown>;
    using writes = this.#writes.queueOf(call.getPeer());
    sendHeaders(call);
    try {
      const pumped = pumpStream(call, stream, {
        encode,
        signal,
        ticker,
        writes,
        clock,
        onEncodeError: (cause) => log.error("An event could not be encoded", { channel, cause }),
      });
      // The pump of a stalled client waits for its last write until the call ends.
      const end = await Promise.race([pumped, ended.promise]);
      if (end !== undefined) return end;
    } finally {
      span.set({
        "stream.sent": stream.sent,
        "stream.dropped": stream.dropped,
      });
    }
    return signal.aborted ? signal.reason : unavailable("The proxy ended this stream; reopen it");
  }
}

/**
 * Returns a function that reads a filter once and then releases the request:
 * streams can be open for hours.
 */
function once<R>(
  request: R,
  read: (request: R, limits: RequestLimits) => StreamFilter,
  limits: RequestLimits,
): () => StreamFilter {
  let unread: R | undefined = request;
  return () => {
    const taken = unread as R;
    unread = undefined;
    return read(taken, limits);
  };
}

/** Returns the handlers of all seven methods. */
export function streamProxyHandlers(
  deps: StreamProxyDependencies,
): Handlers<typeof StreamProxyService> {
  const server = new StreamServer(deps);
  const { limits, status, subscriptions } = deps;
  const cache = new ResponseCache(deps.clock);
  const stream = <R>(
    channel: ChannelName,
    read: (request: R, limits: RequestLimits) => StreamFilter,
  ) =>
  (request: R, call: StreamCall): void =>
    void server.serve(channel, call, once(request, read, limits));
  return {
    streamQuotes: stream("stockQuotes", stockFilter),
    streamTrades: stream("stockTrades", stockFilter),
    streamBars: stream("stockBars", stockFilter),
    streamOptionQuotes: stream("optionQuotes", optionFilter),
    streamOptionTrades: stream("optionTrades", optionFilter),
    streamOrderUpdates: stream("orderUpdates", orderFilter),
    getConnectionStatus: ({ includeSubscriptions }) =>
      includeSubscriptions
        ? cache.get(() => encodeStatus(status(), subscriptions?.()))
        : encodeStatus(status(), []),
  };
}
