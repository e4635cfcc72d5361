/**
 * Sessions of the market data streams (Alpaca: WebSocket Stream).
 *
 * @module
 */
import { failureOfUpstream, FeedFailure } from "../../domain/connection/failure.ts";
import type { NewsArticle } from "../../domain/market/news_events.ts";
import type { Clock } from "../../application/ports/clock.ts";
import type { EventSink } from "../../application/ports/event_sink.ts";
import type { ConnectOptions, FeedConnector } from "../../application/ports/feed_connector.ts";
import type { Log } from "../../application/ports/log.ts";
import type { RawSink } from "../../application/ports/raw_sink.ts";
import type { FrameSink } from "../../application/ports/upstream_tap.ts";
import type { FeedCounters } from "../../application/status/counters.ts";
import {
  type SubscriptionRequest,
  UPSTREAM_CHANNELS,
  type UpstreamChannel,
} from "../../domain/subscription/pairs.ts";
import { type Codec, jsonCodec, msgpackCodec } from "./codecs.ts";
import { FrameDecoder, type StreamFormat } from "./decode.ts";
import { cryptoHandlers, type CryptoSinks } from "./crypto_messages.ts";
import type { FastDecoder } from "./fast/frame_batch.ts";
import { FastOptionDecoder } from "./fast/option_frames.ts";
import { FastStockDecoder } from "./fast/stock_frames.ts";
import {
  type Control,
  optionHandlers,
  type OptionSinks,
  readControl,
  stockHandlers,
  type StockSinks,
} from "./messages.ts";
import { newsHandlers } from "./news_messages.ts";
import { MAX_MESSAGE_BYTES, Session, type SessionDeadlines } from "./session.ts";
import type { UpstreamProxy } from "./tunnel_agent.ts";

/** Errors after the login that end the session. */
const FATAL: ReadonlySet<number> = new Set([401, 402, 404, 406, 407, 411]);
const ALREADY_AUTHENTICATED = 403;

/** What differs between the streams of market data and news. */
export interface MarketFormat extends StreamFormat<Control> {
  readonly codec: Codec;
  /** Channels that a probe without symbols names. */
  readonly channels: readonly UpstreamChannel[];
  /** Bytes of the largest frame. @default MAX_MESSAGE_BYTES */
  readonly maxMessageBytes?: number;
}

/** A stream with a fast decoder. */
interface FastMarketFormat extends MarketFormat {
  readonly fast: FastDecoder;
}

/** The stock stream. */
export function stockFormat(sinks: StockSinks): FastMarketFormat {
  return {
    fast: new FastStockDecoder(sinks),
    codec: jsonCodec,
    typeKey: "T",
    handlers: stockHandlers(sinks),
    readReply: readControl,
    channels: ["trades", "quotes", "bars"],
  };
}

/** The option stream. */
export function optionFormat(sinks: OptionSinks): FastMarketFormat {
  return {
    fast: new FastOptionDecoder(sinks),
    codec: msgpackCodec,
    typeKey: "T",
    handlers: optionHandlers(sinks),
    readReply: readControl,
    channels: ["trades", "quotes"],
  };
}

/** The crypto stream. */
export function cryptoFormat(sinks: CryptoSinks): MarketFormat {
  return {
    codec: jsonCodec,
    typeKey: "T",
    handlers: cryptoHandlers(sinks),
    readReply: readControl,
    channels: ["trades", "quotes", "bars"],
  };
}

/** Escapes of JSON take up to six bytes per character, and a frame may have several articles. */
const FRAME_FACTOR = 8;

/**
 * The news stream.
 *
 * @param maxBytes of the texts of one article
 */
export function newsFormat(sink: EventSink<NewsArticle>, maxBytes: number): MarketFormat {
  return {
    codec: jsonCodec,
    typeKey: "T",
    handlers: newsHandlers(sink, maxBytes),
    readReply: readControl,
    channels: ["news"],
    maxMessageBytes: Math.max(MAX_MESSAGE_BYTES, FRAME_FACTOR * maxBytes),
  };
}

/** What the sessions of one market data stream need. */
export interface MarketStream {
  readonly url: string;
  /** The HTTP proxy between this program and Alpaca. @default none */
  readonly proxy?: UpstreamProxy | undefined;
  readonly format: MarketFormat;
  /** Receives every valid frame after its events. @default none */
  readonly raw?: RawSink | undefined;
  /** Receives every frame after that. @default none */
  readonly tap?: FrameSink | undefined;
  /** Reveals the key pair; called only to log in. */
  readonly credentials: () => { readonly key: string; readonly secret: string };
  /** Removes secrets from Alpaca's text. */
  readonly redact: (text: string) => string;
  /** Deliveries since the process started, by which reading is throttled. */
  readonly deliveries?: () => number;
  readonly counters: FeedCounters;
  readonly clock: Clock;
  readonly log: Log;
  readonly deadlines: SessionDeadlines;
  /** Fires when another process may open a session, so that this one ends now. @default never */
  readonly revoked?: AbortSignal | undefined;
}

/** Opens sessions of one market data stream. */
export function createMarketConnector(stream: MarketStream): FeedConnector {
  const decoder = new FrameDecoder(stream);
  return {
    connect: async (options) => await new MarketSession(stream, decoder, options).open(),
  };
}

class MarketSession extends Session<Control> {
  readonly #stream: MarketStream;

  constructor(stream: MarketStream, decoder: FrameDecoder<Control>, options: ConnectOptions) {
    const headers = { "Content-Type": stream.format.codec.contentType };
    const { maxMessageBytes } = stream.format;
    super({ ...stream, headers, decoder, ...(maxMessageBytes && { maxMessageBytes }) }, options);
    this.#stream = stream;
  }

  /** Awaits `connected`, sends `auth`, awaits `authenticated`. */
  protected async logIn(): Promise<void> {
    const { format: { codec }, credentials } = this.#stream;
    expect(await this.nextReply("welcome message"), "connected");
    this.socket.send(codec.encode({ action: "auth", ...credentials() }));
    let reply = await this.nextReply("login reply");
    // A repeated welcome message is not the login reply.
    if (isSuccess(reply, "connected")) reply = await this.nextReply("login reply");
    if (!isAlreadyAuthenticated(reply)) expect(reply, "authenticated");
  }

  /** Reports acknowledgements and rejections; a fatal error ends the session. */
  protected readonly onReply = (reply: Control): void => {
    if (!this.isLoggedIn) return this.loginReplies.add(reply);
    const { subscriptions } = this.connectOptions;
    if (reply.type === "subscription") subscriptions.acknowledged(reply.state);
    if (reply.type !== "error") return;
    const { code, message } = reply.error;
    if (FATAL.has(code)) this.fail(failureOfUpstream(reply.error));
    else if (code !== ALREADY_AUTHENTICATED) {
      subscriptions.rejected({ code, message: this.#stream.redact(message) });
    }
  };

  request({ action, pairs }: SubscriptionRequest): void {
    const { codec, channels } = this.#stream.format;
    const message: Record<string, unknown> = { action };
    for (const channel of UPSTREAM_CHANNELS) {
      const symbols = pairs.filter((pair) => pair.channel === channel).map(({ symbol }) => symbol);
      // A probe without symbols must still name a channel.
      const isNamed = pairs.length > 0 ? symbols.length > 0 : channels.includes(channel);
      if (isNamed) message[channel] = symbols;
    }
    this.socket.send(codec.encode(message));
  }
}

/** @throws FeedFailure unless the reply is the given success message */
function expect(reply: Control, message: string): void {
  if (reply.type === "error") throw failureOfUpstream(reply.error);
  if (isSuccess(reply, message)) return;
  const received = reply.type === "success" ? `"${reply.message}"` : reply.type;
  throw new FeedFailure(`Expected "${message}", received ${received}`, {
    errorType: "upstream_error",
  });
}

function isSuccess(reply: Control, message: string): boolean {
  return reply.type === "success" && reply.message === message;
}

function isAlreadyAuthenticated(reply: Control): boolean {
  return reply.type === "error" && reply.error.code === ALREADY_AUTHENTICATED;
}
