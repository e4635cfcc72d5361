/**
 * A market in memory: opens streams and hands them what a test publishes.
 *
 * @module
 */
import type { Envelope } from "../../src/application/broadcast/envelope.ts";
import type { PendingBatch } from "../../src/application/broadcast/event_queue.ts";
import type {
  MarketStreams,
  NoticeItem,
  OpenAnnotatedStream,
  OpenQueue,
  Stall,
  StreamClient,
  StreamFilter,
  StreamItem,
} from "../../src/application/streaming/market_streams.ts";
import { endStreams } from "../../src/application/streaming/end_streams.ts";
import type { Notice, StreamOptions } from "../../src/application/streaming/stream_options.ts";
import { systemClock } from "../../src/infrastructure/clock/system_clock.ts";
import type { ChannelEvents, ChannelName } from "../../src/domain/market/channels.ts";

/** An envelope of a live event that no queue holds. */
export function envelopeOf<T>(event: T, sequence: number): Envelope<T> {
  return {
    event,
    sequence,
    symbolSequence: sequence,
    receivedAt: 0,
    origin: "live",
    encoded: undefined,
    encodedWithMeta: undefined,
    holders: 0,
    bytes: 0,
  };
}

/** A stream with a bounded queue that drops its oldest items. */
class MemoryStream<T> implements OpenAnnotatedStream<T>, PendingBatch<StreamItem<T>> {
  readonly channel: ChannelName;
  readonly filter: StreamFilter;
  /** Undefined for a stream without options. */
  readonly options: StreamOptions | undefined;
  endReason: string | undefined;
  readonly #onClose: () => void;
  readonly client: StreamClient;
  readonly #capacity: number;
  #queue: StreamItem<T>[] = [];
  #wake = () => {};
  #end: { readonly error?: Error } | undefined;
  #sent = 0;
  #dropped = 0;

  constructor(
    channel: ChannelName,
    filter: StreamFilter,
    options: {
      readonly options?: StreamOptions;
      readonly capacity: number;
      readonly onClose: () => void;
      readonly client: StreamClient;
    },
  ) {
    this.channel = channel;
    this.filter = filter;
    this.options = options.options;
    this.#capacity = options.capacity;
    this.#onClose = options.onClose;
    this.client = options.client;
  }

  get sent(): number {
    return this.#sent;
  }

  get dropped(): number {
    return this.#dropped;
  }

  push(item: StreamItem<T>): void {
    this.#queue.push(item);
    if (this.#queue.length > this.#capacity) {
      this.#queue.shift();
      this.#dropped++;
    }
    this.#wakeReader();
  }

  /** Ends the stream from within, as a supply that stops or fails does. */
  end(error?: Error): void {
    this.#end = error === undefined ? {} : { error };
    this.#wakeReader();
  }

  /** Reports that the stream has stalled. */
  stall(stall: Stall): void {
    this.client.onStall?.(stall);
  }

  /** Adds a notice, which is dropped by a stream without notices. */
  notify(notice: Notice): void {
    if (this.options?.notices) this.push({ notice });
  }

  unencodable({ sequence }: Envelope<T>): NoticeItem | undefined {
    if (!this.options?.notices) return undefined;
    const gap = {
      reason: "unreadable",
      count: 1,
      firstSequence: sequence,
      lastSequence: sequence,
      symbols: [],
      startTime: undefined,
      endTime: undefined,
    } as const;
    return { notice: { type: "gap", at: 0, gap } };
  }

  get isReady(): boolean {
    return this.#queue.length > 0 || this.#end?.error !== undefined;
  }

  get isEnded(): boolean {
    return this.#end !== undefined && this.#end.error === undefined;
  }

  onReady(wake: () => void): void {
    this.#wake = wake;
  }

  releaseInFlight(): void {}

  take(): readonly StreamItem<T>[] {
    if (this.#end?.error) throw this.#end.error;
    const batch = this.#end === undefined ? this.#queue : [];
    this.#queue = [];
    this.#sent += batch.length;
    return batch;
  }

  async *batches(
    signal: AbortSignal,
  ): AsyncGenerator<PendingBatch<StreamItem<T>>, void> {
    const onAbort = () => this.#wake();
    signal.addEventListener("abort", onAbort);
    try {
      while (!signal.aborted) {
        if (this.#end?.error !== undefined) throw this.#end.error;
        if (this.#end !== undefined) return;
        if (this.#queue.length > 0) yield this;
        else await new Promise<void>((wake) => this.#wake = wake);
      }
    } finally {
      signal.removeEventListener("abort", onAbort);
    }
  }

  [Symbol.dispose](): void {
    this.end();
    this.#onClose();
  }

  #wakeReader(): void {
    const wake = this.#wake;
    this.#wake = () => {};
    wake();
  }
}

/** How {@linkcode MemoryMarket} behaves. */
export interface MemoryMarketOptions {
  /** Events that a stream may fall behind by. @default 100_000 */
  readonly capacity?: number;
}

/** A `MarketStreams` whose events come from a test. */
export class MemoryMarket implements MarketStreams {
  /** Every stream that is open now, oldest first. */
  readonly streams: Set<MemoryStream<unknown>> = new Set();
  /** Every acknowledged position; ids of open streams start with `open`. */
  readonly acknowledged: [string, number][] = [];
  readonly #capacity: number;
  readonly #waiters = new Set<() => void>();
  /** Throws what `open` is to throw. */
  admit: (channel: ChannelName, filter: StreamFilter) => void = () => {};
  #sequence = 0;

  constructor({ capacity = 100_000 }: MemoryMarketOptions = {}) {
    this.#capacity = capacity;
  }

  open<C extends ChannelName>(
    channel: C,
    filter: StreamFilter,
    client: StreamClient = {},
  ): OpenQueue<Envelope<ChannelEvents[C]>> {
    // Without options nothing but events is pushed.
    return this.#open(channel, filter, client) as OpenQueue<Envelope<ChannelEvents[C]>>;
  }

  openWithOptions<C extends ChannelName>(
    channel: C,
    filter: StreamFilter,
    options: StreamOptions,
    client: StreamClient = {},
  ): OpenAnnotatedStream<ChannelEvents[C]> {
    return this.#open(channel, filter, client, options);
  }

  acknowledge(streamId: string, sequence: number): boolean {
    this.acknowledged.push([streamId, sequence]);
    return streamId.startsWith("open");
  }

  announceEnd(peer: string, reason: string, graceMs: number): void {
    for (const stream of this.streams) {
      if (stream.client.peer === peer) {
        stream.notify({ type: "draining", at: 0, reason, graceMs });
      }
    }
  }

  endAll(reason: string, graceMs: number): Promise<void> {
    const streams = Array.from(this.streams, (stream) => ({
      isOpen: true,
      announce: stream.options?.notices
        ? (reason: string, graceMs: number) =>
          stream.notify({ type: "draining", at: 0, reason, graceMs })
        : undefined,
      end: (reason: string) => stream.client.onEnd?.(reason),
    }));
    return endStreams(streams, { reason, graceMs, clock: systemClock });
  }

  #open<C extends ChannelName>(
    channel: C,
    filter: StreamFilter,
    client: StreamClient,
    options?: StreamOptions,
  ): MemoryStream<ChannelEvents[C]> {
    this.admit(channel, filter);
    const stream = new MemoryStream<ChannelEvents[C]>(channel, filter, {
      ...(options && { options }),
      capacity: this.#capacity,
      client,
      onClose: () => {
        this.streams.delete(stream as MemoryStream<unknown>);
        this.#tell();
      },
    });
    this.streams.add(stream as MemoryStream<unknown>);
    this.#tell();
    return stream;
  }

  /** Hands one event, in one envelope, to every open stream of its channel. */
  publish<C extends ChannelName>(
    channel: C,
    event: ChannelEvents[C],
  ): Envelope<ChannelEvents[C]> {
    const envelope = envelopeOf(event, ++this.#sequence);
    for (const stream of this.streams) {
      if (stream.channel === channel) stream.push(envelope);
    }
    return envelope;
  }

  /** Resolves once exactly `count` streams are open. */
  async untilOpen(count: number): Promise<void> {
    while (this.streams.size !== count) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#waiters.add(resolve);
      await promise;
    }
  }

  #tell(): void {
    for (const wake of this.#waiters) wake();
    this.#waiters.clear();
  }
}
