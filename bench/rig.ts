/**
 * The processes of a scenario: feeder → proxy → reader, and the floor, which is
 * raw HTTP/2 with its own reader.
 *
 * @module
 */
import { Remote } from "./control.ts";
import type { FeedFormat, PoolShape } from "./feed/frame_pool.ts";
import type { PacerReport } from "./feed/pacer.ts";
import type { ProcessUse } from "./process_use.ts";
import type { Latency, ReaderPlan, ReaderReport } from "./reader_plan.ts";

/** How the processes are set up. */
interface RigOptions extends PoolShape {
  /** One write per message and one encoding per client. @default false */
  readonly naive?: boolean;
  /** Settings of the proxy beside those that point it at the feeder. */
  readonly env?: Readonly<Record<string, string>>;
  /** V8 flags of the proxy process. */
  readonly v8?: readonly string[];
  /** Whether the port for WebSocket clients is open. @default false */
  readonly websocket?: boolean;
}

/**
 * The work done between two samples. A busy process replies late, so server and
 * reader each measure the time of their own part.
 */
export interface Window {
  /** Work of the server. */
  readonly server: {
    readonly seconds: number;
    /** CPU time of all its threads. */
    readonly cpuMicros: number;
    /** Batches, and messages in them. */
    readonly writes: number;
    readonly written: number;
    /** Upstream frames received. */
    readonly frames: number;
  };
  /** Messages of the reader, the WebSocket frames that had them, and bytes. */
  readonly reader: {
    readonly seconds: number;
    readonly messages: number;
    readonly frames: number;
    readonly bytes: number;
  };
}

/** Totals of the proxy's metrics. */
interface ProxyCounts {
  readonly received: number;
  readonly sent: number;
  readonly dropped: number;
}

/** Permission of every helper process. */
export const NET = "--allow-net=127.0.0.1";

/** Settings that point a process at the feeder. */
export function feederEnv(port: number): Record<string, string> {
  return {
    ALPACA_KEY: "bench-key",
    ALPACA_SECRET: "bench-secret",
    ALPACA_STOCK_STREAM_URL: `ws://127.0.0.1:${port}/v2/sip`,
    ALPACA_OPTION_STREAM_URL: `ws://127.0.0.1:${port}/v1beta1/opra`,
  };
}

/** Settings of every measured process: free ports, one feed. */
export function serverEnv(format: FeedFormat): Record<string, string> {
  return {
    STREAM_PROXY_FEEDS: format === "json" ? "sip" : "opra",
    ALPACA_OPTIONS_FEED: "opra",
    STREAM_PROXY_HOST: "127.0.0.1",
    STREAM_PROXY_GRPC_PORT: "0",
    STREAM_PROXY_HEALTH_PORT: "0",
    STREAM_PROXY_METRICS_PORT: "0",
    STREAM_PROXY_WEBSOCKET_PORT: "0",
    // Scenarios open up to 10 000 streams; the default limit is 5 000.
    STREAM_PROXY_MAX_STREAMS: "20000",
    OTEL_ENABLED: "false",
    LOG_LEVEL: "error",
  };
}

/** Settings of a proxy that is fed from `port`. */
export function proxyEnv(
  port: number,
  { format, env }: Pick<RigOptions, "format" | "env">,
  websocketPort: number,
): Record<string, string> {
  return {
    ...feederEnv(port),
    ...serverEnv(format),
    STREAM_PROXY_WEBSOCKET_PORT: String(websocketPort),
    ...env,
  };
}

/** Flags of the proxy process from the environment, for example `--cpu-prof`. */
export function extraFlags(): string[] {
  return Deno.env.get("BENCH_PROXY_FLAGS")?.split(" ") ?? [];
}

/** A port that is free now: 0 would turn the WebSocket port off. */
export function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}

/** Waits until `check` returns true. @throws Error after 60 s */
export async function until(
  what: string,
  check: () => boolean | Promise<boolean>,
): Promise<void> {
  const deadline = performance.now() + 60_000;
  while (!await check()) {
    if (performance.now() > deadline) {
      throw new Error(`Not within 60 s: ${what}`);
    }
    await pause(10);
  }
}

/** Whether the process with this HTTP port is ready. */
export async function isReady(port: number): Promise<boolean> {
  const answer = await fetch(`http://127.0.0.1:${port}/readyz`);
  await answer.body?.cancel();
  return answer.ok;
}

/** Resolves after `ms`. */
export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** A measured server and the reader of its streams. */
export class Lane {
  readonly server: Remote;
  readonly reader: Remote;
  readonly port: number;

  constructor(server: Remote, reader: Remote, port: number) {
    this.server = server;
    this.reader = reader;
    this.port = port;
  }

  /** Opens streams and waits until all are accepted. */
  open(plan: Omit<ReaderPlan, "port">): Promise<void> {
    return this.reader.call("open", { ...plan, port: this.port });
  }

  /** Reads what the server process has used so far. */
  usage(): Promise<ProcessUse> {
    return this.server.call("use");
  }

  /** Reads what the reader has received so far. */
  received(): Promise<ReaderReport> {
    return this.reader.call("report");
  }

  /** Latencies since the last call. */
  latencies(): Promise<Latency> {
    return this.reader.call("latencies");
  }

  /** Takes two samples, `ms` apart. */
  async window(ms: number): Promise<Window> {
    const sample = () => Promise.all([this.usage(), this.received()]);
    const [startUse, start] = await sample();
    await pause(ms);
    const [endUse, end] = await sample();
    if (end.ended > 0) throw new Error(`${end.ended} streams have ended`);
    return {
      server: {
        seconds: (endUse.at - startUse.at) / 1000,
        cpuMicros: endUse.cpuMicros - startUse.cpuMicros,
        writes: endUse.writes - startUse.writes,
        written: endUse.written - startUse.written,
        frames: endUse.frames - startUse.frames,
      },
      reader: {
        seconds: (end.at - start.at) / 1000,
        messages: end.messages - start.messages,
        bytes: end.bytes - start.bytes,
        frames: end.frames - start.frames,
      },
    };
  }
}

/** A feeder, a proxy that is connected to it, and a reader. */
export class Rig implements AsyncDisposable {
  readonly feeder: Remote;
  readonly proxy: Lane;
  /** Port for WebSocket clients; 0 when it is not open. */
  readonly websocketPort: number;
  readonly #health: number;
  readonly #made: AsyncDisposableStack;

  private constructor(
    parts: { feeder: Remote; proxy: Lane; health: number; websocketPort: number },
    made: AsyncDisposableStack,
  ) {
    this.feeder = parts.feeder;
    this.proxy = parts.proxy;
    this.websocketPort = parts.websocketPort;
    this.#health = parts.health;
    this.#made = made;
  }

  /** Starts the processes; resolves once the proxy is connected. */
  static async start(options: RigOptions): Promise<Rig> {
    await using made = new AsyncDisposableStack();
    const reader = made.use(new Remote("reader.ts", { flags: [NET] }));
    const server = made.use(
      new Remote("proxy.ts", {
        flags: [
          "--allow-net",
          "--allow-env",
          ...options.v8 ?? [],
          ...extraFlags(),
        ],
      }),
    );
    const feeder = made.use(new Remote("feeder.ts", { flags: [NET] }));
    const { format, perFrame, symbols } = options;
    const shape = { format, perFrame, symbols };
    const { port } = await feeder.call<{ port: number }>("prepare", shape);
    const websocketPort = options.websocket ? freePort() : 0;
    const ports = await server.call<{ grpc: number; health: number }>("start", {
      env: proxyEnv(port, options, websocketPort),
      naive: options.naive ?? false,
    });
    const proxy = new Lane(server, reader, ports.grpc);
    const kept = made.move();
    const rig = new Rig({ feeder, proxy, health: ports.health, websocketPort }, kept);
    await until("the proxy is connected", () => rig.connected());
    return rig;
  }

  /** Whether the proxy has logged in. */
  connected(): Promise<boolean> {
    return isReady(this.#health);
  }

  /** Waits until the proxy has subscribed to this many pairs. */
  untilSubscribed(pairs: number): Promise<void> {
    return until(
      `${pairs} subscriptions`,
      async () => await this.feeder.call<number>("subscriptions") >= pairs,
    );
  }

  /** Starts the feed; a rate of 0 means as many quotes as the proxy reads. */
  startFeed(rate: number): Promise<void> {
    return this.feeder.call("start", { rate });
  }

  /** Stops the feed. */
  stopFeed(): Promise<PacerReport> {
    return this.feeder.call("stop");
  }

  /** Waits until no message has arrived for 300 ms. */
  async untilDrained(): Promise<void> {
    let seen = "";
    await until("everything has arrived", async () => {
      await pause(300);
      const [got, counts] = await Promise.all([
        this.proxy.received(),
        this.counts(),
      ]);
      const now = `${got.bytes} ${counts.received} ${counts.sent}`;
      const still = now === seen;
      seen = now;
      return still;
    });
  }

  /** Reads the proxy's metrics page. */
  async counts(): Promise<ProxyCounts> {
    const answer = await fetch(`http://127.0.0.1:${this.#health}/metrics`);
    const page = await answer.text();
    const sum = (name: string) => {
      let total = 0;
      for (const line of page.split("\n")) {
        if (!line.startsWith(`${name}{`)) continue;
        if (line.includes('message_type="control"')) continue;
        total += Number(line.slice(line.lastIndexOf(" ")));
      }
      return total;
    };
    return {
      received: sum("alpaca_proxy_messages_received_total"),
      sent: sum("alpaca_proxy_messages_sent_total"),
      dropped: sum("alpaca_proxy_messages_dropped_total"),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#made.disposeAsync();
  }
}

/** Raw `node:http2` with its own reader. */
export class Floor implements AsyncDisposable {
  readonly lane: Lane;
  readonly #made: AsyncDisposableStack;

  private constructor(lane: Lane, made: AsyncDisposableStack) {
    this.lane = lane;
    this.#made = made;
  }

  /** Starts the processes. @param v8 V8 flags of the server's process */
  static async start(v8: readonly string[] = []): Promise<Floor> {
    await using made = new AsyncDisposableStack();
    const server = made.use(
      new Remote("floor.ts", { flags: [NET, "--allow-env", ...v8] }),
    );
    const reader = made.use(new Remote("reader.ts", { flags: [NET] }));
    const { port } = await server.call<{ port: number }>("listen");
    return new Floor(new Lane(server, reader, port), made.move());
  }

  /**
   * Starts writing to the streams.
   *
   * @param pace.batch messages per write
   * @param pace.everyMs between two writes of a stream; 0 means no pause
   * @param pace.atOnce streams that are written to each time; all by default
   */
  startFeed(
    pace: { batch: number; everyMs: number; atOnce?: number },
  ): Promise<void> {
    return this.lane.server.call("start", pace);
  }

  /** Stops writing. */
  stopFeed(): Promise<void> {
    return this.lane.server.call("stop");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#made.disposeAsync();
  }
}
