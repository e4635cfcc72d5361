/**
 * The processes of a cluster: each can be killed, stopped, suspended and started again.
 *
 * @module
 */
import { Child, type LogLine } from "../../tests/integration/process/child.ts";
import { freePort } from "../../tests/docs/loopback.ts";
import type { NatsServer } from "../../tests/support/nats_server.ts";

/** Longest start of a process. */
const START_MS = 30_000;
/** Longest clean stop of a process. */
const STOP_MS = 20_000;
/** Longest reply to a request for its health. */
const REPLY_MS = 2_000;
/** After which an orchestrator starts a process that has ended again. */
const RESTART_MS = 500;

/** A part of the cluster. */
export interface Member {
  readonly name: string;
  /** Ends it by a signal, and starts it again when it has ended. */
  restart(signal: "SIGKILL" | "SIGTERM"): Promise<void>;
  /** Suspends it; its sockets stay open. */
  suspend(): Promise<void>;
  resume(): Promise<void>;
}

/** What `/health` of a process says. */
export interface Health {
  readonly status: string;
  readonly cluster?: { readonly lease?: { readonly held?: boolean } };
}

/** Attempts to open the ports; another program of the machine may have one for a moment. */
const START_ATTEMPTS = 5;

/** A hub or an edge, on ports that stay the same. */
export class ProxyMember implements Member, AsyncDisposable {
  readonly name: string;
  /** Its ports, once it has started. */
  ports = choosePorts();
  /** Ends of the process that were not requested. */
  readonly problems: string[] = [];
  readonly #env: Readonly<Record<string, string>>;
  readonly #log: LogLine[] = [];
  #child: Child | undefined;
  #hasStarted = false;
  #isDisposed = false;

  constructor(name: string, env: Readonly<Record<string, string>>) {
    this.name = name;
    this.#env = env;
  }

  /** Lines of the log of all its processes. */
  get log(): readonly LogLine[] {
    return [...this.#log, ...this.#child?.log ?? []];
  }

  /** Starts the process and waits until its ports are open. */
  async start(): Promise<void> {
    for (let attempt = 1; !this.#isDisposed; attempt++) {
      const child = this.#child = new Child({ env: { ...this.#env, ...settingsOf(this.ports) } });
      try {
        await within(child.logged("Started"), START_MS, `${this.name} does not start`);
        this.#hasStarted = true;
        return;
      } catch (error) {
        this.#child = undefined;
        await child[Symbol.asyncDispose]();
        const isPortInUse = String(error).includes("another process has the port");
        if (!isPortInUse || attempt >= START_ATTEMPTS) throw error;
        if (this.#hasStarted) await pause(RESTART_MS);
        else this.ports = choosePorts();
      }
    }
  }

  async restart(signal: "SIGKILL" | "SIGTERM"): Promise<void> {
    await this.stop(signal);
    await pause(RESTART_MS);
    await this.start();
  }

  /** Ends the process. */
  async stop(signal: "SIGKILL" | "SIGTERM"): Promise<void> {
    const child = this.#child;
    if (!child) return;
    this.#child = undefined;
    this.#signal(child, signal);
    const isEnded = await within(child.ended(), STOP_MS, "").catch(() => undefined);
    if (!isEnded) {
      this.problems.push(`does not end within ${STOP_MS} ms of ${signal}`);
      this.#signal(child, "SIGKILL");
    }
    const { code, log, stderr } = await child.ended();
    this.#log.push(...log);
    const expected = signal === "SIGTERM" ? 0 : 137;
    if (isEnded && code !== expected) {
      this.problems.push(`ended with ${code}: ${stderr.slice(0, 2_000)}`);
    }
  }

  suspend(): Promise<void> {
    if (this.#child) this.#signal(this.#child, "SIGSTOP");
    return Promise.resolve();
  }

  resume(): Promise<void> {
    if (this.#child) this.#signal(this.#child, "SIGCONT");
    return Promise.resolve();
  }

  /** Its health; undefined when it does not reply. */
  async health(): Promise<Health | undefined> {
    try {
      const response = await fetch(`http://127.0.0.1:${this.ports.health}/health`, {
        signal: AbortSignal.timeout(REPLY_MS),
      });
      return await response.json();
    } catch {
      return undefined;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isDisposed = true;
    await this.stop("SIGKILL");
  }

  #signal(child: Child, signal: Deno.Signal): void {
    try {
      child.signal(signal);
    } catch {
      this.problems.push(`had ended before ${signal}`);
    }
  }
}

const chosen = new Set<number>();

function choosePorts() {
  const next = () => {
    for (;;) {
      const port = freePort();
      if (chosen.has(port)) continue;
      chosen.add(port);
      return port;
    }
  };
  return { grpc: next(), websocket: next(), health: next(), metrics: next() };
}

function settingsOf({ grpc, websocket, health, metrics }: ReturnType<typeof choosePorts>) {
  return {
    OTEL_ENABLED: "false",
    STREAM_PROXY_HOST: "127.0.0.1",
    STREAM_PROXY_GRPC_PORT: String(grpc),
    STREAM_PROXY_WEBSOCKET_PORT: String(websocket),
    STREAM_PROXY_HEALTH_PORT: String(health),
    STREAM_PROXY_METRICS_PORT: String(metrics),
  };
}

/** The NATS server as a part that fails. */
export class NatsMember implements Member {
  readonly name = "nats-server";
  readonly #server: NatsServer;

  constructor(server: NatsServer) {
    this.#server = server;
  }

  async restart(signal: "SIGKILL" | "SIGTERM"): Promise<void> {
    await this.#server.stop(signal);
    await pause(RESTART_MS);
    await this.#server.run();
  }

  suspend(): Promise<void> {
    return this.#server.suspend();
  }

  resume(): Promise<void> {
    this.#server.resume();
    return Promise.resolve();
  }
}

/** Name of the connections of edges. */
const EDGES = "alpaca-stream-proxy-edge";
/** How long connections are closed as soon as they are open, in ms. */
const CLOSING_MS = 500;
const LOOK_MS = 10;

/** The connections of edges to the NATS server. */
export class EdgeConnections implements Member {
  readonly name = "connections";
  readonly #server: NatsServer;

  constructor(server: NatsServer) {
    this.#server = server;
  }

  /** Closes each of them twice: a client opens the first again immediately, then after a second. */
  async restart(): Promise<void> {
    const end = Date.now() + CLOSING_MS;
    while (Date.now() < end) {
      await this.#server.closeConnections(EDGES);
      await pause(LOOK_MS);
    }
  }

  suspend(): Promise<void> {
    throw new Error("A connection is not suspended");
  }

  resume(): Promise<void> {
    throw new Error("A connection is not suspended");
  }
}

/** Waits. */
export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Waits for a result at most some time. @throws Error with the reason when it takes longer */
export async function within<T>(result: Promise<T>, ms: number, reason: string): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(new Error(`${reason} within ${ms} ms`)), ms);
  try {
    return await Promise.race([result, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}
