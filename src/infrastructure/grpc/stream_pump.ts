/**
 * Writes a stream's events to one client.
 *
 * At most one batch of a stream is being written to HTTP/2. While the client (or the network) is
 * slower, events stay in the stream's bounded queue and leave as the next, larger, batch. So a busy
 * stream batches, an idle one does not delay, a slow client affects only itself, and its losses are
 * counted in one place, its queue. The events are taken at the moment of the write, after the
 * connection was scheduled, so that a write has everything that was published until then.
 *
 * A write is cut at {@linkcode MAX_MESSAGES} and {@linkcode MAX_BYTES}. The limits are large: a
 * stream writes once in a few turns of the event loop, so smaller writes cost throughput under
 * load. For a client that reads slowly, batches shrink to what it reads in a second: it gets newer
 * events, and its stream does not look stalled during a large write.
 *
 * @module
 */
import { LARGEST_BATCH } from "../../application/broadcast/queue_memory.ts";
import type { Envelope } from "../../application/broadcast/envelope.ts";
import type { PendingBatch } from "../../application/broadcast/event_queue.ts";
import type { Clock } from "../../application/ports/clock.ts";
import type { Log } from "../../application/ports/log.ts";
import type { OpenQueue } from "../../application/streaming/market_streams.ts";
import type { Call } from "./call.ts";
import { CallError, ClientGone } from "./call_error.ts";
import type { Encode } from "./encoding/channel_encoders.ts";
import type { EncodedMessages } from "./framed_batch.ts";
import type { WriteQueue } from "./limits/write_scheduler.ts";
import type { OpenCalls } from "./open_calls.ts";

/** Most messages of one write. */
export const MAX_MESSAGES = LARGEST_BATCH;
/** Bytes at which a write is cut. */
export const MAX_BYTES = 512 * 1024;

/** A write slower than this, in ms, shrinks the next batch. */
const SLOW_MS = 1_000;
/** A write faster than this, in ms, doubles the next batch. */
const FAST_MS = 250;
/** Larger writes are timed. */
const MAX_UNTIMED_MESSAGES = 16;

/** Marks an envelope whose event could not be encoded. */
export const UNENCODABLE = new Uint8Array(0);
const NONE: readonly never[] = [];

/** The part of a call that is needed to write to it. */
export type MessageSink = Pick<Call, "write">;

/** Options of a {@linkcode StreamPump}. */
export interface WriteOptions {
  /** Called once per event that could not be encoded; the stream continues without it. */
  onEncodeError(error: unknown): void;
  /** Delays the next write after a write; without it there is no delay. */
  readonly ticker: WriteTicker | undefined;
  /** Schedules the writes of the connection. */
  readonly writes: WriteQueue;
  /** Counts the bytes of the messages that are written. @default not counted */
  readonly written?: { bytes: number } | undefined;
  /** Times writes. */
  readonly clock: Pick<Clock, "monotonic">;
}

/** The part of a stream that is needed to write it. */
type EventSource<T> = Pick<
  OpenQueue<Envelope<T>>,
  "isReady" | "isEnded" | "onReady" | "releaseInFlight" | "take"
>;

/** Options of {@linkcode pumpStream}. */
export interface PumpOptions<T> extends WriteOptions {
  readonly encode: Encode<T>;
  /** Called when the stream has ended, or has failed with an error. */
  onWritten(error?: unknown): void;
}

/** Writes the events of a stream until it ends, or until the pump is stopped. */
export function pumpStream<T>(
  call: MessageSink,
  queue: EventSource<T>,
  options: PumpOptions<T>,
): Pick<StreamPump<unknown>, "stop"> {
  const pump = new EventPump(call, queue, options);
  pump.wake();
  return pump;
}

/** The pumps that continue in the next microtask: one serves all that are woken in a turn. */
let woken: StreamPump<unknown>[] = [];

function continueAll(): void {
  const pumps = woken;
  woken = [];
  for (const pump of pumps) pump.continue();
}

/** Writes the items of a stream, one batch at a time. */
export abstract class StreamPump<I> {
  readonly #call: MessageSink;
  readonly #options: WriteOptions;
  /** The batch that is written. */
  #batch: PendingBatch<I> | undefined;
  /** Items that were taken, and how many of them were written. */
  #items: readonly I[] = NONE;
  #written = 0;
  /** Limit of the next batch in items. */
  #limit = MAX_MESSAGES;
  /** Messages of the write that is timed, 0 without one, and its start. */
  #timed = 0;
  #startedAt = 0;
  #isStopped = false;

  constructor(call: MessageSink, options: WriteOptions) {
    this.#call = call;
    this.#options = options;
  }

  /**
   * Encodes items from a position on, until there are {@linkcode MAX_BYTES}, and counts the bytes.
   *
   * @returns the position after the last one
   */
  protected abstract encode(items: readonly I[], from: number, messages: Uint8Array[]): number;

  /** Called when a batch was written. */
  protected abstract next(): void;

  /** Called when a batch cannot be written. */
  protected abstract fail(error: unknown): void;

  /** Writes a batch, in as many writes as it needs. */
  protected write(batch: PendingBatch<I>): void {
    this.#batch = batch;
    this.#options.writes.run(this.#writeNow);
  }

  /** Ends the pump, also during a write: a call that is over does not report it. */
  stop(): void {
    this.#isStopped = true;
    this.#items = NONE;
    this.#batch = undefined;
  }

  /** Continues after everything that is published in the same turn. */
  readonly wake = (): void => {
    if (woken.push(this) === 1) queueMicrotask(continueAll);
  };

  /** Writes the rest of a batch, or the next one. */
  continue(): void {
    if (this.#isStopped) return;
    if (this.#items.length > 0) this.#options.writes.run(this.#writeNow);
    else this.next();
  }

  /** Takes and encodes items until the batch is used up or the write is large enough. */
  readonly #writeNow = (): void => {
    if (this.#isStopped) return;
    try {
      if (this.#items.length === 0) {
        this.#items = this.#batch?.take(this.#limit) ?? NONE;
        this.#written = 0;
      }
      const messages: Uint8Array[] = [];
      this.#written = this.encode(this.#items, this.#written, messages);
      // Items are held no longer than until they are written.
      if (this.#written === this.#items.length) this.#items = NONE;
      if (messages.length === 0) return this.wake();
      this.#timed = messages.length > MAX_UNTIMED_MESSAGES ? messages.length : 0;
      const { ticker, clock } = this.#options;
      if (this.#timed > 0) this.#startedAt = clock.monotonic();
      const isPlain = this.#timed === 0 && ticker === undefined;
      this.#call.write(messages, isPlain ? this.wake : () => this.#taken(ticker));
    } catch (error) {
      this.fail(error);
    }
  };

  #taken(ticker: WriteTicker | undefined): void {
    if (this.#timed > 0) this.#adaptLimit();
    if (ticker) ticker.next(this.wake);
    else this.wake();
  }

  /** Adapts the next batch to the time that the client took for the last write. */
  #adaptLimit(): void {
    const elapsed = this.#options.clock.monotonic() - this.#startedAt;
    if (elapsed > SLOW_MS) {
      const perSecond = Math.floor(this.#timed * 1_000 / elapsed);
      this.#limit = Math.max(MAX_UNTIMED_MESSAGES + 1, perSecond);
    } else if (elapsed < FAST_MS && this.#limit < MAX_MESSAGES) {
      this.#limit = Math.min(MAX_MESSAGES, 2 * this.#limit);
    }
  }
}

/** Writes the events of a stream without options; waits for them without a promise. */
class EventPump<T> extends StreamPump<Envelope<T>> {
  readonly #queue: EventSource<T>;
  readonly #options: PumpOptions<T>;

  constructor(call: MessageSink, queue: EventSource<T>, options: PumpOptions<T>) {
    super(call, options);
    this.#queue = queue;
    this.#options = options;
  }

  protected override next(): void {
    const queue = this.#queue;
    queue.releaseInFlight();
    if (queue.isEnded) this.#end();
    else if (queue.isReady) this.write(queue);
    else queue.onReady(this.wake);
  }

  protected override fail(error: unknown): void {
    this.#end(error);
  }

  #end(error?: unknown): void {
    this.stop();
    this.#options.onWritten(error);
  }

  protected override encode(
    events: readonly Envelope<T>[],
    from: number,
    messages: Uint8Array[],
  ): number {
    const options = this.#options;
    const { encode, written } = options;
    let at = from;
    let bytes = 0;
    for (; at < events.length && bytes < MAX_BYTES; at++) {
      const envelope = events[at] as Envelope<T>;
      try {
        envelope.encoded ??= encode(envelope.event);
      } catch (error) {
        envelope.encoded = UNENCODABLE;
        options.onEncodeError(error);
      }
      // A response is never empty: it has at least the message that it wraps.
      if (envelope.encoded.length === 0) continue;
      messages.push(envelope.encoded);
      bytes += envelope.encoded.length;
    }
    if (written) written.bytes += bytes;
    return at;
  }
}

/**
 * Delays busy streams, to make fewer and larger writes.
 *
 * A stream that has written waits for the next tick before it writes again. So the first message
 * after a pause is sent immediately, no message is delayed longer than a tick, and all busy streams
 * write in the same turn, in which HTTP/2 packs the writes of a connection. One timer serves all
 * streams; there is none while no stream waits.
 */
export class WriteTicker {
  readonly #clock: Pick<Clock, "sleep">;
  readonly #tickMs: number;
  #waiting: (() => void)[] = [];

  /** @param tickMs longest delay of a message, above 0 */
  constructor(clock: Pick<Clock, "sleep">, tickMs: number) {
    this.#clock = clock;
    this.#tickMs = tickMs;
  }

  /** Calls `wake` at the next tick. */
  next(wake: () => void): void {
    if (this.#waiting.push(wake) > 1) return;
    this.#clock.sleep(this.#tickMs).then(() => {
      const waiting = this.#waiting;
      this.#waiting = [];
      for (const wake of waiting) wake();
    });
  }
}

/**
 * Writes batches, one at a time, until the source ends or the signal fires. For services with few
 * messages; market data is written by {@linkcode pumpStream}.
 */
export async function pumpMessages(
  call: MessageSink,
  batches: AsyncIterable<EncodedMessages>,
  { signal }: { readonly signal: AbortSignal },
): Promise<void> {
  let endWrite = () => {};
  // A call that is over does not report its writes.
  const onAbort = () => endWrite();
  signal.addEventListener("abort", onAbort);
  try {
    for await (const messages of batches) {
      if (signal.aborted) return;
      await new Promise<void>((resolve) => {
        endWrite = resolve;
        call.write(messages, resolve);
      });
      if (signal.aborted) return;
    }
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

/**
 * Serves a stream of few messages until the call is over or its source ends, which ends it with OK.
 *
 * @param batches makes the source; the signal fires when the call has to end
 */
export async function serveMessages(
  call: Call,
  batches: (signal: AbortSignal) => AsyncIterable<EncodedMessages>,
  { calls, log }: { readonly calls: OpenCalls; readonly log: Log },
): Promise<void> {
  let signal: AbortSignal | undefined;
  try {
    signal = calls.track(call).signal;
    // The source may wait for its client, so the signal ends the call.
    signal.addEventListener("abort", () => call.end(signal?.reason), { once: true });
    call.sendHeaders();
    await pumpMessages(call, batches(signal), { signal });
    if (!signal.aborted) call.end();
  } catch (error) {
    // A source that reads the requests of a call fails when the call is over.
    if (signal?.aborted || error instanceof ClientGone) return;
    if (!(error instanceof CallError)) log.error("A call failed", { cause: error });
    call.end(error);
  }
}
