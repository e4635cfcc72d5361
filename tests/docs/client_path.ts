/**
 * Clients, a proxy, a simulator, optionally a balancer, and faults between them.
 * Quotes are numbered (the bid is the number), so that the output of a client
 * shows when they were sent.
 *
 * @module
 */
import { type Simulator, startSimulator } from "@alpaca-stream-proxy/simulator";
import { Child } from "../integration/process/child.ts";
import { FREE_PORTS } from "../support/harness.ts";
import { Balancer, type BalancerKind } from "./balancers.ts";
import { type PreparedClient, type RunningClient, startClient } from "./client_process.ts";
import { freePort, type Relay, startRelay, untilListening } from "./loopback.ts";

const QUOTE_INTERVAL_MS = 100;
const LONGEST_WAIT_MS = 120_000;

/** Seconds by client until it printed a new quote, or why it did not. */
export type Recovery = ReadonlyMap<string, number | string>;

/** Everything from the clients to the simulator; leaving its scope stops it. */
export class ClientPath implements AsyncDisposable {
  readonly #simulator: Simulator;
  readonly #env: Readonly<Record<string, string>>;
  readonly #port: number;
  readonly #relay: Relay;
  readonly #parts = new AsyncDisposableStack();
  #proxy: Child;
  #balancer: Balancer | undefined;
  #clients: readonly RunningClient[] = [];
  #sent = 0;
  #quiet = false;

  private constructor(simulator: Simulator, relay: Relay) {
    this.#simulator = this.#parts.use(simulator);
    this.#relay = this.#parts.use(relay);
    this.#port = freePort();
    this.#env = {
      ...simulator.environment(),
      ...FREE_PORTS,
      STREAM_PROXY_GRPC_PORT: String(this.#port),
      STREAM_PROXY_RECONNECT_DELAY_INITIAL_MS: "10",
      OTEL_ENABLED: "false",
    };
    this.#proxy = new Child({ env: this.#env });
    this.#parts.defer(() => this.#proxy[Symbol.asyncDispose]());
  }

  /** Starts everything; resolves once each client has printed a quote. */
  static async start(
    clients: readonly PreparedClient[],
    kind?: BalancerKind,
  ): Promise<ClientPath> {
    const simulator = await startSimulator({
      messagesPerSecond: 0,
      // A killed proxy leaves a session behind, which Alpaca keeps for 90 s.
      ghostSeconds: 0,
    });
    const path = new ClientPath(simulator, await startRelay());
    try {
      await untilListening(path.#port);
      await path.#startFront(clients, kind);
      const timer = setInterval(() => path.#send(), QUOTE_INTERVAL_MS);
      path.#parts.defer(() => clearInterval(timer));
      for (const [client, state] of await path.#recovery()) {
        if (typeof state === "string") throw new Error(`${client}: ${state}`);
      }
      return path;
    } catch (error) {
      await path[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Kills the proxy and starts another one on the same port. */
  async killProxy(): Promise<Recovery> {
    await this.#proxy[Symbol.asyncDispose]();
    const recovery = this.#recovery();
    this.#proxy = new Child({ env: this.#env });
    return await recovery;
  }

  /** Kills the balancer and starts it again on the same port. */
  async killBalancer(): Promise<Recovery> {
    await this.#balancer?.kill();
    const recovery = this.#recovery();
    await this.#balancer?.resume();
    return await recovery;
  }

  /** Sends nothing for `ms`. */
  async beQuiet(ms: number): Promise<Recovery> {
    this.#quiet = true;
    await delay(ms);
    this.#quiet = false;
    return await this.#recovery();
  }

  /** Stops the clients' processes for `ms`. */
  async pauseClients(ms: number): Promise<Recovery> {
    const running = this.#clients.filter(({ ended }) => ended === undefined);
    for (const client of running) client.signal("SIGSTOP");
    await delay(ms);
    for (const client of running) client.signal("SIGCONT");
    return await this.#recovery();
  }

  /** Breaks the clients' connections. */
  async breakConnections(): Promise<Recovery> {
    this.#relay.breakAll();
    return await this.#recovery();
  }

  /** Drops all packets for `ms`; what was connected before stays dead. */
  async goDark(ms: number): Promise<Recovery> {
    this.#relay.goDark();
    await delay(ms);
    this.#relay.recover();
    return await this.#recovery();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#parts.disposeAsync();
  }

  async #startFront(
    clients: readonly PreparedClient[],
    kind?: BalancerKind,
  ): Promise<void> {
    this.#relay.target = this.#port;
    if (kind) {
      const ports = { listen: freePort(), proxy: this.#port };
      this.#balancer = this.#parts.use(await Balancer.start(kind, ports));
      this.#relay.target = ports.listen;
    }
    this.#clients = clients.map((client) =>
      this.#parts.use(startClient(client, this.#relay.address))
    );
  }

  #send(): void {
    if (this.#quiet) return;
    const bp = ++this.#sent;
    const quote = { T: "q", S: "AAPL", bp, ap: bp, t: "2026-01-05T14:30:00Z" };
    const venue = { bx: "Q", bs: 100, ax: "P", as: 100, c: ["R"], z: "C" };
    this.#simulator.emit("sip", [{ ...quote, ...venue }]);
  }

  /** How long each client needs from now to print what is sent from now on. */
  async #recovery(): Promise<Recovery> {
    const started = performance.now();
    const first = this.#sent + 1;
    const found = new Map<string, number | string>();
    while (found.size < this.#clients.length) {
      const waited = performance.now() - started;
      for (const client of this.#clients) {
        if (found.has(client.name)) continue;
        if (lastNumber(client) >= first) found.set(client.name, waited / 1000);
        else if (client.ended !== undefined) {
          found.set(client.name, `ended: ${client.ended}`);
        } else if (waited > LONGEST_WAIT_MS) {
          found.set(client.name, `silent for ${LONGEST_WAIT_MS / 1000} s`);
        }
      }
      await delay(20);
    }
    return found;
  }
}

/** The number of the last quote that a client has printed; 0 before. */
function lastNumber({ lines }: RunningClient): number {
  const line = lines.findLast((text) => QUOTE.test(text));
  return Number(QUOTE.exec(line ?? "")?.[1] ?? 0);
}

/** `AAPL 12 x 12` in the examples, JSON in `tail`. */
const QUOTE = /(?:^AAPL |"bidPrice":)(\d+)/;

function delay(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
