/**
 * A gRPC client that follows order updates, resumes them elsewhere by the id of the last event, and
 * checks that none is missing and none is repeated.
 *
 * @module
 */
import { parseAddress } from "../../cli/address.ts";
import { RpcClient, RpcError } from "../../client/rpc_client.ts";
import { GapReason, Origin, StreamProxyService } from "../../src/gen/cream/v1/stream_proxy_pb.ts";
import type { StreamOrderUpdatesResponse } from "../../src/gen/cream/v1/stream_proxy_pb.ts";
import { type Addresses, KEEP_ALIVE } from "./addresses.ts";

/** Events that leave a trace at Alpaca, so that they are derived after an outage. */
const TRACED: ReadonlySet<string> = new Set(["fill", "partial_fill", "canceled"]);
const GAP_REASONS: ReadonlyMap<number, string> = new Map(
  Object.entries(GapReason).map(([name, value]) => [value, name]),
);
/** Problems that are listed of a stream. */
const MAX_PROBLEMS = 12;

/** An order event of the account: order, event and executed quantity. */
export function eventKey(order: string, event: string, filledQty: string): string | undefined {
  return TRACED.has(event) ? `${order} ${event} ${filledQty}` : undefined;
}

/** What a client of order updates has received. */
export interface OrderResult {
  readonly name: string;
  readonly received: number;
  readonly reconciled: number;
  readonly replayed: number;
  readonly opens: number;
  readonly problems: readonly string[];
}

/** Follows order updates from its construction until it is stopped. */
export class OrderClient {
  readonly name: string;
  readonly #addresses: Addresses;
  readonly #stop = new AbortController();
  readonly #running: Promise<void>;
  readonly #ids = new Set<string>();
  readonly #events = new Set<string>();
  readonly #problems: string[] = [];
  #lastId = "";
  #reconciled = 0;
  #replayed = 0;
  #opens = 0;

  constructor(name: string, addresses: Addresses) {
    this.name = name;
    this.#addresses = addresses;
    this.#running = this.#run();
  }

  /** Whether its stream has begun. */
  get isOpen(): boolean {
    return this.#opens > 0;
  }

  /** Whether it has received these events. */
  hasAll(events: readonly string[]): boolean {
    return events.every((event) => this.#events.has(event));
  }

  /** Ends the stream. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  /** Compares what it has received with the events of the account. */
  result(events: readonly string[]): OrderResult {
    const missing = events.filter((event) => !this.#events.has(event));
    if (missing.length > 0) {
      this.#problem(`${missing.length} events are missing: ${missing.slice(0, 3).join(", ")}`);
    }
    const known = new Set(events);
    for (const event of this.#events) if (!known.has(event)) this.#problem(`${event} is unknown`);
    return {
      name: this.name,
      received: this.#ids.size,
      reconciled: this.#reconciled,
      replayed: this.#replayed,
      opens: this.#opens,
      problems: this.#problems,
    };
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      try {
        await this.#follow(signal);
      } catch (error) {
        if (!(error instanceof RpcError)) this.#problem(String(error));
        await this.#addresses.next(signal);
      }
    }
  }

  async #follow(signal: AbortSignal): Promise<void> {
    using client = new RpcClient(parseAddress(this.#addresses.current, "an edge"), KEEP_ALIVE);
    const method = StreamProxyService.method.streamOrderUpdates;
    const batches = client.stream(method, this.#request(), { signal });
    for await (const batch of batches) {
      for (const response of batch) this.#receive(response);
    }
    if (!signal.aborted) throw new RpcError("OK", "the stream has ended");
  }

  #request() {
    return {
      options: {
        meta: true,
        notices: true,
        heartbeatInterval: { seconds: 1n },
        ...this.#lastId && { resume: { eventId: this.#lastId } },
      },
    };
  }

  #receive({ update, meta, notice }: StreamOrderUpdatesResponse): void {
    const kind = notice?.kind;
    if (kind?.case === "hello") {
      this.#opens++;
      if (this.#lastId && !kind.value.resumed) {
        this.#problem(`not resumed at ${this.#addresses.current} after ${this.#lastId}`);
      }
    }
    if (kind?.case === "gap") {
      const reason = GAP_REASONS.get(kind.value.reason) ?? kind.value.reason;
      this.#problem(`a gap: ${reason}`);
    }
    if (!update || !meta) return;
    const { eventId, order } = update;
    if (this.#ids.has(eventId)) this.#problem(`${eventId} is received twice`);
    this.#ids.add(eventId);
    this.#lastId = eventId;
    if (meta.origin === Origin.RECONCILED) this.#reconciled++;
    if (meta.origin === Origin.REPLAY) this.#replayed++;
    const event = eventKey(order?.id ?? "", meta.eventWord, order?.filledQty ?? "");
    if (event === undefined) return;
    if (this.#events.has(event)) this.#problem(`${event} is received twice, as ${eventId} last`);
    this.#events.add(event);
  }

  #problem(text: string): void {
    if (this.#problems.length < MAX_PROBLEMS) {
      this.#problems.push(`${new Date().toISOString()} ${text}`);
    }
  }
}
