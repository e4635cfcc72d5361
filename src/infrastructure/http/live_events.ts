/**
 * Sends one snapshot a second to all viewers, as server-sent events.
 *
 * A snapshot is made once per tick for all viewers with the same grants for orders, and none while
 * there are no viewers. Each
 * snapshot is complete, so at most one is queued: a viewer that has not read the last one skips the
 * next, and one that skips ten in a row is disconnected. It counts against the limit until its
 * connection is closed, so that viewers that have stopped reading are bounded too. When a snapshot
 * fails, viewers receive a comment, which keeps the connection alive. Disposing sends a last
 * snapshot and ends every stream; browsers reconnect by themselves.
 *
 * @module
 */
import { ANONYMOUS, type Identity } from "../../domain/access/grants.ts";
import { addressBlock } from "../../domain/limits/address_block.ts";
import type { Clock } from "../../application/ports/clock.ts";
import { respond, type RoutedRequest, text } from "./routes.ts";

/** Time between two snapshots, in ms. */
const TICK_MS = 1_000;

/** Ticks in a row that a viewer may skip. */
export const MAX_SKIPPED = 10;

/** Time before a browser reconnects, in ms. */
const RETRY_MS = 2_000;

const HEARTBEAT = new TextEncoder().encode(": heartbeat\n\n");

/** Calls `tick` every `intervalMs` until disposed. */
type Interval = (intervalMs: number, tick: () => void) => Disposable;

/** How live events are made. */
export interface LiveEventsOptions {
  /**
   * Makes the data of an event for an identity, if authentication is on, and all others that may or
   * may not read orders like it: any text; the last one must be current.
   */
  readonly snapshot: (isLast: boolean, identity: Identity | undefined) => string;
  /** Receives the cause of the first failed snapshot in a row. */
  readonly onError: (cause: unknown) => void;
  /** Connections at a time. @default 50 */
  readonly maxViewers?: number | undefined;
  /** Connections of one address at a time, IPv6 by /64; 0 for no limit. @default 0 */
  readonly maxViewersPerAddress?: number | undefined;
  /** Called for each viewer that is refused at a limit. */
  readonly onRefused?: (() => void) | undefined;
  /** By which identities expire. @default they do not */
  readonly clock?: Pick<Clock, "now"> | undefined;
  /** @default setInterval */
  readonly interval?: Interval | undefined;
}

/** One open event stream. */
interface Viewer {
  readonly identity: Identity | undefined;
  readonly controller: ReadableStreamDefaultController<Uint8Array>;
  /** Ticks skipped in a row. */
  skipped: number;
}

/** The event stream of a status page. */
export class LiveEvents implements Disposable {
  readonly #options: LiveEventsOptions;
  readonly #viewers = new Set<Viewer>();
  /** Open connections, those of disconnected viewers included. */
  #connections = 0;
  /** The same by block of addresses; no entry is 0. */
  readonly #byAddress = new Map<string, number>();
  #ticking: Disposable | undefined;
  #failing = false;
  #ended = false;

  constructor(options: LiveEventsOptions) {
    this.#options = options;
  }

  /** The route: a stream, or an error. */
  readonly answer = ({ request, address, identity, completed }: RoutedRequest): Response => {
    if (this.#ended) return text("Shutting down\n", 503);
    if (request.headers.get("sec-fetch-site") === "cross-site") {
      return text("Events are only for the page of this port\n", 403);
    }
    const head = { status: 200, type: "text/event-stream" };
    if (request.method === "HEAD") return respond(null, head);
    const { maxViewers = 50, maxViewersPerAddress = 0, onRefused } = this.#options;
    const block = addressBlock(address);
    const ofAddress = this.#byAddress.get(block) ?? 0;
    const isAddressFull = maxViewersPerAddress > 0 && ofAddress >= maxViewersPerAddress;
    if (isAddressFull || this.#connections >= maxViewers) {
      onRefused?.();
      const limit = isAddressFull
        ? `${maxViewersPerAddress} viewers of one address`
        : `${maxViewers} viewers`;
      const busy = text(`Limit of ${limit} reached: close a page, or try later\n`, 503);
      busy.headers.set("retry-after", "10");
      return busy;
    }
    this.#byAddress.set(block, ofAddress + 1);
    completed.then(() => {
      const left = (this.#byAddress.get(block) ?? 0) - 1;
      if (left > 0) this.#byAddress.set(block, left);
      else this.#byAddress.delete(block);
    });
    return respond(this.#admit(completed, identity), head);
  };

  /** Sends a last snapshot and ends every stream; later requests are refused. */
  [Symbol.dispose](): void {
    this.#ended = true;
    if (this.#viewers.size > 0) this.#tick();
    for (const viewer of this.#viewers) this.#end(viewer);
  }

  #admit(
    completed: Promise<void>,
    identity: Identity | undefined,
  ): ReadableStream<Uint8Array> {
    const { interval = setTicks } = this.#options;
    let viewer: Viewer;
    const stream = new ReadableStream<Uint8Array>({
      start: (controller) => {
        controller.enqueue(this.#event(identity, `retry: ${RETRY_MS}\n`));
        viewer = { controller, identity, skipped: 0 };
        this.#viewers.add(viewer);
      },
      cancel: () => this.#remove(viewer),
    });
    this.#connections++;
    completed.then(() => {
      this.#connections--;
      this.#remove(viewer);
    });
    this.#ticking ??= interval(TICK_MS, () => this.#tick());
    return stream;
  }

  #tick(): void {
    const now = this.#options.clock?.now() ?? 0;
    const events = new Map<boolean, Uint8Array>();
    for (const viewer of this.#viewers) {
      const { identity = ANONYMOUS } = viewer;
      const { expiresAt = Infinity, grants: { orders } } = identity;
      const event = events.get(orders) ?? this.#event(viewer.identity);
      events.set(orders, event);
      if (expiresAt <= now) this.#end(viewer);
      else if ((viewer.controller.desiredSize ?? 0) > 0) {
        viewer.controller.enqueue(event);
        viewer.skipped = 0;
      } else if (++viewer.skipped >= MAX_SKIPPED) this.#end(viewer);
    }
  }

  #end(viewer: Viewer): void {
    viewer.controller.close();
    this.#remove(viewer);
  }

  #remove(viewer: Viewer): void {
    this.#viewers.delete(viewer);
    if (this.#viewers.size > 0) return;
    this.#ticking?.[Symbol.dispose]();
    this.#ticking = undefined;
  }

  #event(identity: Identity | undefined, prefix = ""): Uint8Array {
    try {
      const data = this.#options.snapshot(this.#ended, identity).replaceAll("\n", "\ndata: ");
      this.#failing = false;
      return new TextEncoder().encode(`${prefix}data: ${data}\n\n`);
    } catch (cause) {
      if (!this.#failing) this.#options.onError(cause);
      this.#failing = true;
      return HEARTBEAT;
    }
  }
}

function setTicks(intervalMs: number, tick: () => void): Disposable {
  const id = setInterval(tick, intervalMs);
  return { [Symbol.dispose]: () => clearInterval(id) };
}
