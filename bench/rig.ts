/**
 * The processes of one experiment: feeder → proxy → reader, and the floor
 * beside them.
 *
 * @module
 */
import { Remote } from "./control.ts";
import type { PoolShape } from "./feed/frame_pool.ts";
import type { PacerReport } from "./feed/pacer.ts";
import type { ProcessUse } from "./process_use.ts";
import type { Latency, ReaderPlan, ReaderReport } from "./reader_plan.ts";

/** How the experiment is set up. */
export interface RigOptions extends PoolShape {
  /** One write per message and one encoding per client. @default false */
  readonly naive?: boolean;
  /** Settings of the proxy beside those that point it at the feeder. */
  readonly env?: Readonly<Record<string, string>>;
  /** V8 flags of the proxy process. */
  readonly v8?: readonly string[];
}

/**
 * What happened between two looks. A process that is busy answers late, so each
 * looks at its own clock: what the server did is divided by the server's time,
 * what the reader got by the reader's.
 */
export interface Window {
  /** What the server did. */
  readonly server: {
    readonly seconds: number;
    /** CPU time of all its threads. */
    readonly cpuMicros: number;
    /** Batches, and messages in them. */
    readonly writes: number;
    readonly written: number;
    /** Upstream frames that it took in. */
    readonly frames: number;
  };
  /** What the reader got. */
  readonly reader: { readonly seconds: number; readonly messages: number };
}

/** What the proxy's own metrics say. */
export interface ProxyCounts {
  readonly received: number;
  readonly sent: number;
  readonly dropped: number;
}

const NET = "--allow-net=127.0.0.1";

function proxyEnv(
  port: number,
  { format, env }: RigOptions,
): Record<string, string> {
  const feed = format === "json" ? "sip" : "opra";
  return {
    ALPACA_KEY: "bench-key",
    ALPACA_SECRET: "bench-secret",
    ALPACA_STOCK_STREAM_URL: `ws://127.0.0.1:${port}/v2/sip`,
    ALPACA_OPTION_STREAM_URL: `ws://127.0.0.1:${port}/v1beta1/opra`,
    STREAM_PROXY_FEEDS: feed,
    STREAM_PROXY_HOST: "127.0.0.1",
    STREAM_PROXY_GRPC_PORT: "0",
    STREAM_PROXY_HEALTH_PORT: "0",
    STREAM_PROXY_METRICS_PORT: "0",
    // Scenarios open up to 10 000 streams; the default limit is 5 000.
    STREAM_PROXY_MAX_STREAMS: "20000",
    OTEL_ENABLED: "false",
    LOG_LEVEL: "error",
    ...env,
  };
}

/** Flags for the proxy process from outside, for example `--cpu-prof`. */
function extraFlags(): string[] {
  return Deno.env.get("BENCH_PROXY_FLAGS")?.split(" ") ?? [];
}

/** Waits for real, looking every few milliseconds. */
export async function until(
  what: string,
  check: () => boolean | Promise<boolean>,
): Promise<void> {
  const deadline = performance.now() + 60_000;
  while (!await check()) {
    if (performance.now() > deadline) throw new Error(`Never so: ${what}`);
    await pause(10);
  }
}

/** Resolves after `ms`. */
export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** A server under measurement with the reader of its streams. */
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

  /** What the server's process has used so far. */
  use(): Promise<ProcessUse> {
    return this.server.call("use");
  }

  /** What the reader has got so far. */
  got(): Promise<ReaderReport> {
    return this.reader.call("report");
  }

  /** Latencies since this was last asked. */
  latencies(): Promise<Latency> {
    return this.reader.call("latencies");
  }

  /** Looks twice, `ms` apart. */
  async window(ms: number): Promise<Window> {
    const [use, got] = await Promise.all([this.use(), this.got()]);
    await pause(ms);
    const [used, gotten] = await Promise.all([this.use(), this.got()]);
    if (gotten.ended > 0) throw new Error(`${gotten.ended} streams have ended`);
    return {
      server: {
        seconds: (used.at - use.at) / 1000,
        cpuMicros: used.cpuMicros - use.cpuMicros,
        writes: used.writes - use.writes,
        written: used.written - use.written,
        frames: used.frames - use.frames,
      },
      reader: {
        seconds: (gotten.at - got.at) / 1000,
        messages: gotten.messages - got.messages,
      },
    };
  }
}

/** A feeder, a proxy that follows it and a reader. */
export class Rig implements AsyncDisposable {
  readonly feeder: Remote;
  readonly proxy: Lane;
  readonly #health: number;
  readonly #made: AsyncDisposableStack;

  private constructor(
    parts: { feeder: Remote; proxy: Lane; health: number },
    made: AsyncDisposableStack,
  ) {
    this.feeder = parts.feeder;
    this.proxy = parts.proxy;
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
    const ports = await server.call<{ grpc: number; health: number }>("start", {
      env: proxyEnv(port, options),
      naive: options.naive ?? false,
    });
    const proxy = new Lane(server, reader, ports.grpc);
    const kept = made.move();
    const rig = new Rig({ feeder, proxy, health: ports.health }, kept);
    await until("the proxy is connected", () => rig.connected());
    return rig;
  }

  /** Whether the proxy has logged in. */
  async connected(): Promise<boolean> {
    const answer = await fetch(`http://127.0.0.1:${this.#health}/readyz`);
    await answer.body?.cancel();
    return answer.ok;
  }

  /** Waits until the proxy has subscribed this many pairs upstream. */
  subscribed(pairs: number): Promise<void> {
    return until(
      `${pairs} subscriptions`,
      async () => await this.feeder.call<number>("subscriptions") >= pairs,
    );
  }

  /** Starts the feed; 0 quotes a second means as many as are taken. */
  feed(rate: number): Promise<void> {
    return this.feeder.call("start", { rate });
  }

  /** Stops the feed. */
  rest(): Promise<PacerReport> {
    return this.feeder.call("stop");
  }

  /** Waits until nothing has been moving for a while. */
  async drained(): Promise<void> {
    let seen = "";
    await until("everything has arrived", async () => {
      await pause(300);
      const [got, counts] = await Promise.all([
        this.proxy.got(),
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

/** Raw `node:http2` with a reader of its own. */
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
   * Starts to write to every stream.
   *
   * @param pace.batch messages per write
   * @param pace.everyMs between two writes of a stream; 0 means no pause
   * @param pace.atOnce streams that are written to each time; all by default
   */
  feed(
    pace: { batch: number; everyMs: number; atOnce?: number },
  ): Promise<void> {
    return this.lane.server.call("start", pace);
  }

  /** Stops writing. */
  rest(): Promise<void> {
    return this.lane.server.call("stop");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#made.disposeAsync();
  }
}
