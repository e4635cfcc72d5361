/** The store of order updates on a real nats-server. */
import assert from "node:assert/strict";
import { jetstreamManager } from "@nats-io/jetstream";
import type { StoredEntry, StoredUpdate } from "../../../src/application/ports/order_store.ts";
import { createCounters } from "../../../src/application/status/counters.ts";
import { systemClock } from "../../../src/infrastructure/clock/system_clock.ts";
import { JetStreamOrders } from "../../../src/infrastructure/nats/jetstream_orders.ts";
import { connect } from "../../../src/infrastructure/nats/connect.ts";
import { type NatsAccess, NatsClient } from "../../../src/infrastructure/nats/nats_client.ts";
import { NatsServer } from "../../support/nats_server.ts";
import { orderDetails } from "../../support/order_details.ts";
import { RecordingLog } from "../../support/recording_log.ts";
import { requires } from "../../support/requires.ts";
import { until } from "../../support/until.ts";

const SUBJECT = "alpaca.orders.paper.0123456789ab";
const AT = { seconds: 1_789_000_000, nanos: 123_456_789 };

/** A store over a connection of its own. */
class Store implements AsyncDisposable {
  readonly log = new RecordingLog();
  readonly counters = createCounters().orderStore;
  readonly orders: JetStreamOrders;
  readonly #client: NatsClient;
  readonly #over = new AbortController();
  #running: Promise<void> | undefined;

  constructor(
    access: Partial<NatsAccess> & { readonly servers: readonly string[] },
    { capacity = 100, requestTimeoutMs = 5_000, subject = SUBJECT } = {},
  ) {
    const { log, counters } = this;
    this.#client = new NatsClient({ access, name: "test", clock: systemClock, log });
    this.orders = new JetStreamOrders({
      client: this.#client,
      stream: "ALPACA_ORDERS",
      subjects: "alpaca.orders.>",
      subject,
      replicas: 1,
      capacity,
      maxAgeMs: 3_600_000,
      requestTimeoutMs,
      clock: systemClock,
      log,
      counters,
    });
  }

  /** The log as text. */
  lines(): string {
    return this.log.records.map(({ message, fields }) => `${message} ${fields.cause}`).join("\n");
  }

  async load(ms = 10_000): Promise<readonly StoredEntry[]> {
    return await this.orders.load(AbortSignal.timeout(ms));
  }

  run(): void {
    this.#running = this.orders.run(this.#over.signal);
  }

  /** Reads what is stored, starts, and stores one update. */
  async startWith(id: string): Promise<void> {
    await this.load();
    this.run();
    this.orders.add(update(id));
    await this.stored();
  }

  async stored(): Promise<void> {
    await until(
      () => `stored, ${this.orders.pending} are pending: ${this.lines()}`,
      () => this.orders.pending === 0,
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#over.abort();
    await this.#running;
    await this.#client[Symbol.asyncDispose]();
  }
}

function update(id: string, changes: Partial<StoredUpdate["update"]> = {}): StoredUpdate {
  return {
    update: {
      event: "partial_fill",
      eventId: id,
      timestamp: AT,
      order: orderDetails(AT, { id: `order of ${id}`, filledQty: "0.000000001" }),
      executionId: `execution of ${id}`,
      price: "187.2100",
      qty: "1",
      positionQty: "-3.5",
      ...changes,
    },
    receivedAt: 1_789_000_000_123.25,
    origin: "live",
  };
}

/** Without fields that are not set, as after reading. */
function plain(value: unknown): unknown {
  if (typeof value !== "object" || value === null || value instanceof Uint8Array) return value;
  if (Array.isArray(value)) return value.map(plain);
  const set = Object.entries(value).filter(([, field]) => field !== undefined);
  return Object.fromEntries(set.map(([name, field]) => [name, plain(field)]));
}

function idsOf(entries: readonly StoredEntry[]): readonly string[] {
  return entries.map((entry) => "update" in entry ? entry.update.eventId : `gap ${entry.symbols}`);
}

function nats(name: string, run: (server: NatsServer) => Promise<void>): void {
  Deno.test(requires(["nats-server"], {
    name,
    fn: async () => {
      await using server = await NatsServer.start();
      await run(server);
    },
  }));
}

nats("what one store has stored, the next one reads, in order and to the digit", async (server) => {
  const leg = { id: "l", symbol: "AAPL", side: "buy", qty: "1", filledQty: "0" };
  const order = orderDetails(AT, {
    legs: [{ ...leg, filledAvgPrice: "", ratioQty: "2", status: "new" }],
    source: { id: "x", nested: { digits: "1.50" }, none: null },
  });
  const entries: StoredEntry[] = [
    update("first"),
    {
      ...update("second", { order, timestamp: undefined, price: undefined }),
      origin: "reconciled",
    },
    { reason: "unreadable", symbols: ["AAPL"], startTime: 1, endTime: 1 },
    { reason: "upstream_lost", symbols: undefined, startTime: 1.5, endTime: 2 },
    update("third", { source: new TextEncoder().encode('{"stream":"trade_updates"}') }),
  ];
  {
    await using store = new Store({ servers: [server.url] });
    assert.deepEqual(await store.load(), []);
    store.run();
    for (const entry of entries) store.orders.add(entry);
    await store.stored();
    assert.equal(store.counters.stored, 3);
  }
  await server.stop();
  await server.run();
  await using next = new Store({ servers: [server.url] });
  const loaded = await next.load();
  assert.deepEqual(plain(loaded), plain(entries));
  assert.equal(next.counters.loaded, 3);
});

nats("updates of other accounts under the same prefix are not read", async (server) => {
  await using other = new Store({ servers: [server.url] }, { subject: "alpaca.orders.live.other" });
  await other.startWith("other");
  await using store = new Store({ servers: [server.url] });
  assert.deepEqual(await store.load(), []);
});

nats("updates wait while NATS is down, and are stored once when it is back", async (server) => {
  {
    await using store = new Store({ servers: [server.url] }, { requestTimeoutMs: 300 });
    await store.load();
    store.run();
    store.orders.add(update("before"));
    await store.stored();
    await server.stop();
    for (const id of ["a", "b", "c"]) store.orders.add(update(id));
    await until("an attempt fails", () => store.counters.failed > 0);
    assert.equal(store.counters.pending, 3);
    await server.run();
    await store.stored();
    assert.equal(store.counters.pending, 0);
  }
  await using next = new Store({ servers: [server.url] });
  assert.deepEqual(idsOf(await next.load()), ["before", "a", "b", "c"]);
});

nats("a message whose acknowledgement is lost is stored once", async (server) => {
  {
    await using store = new Store({ servers: [server.url] }, { requestTimeoutMs: 200 });
    await store.load();
    store.run();
    store.orders.add(update("before"));
    await store.stored();
    // The server stores the message when it continues, after the request has failed.
    await server.suspend();
    store.orders.add(update("late"));
    await until("attempts fail", () => store.counters.failed > 1);
    server.resume();
    await store.stored();
    store.orders.add(update("after"));
    await store.stored();
  }
  await using next = new Store({ servers: [server.url] });
  assert.deepEqual(idsOf(await next.load()), ["before", "late", "after"]);
});

nats("of too many updates that wait, the oldest are a gap", async (server) => {
  {
    await using store = new Store({ servers: [server.url] }, {
      capacity: 3,
      requestTimeoutMs: 300,
    });
    await store.load();
    await server.stop();
    store.run();
    for (const id of ["a", "b", "c", "d", "e"]) store.orders.add(update(id));
    assert.equal(store.counters.lost, 2);
    await server.run();
    await store.stored();
  }
  await using next = new Store({ servers: [server.url] });
  assert.deepEqual(idsOf(await next.load()), ["gap undefined", "c", "d", "e"]);
});

nats("after a start without NATS, what was not read is a gap", async (server) => {
  {
    await using store = new Store({ servers: [server.url] });
    await store.load();
    store.run();
    store.orders.add(update("before"));
    await store.stored();
  }
  await server.stop();
  {
    await using store = new Store({ servers: [server.url] });
    await assert.rejects(store.load(100), /NATS is not connected/);
    store.run();
    store.orders.add(update("after"));
    await server.run();
    await store.stored();
  }
  await using next = new Store({ servers: [server.url] });
  assert.deepEqual(idsOf(await next.load()), ["before", "gap undefined", "after"]);
});

nats("an update that is too large is stored without its frame, or is a gap", async (server) => {
  const large = new Uint8Array(2_000_000);
  {
    await using store = new Store({ servers: [server.url] });
    await store.load();
    store.run();
    store.orders.add(update("frame", { source: large }));
    store.orders.add(update("text", { price: "1".repeat(2_000_000) }));
    store.orders.add(update("small"));
    await store.stored();
    assert.equal(store.counters.lost, 1);
  }
  await using next = new Store({ servers: [server.url] });
  assert.deepEqual(idsOf(await next.load()), ["frame", "gap AAPL", "small"]);
});

nats("an order with a number that cannot be stored is stored without it", async (server) => {
  {
    await using store = new Store({ servers: [server.url] });
    await store.load();
    store.run();
    const order = orderDetails(AT, { source: { id: 12_345_678_901_234_567_890n } });
    store.orders.add(update("long number", { order }));
    store.orders.add(update("after"));
    await store.stored();
    assert.equal(store.counters.lost, 0);
  }
  await using next = new Store({ servers: [server.url] });
  assert.deepEqual(idsOf(await next.load()), ["long number", "after"]);
});

nats("a message that is no order update is a gap, and is reported", async (server) => {
  {
    await using store = new Store({ servers: [server.url] });
    await store.load();
    store.run();
    store.orders.add(update("a"));
    await store.stored();
  }
  const connection = await connect({ servers: server.url });
  connection.publish(SUBJECT, new TextEncoder().encode("?"));
  await connection.flush();
  await connection.close();
  await using next = new Store({ servers: [server.url] });
  assert.deepEqual(idsOf(await next.load()), ["a", "gap undefined"]);
  assert.match(next.lines(), /A stored message with order updates cannot be read/);
});

nats("another process that stores the same account is reported; both store all", async (server) => {
  await using some = new Store({ servers: [server.url] });
  await using other = new Store({ servers: [server.url] });
  for (const store of [some, other]) {
    await store.load();
    store.run();
  }
  some.orders.add(update("a"));
  await some.stored();
  other.orders.add(update("b"));
  await other.stored();
  assert.match(other.lines(), /Another process stores order updates/);
  await using next = new Store({ servers: [server.url] });
  assert.deepEqual(idsOf(await next.load()), ["a", "b"]);
});

nats("updates that have expired are not taken for another process", async (server) => {
  await using store = new Store({ servers: [server.url] });
  await store.startWith("a");
  const connection = await connect({ servers: server.url });
  const manager = await jetstreamManager(connection);
  await manager.streams.purge("ALPACA_ORDERS");
  await connection.close();
  store.orders.add(update("b"));
  await store.stored();
  assert.doesNotMatch(store.lines(), /Another process/);
  await using next = new Store({ servers: [server.url] });
  assert.deepEqual(idsOf(await next.load()), ["b"]);
});

nats("a stream that is not available for a moment is no gap", async (server) => {
  await using store = new Store({ servers: [server.url] });
  await store.startWith("a");
  const connection = await connect({ servers: server.url });
  const { streams } = await jetstreamManager(connection);
  // As without a leader, no server receives what is published.
  await streams.update("ALPACA_ORDERS", { subjects: ["elsewhere"] });
  store.orders.add(update("b"));
  await until("attempts fail", () => store.counters.failed > 1);
  await streams.update("ALPACA_ORDERS", { subjects: ["alpaca.orders.>"] });
  await connection.close();
  await store.stored();
  store.orders.add(update("c"));
  await store.stored();
  await using next = new Store({ servers: [server.url] });
  assert.deepEqual(idsOf(await next.load()), ["a", "b", "c"]);
});

nats("reading ends in time when NATS stops answering, and leaves no consumer", async (server) => {
  await using store = new Store({ servers: [server.url] });
  await store.startWith("a");
  await using next = new Store({ servers: [server.url] });
  assert.deepEqual(idsOf(await next.load()), ["a"]);
  const connection = await connect({ servers: server.url });
  const { consumers } = await jetstreamManager(connection);
  await until(
    "the consumer is removed",
    async () => (await consumers.list("ALPACA_ORDERS").next()).length === 0,
  );
  await connection.close();
  await server.suspend();
  await assert.rejects(next.load(100), /NATS has not answered in time/);
  server.resume();
});

nats("a stream that was deleted is created again", async (server) => {
  await using store = new Store({ servers: [server.url] });
  await store.startWith("a");
  const connection = await connect({ servers: server.url });
  const manager = await jetstreamManager(connection);
  await manager.streams.delete("ALPACA_ORDERS");
  store.orders.add(update("b"));
  await store.stored();
  const { config } = await manager.streams.info("ALPACA_ORDERS");
  assert.equal(config.max_msgs_per_subject, 100);
  assert.equal(config.max_age, 3_600_000_000_000);
  await connection.close();
  await using next = new Store({ servers: [server.url] });
  assert.deepEqual(idsOf(await next.load()), ["b"]);
});

Deno.test(requires(["nats-server"], {
  name: "the permissions in the documentation suffice, and permit nothing of other streams",
  fn: async () => {
    const docs = await Deno.readTextFile("docs/operations.md");
    const [, permissions = ""] = /```text\n(# NATS permissions[\s\S]*?)```/.exec(docs) ?? [];
    await using server = await NatsServer.start(permissions);
    const access = {
      servers: [server.url],
      user: { name: "alpaca-stream-proxy", password: "change-me" },
      inboxes: "_INBOX.alpaca.single",
    };
    {
      await using store = new Store(access);
      assert.deepEqual(await store.load(), [], store.lines());
      store.run();
      await using other = new Store(access);
      await other.load();
      other.run();
      store.orders.add(update("a"));
      await store.stored();
      // The last message is not the one that the store expects.
      other.orders.add(update("b"));
      await other.stored();
    }
    await using next = new Store(access);
    assert.deepEqual(idsOf(await next.load()), ["a", "b"], next.lines());
    const connection = await connect({
      servers: server.url,
      user: access.user.name,
      pass: access.user.password,
      inboxPrefix: access.inboxes,
    });
    const manager = await jetstreamManager(connection, { timeout: 500, checkAPI: false });
    await assert.rejects(manager.streams.add({ name: "OTHER", subjects: ["other"] }));
    await assert.rejects(manager.streams.delete("ALPACA_ORDERS"));
    await assert.rejects(manager.streams.purge("ALPACA_ORDERS"));
    await connection.close();
  },
}));
