/** Two hubs as processes of their own, of which one at a time has the sessions. */
import assert from "node:assert/strict";
import { jetstreamManager } from "@nats-io/jetstream";
import { type Simulator, startSimulator } from "@alpaca-stream-proxy/simulator";
import { connect } from "../../../src/infrastructure/nats/connect.ts";
import { decodeEntries } from "../../../src/infrastructure/nats/stored_entries.ts";
import { FREE_PORTS } from "../../support/harness.ts";
import { NatsServer } from "../../support/nats_server.ts";
import { requires } from "../../support/requires.ts";
import { until } from "../../support/until.ts";
import { Child } from "./child.ts";
import { trade } from "./order_trading.ts";

const PATIENCE_MS = 30_000;
const TTL_MS = 2_000;
/** Shorter than the 90 s of Alpaca, so that the test does not take as long. */
const GHOST_MS = 3_000;
/** The first repetition after a 406. */
const RETRY_MS = 5_000;

/** Watches how many sessions of each endpoint are open at a time. */
class SessionWatch implements Disposable {
  /** Most sessions that were open together. */
  readonly most = new Map<string, number>();
  /** When the number of sessions of an endpoint has changed, by the monotonic clock. */
  readonly changes: { readonly endpoint: string; readonly at: number; readonly open: number }[] =
    [];
  readonly #open = new Map<string, number>();
  readonly #timer: ReturnType<typeof setInterval>;

  constructor(simulator: Simulator) {
    this.#timer = setInterval(() => this.#look(simulator), 1);
  }

  /** Ms without a session since `from`, until there was one. */
  silenceMs(endpoint: string, from: number): number {
    const later = this.changes.filter((change) => change.endpoint === endpoint && change.at > from);
    const closed = later.find(({ open }) => open === 0);
    const opened = later.find(({ open, at }) => open > 0 && at > (closed?.at ?? Infinity));
    assert.ok(closed && opened, `${endpoint} was closed and opened again`);
    return opened.at - closed.at;
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }

  #look(simulator: Simulator): void {
    const sessions = simulator.sessions().filter(({ state }) => state === "authenticated");
    for (
      const endpoint of new Set([
        ...this.#open.keys(),
        ...sessions.map((one) => one.endpoint),
      ])
    ) {
      const open = sessions.filter((one) => one.endpoint === endpoint).length;
      if (open === (this.#open.get(endpoint) ?? 0)) continue;
      this.#open.set(endpoint, open);
      this.most.set(endpoint, Math.max(open, this.most.get(endpoint) ?? 0));
      this.changes.push({ endpoint, open, at: performance.now() });
    }
  }
}

/** A hub. */
class Hub {
  readonly child: Child;
  readonly #health: Promise<number>;

  constructor(child: Child) {
    this.child = child;
    this.#health = child.logged("Started").then(({ ports }) =>
      (ports as { health: number }).health
    );
  }

  async get(path: string): Promise<string> {
    const response = await fetch(`http://127.0.0.1:${await this.#health}${path}`);
    return await response.text();
  }

  /** Whether it has the lease and both sessions. */
  async isLeading(): Promise<boolean> {
    const { status, cluster } = JSON.parse(await this.get("/health"));
    return status === "healthy" && cluster.lease.held;
  }

  async isStandingBy(): Promise<boolean> {
    return JSON.parse(await this.get("/health")).status === "standby";
  }

  async figure(name: string): Promise<number> {
    const [, value] = new RegExp(`^${name} (\\S+)$`, "m").exec(await this.get("/metrics")) ?? [];
    return Number(value);
  }
}

/** A simulator, NATS, and hubs on them. */
class Cluster implements AsyncDisposable {
  readonly simulator: Simulator;
  readonly nats: NatsServer;
  readonly watch: SessionWatch;
  readonly #parts = new AsyncDisposableStack();

  private constructor(simulator: Simulator, nats: NatsServer) {
    this.simulator = this.#parts.use(simulator);
    this.nats = this.#parts.use(nats);
    this.watch = this.#parts.use(new SessionWatch(simulator));
  }

  static async start(): Promise<Cluster> {
    const simulator = await startSimulator({
      messagesPerSecond: 0,
      ghostSeconds: GHOST_MS / 1_000,
      ledgerCapacity: 10_000,
    });
    return new Cluster(simulator, await NatsServer.start());
  }

  startHub(ttlMs = TTL_MS): Hub {
    return new Hub(this.#parts.use(
      new Child({
        env: {
          ...this.simulator.environment(),
          ...FREE_PORTS,
          STREAM_PROXY_ROLE: "hub",
          STREAM_PROXY_LEASE_TTL_SECS: String(ttlMs / 1_000),
          STREAM_PROXY_FEEDS: "sip,trading",
          STREAM_PROXY_NATS_URL: this.nats.url,
        },
      }),
    ));
  }

  /** Starts two hubs; the first has the sessions. */
  async startPair(ttlMs = TTL_MS): Promise<readonly [Hub, Hub]> {
    const first = this.startHub(ttlMs);
    await until("the first hub leads", () => first.isLeading(), PATIENCE_MS);
    const second = this.startHub(ttlMs);
    await until("the second hub stands by", () => second.isStandingBy(), PATIENCE_MS);
    return [first, second];
  }

  /** Keys of all stored order updates. */
  async storedUpdates(): Promise<readonly string[]> {
    const connection = await connect({ servers: this.nats.url.replace("nats://", "") });
    try {
      const { streams } = await jetstreamManager(connection);
      const { state } = await streams.info("ALPACA_ORDERS");
      const found: string[] = [];
      for (let seq = state.first_seq; seq <= state.last_seq && seq > 0; seq++) {
        const message = await streams.getMessage("ALPACA_ORDERS", { seq });
        for (const entry of decodeEntries(message?.data ?? new Uint8Array())) {
          if (!("update" in entry)) continue;
          const { event, order, executionId, eventId } = entry.update;
          found.push(`${order.id} ${event} ${executionId ?? eventId} ${order.filledQty}`);
        }
      }
      return found;
    } finally {
      await connection.close();
    }
  }

  /** Waits until all order updates are stored, and checks that none is stored twice. */
  async checkOrders(): Promise<void> {
    const traced = this.simulator.trading.ledger.events()
      .map(({ update: { event, order } }) => `${order.id} ${event} ${order.filled_qty}`)
      .filter((line) => / (fill|partial_fill|canceled) /.test(line));
    let stored: readonly string[] = [];
    await until(() => `${traced.length} updates are stored, ${stored.length} are`, async () => {
      stored = await this.storedUpdates();
      const found = new Set(stored.map((line) => line.replace(/ \S+ (\S+)$/, " $1")));
      return traced.every((line) => found.has(line));
    }, PATIENCE_MS);
    assert.equal(new Set(stored).size, stored.length);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#parts.disposeAsync();
  }
}

function cluster(name: string, fn: (cluster: Cluster) => Promise<void>): void {
  Deno.test(requires(["nats-server"], {
    name,
    fn: async () => {
      await using parts = await Cluster.start();
      await fn(parts);
    },
  }));
}

cluster("a hub that is stopped hands over without an overlap", async (parts) => {
  const { watch, simulator } = parts;
  let [leader, standby] = await parts.startPair();
  for (let round = 0; round < 3; round++) {
    await trade(simulator);
    const from = performance.now();
    leader.child.signal("SIGTERM");
    await until("the other hub leads", () => standby.isLeading(), PATIENCE_MS);
    for (const endpoint of ["sip", "trading"]) {
      const silenceMs = watch.silenceMs(endpoint, from);
      assert.ok(silenceMs < 2_000, `${silenceMs} ms`);
    }
    const { code, log } = await leader.child.ended();
    assert.equal(code, 0);
    assert.deepEqual(log.filter(({ level }) => level === "ERROR"), []);
    leader = standby;
    standby = parts.startHub();
    await until("a hub stands by", () => standby.isStandingBy(), PATIENCE_MS);
  }
  await parts.checkOrders();
  assert.deepEqual([...watch.most.values()], [1, 1]);
});

cluster("a hub that is killed is replaced after its lease and its ghost session", async (parts) => {
  const { watch, simulator } = parts;
  const [leader, standby] = await parts.startPair();
  await trade(simulator);
  await parts.checkOrders();
  const from = performance.now();
  leader.child.signal("SIGKILL");
  await trade(simulator);
  await standby.child.logged("Took the lease");
  const takenMs = performance.now() - from;
  await until("the other hub leads", () => standby.isLeading(), PATIENCE_MS);
  assert.ok(takenMs < TTL_MS + 1_000, `${takenMs} ms`);
  const silenceMs = watch.silenceMs("sip", from);
  assert.ok(silenceMs > GHOST_MS && silenceMs < takenMs + RETRY_MS + 1_000, `${silenceMs} ms`);
  await parts.checkOrders();
  assert.deepEqual([...watch.most.values()], [1, 1]);
});

cluster("a hub that was suspended beyond its lease closes its sessions first", async (parts) => {
  const { watch, simulator } = parts;
  const [leader, standby] = await parts.startPair();
  await trade(simulator);
  await parts.checkOrders();
  leader.child.signal("SIGSTOP");
  await standby.child.logged("Took the lease");
  await trade(simulator);
  leader.child.signal("SIGCONT");
  await until("the suspended hub stands by", () => leader.isStandingBy(), PATIENCE_MS);
  await until("the other hub leads", () => standby.isLeading(), PATIENCE_MS);
  await trade(simulator);
  await parts.checkOrders();
  assert.equal(watch.most.get("sip"), 1);
  const sessions = simulator.sessions().map(({ endpoint }) => endpoint);
  assert.deepEqual(sessions.toSorted(), ["sip", "trading"]);
  assert.equal(await leader.figure("alpaca_proxy_lease_losses_total"), 1);
});

cluster("without NATS no hub has sessions, and one has when it is back", async (parts) => {
  const { watch, simulator, nats } = parts;
  const hubs = await parts.startPair();
  await trade(simulator);
  await parts.checkOrders();
  const from = performance.now();
  await nats.stop("SIGKILL");
  await until("no session is open", () => simulator.sessions().length === 0, PATIENCE_MS);
  const heldMs = performance.now() - from;
  assert.ok(heldMs < TTL_MS, `${heldMs} ms`);
  await trade(simulator);
  await nats.run();
  const leading = async () =>
    (await Promise.all(hubs.map((hub) => hub.isLeading()))).includes(true);
  await until("a hub leads", leading, PATIENCE_MS);
  await parts.checkOrders();
  assert.deepEqual([...watch.most.values()], [1, 1]);
});

cluster("a short restart of NATS closes no session", async (parts) => {
  const { watch, nats } = parts;
  const ttlMs = 12_000;
  const [leader] = await parts.startPair(ttlMs);
  await nats.stop();
  await nats.run();
  // Without a renewal, the lease would be lost by then.
  await new Promise((resolve) => setTimeout(resolve, ttlMs * 2 / 3 + 500));
  assert.equal(await leader.figure("alpaca_proxy_lease_takeovers_total"), 1);
  assert.deepEqual([...watch.most.values()], [1, 1]);
});
