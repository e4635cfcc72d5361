/**
 * One snapshot a second for everybody who watches, as server-sent events.
 *
 * A snapshot is made once per beat, whoever watches, and not at all while
 * nobody does. Each snapshot is whole, so nothing is ever queued: a viewer that
 * has not taken the last one when the next is ready misses the next, and one
 * that misses ten in a row is let go. A place is free again when its connection
 * is, so that viewers who have stopped reading are bounded too. When a snapshot
 * cannot be made, viewers get a comment, which keeps the connection alive.
 * Disposing ends every stream; the browser dials again by itself.
 *
 * @module
 */
import { answer, type Asked, text } from "./routes.ts";

/** Time between two snapshots, in ms. */
const BEAT_MS = 1_000;

/** Beats in a row that a viewer may miss. */
export const MAX_MISSED = 10;

/** What a browser waits before it dials again, in ms. */
const RETRY_MS = 2_000;

const HEARTBEAT = new TextEncoder().encode(": still here\n\n");

/** Calls `beat` again and again until it is disposed. */
export type Pulse = (intervalMs: number, beat: () => void) => Disposable;

/** What live events are made of. */
export interface LiveEventsOptions {
  /** The data of an event: any text. */
  readonly snapshot: () => string;
  /** Told of the first snapshot in a row that could not be made. */
  readonly onFault: (cause: unknown) => void;
  /** Connections at a time. @default 50 */
  readonly maxViewers?: number | undefined;
  /** @default setInterval */
  readonly pulse?: Pulse | undefined;
}

/** The event stream of a status page. */
export class LiveEvents implements Disposable {
  readonly #options: LiveEventsOptions;
  readonly #maxViewers: number;
  readonly #viewers = new Set<Viewer>();
  #places = 0;
  #beating: Disposable | undefined;
  #failing = false;
  #ended = false;

  constructor(options: LiveEventsOptions) {
    this.#options = options;
    this.#maxViewers = options.maxViewers ?? 50;
  }

  /** Viewers that are being served. */
  get viewers(): number {
    return this.#viewers.size;
  }

  /** Connections that take up a place, served or let go. */
  get places(): number {
    return this.#places;
  }

  /** The route: a stream, or a refusal in words. */
  readonly answer = ({ request, completed }: Asked): Response => {
    if (this.#ended) return text("Shutting down\n", 503);
    if (request.headers.get("sec-fetch-site") === "cross-site") {
      return text("Events are for this port's own page\n", 403);
    }
    const head = { status: 200, type: "text/event-stream" };
    if (request.method === "HEAD") return answer(null, head);
    if (this.#places >= this.#maxViewers) {
      const refusal = text(
        `${this.#maxViewers} viewers watch already: close a page, or try later\n`,
        503,
      );
      refusal.headers.set("retry-after", "10");
      return refusal;
    }
    return answer(this.#admit(completed), head);
  };

  /** Ends every stream, for good. */
  [Symbol.dispose](): void {
    this.#ended = true;
    for (const viewer of this.#viewers) viewer.end();
    this.#viewers.clear();
    this.#rest();
  }

  #admit(completed: Promise<void>): ReadableStream<Uint8Array> {
    const leave = () => {
      this.#viewers.delete(viewer);
      if (this.#viewers.size === 0) this.#rest();
    };
    const viewer = new Viewer(this.#event(`retry: ${RETRY_MS}\n`), leave);
    this.#viewers.add(viewer);
    this.#places++;
    completed.then(() => {
      this.#places--;
      leave();
    });
    const { pulse = everyInterval } = this.#options;
    this.#beating ??= pulse(BEAT_MS, () => this.#beat());
    return viewer.stream;
  }

  #beat(): void {
    const event = this.#event();
    for (const viewer of this.#viewers) {
      if (viewer.offer(event)) continue;
      viewer.end();
      this.#viewers.delete(viewer);
    }
    if (this.#viewers.size === 0) this.#rest();
  }

  /** Nobody watches: nothing is done. */
  #rest(): void {
    this.#beating?.[Symbol.dispose]();
    this.#beating = undefined;
  }

  #event(prefix = ""): Uint8Array {
    try {
      const data = this.#options.snapshot().replaceAll("\n", "\ndata: ");
      this.#failing = false;
      return new TextEncoder().encode(`${prefix}data: ${data}\n\n`);
    } catch (cause) {
      if (!this.#failing) this.#options.onFault(cause);
      this.#failing = true;
      return HEARTBEAT;
    }
  }
}

/** One open event stream, with room for the event that is asked for. */
class Viewer {
  readonly stream: ReadableStream<Uint8Array>;
  #controller!: ReadableStreamDefaultController<Uint8Array>;
  #asked: PromiseWithResolvers<void> | undefined;
  #missed = 0;
  #ended = false;

  constructor(first: Uint8Array, onCancel: () => void) {
    this.stream = new ReadableStream<Uint8Array>({
      start: (controller) => {
        this.#controller = controller;
        controller.enqueue(first);
      },
      pull: () => (this.#asked = Promise.withResolvers<void>()).promise,
      cancel: () => {
        this.#ended = true;
        onCancel();
      },
    }, { highWaterMark: 0 });
  }

  /** Gives the event to a reader that waits; false when it never does. */
  offer(event: Uint8Array): boolean {
    if (this.#ended) return false;
    if (!this.#asked) return ++this.#missed < MAX_MISSED;
    this.#missed = 0;
    this.#controller.enqueue(event);
    this.#taken();
    return true;
  }

  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#controller.close();
    this.#taken();
  }

  #taken(): void {
    const asked = this.#asked;
    this.#asked = undefined;
    asked?.resolve();
  }
}

function everyInterval(intervalMs: number, beat: () => void): Disposable {
  const id = setInterval(beat, intervalMs);
  return { [Symbol.dispose]: () => clearInterval(id) };
}
