/**
 * `cream.v1.StreamProxyService`: six streams and a status.
 *
 * Life of a stream: refused with a status alone while the proxy drains, when the
 * request makes no sense or when the symbol budget has no place for it; else
 * opened (from this moment on it misses
 * nothing), answered with headers at once, fed by the pump, and ended with
 * UNAVAILABLE whenever it is the proxy that ends it.
 *
 * @module
 */
import type { Clock } from "../../application/ports/clock.ts";
import type { Log } from "../../application/ports/log.ts";
import type { Span, Tracing } from "../../application/ports/tracing.ts";
import type { StatusSource } from "../../application/status/status.ts";
import type { SubscriptionSource } from "../../application/status/subscription_report.ts";
import type {
  MarketStreams,
  OpenStream,
  StreamFilter,
} from "../../application/streaming/market_streams.ts";
import { FeedDisabled } from "../../application/streaming/feed_disabled.ts";
import { QuotaExceeded } from "../../application/feeds/quota_exceeded.ts";
import { TooManySymbols } from "../../application/streaming/too_many_symbols.ts";
import type { ChannelName } from "../../domain/market/channels.ts";
import type { StreamProxyService } from "../../gen/cream/v1/stream_proxy_pb.ts";
import type { Beat } from "./beat.ts";
import {
  CallError,
  ClientGone,
  failedPrecondition,
  resourceExhausted,
  stalled,
  tooManySymbols,
  unavailable,
} from "./call_error.ts";
import type { ChannelEncoders } from "./encoding/channel_encoders.ts";
import { encodeStatus } from "./encoding/status_response.ts";
import type { OpenCalls } from "./open_calls.ts";
import { WriteScheduler } from "./limits/turn_scheduler.ts";
import { accept, endCall } from "./pump.ts";
import { RecentAnswer } from "./recent_answer.ts";
import {
  optionFilter,
  orderFilter,
  type RequestLimits,
  stockFilter,
} from "./request_filters.ts";
import type { Handlers, StreamCall } from "./service_bridge.ts";
import { feed, MAX_MESSAGES } from "./stream_pump.ts";

/** What the service is made of. */
export interface StreamProxyParts {
  readonly streams: MarketStreams;
  readonly status: StatusSource;
  /** What the status tells of subscriptions; nothing when there is none. */
  readonly subscriptions: SubscriptionSource | undefined;
  readonly limits: RequestLimits;
  readonly encoders: ChannelEncoders;
  readonly calls: OpenCalls;
  readonly clock: Clock;
  readonly log: Log;
  readonly tracing: Tracing;
  /** Writes message by message, as a baseline for measurements. */
  readonly unbatched: boolean;
  /** What busy streams wait for between two writes, if anything. */
  readonly beat: Beat | undefined;
}

/** Why a stream ended, as spans and logs spell it. */
function endReason(end: unknown): string {
  if (end instanceof ClientGone) return "client";
  return end instanceof CallError ? "proxy" : "fault";
}

/** Serves the streams of all clients. */
class StreamServer {
  readonly #parts: StreamProxyParts;
  readonly #writes = new WriteScheduler();

  constructor(parts: StreamProxyParts) {
    this.#parts = parts;
  }

  /** Serves one call from its acceptance to its status. */
  async serve(
    channel: ChannelName,
    call: StreamCall,
    toFilter: () => StreamFilter,
  ): Promise<void> {
    const { tracing, log } = this.#parts;
    const span = tracing.span("grpc.stream", {
      "rpc.system": "grpc",
      "rpc.method": call.getPath(),
      "client.address": call.getPeer(),
    });
    let end: unknown;
    try {
      end = await this.#feed({ channel, call, span }, toFilter);
    } catch (error) {
      end = this.#explain(channel, error);
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

  /** What a client is told of a stream that could not be opened. */
  #explain(channel: ChannelName, error: unknown): unknown {
    if (error instanceof FeedDisabled) return failedPrecondition(error.message);
    if (error instanceof TooManySymbols) {
      this.#parts.log.warn("A stream exceeds the symbols of all streams", {
        channel,
        ...error.excess,
      });
      return tooManySymbols(error);
    }
    return error instanceof QuotaExceeded
      ? this.#refuse(channel, error)
      : error;
  }

  /** What a client is told whose symbols have no place, and the log too. */
  #refuse(channel: ChannelName, error: QuotaExceeded): CallError {
    this.#parts.log.warn("A stream has no place in the symbol budget", {
      channel,
      ...error.excess,
    });
    return resourceExhausted(error);
  }

  /** Feeds a stream for as long as it lives and returns why it ended. */
  async #feed(
    { channel, call, span }: {
      readonly channel: ChannelName;
      readonly call: StreamCall;
      readonly span: Span;
    },
    toFilter: () => StreamFilter,
  ): Promise<unknown> {
    const { streams, calls, log, encoders, unbatched, beat, clock } =
      this.#parts;
    const signal = calls.admit(call);
    // A channel's encoder takes that channel's events; the pairing survives
    // only as long as the name is a literal, so it is restated here.
    using stream = streams.open(channel, toFilter()) as OpenStream<unknown>;
    const encode = encoders[channel] as (event: unknown) => Uint8Array;
    using writes = this.#writes.queueOf(call.getPeer());
    accept(call);
    const stall = Promise.withResolvers<CallError>();
    stream.whenStalled((reason) => stall.resolve(stalled(reason)));
    try {
      const fed = feed(call, stream, {
        encode,
        signal,
        beat,
        writes,
        clock,
        maxMessages: unbatched ? 1 : MAX_MESSAGES,
        onUnencodable: (cause) =>
          log.error("An event could not be encoded", { channel, cause }),
      });
      // A pump whose client does not read waits for its last write; it ends
      // with the call.
      const end = await Promise.race([fed, stall.promise]);
      if (end !== undefined) return end;
    } finally {
      span.set({
        "stream.delivered": stream.delivered,
        "stream.lost": stream.lost,
      });
    }
    return signal.aborted
      ? signal.reason
      : unavailable("The proxy ended this stream; open it again");
  }
}

/**
 * Reads a filter once, and holds its request no longer: streams can be open for
 * hours.
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

/** Handlers of all seven methods. */
export function streamProxyHandlers(
  parts: StreamProxyParts,
): Handlers<typeof StreamProxyService> {
  const server = new StreamServer(parts);
  const { limits, status, subscriptions } = parts;
  const detailed = new RecentAnswer(parts.clock);
  return {
    streamQuotes: (request, call) =>
      void server.serve(
        "stockQuotes",
        call,
        once(request, stockFilter, limits),
      ),
    streamTrades: (request, call) =>
      void server.serve(
        "stockTrades",
        call,
        once(request, stockFilter, limits),
      ),
    streamBars: (request, call) =>
      void server.serve("stockBars", call, once(request, stockFilter, limits)),
    streamOptionQuotes: (request, call) =>
      void server.serve(
        "optionQuotes",
        call,
        once(request, optionFilter, limits),
      ),
    streamOptionTrades: (request, call) =>
      void server.serve(
        "optionTrades",
        call,
        once(request, optionFilter, limits),
      ),
    streamOrderUpdates: (request, call) =>
      void server.serve(
        "orderUpdates",
        call,
        once(request, orderFilter, limits),
      ),
    getConnectionStatus: ({ includeSubscriptions }) =>
      includeSubscriptions
        ? detailed.get(() => encodeStatus(status(), subscriptions?.()))
        : encodeStatus(status(), []),
  };
}
