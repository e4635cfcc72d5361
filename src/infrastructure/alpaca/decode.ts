/**
 * Decodes the frames of one feed and publishes their events.
 *
 * Nothing is thrown. A message that is not valid, or whose handler throws, is counted and logged,
 * and the other messages of the frame are delivered. A frame that cannot be decoded costs that
 * frame.
 *
 * Validation does not depend on the open streams, with one exception: the fields of market data
 * other than its type and symbol are read only when a stream subscribes to it, so an invalid value
 * there is counted only then.
 *
 * @module
 */
import type { ExactValue } from "../../domain/market/exact_value.ts";
import type { EventSink } from "../../application/ports/event_sink.ts";
import type { RawSink } from "../../application/ports/raw_sink.ts";
import type { FrameSink } from "../../application/ports/upstream_tap.ts";
import type { Clock } from "../../application/ports/clock.ts";
import type { Log, LogFields } from "../../application/ports/log.ts";
import { type FeedCounters, type MessageType, observe } from "../../application/status/counters.ts";
import type { FrameCodec } from "./codecs.ts";
import type { FastDecoder, FrameBatch } from "./fast/frame_batch.ts";
import {
  digitsOf,
  InexactInteger,
  InvalidField,
  isMessage,
  type Message,
  type MessageNotes,
  printable,
  readSymbol,
} from "./fields.ts";
import type { Frame } from "./session.ts";

/** Handles the messages of one type. */
export interface MessageHandler {
  readonly type: MessageType;
  /** Reads the event of a message; throws `InvalidField` when it is not valid. */
  readonly read: (message: Message, notes: MessageNotes) => unknown;
  /** Where the events are published. */
  readonly sink: EventSink<unknown>;
  /** Whether a message is read although no stream subscribes to its symbol. @default false */
  readonly isAlwaysRead?: boolean;
}

/** Handlers by the message's type. */
export type MessageHandlers = ReadonlyMap<unknown, MessageHandler>;

/** How the frames of a stream are decoded; `R` is a message about the session. */
export interface StreamFormat<R> {
  /** Decodes most frames of market data. */
  readonly fast?: FastDecoder;
  /** Decodes all other frames. */
  readonly codec: FrameCodec;
  /** The key of a message's type. */
  readonly typeKey: string;
  readonly handlers: MessageHandlers;
  /** Whether the event of a frame with one message has a copy of the frame as its `source`. */
  readonly keepsSource?: boolean | undefined;
  /** Reads a message without a handler; `undefined` when it is not about the session. */
  readonly readReply: (message: Message) => R | undefined;
}

/** What a decoder needs. */
interface DecoderOptions<R> {
  readonly format: StreamFormat<R>;
  /** Receives every valid frame after its events. @default none */
  readonly raw?: RawSink | undefined;
  /** Receives every frame, valid or not, after that. @default none */
  readonly tap?: FrameSink | undefined;
  readonly counters: FeedCounters;
  readonly clock: Clock;
  readonly log: Log;
}

/**
 * Bytes of the largest frame that is decoded exactly: that takes ten times the time and memory, and
 * frames of data have less than 100 kB. In larger ones a rounded number has the digits of its
 * double.
 */
const MAX_EXACT_BYTES = 512 * 1024;

/** Difference in receivedAt between two frames of the same ms. */
const FRAME_STEP_MS = 1 / 1024;

const NOT_A_MAP = new TypeError("Not a map");

/** Invalid messages of one frame that are logged one by one. */
const MAX_LOGGED = 8;

/** Invalid messages of one frame that are reported to their sinks one by one. */
const MAX_UNREADABLE = 64;

/** Unknown values that are remembered; with more of them, all are logged again. */
const MAX_LOGGED_VALUES = 1_000;

/** Decodes the frames of one feed. */
export class FrameDecoder<R> implements MessageNotes {
  readonly #format: StreamFormat<R>;
  readonly #raw: RawSink | undefined;
  readonly #tap: FrameSink | undefined;
  readonly #counters: FeedCounters;
  readonly #clock: Clock;
  readonly #log: Log;
  /** When the current frame arrived. */
  #receivedAt = 0;
  /** Where events of all types are published. */
  readonly #sinks: ReadonlySet<EventSink<unknown>>;
  /** Invalid messages of the current frame. */
  #unreadable = 0;
  /** Lines about the messages of the current frame, logged or not. */
  #logged = 0;
  /** Unknown values that were logged: each is logged once. */
  readonly #loggedValues = new Set<string>();
  /** Whether a value of the current message was rounded or left out. */
  #isInexact = false;
  /** Exact values of the current message, once one is rounded. */
  #exact: ExactValue[] | undefined;
  /** Whether the digits of one of them are known only as a double. */
  #needsDigits = false;

  constructor({ format, raw, tap, counters, clock, log }: DecoderOptions<R>) {
    this.#format = format;
    this.#raw = raw;
    this.#tap = tap;
    this.#sinks = new Set(Array.from(format.handlers.values(), ({ sink }) => sink));
    this.#counters = counters;
    this.#clock = clock;
    this.#log = log;
  }

  /**
   * Publishes the data of a frame and passes its replies on, in order. Never throws, not even when
   * a sink or `onReply` throws.
   *
   * @param arrivedAt wall clock ms. @default now
   */
  receive(frame: Frame, onReply: (reply: R) => void, arrivedAt?: number): void {
    let batch: FrameBatch | undefined;
    try {
      const receivedAt = this.#nextArrival(arrivedAt ?? this.#clock.now());
      const start = this.#clock.monotonic();
      const counters = this.#counters;
      this.#logged = this.#unreadable = 0;
      const raw = this.#raw?.isWanted ? this.#raw : undefined;
      try {
        batch = this.#format.fast?.decodeFrame(frame, raw !== undefined);
      } catch (error) {
        // Nothing was published: the general decoder takes the frame.
        this.#log.error("Fast decoder failed", { cause: error });
      }
      let messages = 0;
      if (batch) {
        const { events, sinks } = batch;
        messages = batch.countIn(counters.received);
        counters.inexact += batch.inexact;
        try {
          for (let i = 0; i < events.length; i++) {
            try {
              sinks[i]?.publish(events[i], receivedAt);
            } catch (error) {
              this.#invalid(undefined, error);
            }
          }
          if (messages > 0) raw?.receive(frame, receivedAt, batch.places);
        } finally {
          batch.clear();
        }
      } else {
        messages = this.#receiveAny(frame, receivedAt, onReply);
        // A frame without a message is empty or cannot be decoded.
        if (messages > 0) raw?.receive(frame, receivedAt);
      }
      if (this.#logged > MAX_LOGGED) this.#logSuppressed();
      const seconds = (this.#clock.monotonic() - start) / 1000;
      if (messages > 0) observe(counters.processing, { seconds, messages });
    } catch (error) {
      this.fail(error);
    }
    this.#tap?.receive(frame, this.#receivedAt, batch !== undefined);
  }

  /** The wall clock time in ms, with a fraction where it would equal that of the last frame. */
  #nextArrival(at: number): number {
    const isSameMs = at <= this.#receivedAt && this.#receivedAt < at + 1;
    return this.#receivedAt = isSameMs ? this.#receivedAt + FRAME_STEP_MS : at;
  }

  /** Counts and logs that handling a frame or a reply failed; never throws. */
  fail(error: unknown): void {
    this.#counters.errors.malformed_frame++;
    try {
      this.#log.error("Failed to handle a frame", { cause: error });
    } catch {
      // The log itself failed; the counter remains.
    }
  }

  inexact(): void {
    this.#isInexact = true;
  }

  rounded(field: string, value: unknown): void {
    this.#isInexact = true;
    this.#needsDigits ||= typeof value === "number";
    (this.#exact ??= []).push({ field, value: digitsOf(value) });
  }

  unknownValues(values: readonly string[]): void {
    this.#counters.errors.unknown_word++;
    const logged = this.#loggedValues;
    const added = values.filter((value) => !logged.has(value));
    if (added.length === 0) return;
    if (logged.size + added.length > MAX_LOGGED_VALUES) logged.clear();
    for (const value of added) logged.add(value);
    this.#logMessage("warn", "Message with unknown values", { values: added });
  }

  /** Decodes and handles any frame; returns the number of its messages. */
  #receiveAny(frame: Frame, receivedAt: number, onReply: (reply: R) => void): number {
    const { codec, handlers, readReply, typeKey } = this.#format;
    const { received } = this.#counters;
    let messages: readonly unknown[];
    try {
      messages = listOf(codec.decode(frame));
    } catch (error) {
      this.#counters.errors.malformed_frame++;
      this.#log.warn("Cannot decode a frame", { cause: error });
      for (const sink of this.#sinks) sink.unreadable(undefined);
      this.#raw?.unreadable(frame);
      return 0;
    }
    const exact = new ExactMessages(codec, frame);
    for (let i = 0; i < messages.length; i++) {
      const message = messages[i];
      try {
        if (!isMessage(message)) throw NOT_A_MAP;
        const handler = handlers.get(message[typeKey]);
        if (handler) {
          received[handler.type]++;
          const { sink, isAlwaysRead } = handler;
          if (!isAlwaysRead && !sink.mayHaveSubscribers(readSymbol(message))) continue;
          const event = this.#read(handler, message, exact, i);
          if (this.#isInexact) this.#counters.inexact++;
          if (this.#format.keepsSource && messages.length === 1) {
            Object.assign(event as object, { source: Uint8Array.from(frame) });
          }
          sink.publish(event, receivedAt);
          continue;
        }
        const reply = readReply(message);
        if (reply) {
          received.control++;
          onReply(reply);
        } else this.#unknown(message[typeKey]);
      } catch (error) {
        this.#invalid(message, error);
        this.#reportUnreadable(message);
      }
    }
    return messages.length;
  }

  /** Reads the event of a message, again with exact numbers if it needs them. */
  #read(handler: MessageHandler, message: Message, exact: ExactMessages, index: number): unknown {
    try {
      const event = this.#attempt(handler, exact.decoded(index) ?? message);
      const again = this.#needsDigits ? exact.decode(index) : undefined;
      return again ? this.#attempt(handler, again) : event;
    } catch (error) {
      const again = error instanceof InexactInteger ? exact.decode(index) : undefined;
      if (!again) throw error;
      return this.#attempt(handler, again);
    }
  }

  #attempt({ read }: MessageHandler, message: Message): unknown {
    this.#isInexact = this.#needsDigits = false;
    this.#exact = undefined;
    const event = read(message, this);
    return this.#exact ? Object.assign(event as object, { exact: this.#exact }) : event;
  }

  /** Reports an invalid message to the sink of its type; to all sinks when it has none. */
  #reportUnreadable(message: unknown): void {
    if (++this.#unreadable > MAX_UNREADABLE + 1) return;
    const handler = isMessage(message)
      ? this.#format.handlers.get(message[this.#format.typeKey])
      : undefined;
    // From then on neither the number of messages nor their symbols are reported.
    const isCounted = this.#unreadable <= MAX_UNREADABLE;
    if (!handler || !isCounted) {
      for (const sink of this.#sinks) sink.unreadable(undefined);
    } else handler.sink.unreadable(symbolOf(message as Message));
  }

  #unknown(type: unknown): void {
    this.#counters.received.unknown++;
    this.#counters.errors.unknown_type++;
    this.#logMessage("warn", "Message of an unknown type", { type: printable(type) });
  }

  #invalid(message: unknown, error: unknown): void {
    this.#counters.errors.malformed_element++;
    const type = isMessage(message) ? printable(message[this.#format.typeKey]) : typeof message;
    if (isInvalidInput(error)) {
      this.#logMessage("warn", "Invalid message", { type, cause: error.message });
    } else {
      this.#logMessage("error", "Failed to handle a message", { type, cause: error });
    }
  }

  /**
   * Logs the first 8 lines about the messages of a frame: one of 1 MiB can hold half a million
   * invalid ones, and logging each of them would block the process for ten seconds.
   */
  #logMessage(level: "warn" | "error", text: string, fields: LogFields): void {
    if (++this.#logged <= MAX_LOGGED) this.#log[level](text, fields);
  }

  #logSuppressed(): void {
    const messages = this.#logged - MAX_LOGGED;
    this.#log.warn("Further invalid messages in the same frame", { messages });
  }
}

/** The messages of one frame with exact numbers, decoded once one of them needs that. */
class ExactMessages {
  readonly #codec: FrameCodec;
  readonly #frame: Frame;
  #messages: readonly unknown[] | undefined;

  constructor(codec: FrameCodec, frame: Frame) {
    this.#codec = codec;
    this.#frame = frame;
  }

  /** A message, if the frame has been decoded. */
  decoded(index: number): Message | undefined {
    return this.#messages?.[index] as Message | undefined;
  }

  /** Decodes the frame, once; `undefined` where that is not possible. */
  decode(index: number): Message | undefined {
    this.#messages ??= this.#decode();
    return this.decoded(index);
  }

  #decode(): readonly unknown[] {
    const { decodeExactly } = this.#codec;
    if (!decodeExactly || this.#frame.length > MAX_EXACT_BYTES) return [];
    try {
      return listOf(decodeExactly(this.#frame));
    } catch {
      // Nested too deeply: the reader needs more stack.
      return [];
    }
  }
}

/** Whether the error is about the received message; any other one is a bug. */
function isInvalidInput(error: unknown): error is Error {
  return error === NOT_A_MAP || error instanceof InvalidField || error instanceof InexactInteger;
}

/** The symbol of an invalid message; `undefined` when it has none. */
function symbolOf(message: Message): string | undefined {
  try {
    return readSymbol(message);
  } catch {
    return undefined;
  }
}

/** Alpaca sends only arrays; a single map is read as an array of one. */
function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [value];
}
