/**
 * Decodes the frames of one market data feed and publishes their events.
 *
 * Nothing is thrown. A message that is not valid, or whose handler throws, is
 * counted and logged, and the other messages of the frame are delivered. A frame
 * that cannot be decoded costs that frame.
 *
 * Validation does not depend on the open streams, with one exception: the fields
 * of a quote, trade or minute bar other than its type and symbol are read only
 * when a stream wants it, so an invalid value there is counted only then.
 *
 * @module
 */
import { encode } from "@msgpack/msgpack";
import type { Clock } from "../../application/ports/clock.ts";
import type { Log, LogFields } from "../../application/ports/log.ts";
import { type FeedCounters, type MessageType, observe } from "../../application/status/counters.ts";
import type { Frame, Payload } from "./connection.ts";
import type { FastDecoder, FrameBatch } from "./fast/frame_batch.ts";
import { FastOptionDecoder } from "./fast/option_frames.ts";
import { FastStockDecoder } from "./fast/stock_frames.ts";
import {
  InexactInteger,
  InvalidField,
  isMessage,
  type Message,
  printable,
  readSymbol,
} from "./fields.ts";
import { parseWithBigInts } from "./lossless_json.ts";
import {
  type Control,
  type MessageHandler,
  type MessageHandlers,
  optionHandlers,
  type OptionSinks,
  readControl,
  stockHandlers,
  type StockSinks,
} from "./messages.ts";
import { decodeMsgpack } from "./msgpack_decoder.ts";

/** An encoding of the market data streams. */
export interface MarketCodec {
  /** `Content-Type` of the upgrade request, which selects the encoding. */
  readonly contentType: string;
  /** Decodes a frame; throws when it is not in this encoding. */
  decode(frame: Frame): unknown;
  /** As `decode`, slower, with `bigint` for integers that a double cannot hold. */
  decodeExactly(frame: Frame): unknown;
  encode(value: unknown): Payload;
}

const utf8 = new TextDecoder("utf-8", { fatal: true });

/** JSON, the encoding of the stock stream. */
export const jsonCodec: MarketCodec = {
  contentType: "application/json",
  decode: (frame) => JSON.parse(utf8.decode(frame)),
  decodeExactly: (frame) => parseWithBigInts(utf8.decode(frame)),
  encode: (value) => JSON.stringify(value),
};

/** MessagePack, the only encoding of the option stream. */
export const msgpackCodec: MarketCodec = {
  contentType: "application/msgpack",
  decode: decodeMsgpack,
  // Its integers are always exact.
  decodeExactly: decodeMsgpack,
  encode: (value) => encode(value),
};

/** How the frames of a market data stream are decoded. */
export interface MarketFormat {
  /** Decodes most frames. */
  readonly fast: FastDecoder;
  /** Decodes all other frames. */
  readonly codec: MarketCodec;
  /** Handles the messages of a frame that `codec` decoded. */
  readonly handlers: MessageHandlers;
}

/**
 * The stock stream.
 *
 * @param received counters of messages by type
 */
export function stockFormat(
  sinks: StockSinks,
  received: Record<MessageType, number>,
): MarketFormat {
  return {
    fast: new FastStockDecoder(sinks, received),
    codec: jsonCodec,
    handlers: stockHandlers(sinks),
  };
}

/** The option stream; parameters as {@linkcode stockFormat}. */
export function optionFormat(
  sinks: OptionSinks,
  received: Record<MessageType, number>,
): MarketFormat {
  return {
    fast: new FastOptionDecoder(sinks, received),
    codec: msgpackCodec,
    handlers: optionHandlers(sinks),
  };
}

/** Dependencies of a decoder. */
export interface FrameDecoderParts {
  readonly format: MarketFormat;
  readonly counters: FeedCounters;
  readonly clock: Clock;
  readonly log: Log;
}

/** A frame whose messages are being handled. */
interface Arrival {
  readonly frame: Frame;
  /** Wall clock ms. */
  readonly receivedAt: number;
  /** Its messages with exact integers, once one of them has needed that. */
  exact?: readonly unknown[];
}

/** A message that is not a map. */
export const NOT_A_MAP: TypeError = new TypeError("Not a map");
/**
 * Bytes of the largest frame that is decoded exactly: that takes ten times the
 * time and memory, and frames of data have less than 100 kB.
 */
const MAX_EXACT_BYTES = 512 * 1024;

/** Decodes the frames of one market data feed. */
export class FrameDecoder {
  readonly #parts: FrameDecoderParts;
  readonly #frameLog: FrameLog;

  constructor(parts: FrameDecoderParts) {
    this.#parts = parts;
    this.#frameLog = new FrameLog(parts.log);
  }

  /**
   * Publishes the data of a frame and passes its control messages on, in order.
   * Never throws, not even when a sink or `onControl` throws.
   */
  receive(frame: Frame, onControl: (control: Control) => void): void {
    const { format, clock, counters, log } = this.#parts;
    try {
      const receivedAt = clock.now();
      const start = clock.monotonic();
      this.#frameLog.start();
      let batch: FrameBatch | undefined;
      try {
        batch = format.fast.decodeFrame(frame);
      } catch (error) {
        // Nothing was published: the general decoder takes the frame.
        log.error("Fast decoder failed", { cause: error });
      }
      const messages = batch
        ? batch.publish(receivedAt, this.#onPublishError)
        : this.#general({ frame, receivedAt }, onControl);
      this.#frameLog.end();
      const seconds = (clock.monotonic() - start) / 1000;
      if (messages > 0) observe(counters.processing, { seconds, messages });
    } catch (error) {
      this.fail(error);
    }
  }

  /** Counts and logs that handling a frame failed; never throws. */
  fail(error: unknown): void {
    countFailedFrame(this.#parts, error);
  }

  readonly #onPublishError = (error: unknown): void => this.#invalid(undefined, error);

  /** Decodes and handles any frame; returns the number of its messages. */
  #general(arrival: Arrival, onControl: (control: Control) => void): number {
    const messages = this.#decode(arrival.frame);
    for (let i = 0; i < messages.length; i++) {
      const message: unknown = messages[i];
      if (!isMessage(message)) {
        this.#invalid(message, NOT_A_MAP);
        continue;
      }
      const handler = this.#parts.format.handlers.get(message.T);
      try {
        if (handler) this.#data(handler, i, { arrival, message });
        else this.#control(message, onControl);
      } catch (error) {
        this.#invalid(message, error);
      }
    }
    return messages.length;
  }

  /** The messages of a frame; none when it cannot be decoded at all. */
  #decode(frame: Frame): readonly unknown[] {
    const { format, counters, log } = this.#parts;
    try {
      return listOf(format.codec.decode(frame));
    } catch (error) {
      counters.errors.malformed_frame++;
      log.warn("Cannot decode a frame", { cause: error });
      return [];
    }
  }

  #data(
    handler: MessageHandler,
    index: number,
    { arrival, message }: {
      readonly arrival: Arrival;
      readonly message: Message;
    },
  ): void {
    this.#parts.counters.received[handler.type]++;
    try {
      handle(handler, message, arrival.receivedAt);
    } catch (error) {
      const isExactable = error instanceof InexactInteger &&
        arrival.frame.length <= MAX_EXACT_BYTES;
      if (!isExactable) throw error;
      // Once per frame, even if many of its messages need it.
      arrival.exact ??= listOf(
        this.#parts.format.codec.decodeExactly(arrival.frame),
      );
      const exact = arrival.exact[index] as Message;
      handle(handler, exact, arrival.receivedAt);
    }
  }

  #control(message: Message, onControl: (control: Control) => void): void {
    const { counters } = this.#parts;
    const control = readControl(message);
    if (control) {
      counters.received.control++;
      onControl(control);
      return;
    }
    counters.received.unknown++;
    counters.errors.unknown_type++;
    this.#frameLog.warn("Message of an unknown type", {
      type: printable(message.T),
    });
  }

  #invalid(message: unknown, error: unknown): void {
    this.#parts.counters.errors.malformed_element++;
    const type = isMessage(message) ? printable(message.T) : typeof message;
    if (isInvalidInput(error)) {
      this.#frameLog.warn("Invalid message", { type, cause: error.message });
    } else {
      this.#frameLog.error("Failed to handle a message", {
        type,
        cause: error,
      });
    }
  }
}

/**
 * Reads and publishes a message. The symbol is always validated; the other
 * fields of a type that is published only when a stream wants the symbol.
 */
function handle(
  { sink, read }: MessageHandler,
  message: Message,
  receivedAt: number,
): void {
  if (sink && !sink.mayHaveSubscribers(readSymbol(message))) return;
  const event = read(message);
  sink?.publish(event, receivedAt);
}

/** Whether the error is about the received message; any other one is a bug. */
function isInvalidInput(error: unknown): error is Error {
  return error === NOT_A_MAP || error instanceof InvalidField ||
    error instanceof InexactInteger;
}

/** Alpaca sends only arrays; a single map is read as an array of one. */
function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [value];
}

/** Counts and logs that handling a frame failed; never throws. */
export function countFailedFrame(
  { counters, log }: { readonly counters: FeedCounters; readonly log: Log },
  error: unknown,
): void {
  counters.errors.malformed_frame++;
  try {
    log.error("Failed to handle a frame", { cause: error });
  } catch {
    // The log itself failed; the counter remains.
  }
}

/** Invalid messages of one frame that are logged one by one. */
const MAX_LOGGED = 8;

/**
 * Logs the first 8 invalid messages of each frame, and the number of the others:
 * a frame of 1 MiB can hold half a million, and logging each of them would block
 * the process for ten seconds.
 */
export class FrameLog {
  readonly #log: Log;
  #count = 0;

  constructor(log: Log) {
    this.#log = log;
  }

  /** Starts a frame. */
  start(): void {
    this.#count = 0;
  }

  /** Logs a message that violates the protocol. */
  warn(message: string, fields: LogFields): void {
    if (++this.#count <= MAX_LOGGED) this.#log.warn(message, fields);
  }

  /** Logs that handling a message failed, which is a bug of the proxy. */
  error(message: string, fields: LogFields): void {
    if (++this.#count <= MAX_LOGGED) this.#log.error(message, fields);
  }

  /** Ends a frame: logs how many lines were suppressed. */
  end(): void {
    const messages = this.#count - MAX_LOGGED;
    if (messages <= 0) return;
    this.#count = 0;
    this.#log.warn("Further invalid messages in the same frame", { messages });
  }
}
