/**
 * Decodes the frames of the trading stream: objects in JSON, in text or binary
 * frames.
 *
 * Order updates are published; every other message is a reply of the session.
 * Nothing is thrown: as on the market streams, a message that cannot be read, or
 * whose handler throws, is counted and logged.
 *
 * @module
 */
import type { Clock } from "../../application/ports/clock.ts";
import type { EventSink } from "../../application/ports/event_sink.ts";
import type { Log } from "../../application/ports/log.ts";
import {
  type FeedCounters,
  observe,
} from "../../application/status/counters.ts";
import type { OrderUpdate } from "../../domain/market/order_events.ts";
import { unknownWords } from "../../domain/market/order_words.ts";
import { type Element, isElement, printable } from "./control.ts";
import { parseWithNumberText } from "./exact_json.ts";
import { BadField } from "./fields.ts";
import { FrameLog } from "./frame_log.ts";
import { readOrderUpdate } from "./order_elements.ts";
import { shorten } from "./text_limits.ts";
import type { Frame } from "./wire.ts";

/** What the trading stream says about the session. */
export type TradingReply =
  | {
    readonly type: "authorization";
    readonly authorized: boolean;
    readonly message: string;
  }
  | { readonly type: "listening"; readonly streams: readonly string[] }
  | { readonly type: "error"; readonly message: string };

/** What a trading decoder needs. */
export interface TradingDecoderParts {
  readonly sink: EventSink<OrderUpdate>;
  readonly counters: FeedCounters;
  readonly clock: Clock;
  readonly log: Log;
}

const NOT_A_MAP = new TypeError("Not a map");
const NO_DATA = new TypeError("No data");
/** Unknown values of one update that are logged. */
const MAX_NAMED = 8;
/** Names in a list of streams that are looked at; the stream has three. */
const MAX_STREAMS = 16;
/** Keep-alive byte of an older version of the stream, still to be ignored. */
const OLD_HEARTBEAT = 0x01;

/** Decodes the frames of the trading stream. */
export class TradingDecoder {
  readonly #parts: TradingDecoderParts;
  readonly #utf8 = new TextDecoder("utf-8", { fatal: true });
  readonly #faults: FrameLog;

  constructor(parts: TradingDecoderParts) {
    this.#parts = parts;
    this.#faults = new FrameLog(parts.log);
  }

  /**
   * Publishes order updates and hands replies on, in order. Never throws, also
   * when the sink or `onReply` does.
   */
  receive(frame: Frame, onReply: (reply: TradingReply) => void): void {
    if (isOldHeartbeat(frame)) return;
    const { clock, counters } = this.#parts;
    try {
      const receivedAt = clock.now();
      const start = clock.monotonic();
      const decoded = this.#decode(frame);
      if (decoded === undefined) return;
      const messages = Array.isArray(decoded) ? decoded : [decoded];
      this.#faults.start();
      for (const message of messages) {
        this.#handle(message, receivedAt, onReply);
      }
      this.#faults.end();
      const seconds = (clock.monotonic() - start) / 1000;
      observe(counters.processing, { seconds, messages: messages.length });
    } catch (error) {
      this.fault(error);
    }
  }

  /** Counts and logs that handling a frame failed; never throws. */
  fault(error: unknown): void {
    const { counters, log } = this.#parts;
    counters.errors.malformed_frame++;
    try {
      log.error("Frame could not be processed", { cause: error });
    } catch {
      // The count is all that can be left behind.
    }
  }

  #decode(frame: Frame): unknown {
    try {
      return parseWithNumberText(this.#utf8.decode(frame));
    } catch (error) {
      this.#parts.counters.errors.malformed_frame++;
      this.#parts.log.warn("Frame cannot be decoded", { cause: error });
      return undefined;
    }
  }

  #handle(
    message: unknown,
    receivedAt: number,
    onReply: (reply: TradingReply) => void,
  ): void {
    try {
      if (!isElement(message)) throw NOT_A_MAP;
      if (message.stream === "trade_updates") {
        this.#publish(message.data, receivedAt);
      } else this.#reply(message, onReply);
    } catch (error) {
      this.#malformed(error);
    }
  }

  #publish(data: unknown, receivedAt: number): void {
    const { counters, sink } = this.#parts;
    counters.received.order_update++;
    if (!isElement(data)) throw NO_DATA;
    const update = readOrderUpdate(data);
    const unknown = unknownWords(update);
    if (unknown.length > 0) {
      counters.errors.unknown_word++;
      this.#faults.warn("Order update has values that are not known", {
        values: unknown.slice(0, MAX_NAMED).map(({ kind, word }) =>
          `${kind}: ${printable(word)}`
        ),
      });
    }
    sink.publish(update, receivedAt);
  }

  #reply(message: Element, onReply: (reply: TradingReply) => void): void {
    const { counters } = this.#parts;
    const reply = readReply(message);
    if (reply) {
      counters.received.control++;
      return onReply(reply);
    }
    counters.received.unknown++;
    counters.errors.unknown_type++;
    this.#faults.warn("Message of an unknown stream", {
      stream: printable(message.stream),
    });
  }

  #malformed(error: unknown): void {
    this.#parts.counters.errors.malformed_element++;
    const isUpstreams = error === NOT_A_MAP || error === NO_DATA ||
      error instanceof BadField;
    if (isUpstreams) {
      this.#faults.warn("Order update is malformed", { cause: error });
    } else {
      this.#faults.error("Message could not be processed", { cause: error });
    }
  }
}

function isOldHeartbeat(frame: Frame): boolean {
  return frame.length === 1 && frame[0] === OLD_HEARTBEAT;
}

function readReply(message: Element): TradingReply | undefined {
  const data = isElement(message.data) ? message.data : {};
  if (message.action === "error") {
    return { type: "error", message: textOf(data.error_message) };
  }
  switch (message.stream) {
    case "authorization":
      return {
        type: "authorization",
        authorized: data.status === "authorized",
        message: textOf(data.message) || textOf(data.status),
      };
    case "listening":
      return typeof data.error === "string"
        ? { type: "error", message: shorten(data.error) }
        : { type: "listening", streams: textsOf(data.streams) };
    default:
      return undefined;
  }
}

function textOf(value: unknown): string {
  return typeof value === "string" ? shorten(value) : "";
}

function textsOf(value: unknown): readonly string[] {
  if (!Array.isArray(value)) return [];
  return value.slice(0, MAX_STREAMS).map(textOf).filter((text) => text !== "");
}
