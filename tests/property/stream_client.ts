/**
 * A client of the core: reads as its script allows, and keeps what it receives.
 *
 * @module
 */
import type {
  OpenAnnotatedStream,
  OpenStream,
  StreamItem,
} from "../../src/application/streaming/market_streams.ts";
import type { Notice, StreamOptions } from "../../src/application/streaming/stream_options.ts";
import type { Envelope } from "../../src/application/broadcast/envelope.ts";
import type { Gap, GapReason, Origin } from "../../src/domain/market/notices.ts";
import type { StockBar, StockQuote, StockTrade } from "../../src/domain/market/stock_events.ts";
import type { MarketChannel } from "./market_model.ts";
import type { ManualClock } from "../support/manual_clock.ts";

/** What a client requests. */
export interface Wish {
  readonly channel: MarketChannel;
  /** Empty for every symbol. */
  readonly symbols: readonly string[];
  /** `undefined` for a stream without options. */
  readonly options: StreamOptions | undefined;
}

/** A data message, as received. */
export interface ReceivedData {
  readonly type: "data";
  /** The id of the produced message. */
  readonly id: number;
  readonly symbol: string;
  readonly sequence: number;
  readonly symbolSequence: number;
  readonly origin: Origin;
  /** Monotonic ms at which it was taken. */
  readonly takenAt: number;
}

/** A notice, as received. */
export interface ReceivedNotice {
  readonly type: "notice";
  readonly notice: Notice;
}

/** One item of a stream. */
export type Received = ReceivedData | ReceivedNotice;

/** An event of any of the three channels. */
export type StockEvent = StockQuote | StockTrade | StockBar;

/** Batches in a row that may be empty, because the stream has ended or has changed meanwhile. */
const MAX_EMPTY_BATCHES = 10;

/** A client with one stream. */
export class StreamClient {
  readonly wish: Wish;
  /** The stream whose position it resumes from. */
  readonly earlier: StreamClient | undefined;
  /** Everything received, oldest first. */
  readonly received: Received[] = [];
  /** How many messages had been produced when the stream was opened and closed. */
  readonly openedAfter: number;
  closedAfter: number | undefined;
  /** Why reading has failed, if it has. */
  failure: unknown;
  /** Whether the stream ended without the client. */
  isEnded = false;
  /** How many of {@linkcode StreamClient.counted} were acknowledged, and the most that were not. */
  acknowledged = 0;
  mostUnacknowledged = 0;
  readonly stream: OpenStream<StreamItem<StockEvent>> | OpenAnnotatedStream<StockEvent>;
  readonly done: Promise<void>;
  readonly #clock: ManualClock;
  readonly #over = new AbortController();
  /** Items that it may still take. */
  #credit = 0;
  #onCredit: () => void = () => {};
  /** Batches in a row that were empty when they were taken. */
  #emptyBatches = 0;

  constructor(
    wish: Wish,
    stream: OpenStream<StreamItem<StockEvent>>,
    context: {
      readonly clock: ManualClock;
      readonly openedAfter: number;
      readonly earlier?: StreamClient | undefined;
    },
  ) {
    this.wish = wish;
    this.stream = stream;
    this.openedAfter = context.openedAfter;
    this.earlier = context.earlier;
    this.#clock = context.clock;
    this.done = this.#read().catch((error: unknown) => {
      this.failure = error;
    });
  }

  /** The notices received of one type. */
  notices<T extends Notice["type"]>(type: T): Extract<Notice, { type: T }>[] {
    return this.received.flatMap((item) =>
      item.type === "notice" && item.notice.type === type
        ? [item.notice as Extract<Notice, { type: T }>]
        : []
    );
  }

  /** Data messages received. */
  get data(): ReceivedData[] {
    return this.received.filter((item) => item.type === "data");
  }

  /** Why the proxy has ended the stream, if it has. */
  get endReason(): string | undefined {
    return "endReason" in this.stream ? this.stream.endReason : undefined;
  }

  /** Messages that count as unacknowledged until they are acknowledged. */
  readonly counted: ReceivedData[] = [];

  /** The gaps received of one reason. */
  gaps(reason: GapReason): Gap[] {
    return this.notices("gap").map(({ gap }) => gap).filter((gap) => gap.reason === reason);
  }

  /** The position up to which everything of the stream was processed. */
  get position(): number {
    const { resume, delivery } = this.wish.options ?? {};
    const start = this.notices("hello")[0]?.hello;
    const isReplaying = start?.resumed && this.notices("caught_up").length === 0;
    let position = isReplaying && resume && "sequence" in resume
      ? resume.sequence
      : start?.sequence ?? 0;
    for (const { totals } of this.notices("heartbeat")) {
      position = Math.max(position, totals.sequence);
    }
    for (const { origin, sequence } of this.data) {
      const isInOrder = origin === "replay" || origin === "live" && delivery !== "latest";
      if (isInOrder) position = Math.max(position, sequence);
    }
    return position;
  }

  /** Allows `count` more items to be taken; `Infinity` for all that come. */
  grant(count: number): void {
    this.#credit += count;
    if (this.#credit > 0) this.#onCredit();
  }

  /** Takes nothing until the next grant. */
  stall(): void {
    this.#credit = 0;
  }

  /** Cancels the stream. */
  async close(closedAfter: number): Promise<void> {
    this.closedAfter ??= closedAfter;
    this.#over.abort();
    this.#onCredit();
    this.stream[Symbol.dispose]();
    await this.done;
  }

  async #read(): Promise<void> {
    const { signal } = this.#over;
    for await (const batch of this.stream.batches(signal)) {
      if (this.#credit <= 0) {
        await new Promise<void>((resolve) => this.#onCredit = resolve);
      }
      if (signal.aborted) break;
      const items = batch.take(this.#credit);
      if (items.length > 0) this.#emptyBatches = 0;
      else if (++this.#emptyBatches > MAX_EMPTY_BATCHES) throw new Error("Batches are empty");
      this.#credit -= items.length;
      for (const item of items) {
        const received = this.#keep(item);
        this.received.push(received);
        if (received.type === "notice") continue;
        if (received.origin !== "snapshot" && received.sequence > 0) this.counted.push(received);
      }
      const unacknowledged = this.counted.length - this.acknowledged;
      this.mostUnacknowledged = Math.max(this.mostUnacknowledged, unacknowledged);
    }
    this.isEnded = !signal.aborted;
  }

  #keep(item: StreamItem<StockEvent>): Received {
    if ("notice" in item) return { type: "notice", notice: item.notice };
    const { event, sequence, symbolSequence, origin } = item as Envelope<StockEvent>;
    return {
      type: "data",
      id: idOf(event),
      symbol: event.symbol,
      sequence,
      symbolSequence,
      origin,
      takenAt: this.#clock.monotonic(),
    };
  }
}

function idOf(event: StockEvent): number {
  if ("bidPrice" in event) return event.bidPrice;
  return Number("tradeId" in event ? event.tradeId : event.volume);
}
