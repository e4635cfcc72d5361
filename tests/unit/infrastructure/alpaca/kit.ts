/**
 * Decoders with everything they publish, count and log in the open.
 *
 * @module
 */
import { decode, encode, ExtData } from "@msgpack/msgpack";
import type { EventSink } from "../../../../src/application/ports/event_sink.ts";
import {
  createCounters,
  type ErrorType,
  type FeedCounters,
  type MessageType,
} from "../../../../src/application/status/counters.ts";
import type {
  OptionQuote,
  OptionTrade,
} from "../../../../src/domain/market/option_events.ts";
import type { OrderUpdate } from "../../../../src/domain/market/order_events.ts";
import type {
  StockBar,
  StockQuote,
  StockTrade,
} from "../../../../src/domain/market/stock_events.ts";
import type { Control } from "../../../../src/infrastructure/alpaca/control.ts";
import {
  optionHandlers,
  stockHandlers,
} from "../../../../src/infrastructure/alpaca/element_handlers.ts";
import { FrameDecoder } from "../../../../src/infrastructure/alpaca/frame_decoder.ts";
import {
  jsonCodec,
  msgpackCodec,
} from "../../../../src/infrastructure/alpaca/market_codec.ts";
import {
  TradingDecoder,
  type TradingReply,
} from "../../../../src/infrastructure/alpaca/trading_decoder.ts";
import type { Frame } from "../../../../src/infrastructure/alpaca/wire.ts";
import { ManualClock } from "../../../support/manual_clock.ts";
import { RecordingLog } from "../../../support/recording_log.ts";

/** A sink that keeps what is published; it wants the given symbols, or all. */
export class RecordingSink<T> implements EventSink<T> {
  readonly events: T[] = [];
  readonly receivedAt: number[] = [];
  readonly #wanted: ReadonlySet<string> | undefined;

  constructor(wanted?: readonly string[]) {
    this.#wanted = wanted && new Set(wanted);
  }

  wants(symbol: string): boolean {
    return this.#wanted?.has(symbol) ?? true;
  }

  publish(event: T, receivedAt: number): void {
    this.events.push(event);
    this.receivedAt.push(receivedAt);
  }
}

/** Entries of a record of counters that have moved. */
export function moved<K extends string>(
  counts: Record<K, number>,
): Partial<Record<K, number>> {
  return Object.fromEntries(
    Object.entries(counts).filter(([, count]) => count !== 0),
  ) as Partial<Record<K, number>>;
}

class Counted {
  readonly counters: FeedCounters = createCounters().feeds.sip;
  readonly clock = new ManualClock();
  readonly log = new RecordingLog();

  get errors(): Partial<Record<ErrorType, number>> {
    return moved(this.counters.errors);
  }

  get received(): Partial<Record<MessageType, number>> {
    return moved(this.counters.received);
  }
}

/** A stock decoder; `receive` takes a frame, or elements to make one of. */
export class StockDesk extends Counted {
  readonly quotes: RecordingSink<StockQuote>;
  readonly trades = new RecordingSink<StockTrade>();
  readonly bars = new RecordingSink<StockBar>();
  readonly controls: Control[] = [];
  readonly #decoder: FrameDecoder;

  constructor(wantedQuotes?: readonly string[]) {
    super();
    this.quotes = new RecordingSink(wantedQuotes);
    const { counters, clock, log } = this;
    const handlers = stockHandlers(this);
    const codec = jsonCodec;
    this.#decoder = new FrameDecoder({ codec, handlers, counters, clock, log });
  }

  receive(frame: Frame | readonly unknown[]): this {
    const made = Array.isArray(frame) ? JSON.stringify(frame) : frame as Frame;
    this.#decoder.receive(made, (control) => this.controls.push(control));
    return this;
  }
}

/** An option decoder. */
export class OptionDesk extends Counted {
  readonly quotes = new RecordingSink<OptionQuote>();
  readonly trades = new RecordingSink<OptionTrade>();
  readonly controls: Control[] = [];
  readonly #decoder: FrameDecoder;

  constructor() {
    super();
    const { counters, clock, log } = this;
    const handlers = optionHandlers(this);
    const codec = msgpackCodec;
    this.#decoder = new FrameDecoder({ codec, handlers, counters, clock, log });
  }

  receive(frame: Frame | readonly unknown[]): this {
    const made = Array.isArray(frame) ? packed(frame) : frame as Frame;
    this.#decoder.receive(made, (control) => this.controls.push(control));
    return this;
  }
}

/** A decoder of the trading stream. */
export class OrderDesk extends Counted {
  readonly orders = new RecordingSink<OrderUpdate>();
  readonly replies: TradingReply[] = [];
  readonly #decoder: TradingDecoder;

  constructor() {
    super();
    const { orders: sink, counters, clock, log } = this;
    this.#decoder = new TradingDecoder({ sink, counters, clock, log });
  }

  receive(frame: Frame): this {
    this.#decoder.receive(frame, (reply) => this.replies.push(reply));
    return this;
  }

  /** Receives the `data` of one trade update. */
  update(data: unknown): this {
    return this.receive(JSON.stringify({ stream: "trade_updates", data }));
  }
}

/** Bytes as a frame of its own. */
export function frameOf(bytes: Uint8Array): ArrayBuffer {
  return new Uint8Array(bytes).buffer;
}

/** Text as a binary frame. */
export function binary(text: string): ArrayBuffer {
  return frameOf(new TextEncoder().encode(text));
}

/** A value as a MessagePack frame. */
export function packed(value: unknown): ArrayBuffer {
  return frameOf(encode(value, { useBigInt64: true }));
}

/** Bytes written in hex, spaces allowed, as a frame. */
export function hex(text: string): ArrayBuffer {
  return frameOf(Uint8Array.fromHex(text.replaceAll(/\s/g, "")));
}

/** A timestamp extension with the given payload. */
export function timeExt(payload: string): ExtData {
  return new ExtData(-1, Uint8Array.fromHex(payload.replaceAll(/\s/g, "")));
}

/** What bytes that the proxy sent mean. */
export function unpacked(bytes: Uint8Array): unknown {
  return decode(bytes);
}
