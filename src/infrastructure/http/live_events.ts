/**
 * Sends one snapshot a second to all viewers, as server-sent events.
 *
 * A snapshot is made once per tick for all viewers, and none while there are no
 * viewers. Each snapshot is complete, so nothing is queued: a viewer that has
 * not read the last one skips the next, and one that skips ten in a row is
 * disconnected. It counts against the limit until its connection is closed, so
 * that viewers that have stopped reading are bounded too. When a snapshot
 * fails, viewers receive a comment, which keeps the connection alive. Disposing
 * ends every stream; browsers reconnect by themselves.
 *
 * @module
 */
import { respond, type RoutedRequest, text } from "./routes.ts";

/** Time between two snapshots, in ms. */
const TICK_MS = 1_000;

/** Ticks in a row that a viewer may skip. */
export const MAX_SKIPPED = 10;

/** Time before a browser reconnects, in ms. */
const RETRY_MS = 2_000;

const HEARTBEAT = new TextEncoder().encode(": heartbeat\n\n");

/** Calls `tick` every `intervalMs` until disposed. */
export type Interval = (intervalMs: number, tick: () => void) => Disposable;

/** How live events are made. */
export interface LiveEventsOptions {
  /** The data of an event: any text. */
  readonly snapshot: () => string;
  /** Receives the cause of the first failed snapshot in a row. */
  readonly onFault: (cause: unknown) => void;
  /** Connections at a time. @default 50 */
  readonly maxViewers?: number | undefined;
  /** @default setInterval */
  readonly interval?: Interval | undefined;
}

/** The event stream of a status page. */
export class LiveEvents implements Disposable {
  readonly #options: LiveEventsOptions;
  readonly #maxViewers: number;
  readonly #viewers = new Set<Viewer>();
  #connections = 0;
  #ticking: Disposable | undefined;
  #failing = false;
  #ended = false;

  constructor(options: LiveEventsOptions) {
    this.#options = options;
    this.#maxViewers = options.maxViewers ?? 50;
  }

  /** Viewers that receive events. */
  get viewers(): number {
    return this.#viewers.size;
  }

  /** Open connections, those of disconnected viewers included. */
  get connections(): number {
    return this.#connections;
  }

  /** The route: a stream, or an error. */
  readonly answer = ({ request, completed }: RoutedRequest): Response => {
    if (this.#ended) return text("Shutting down\n", 503);
    if (request.headers.get("sec-fetch-site") === "cross-site") {
      return text("Events are only for the page of this port\n", 403);
    }
    const head = { status: 200, type: "text/event-stream" };
    if (request.method === "HEAD") return respond(null, head);
    if (this.#connections >= this.#maxViewers) {
      const busy = text(
        `Limit of ${this.#maxViewers} viewers reached: close a page, or try later\n`,
        503,
      );
      busy.headers.set("retry-after", "10");
      return busy;
    }
    return respond(this.#admit(completed), head);
  };

  /** Ends every stream; later requests are rejected. */
  [Symbol.dispose](): void {
    this.#ended = true;
    for (const viewer of this.#viewers) viewer.end();
    this.#viewers.clear();
    this.#pause();
  }

  #admit(completed: Promise<void>): ReadableStream<Uint8Array> {
    const leave = () => {
      this.#viewers.delete(viewer);
      if (this.#viewers.size === 0) this.#pause();
    };
    const viewer = new Viewer(this.#event(`retry: ${RETRY_MS}\n`), leave);
    this.#viewers.add(viewer);
    this.#connections++;
    completed.then(() => {
      this.#connections--;
      leave();
    });
    const { interval = setTicks } = this.#options;
    this.#ticking ??= interval(TICK_MS, () => this.#tick());
    return viewer.stream;
  }

  #tick(): void {
    const event = this.#event();
    for (const viewer of this.#viewers) {
      if (viewer.offer(event)) continue;
      viewer.end();
      this.#viewers.delete(viewer);
    }
    if (this.#viewers.size === 0) this.#pause();
  }

  /** Stops ticking while there are no viewers. */
  #pause(): void {
    this.#ticking?.[Symbol.dispose]();
    this.#ticking = undefined;
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

/** One open event stream, with room for the event that is being read. */
class Viewer {
  readonly stream: ReadableStream<Uint8Array>;
  #controller!: ReadableStreamDefaultController<Uint8Array>;
  #read: PromiseWithResolvers<void> | undefined;
  #skipped = 0;
  #ended = false;

  constructor(first: Uint8Array, onCancel: () => void) {
    this.stream = new ReadableStream<Uint8Array>({
      start: (controller) => {
        this.#controller = controller;
        controller.enqueue(first);
      },
      pull: () => (this.#read = Promise.withResolvers<void>()).promise,
      cancel: () => {
        this.#ended = true;
        onCancel();
      },
    }, { highWaterMark: 0 });
  }

  /** Sends the event to a reader that waits; false after too many skips. */
  offer(event: Uint8Array): boolean {
    if (this.#ended) return false;
    if (!this.#read) return ++this.#skipped < MAX_SKIPPED;
    this.#skipped = 0;
    this.#controller.enqueue(event);
    this.#resume();
    return true;
  }

  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#controller.close();
    this.#resume();
  }

  #resume(): void {
    const read = this.#read;
    this.#read = undefined;
    read?.resolve();
  }
}

function setTicks(intervalMs: number, tick: () => void): Disposable {
  const id = setInterval(tick, intervalMs);
  return { [Symbol.dispose]: () => clearInterval(id) };
}
