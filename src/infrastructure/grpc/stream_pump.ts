/**
 * The way of a stream's events to one client.
 *
 * The law: at most one batch of a stream is on its way into HTTP/2. While the
 * client (or the network) has not taken it, nothing more is asked of the
 * stream; what arrives meanwhile waits in the stream's own bounded queue and
 * leaves as the next, larger, batch. So a busy stream batches by itself, an idle
 * one waits for nothing, a slow client costs itself alone, and what it misses
 * is decided and counted in one place, its queue.
 *
 * A batch is cut to {@linkcode MAX_MESSAGES} and {@linkcode MAX_BYTES}, so that
 * a backlog does not become one huge write. The cut is large: a stream writes
 * once in a few turns of the event loop, so whatever is cut off is lost time
 * when everything is busy. For a client that reads slowly, batches shrink to what
 * it reads in a second: it gets newer events, and its stream does not look
 * stalled while a large batch is written.
 *
 * Callbacks rather than generators: thousands of streams that carry one event
 * at a time pay for each wake-up, and a chain of generators made that some
 * fifth of all they cost.
 *
 * @module
 */
import type { Envelope } from "../../application/broadcast/envelope.ts";
import type { Clock } from "../../application/ports/clock.ts";
import type { OpenStream } from "../../application/streaming/market_streams.ts";
import type { Beat } from "./beat.ts";
import type { Encode } from "./encoding/channel_encoders.ts";
import type { WriteQueue } from "./limits/turn_scheduler.ts";
import type { BodySink } from "./pump.ts";

/** Most messages of one write. */
export const MAX_MESSAGES = 8_192;
/** A write is cut once it has reached this many bytes. */
export const MAX_BYTES = 512 * 1024;

/** A write that takes longer makes the next batch smaller, in ms. */
const SLOW_MS = 1_000;
/** A write that takes less makes the next batch twice as large, in ms. */
const FAST_MS = 250;
/** Messages of the largest write that is not timed. */
const SMALL = 16;

/** What an event that could not be encoded leaves in its envelope. */
const UNENCODABLE = new Uint8Array(0);
const NOTHING: readonly never[] = [];

/** How {@linkcode feed} feeds. */
export interface FeedOptions<T> {
  readonly encode: Encode<T>;
  /** Ends the feeding. */
  readonly signal: AbortSignal;
  /** Told of an event that could not be encoded, once per event. */
  readonly onUnencodable: (error: unknown) => void;
  /** Waited for between two writes. @default nothing is waited for */
  readonly beat?: Beat | undefined;
  /** Shares writes with other connections. @default each is made immediately */
  readonly writes?: WriteQueue;
  /** @default MAX_MESSAGES */
  readonly maxMessages?: number;
  /** Times writes. @default batches are as large as possible */
  readonly clock?: Pick<Clock, "monotonic"> | undefined;
}

/**
 * Writes a stream's events until it ends or the signal fires; resolves then.
 *
 * @throws whatever the stream or the call throws
 */
export function feed<T>(
  call: BodySink,
  stream: OpenStream<T>,
  options: FeedOptions<T>,
): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const { signal } = options;
  const pump = new StreamPump(call, stream, options, (fault?: unknown) => {
    signal.removeEventListener("abort", onAbort);
    if (fault === undefined) resolve();
    else reject(fault);
  });
  // grpc-js drops the callback of a write to a call that is over, so the
  // signal has to end the pump whatever it waits for.
  const onAbort = () => pump.end();
  signal.addEventListener("abort", onAbort);
  if (signal.aborted) pump.end();
  else pump.next();
  return promise;
}

class StreamPump<T> {
  readonly #call: BodySink;
  readonly #stream: OpenStream<T>;
  readonly #options: FeedOptions<T>;
  readonly #onEnd: (fault?: unknown) => void;
  /** What was taken of the stream, and how much of it was written. */
  #batch: readonly Envelope<T>[] = NOTHING;
  #written = 0;
  /** Events of the next batch. */
  #limit = MAX_MESSAGES;
  /** Messages of the write that is timed, 0 without one, and its start. */
  #timed = 0;
  #startedAt = 0;
  #over = false;

  constructor(
    call: BodySink,
    stream: OpenStream<T>,
    options: FeedOptions<T>,
    onEnd: (fault?: unknown) => void,
  ) {
    this.#call = call;
    this.#stream = stream;
    this.#options = options;
    this.#onEnd = onEnd;
  }

  end(fault?: unknown): void {
    if (this.#over) return;
    this.#over = true;
    this.#batch = NOTHING;
    this.#onEnd(fault);
  }

  /** Writes what is ready, or waits for it. */
  readonly next = (): void => {
    if (this.#over) return;
    try {
      const bodies = this.#bodies();
      if (bodies.length > 0) {
        this.#startTiming(bodies.length);
        this.#call.write(bodies, this.#taken);
      } else if (this.#stream.ended) this.end();
      else this.#stream.whenReady(this.#ready);
    } catch (fault) {
      this.end(fault);
    }
  };

  readonly #taken = (): void => {
    if (this.#timed > 0) this.#adapt();
    const { beat } = this.#options;
    if (beat) beat.next(this.#ready);
    else this.#ready();
  };

  readonly #ready = (): void => {
    const { writes } = this.#options;
    if (writes) writes.run(this.next);
    else this.next();
  };

  #startTiming(messages: number): void {
    const { clock } = this.#options;
    this.#timed = clock && messages > SMALL ? messages : 0;
    if (this.#timed > 0) this.#startedAt = clock?.monotonic() ?? 0;
  }

  /** Fits the next batch to how long the client took for the last write. */
  #adapt(): void {
    const now = this.#options.clock?.monotonic() ?? 0;
    const elapsed = now - this.#startedAt;
    if (elapsed > SLOW_MS) {
      const perSecond = Math.floor(this.#timed * 1_000 / elapsed);
      this.#limit = Math.max(SMALL + 1, perSecond);
    } else if (elapsed < FAST_MS && this.#limit < MAX_MESSAGES) {
      this.#limit = Math.min(MAX_MESSAGES, 2 * this.#limit);
    }
  }

  /** The next write; empty only when nothing is ready. */
  #bodies(): Uint8Array[] {
    const bodies: Uint8Array[] = [];
    while (bodies.length === 0) {
      if (this.#written === this.#batch.length) {
        this.#batch = this.#stream.take(this.#limit);
        this.#written = 0;
        if (this.#batch.length === 0) break;
      }
      this.#fill(bodies);
    }
    return bodies;
  }

  /** Adds bodies of the batch until it is used up or the write is large enough. */
  #fill(bodies: Uint8Array[]): void {
    const { maxMessages = MAX_MESSAGES } = this.#options;
    const batch = this.#batch;
    let at = this.#written;
    let bytes = 0;
    while (at < batch.length && bodies.length < maxMessages) {
      const envelope = batch[at++] as Envelope<T>;
      const body = envelope.encoded ??= this.#encode(envelope.event);
      // No response is empty: it carries at least the message it wraps.
      if (body.length === 0) continue;
      bodies.push(body);
      bytes += body.length;
      if (bytes >= MAX_BYTES) break;
    }
    this.#written = at;
    // Events are held no longer than until they are written.
    if (at === batch.length) {
      this.#batch = NOTHING;
      this.#written = 0;
    }
  }

  /** One event that cannot be encoded costs that event, not the stream. */
  #encode(event: T): Uint8Array {
    const { encode, onUnencodable } = this.#options;
    try {
      return encode(event);
    } catch (error) {
      onUnencodable(error);
      return UNENCODABLE;
    }
  }
}
