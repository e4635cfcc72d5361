/**
 * Runs a simulator and a proxy as child processes on loopback.
 *
 * @module
 */
import { Remote } from "../../bench/control.ts";
import { freePort, until } from "../../bench/rig.ts";
import type { SimulatorOptions } from "@alpaca-stream-proxy/simulator";
import type { HeapUse } from "./process_stats.ts";

/** The memory limit that the chart sets by default. */
const MEMORY_LIMIT_MIB = 1024;
/** The heap limit that the chart derives from it: two thirds. */
const HEAP_LIMIT_MIB = Math.floor(MEMORY_LIMIT_MIB * 2 / 3);

/** Command prefix for load and helpers: a lower priority than the proxy's. */
export const NICE: readonly string[] = ["nice", "-n", "5"];

const MODULES = new URL("./processes/", import.meta.url);

/** Ports of a proxy. */
export interface Ports {
  readonly grpc: number;
  readonly websocket: number;
  readonly health: number;
  readonly metrics: number;
}

/** How a proxy is started. */
interface ProxyOptions {
  /** Settings beside those that point it at the simulator. */
  readonly env?: Readonly<Record<string, string>>;
  /** Command prefix, for example `prlimit`. */
  readonly under?: readonly string[];
  /** More V8 flags. */
  readonly v8?: readonly string[];
}

/** A running simulator. */
export class SimulatorProcess implements AsyncDisposable {
  readonly #remote: Remote;
  /** Base of its REST endpoints. */
  readonly url: string;
  /** Settings that point a proxy at it. */
  readonly environment: Readonly<Record<string, string>>;
  /** The stocks that it lists. */
  readonly stocks: readonly string[];

  private constructor(
    remote: Remote,
    started: {
      readonly url: string;
      readonly environment: Readonly<Record<string, string>>;
      readonly stocks: readonly string[];
    },
  ) {
    this.#remote = remote;
    this.url = started.url;
    this.environment = started.environment;
    this.stocks = started.stocks;
  }

  /** Starts it on a free port. */
  static async start(options: SimulatorOptions): Promise<SimulatorProcess> {
    const remote = new Remote(new URL("simulator.ts", MODULES), {
      flags: ["--allow-net=127.0.0.1", "--allow-env"],
      under: NICE,
    });
    return new SimulatorProcess(remote, await remote.call("start", options));
  }

  /** Injects a fault, or changes the rate, through the control API. */
  async control(
    name: string,
    body: Readonly<Record<string, unknown>> = {},
  ): Promise<void> {
    const response = await fetch(`${this.url}/_control/${name}`, {
      method: "POST",
      body: JSON.stringify(body),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`Cannot ${name}: ${text}`);
  }

  /** Reads a state through the control API. */
  async read(name: string): Promise<Readonly<Record<string, unknown>>> {
    const response = await fetch(`${this.url}/_control/${name}`);
    return await response.json();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#remote[Symbol.asyncDispose]();
  }
}

/** A running proxy. */
export class ProxyProcess implements AsyncDisposable {
  readonly #remote: Remote;
  readonly ports: Ports;
  /** The exit code once it has ended. */
  exitCode: number | undefined;

  private constructor(remote: Remote, ports: Ports) {
    this.#remote = remote;
    this.ports = ports;
    remote.ended.then((code) => this.exitCode = code);
  }

  /** Starts it and waits until all feeds of `environment` are connected. */
  static async start(
    environment: Readonly<Record<string, string>>,
    options: ProxyOptions = {},
  ): Promise<ProxyProcess> {
    const v8 = [`--max-old-space-size=${HEAP_LIMIT_MIB}`, ...options.v8 ?? []];
    const websocket = freePort();
    const remote = new Remote(new URL("proxy.ts", MODULES), {
      flags: ["--allow-net", "--allow-env", `--v8-flags=${v8.join(",")}`],
      env: {
        OTEL_ENABLED: "false",
        LOG_LEVEL: "error",
        ...environment,
        STREAM_PROXY_HOST: "127.0.0.1",
        STREAM_PROXY_GRPC_PORT: "0",
        STREAM_PROXY_WEBSOCKET_PORT: String(websocket),
        STREAM_PROXY_HEALTH_PORT: "0",
        STREAM_PROXY_METRICS_PORT: "0",
        ...options.env,
      },
      ...options.under ? { under: options.under } : {},
    });
    const { grpc, health, metrics = health } = await remote.call<{
      grpc: number;
      health: number;
      metrics?: number;
    }>("ports");
    const proxy = new ProxyProcess(remote, { grpc, websocket, health, metrics });
    await until("all feeds are connected", () => proxy.#isHealthy());
    return proxy;
  }

  /** The number of the process. */
  get pid(): number {
    return this.#remote.pid;
  }

  /** Its heap. @throws when the process has ended */
  heap(): Promise<HeapUse> {
    return this.#remote.call("heap");
  }

  /** Collects garbage where it was started with `--expose-gc`. */
  collect(): Promise<void> {
    return this.#remote.call("collect");
  }

  /** Fetches the metrics: values by name with labels. */
  async metrics(): Promise<ReadonlyMap<string, number>> {
    const response = await fetch(
      `http://127.0.0.1:${this.ports.metrics}/metrics`,
      { signal: AbortSignal.timeout(10_000) },
    );
    return parseMetrics(await response.text());
  }

  /** Kills it, as the kernel does when memory runs out. */
  kill(): void {
    this.#remote.kill();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#remote[Symbol.asyncDispose]();
  }

  async #isHealthy(): Promise<boolean> {
    const response = await fetch(
      `http://127.0.0.1:${this.ports.health}/health`,
    );
    const { status } = await response.json();
    return status === "healthy";
  }
}

/** Reads the text format of Prometheus: value by `name{labels}`. */
export function parseMetrics(page: string): ReadonlyMap<string, number> {
  const found = new Map<string, number>();
  for (const line of page.split("\n")) {
    if (line === "" || line.startsWith("#")) continue;
    const space = line.lastIndexOf(" ");
    found.set(line.slice(0, space), Number(line.slice(space + 1)));
  }
  return found;
}

/** The sum of a metric over all of its label values. */
export function total(
  metrics: ReadonlyMap<string, number>,
  name: string,
): number {
  let sum = 0;
  for (const [key, value] of metrics) {
    if (key === name || key.startsWith(`${name}{`)) sum += value;
  }
  return sum;
}
