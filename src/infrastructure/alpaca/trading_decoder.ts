/**
 * Frames of the trading stream: objects in JSON, in text or binary frames.
 *
 * Order updates are published at once; everything else is a reply of the
 * session. As on the market streams, a bad message costs itself.
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
import { type Element, isElement, printable } from "./control.ts";
import { parseWithNumberText } from "./exact_json.ts";
import { readOrderUpdate } from "./order_elements.ts";
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

/** Keep-alive byte of an older version of the stream, still to be ignored. */
const OLD_HEARTBEAT = 0x01;

/** Decodes the frames of the trading stream. */
export class TradingDecoder {
  readonly #parts: TradingDecoderParts;
  readonly #utf8 = new TextDecoder("utf-8", { fatal: true });

  constructor(parts: TradingDecoderParts) {
    this.#parts = parts;
  }

  /** Publishes an order update, or hands a reply on. */
  receive(frame: Frame, onReply: (reply: TradingReply) => void): void {
    if (isOldHeartbeat(frame)) return;
    const { clock, counters } = this.#parts;
    const receivedAt = clock.now();
    const start = clock.monotonic();
    const decoded = this.#decode(frame);
    if (decoded === undefined) return;
    const messages = Array.isArray(decoded) ? decoded : [decoded];
    for (const message of messages) this.#handle(message, receivedAt, onReply);
    const seconds = (clock.monotonic() - start) / 1000;
    observe(counters.processing, { seconds, messages: messages.length });
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
    const { counters } = this.#parts;
    if (!isElement(message)) return this.#malformed(new TypeError("Not a map"));
    if (message.stream === "trade_updates") {
      counters.received.order_update++;
      return this.#publish(message.data, receivedAt);
    }
    const reply = readReply(message);
    if (reply) {
      counters.received.control++;
      return onReply(reply);
    }
    counters.received.unknown++;
    counters.errors.unknown_type++;
    this.#parts.log.warn("Message of an unknown stream", {
      stream: printable(message.stream),
    });
  }

  #publish(data: unknown, receivedAt: number): void {
    try {
      if (!isElement(data)) throw new TypeError("No data");
      this.#parts.sink.publish(readOrderUpdate(data), receivedAt);
    } catch (error) {
      this.#malformed(error);
    }
  }

  #malformed(error: unknown): void {
    this.#parts.counters.errors.malformed_element++;
    this.#parts.log.warn("Order update is malformed", { cause: error });
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
        ? { type: "error", message: data.error }
        : { type: "listening", streams: textsOf(data.streams) };
    default:
      return undefined;
  }
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}

function textsOf(value: unknown): readonly string[] {
  return Array.isArray(value)
    ? value.filter((item) => typeof item === "string")
    : [];
}
