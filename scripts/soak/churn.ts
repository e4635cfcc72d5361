/**
 * Opens and closes connections, streams and requests: kinds of churn, each at its
 * own pace.
 *
 * @module
 */
import type { Random } from "../rig/random.ts";
import { http2Frame } from "../../bench/http2/frames.ts";
import { pause } from "../../bench/rig.ts";
import { grpcFields, headerBlock } from "../rig/hpack.ts";
import {
  type Call,
  headerFrames,
  type Method,
  pathOf,
  resetFrame,
  texts,
} from "../rig/messages.ts";
import { RawConnection } from "../rig/raw_connection.ts";
import type { Ports } from "../rig/child_processes.ts";

/** Kinds of churn that a client process makes. */
export const CHURN_KINDS = [
  "streams",
  "connections",
  "slow",
  "half-open",
  "unfinished",
  "unary",
  "scrapes",
  "viewers",
] as const;

/** One of {@linkcode CHURN_KINDS}. */
export type ChurnKind = typeof CHURN_KINDS[number];

/** What a churning client needs. */
export interface ChurnPlan {
  readonly ports: Ports;
  readonly kinds: readonly ChurnKind[];
  /** Stock symbols that tick. */
  readonly stocks: readonly string[];
  /** How many times faster than normal. */
  readonly factor: number;
  readonly seed: string;
}

/** Connections that carry streams, and streams of each. */
const CONNECTIONS = 6;
const STREAMS_PER_CONNECTION = 10;
/** Streams that are read slowly, and what they are granted, in bytes. */
const SLOW_STREAMS = 4;
const SLOW_GRANT = 2_048;
/** Connections that send nothing, and HTTP event streams. */
const HALF_OPEN = 20;
const VIEWERS = 3;

/** Milliseconds between two steps of a kind, at factor 1. */
const PACE: Readonly<Record<ChurnKind, number>> = {
  streams: 200,
  connections: 3_000,
  slow: 500,
  "half-open": 1_000,
  unfinished: 500,
  unary: 1_000,
  scrapes: 1_000,
  viewers: 5_000,
};

const MARKET: readonly Method[] = [
  "StreamQuotes",
  "StreamTrades",
  "StreamBars",
];

/** A client program with many connections. */
export class Churn {
  readonly #plan: ChurnPlan;
  readonly #random: Random;
  readonly #connections: RawConnection[] = [];
  readonly #streams = new Map<RawConnection, number[]>();
  readonly #slow: { connection: RawConnection; stream: number }[] = [];
  readonly #idle: RawConnection[] = [];
  readonly #viewers: AbortController[] = [];
  #steps = 0;

  constructor(plan: ChurnPlan, random: Random) {
    this.#plan = plan;
    this.#random = random;
  }

  /** Steps so far, including failed ones. */
  get steps(): number {
    return this.#steps;
  }

  /** Starts all kinds; they run until the process ends. */
  start(): void {
    const run: Readonly<Record<ChurnKind, () => Promise<void>>> = {
      streams: () => this.#replaceStream(),
      connections: () => this.#replaceConnection(),
      slow: () => this.#readSlowly(),
      "half-open": () => this.#halfOpen(),
      unfinished: () => this.#unfinished(),
      unary: () => this.#unary(),
      scrapes: () => this.#scrape(),
      viewers: () => this.#watch(),
    };
    for (const kind of this.#plan.kinds) this.#repeat(kind, run[kind]);
  }

  async #repeat(kind: ChurnKind, step: () => Promise<void>): Promise<void> {
    for (;;) {
      // Refused connections are part of the churn.
      await step().catch(() => {});
      this.#steps++;
      const jitter = 0.5 + this.#random.next();
      await pause(PACE[kind] / this.#plan.factor * jitter);
    }
  }

  /** Picks a random request. */
  #call(): Call {
    const kind = this.#random.below(10);
    const symbols = Array.from(
      { length: 1 + this.#random.below(5) },
      () => this.#random.pick(this.#plan.stocks),
    );
    if (kind === 0) {
      return { method: "StreamOrderUpdates", message: texts(1, []) };
    }
    if (kind < 3) {
      return {
        method: this.#random.pick(["StreamOptionQuotes", "StreamOptionTrades"]),
        message: texts(2, symbols.slice(0, 1)),
      };
    }
    return { method: this.#random.pick(MARKET), message: texts(1, symbols) };
  }

  async #connection(): Promise<RawConnection> {
    const open = this.#connections.filter(({ closed }) => !closed);
    this.#connections.splice(0, Infinity, ...open);
    for (const connection of this.#streams.keys()) {
      if (connection.closed) this.#streams.delete(connection);
    }
    if (open.length < CONNECTIONS) {
      const { grpc: port } = this.#plan.ports;
      const connection = await RawConnection.open({ port });
      this.#connections.push(connection);
      this.#streams.set(connection, []);
      return connection;
    }
    return this.#random.pick(open);
  }

  async #replaceStream(): Promise<void> {
    const connection = await this.#connection();
    const streams = this.#streams.get(connection) ?? [];
    while (streams.length < STREAMS_PER_CONNECTION) {
      streams.push(connection.call(this.#call()));
    }
    const gone = streams.splice(this.#random.below(streams.length), 1)[0];
    if (gone !== undefined) connection.cancel(gone);
  }

  #replaceConnection(): Promise<void> {
    this.#connections.shift()?.close();
    return Promise.resolve();
  }

  async #readSlowly(): Promise<void> {
    for (const { connection, stream } of this.#slow) {
      connection.grant(stream, SLOW_GRANT);
    }
    if (this.#slow.length < SLOW_STREAMS) {
      const { grpc: port } = this.#plan.ports;
      const connection = await RawConnection.open({ port });
      const call = { method: "StreamQuotes", message: texts(1, []) } as const;
      const stream = connection.call(call, false);
      this.#slow.push({ connection, stream });
    } else if (this.#random.below(60) === 0) {
      this.#slow.shift()?.connection.close();
    }
  }

  async #halfOpen(): Promise<void> {
    const { grpc, health } = this.#plan.ports;
    const port = this.#random.pick([grpc, health]);
    const hello = port === grpc && this.#random.below(2) === 0;
    this.#idle.push(await RawConnection.open({ port, hello, replies: false }));
    if (this.#idle.length > HALF_OPEN) this.#idle.shift()?.close();
  }

  async #unfinished(): Promise<void> {
    const connection = await this.#connection();
    const stream = connection.nextStream();
    const block = headerBlock(grpcFields(pathOf("StreamQuotes")));
    connection.send(headerFrames(stream, block));
    const payload = new Uint8Array(4_096);
    payload[2] = 0x10;
    connection.send(http2Frame(0, { stream, payload }));
    connection.send(resetFrame(stream));
  }

  async #unary(): Promise<void> {
    const connection = await this.#connection();
    connection.call({ method: "GetConnectionStatus", message: texts(1, []) });
  }

  async #scrape(): Promise<void> {
    const { health, metrics } = this.#plan.ports;
    const [port, path] = this.#random.pick(
      [
        [metrics, "metrics"],
        [health, "metrics"],
        [health, "health"],
        [health, "readyz"],
        [health, ""],
      ] as const,
    );
    const response = await fetch(`http://127.0.0.1:${port}/${path}`);
    await response.arrayBuffer();
  }

  async #watch(): Promise<void> {
    if (this.#viewers.length >= VIEWERS) this.#viewers.shift()?.abort();
    const controller = new AbortController();
    this.#viewers.push(controller);
    const { health } = this.#plan.ports;
    const response = await fetch(`http://127.0.0.1:${health}/events`, {
      signal: controller.signal,
    });
    response.body?.pipeTo(new WritableStream()).catch(() => {});
  }
}
