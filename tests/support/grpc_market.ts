/**
 * A market in memory: opens streams and hands them what a test publishes.
 *
 * @module
 */
import type { Envelope } from "../../src/application/broadcast/envelope.ts";
import type { PendingBatch } from "../../src/application/broadcast/subscriber.ts";
import type {
  MarketStreams,
  OpenStream,
  Stall,
  StreamClient,
  StreamFilter,
} from "../../src/application/streaming/market_streams.ts";
import type { ChannelEvents, ChannelName } from "../../src/domain/market/channels.ts";

/** A stream with a bounded queue that drops its oldest events. */
class MemoryStream<T> implements OpenStream<Envelope<T>>, PendingBatch<Envelope<T>> {
  readonly channel: ChannelName;
  readonly filter: StreamFilter;
  readonly #onClose: () => void;
  readonly #onStall: StreamClient["onStall"];
  readonly #capacity: number;
  #queue: Envelope<T>[] = [];
  #wake = () => {};
  #end: { readonly error?: Error } | undefined;
  #sent = 0;
  #dropped = 0;

  constructor(
    channel: ChannelName,
    filter: StreamFilter,
    options: {
      readonly capacity: number;
      readonly onClose: () => void;
      readonly onStall: StreamClient["onStall"];
    },
  ) {
    this.channel = channel;
    this.filter = filter;
    this.#capacity = options.capacity;
    this.#onClose = options.onClose;
    this.#onStall = options.onStall;
  }

  get sent(): number {
    return this.#sent;
  }

  get dropped(): number {
    return this.#dropped;
  }

  push(envelope: Envelope<T>): void {
    this.#queue.push(envelope);
    if (this.#queue.length > this.#capacity) {
      this.#queue.shift();
      this.#dropped++;
    }
    this.#wake();
  }

  /** Ends the stream from within, as a supply that stops or fails does. */
  end(error?: Error): void {
    this.#end = error === undefined ? {} : { error };
    this.#wake();
  }

  /** Reports that the stream has stalled. */
  stall(stall: Stall): void {
    this.#onStall?.(stall);
  }

  take(): readonly Envelope<T>[] {
    const batch = this.#end === undefined ? this.#queue : [];
    this.#queue = [];
    this.#sent += batch.length;
    return batch;
  }

  async *batches(
    signal: AbortSignal,
  ): AsyncGenerator<PendingBatch<Envelope<T>>, void> {
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
  ): OpenStream<Envelope<ChannelEvents[C]>> {
    this.admit(channel, filter);
    const stream = new MemoryStream<ChannelEvents[C]>(channel, filter, {
      capacity: this.#capacity,
      onStall: client.onStall,
      onClose: () => {
        this.streams.delete(stream as MemoryStream<unknown>);
        this.#tell();
      },
    });
    this.streams.add(stream as MemoryStream<unknown>);
    this.#tell();
    return stream;
  }

  openWithOptions(): never {
    throw new Error("A memory market has no streams with options");
  }

  acknowledge(): boolean {
    return false;
  }

  announceEnd(): void {}

  /** Hands one event, in one envelope, to every open stream of its channel. */
  publish<C extends ChannelName>(
    channel: C,
    event: ChannelEvents[C],
  ): Envelope<ChannelEvents[C]> {
    const envelope: Envelope<ChannelEvents[C]> = {
      event,
      sequence: ++this.#sequence,
      receivedAt: 0,
      symbolSequence: 1,
      origin: "live" as const,
      encoded: undefined,
      encodedWithMeta: undefined,
      holders: 0,
      bytes: 0,
    };
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
