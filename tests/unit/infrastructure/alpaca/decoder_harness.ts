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
import type { OptionQuote, OptionTrade } from "../../../../src/domain/market/option_events.ts";
import type { OrderUpdate } from "../../../../src/domain/market/order_events.ts";
import type {
  StockBar,
  StockImbalance,
  StockLuld,
  StockQuote,
  StockTrade,
  StockTradingStatus,
  TradeCorrection,
} from "../../../../src/domain/market/stock_events.ts";
import { FrameDecoder } from "../../../../src/infrastructure/alpaca/decode.ts";
import {
  type MarketFormat,
  optionFormat,
  stockFormat,
} from "../../../../src/infrastructure/alpaca/market.ts";
import type { Control, StockSinks } from "../../../../src/infrastructure/alpaca/messages.ts";
import type { Frame } from "../../../../src/infrastructure/alpaca/session.ts";
import { tradingFormat, type TradingReply } from "../../../../src/infrastructure/alpaca/trading.ts";
import { ManualClock } from "../../../support/manual_clock.ts";
import { RecordingLog } from "../../../support/recording_log.ts";

/** A sink that keeps what is published; it subscribes the given symbols, or all. */
export class RecordingSink<T> implements EventSink<T> {
  readonly events: T[] = [];
  readonly receivedAt: number[] = [];
  /** The symbols of messages that could not be decoded. */
  readonly unreadables: (string | undefined)[] = [];
  readonly #wanted: ReadonlySet<string> | undefined;

  constructor(wanted?: readonly string[]) {
    this.#wanted = wanted && new Set(wanted);
  }

  mayHaveSubscribers(symbol: string): boolean {
    return this.#wanted?.has(symbol) ?? true;
  }

  publish(event: T, receivedAt: number): void {
    this.events.push(event);
    this.receivedAt.push(receivedAt);
  }

  unreadable(symbol: string | undefined): void {
    this.unreadables.push(symbol);
  }

  forget(): void {
    this.events.length = 0;
    this.receivedAt.length = 0;
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

/** Sets all counters of a record back to zero. */
function zero(counts: Record<string, number>): void {
  for (const name of Object.keys(counts)) counts[name] = 0;
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

  /** Messages that were delivered with a value rounded or left out. */
  get inexact(): number {
    return this.counters.inexact;
  }

  /** Forgets what was counted and logged. */
  forget(): void {
    this.counters.inexact = 0;
    zero(this.counters.errors);
    zero(this.counters.received);
    this.log.records.length = 0;
  }
}

/** How a harness decodes. */
export interface HarnessOptions {
  /** Leaves every frame to the general decoder. @default false */
  readonly generalOnly?: boolean;
}

function formatOf(
  format: MarketFormat,
  { generalOnly = false }: HarnessOptions,
): MarketFormat {
  return generalOnly ? { ...format, fast: { decodeFrame: () => undefined } } : format;
}

/** A stock decoder; `receive` takes a frame, or elements to make one of. */
export class StockHarness extends Counted {
  readonly quotes: RecordingSink<StockQuote>;
  readonly trades: RecordingSink<StockTrade>;
  readonly bars: RecordingSink<StockBar>;
  readonly updatedBars: RecordingSink<StockBar>;
  readonly dailyBars: RecordingSink<StockBar>;
  readonly statuses: RecordingSink<StockTradingStatus>;
  readonly bands: RecordingSink<StockLuld>;
  readonly corrections: RecordingSink<TradeCorrection>;
  readonly imbalances: RecordingSink<StockImbalance>;
  readonly controls: Control[] = [];
  readonly #decoder: FrameDecoder<Control>;

  constructor(wanted?: readonly string[], options: HarnessOptions = {}) {
    super();
    this.quotes = new RecordingSink(wanted);
    this.trades = new RecordingSink(wanted);
    this.bars = new RecordingSink(wanted);
    this.updatedBars = new RecordingSink(wanted);
    this.dailyBars = new RecordingSink(wanted);
    this.statuses = new RecordingSink(wanted);
    this.bands = new RecordingSink(wanted);
    this.corrections = new RecordingSink(wanted);
    this.imbalances = new RecordingSink(wanted);
    const { counters, clock, log } = this;
    const format = formatOf(stockFormat(this), options);
    this.#decoder = new FrameDecoder({ format, counters, clock, log });
  }

  receive(frame: Frame | string | readonly unknown[]): this {
    const made = Array.isArray(frame)
      ? binary(JSON.stringify(frame))
      : frameFrom(frame as Frame | string);
    this.#decoder.receive(made, (control) => this.controls.push(control));
    return this;
  }

  /** The events of each type. */
  get events(): Readonly<Record<string, readonly unknown[]>> {
    return Object.fromEntries(
      Object.entries(this.#sinks()).map(([name, { events }]) => [name, events]),
    );
  }

  #sinks(): Readonly<Record<keyof StockSinks, RecordingSink<unknown>>> {
    const { quotes, trades, bars, updatedBars, dailyBars } = this;
    const { statuses, bands, corrections, imbalances } = this;
    return {
      quotes,
      trades,
      bars,
      updatedBars,
      dailyBars,
      statuses,
      bands,
      corrections,
      imbalances,
    };
  }

  override forget(): void {
    super.forget();
    for (const sink of Object.values(this.#sinks())) sink.forget();
    this.controls.length = 0;
  }
}

/** An option decoder. */
export class OptionHarness extends Counted {
  readonly quotes: RecordingSink<OptionQuote>;
  readonly trades: RecordingSink<OptionTrade>;
  readonly controls: Control[] = [];
  readonly #decoder: FrameDecoder<Control>;

  constructor(wanted?: readonly string[], options: HarnessOptions = {}) {
    super();
    this.quotes = new RecordingSink(wanted);
    this.trades = new RecordingSink(wanted);
    const { counters, clock, log } = this;
    const format = formatOf(optionFormat(this), options);
    this.#decoder = new FrameDecoder({ format, counters, clock, log });
  }

  /** The events of each type. */
  get events(): Readonly<Record<string, readonly unknown[]>> {
    return { quotes: this.quotes.events, trades: this.trades.events };
  }

  receive(frame: Frame | string | readonly unknown[]): this {
    const made = Array.isArray(frame) ? packed(frame) : frameFrom(frame as Frame | string);
    this.#decoder.receive(made, (control) => this.controls.push(control));
    return this;
  }

  override forget(): void {
    super.forget();
    for (const sink of [this.quotes, this.trades]) sink.forget();
    this.controls.length = 0;
  }
}

/** A decoder of the trading stream. */
export class OrderHarness extends Counted {
  readonly orders = new RecordingSink<OrderUpdate>();
  readonly replies: TradingReply[] = [];
  readonly #decoder: FrameDecoder<TradingReply>;

  constructor() {
    super();
    const { counters, clock, log } = this;
    this.#decoder = new FrameDecoder({ format: tradingFormat(this.orders), counters, clock, log });
  }

  receive(frame: Frame | string): this {
    this.#decoder.receive(
      frameFrom(frame),
      (reply) => this.replies.push(reply),
    );
    return this;
  }

  /** Receives the `data` of one trade update. */
  update(data: unknown): this {
    return this.receive(JSON.stringify({ stream: "trade_updates", data }));
  }
}

/** Text as the bytes of a frame; bytes as they are. */
function frameFrom(frame: Frame | string): Frame {
  return typeof frame === "string" ? binary(frame) : frame;
}

/** Text as a frame. */
export function binary(text: string): Frame {
  return new TextEncoder().encode(text);
}

/** A value as a MessagePack frame. */
export function packed(value: unknown): Frame {
  return encode(value, { useBigInt64: true });
}

/** Bytes written in hex, spaces allowed, as a frame. */
export function hex(text: string): Frame {
  return Uint8Array.fromHex(text.replaceAll(/\s/g, ""));
}

/** A timestamp extension with the given payload. */
export function timeExt(payload: string): ExtData {
  return new ExtData(-1, Uint8Array.fromHex(payload.replaceAll(/\s/g, "")));
}

/** What bytes that the proxy sent mean. */
export function unpacked(bytes: Uint8Array): unknown {
  return decode(bytes);
}
