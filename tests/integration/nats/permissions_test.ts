/** What the users of NATS in docs/cluster/nats.conf may do, on a real nats-server. */
import assert from "node:assert/strict";
import type { NATS_USERS } from "../../../scripts/delivery/nats_permissions.ts";
import { natsAccess } from "../../../src/composition/nats.ts";
import { systemClock } from "../../../src/infrastructure/clock/system_clock.ts";
import { parseConfig } from "../../../src/infrastructure/config/parse_config.ts";
import { connect } from "../../../src/infrastructure/nats/connect.ts";
import { KvLease } from "../../../src/infrastructure/nats/kv_lease.ts";
import { encodeBatch } from "../../../src/infrastructure/nats/frame_batch.ts";
import { hubSubjects } from "../../../src/infrastructure/nats/hub_protocol.ts";
import { type NatsAccess, NatsClient } from "../../../src/infrastructure/nats/nats_client.ts";
import {
  retainedMessages,
  RetainedReader,
} from "../../../src/infrastructure/nats/retained_reader.ts";
import { documentedUsers, NatsServer } from "../../support/nats_server.ts";
import { RecordingLog } from "../../support/recording_log.ts";
import { requires } from "../../support/requires.ts";
import { until } from "../../support/until.ts";
import { createCounters } from "../../../src/application/status/counters.ts";
import { JetStreamOrders } from "../../../src/infrastructure/nats/jetstream_orders.ts";
import { prepareRetainedFrames } from "../../../src/infrastructure/nats/retained_frames.ts";
import { loadStored } from "../../../src/infrastructure/nats/stored_order_reader.ts";

type User = typeof NATS_USERS[number];

/** A server with the documented users. */
async function start(): Promise<NatsServer> {
  return await NatsServer.start(await documentedUsers());
}

/** How a hub or an edge reaches the server with its settings. */
function accessOf(server: NatsServer, user: User): NatsAccess {
  const access = natsAccess(parseConfig({
    STREAM_PROXY_ROLE: user,
    STREAM_PROXY_NATS_URL: server.url,
    STREAM_PROXY_NATS_USER: user,
    STREAM_PROXY_NATS_PASSWORD: user,
    STREAM_PROXY_ALLOW_PLAINTEXT_UPSTREAM: "true",
    ...(user === "hub" && { ALPACA_KEY: "key", ALPACA_SECRET: "secret" }),
  }));
  assert.ok(access);
  return access;
}

/** A connection that notes the violations of its permissions. */
interface Client extends AsyncDisposable {
  /** Whether the server refuses a message to the subject. */
  isRefused(subject: string): Promise<boolean>;
  /** Whether the server refuses a subscription. */
  mayNotRead(subject: string): Promise<boolean>;
}

async function login(server: NatsServer, user: User): Promise<Client> {
  const connection = await connect({
    servers: server.url.replace("nats://", ""),
    user,
    pass: user,
    resolve: false,
  });
  const violations: string[] = [];
  const following = (async () => {
    for await (const status of connection.status()) {
      if (status.type === "error") violations.push(status.error.message);
    }
  })();
  // The server answers a ping after it has judged what was sent before.
  const isNoted = async (subject: string) => {
    await connection.flush();
    await connection.flush();
    return violations.some((one) => one.includes(`"${subject}"`));
  };
  return {
    isRefused(subject) {
      violations.length = 0;
      connection.publish(subject, "x");
      return isNoted(subject);
    },
    mayNotRead(subject) {
      violations.length = 0;
      const subscription = connection.subscribe(subject, { callback: () => {} });
      return isNoted(subject).finally(() => subscription.unsubscribe());
    },
    async [Symbol.asyncDispose]() {
      await connection.close();
      await following;
    },
  };
}

Deno.test(requires(["nats-server"], {
  name: "an edge cannot publish what hubs publish, take their lease or write order updates",
  fn: async () => {
    await using server = await start();
    await using edge = await login(server, "edge");
    const refused = [
      "alpaca.feed.sip",
      "alpaca.feed.trading",
      "alpaca.edge.other",
      "alpaca.orders.paper.0123456789ab",
      "$KV.ALPACA_LEASE.hub",
      "$JS.API.STREAM.CREATE.KV_ALPACA_LEASE",
      "$JS.API.STREAM.UPDATE.ALPACA_ORDERS",
      "$JS.API.STREAM.DELETE.ALPACA_ORDERS",
      "$JS.API.STREAM.PURGE.ALPACA_ORDERS",
      "$JS.API.STREAM.MSG.DELETE.ALPACA_ORDERS",
      "$JS.API.STREAM.MSG.GET.KV_ALPACA_LEASE",
      "$JS.API.STREAM.UPDATE.ALPACA_FRAMES",
      "$JS.API.STREAM.DELETE.ALPACA_FRAMES",
      "$JS.API.STREAM.PURGE.ALPACA_FRAMES",
      "$JS.API.STREAM.MSG.DELETE.ALPACA_FRAMES",
      "$JS.API.CONSUMER.CREATE.ALPACA_FRAMES",
      "$JS.API.DIRECT.GET.ALPACA_FRAMES",
      "_INBOX.of.another",
    ];
    for (const subject of refused) assert.ok(await edge.isRefused(subject), subject);
    assert.ok(!await edge.isRefused("alpaca.hub.attach"));
    const unreadable = ["alpaca.hub.>", "alpaca.orders.>", "$KV.>", ">"];
    const inboxes = ["_INBOX.>", "_INBOX.alpaca.hub.>", "_INBOX.alpaca.record.>"];
    for (const subject of [...unreadable, ...inboxes]) {
      assert.ok(await edge.mayNotRead(subject), subject);
    }
    for (const subject of ["alpaca.feed.sip", "alpaca.edge.this", "_INBOX.alpaca.edge.x.>"]) {
      assert.ok(!await edge.mayNotRead(subject), subject);
    }
  },
}));

Deno.test(requires(["nats-server"], {
  name: "a hub may use its own subjects only",
  fn: async () => {
    await using server = await start();
    await using hub = await login(server, "hub");
    const refused = [
      "other.feed.sip",
      "$JS.API.STREAM.CREATE.OTHER",
      "$SYS.REQ.x",
      "_INBOX.other.x",
    ];
    for (const subject of refused) assert.ok(await hub.isRefused(subject), subject);
    for (const subject of ["alpaca.feed.sip", "alpaca.edge.one", "$KV.ALPACA_LEASE.hub"]) {
      assert.ok(!await hub.isRefused(subject), subject);
    }
    assert.ok(await hub.mayNotRead("alpaca.orders.>"));
    assert.ok(!await hub.mayNotRead("alpaca.hub.>"));
  },
}));

Deno.test(requires(["nats-server"], {
  name: "a hub can take, renew and release the lease with its permissions",
  fn: async () => {
    await using server = await start();
    const log = new RecordingLog();
    await using client = new NatsClient({
      access: accessOf(server, "hub"),
      name: "hub",
      clock: systemClock,
      log,
    });
    const lease = new KvLease({
      client,
      bucket: "ALPACA_LEASE",
      key: "hub",
      holder: "one",
      ttlMs: 5_000,
      replicas: 1,
      clock: systemClock,
      log,
    });
    const changes: string[] = [];
    lease.onChange((change) => changes.push(change));
    const held = await lease.acquire(AbortSignal.timeout(10_000));
    assert.ok(held && await held.renew());
    await held.release();
    await until("the changes are seen", () => changes.includes("released"));
    assert.deepEqual(log.records.filter(({ level }) => level === "error"), []);
  },
}));

Deno.test(requires(["nats-server"], {
  name: "the permissions of hubs and edges suffice for what they do",
  fn: async () => {
    await using server = await start();
    const log = new RecordingLog();
    const clock = systemClock;
    const client = (user: User) =>
      new NatsClient({
        access: accessOf(server, user),
        name: user,
        clock,
        log,
      });
    await using hub = client("hub");
    await using edge = client("edge");
    const signal = AbortSignal.timeout(20_000);
    const common = { client: hub, replicas: 1, clock, log };
    const names = { bucket: "ALPACA_LEASE", key: "hub", holder: "one" };
    const lease = await new KvLease({ ...common, ...names, ttlMs: 2_000 }).acquire(signal);
    assert.equal(await lease?.renew(), true);
    await lease?.release();
    const frames = { stream: "ALPACA_FRAMES", subjects: "alpaca.feed.>", maxAgeMs: 60_000 };
    for (const maxBytes of [1_000_000, 2_000_000]) {
      await prepareRetainedFrames({ ...common, ...frames, maxBytes }, signal);
    }
    const subjects = hubSubjects("alpaca");
    const publisher = await hub.connection(signal);
    for (const number of [1, 2, 3]) {
      const entry = { kind: "frame", receivedAt: number, payload: new Uint8Array(1) } as const;
      publisher.publish(subjects.feed("sip"), encodeBatch(1n, number, [entry]));
    }
    await edge.connection(signal);
    const reader = new RetainedReader(
      clock,
      retainedMessages(() => edge.current, { stream: "ALPACA_FRAMES", subjects }),
    );
    const missing = { term: 1n, first: 2, end: 4, previousAt: 1 };
    assert.equal((await reader.read("sip", missing, signal)).length, 2);
    const counters = createCounters().orderStore;
    const orders = { stream: "ALPACA_ORDERS", capacity: 10, log, counters };
    const store = new JetStreamOrders({
      ...common,
      ...orders,
      subjects: "alpaca.orders.>",
      subject: "alpaca.orders.paper.account",
      maxAgeMs: 60_000,
    });
    await store.load(signal);
    const ended = new AbortController();
    const storing = store.run(ended.signal);
    store.add({ reason: "upstream_lost", symbols: undefined, startTime: 1, endTime: 2 });
    await store.flush(signal);
    ended.abort();
    await storing;
    const subject = "alpaca.orders.paper.*";
    const read = await loadStored({ ...orders, client: edge, subject, signal });
    assert.equal(read.length, 1);
    assert.deepEqual(log.records.filter(({ level }) => level !== "info"), []);
  },
}));

Deno.test(requires(["nats-server"], {
  name: "edges with users of their own cannot read replies to each other",
  fn: async () => {
    const own = (user: string) =>
      natsAccess(parseConfig({
        STREAM_PROXY_ROLE: "edge",
        STREAM_PROXY_NATS_URL: "nats://127.0.0.1:4222",
        STREAM_PROXY_NATS_USER: user,
        STREAM_PROXY_NATS_PASSWORD: "x",
      }))?.inboxes;
    assert.deepEqual(["edge-1", "edge-2", "any.one", "*"].map(own), [
      "_INBOX.alpaca.edge.edge-1",
      "_INBOX.alpaca.edge.edge-2",
      "_INBOX.alpaca.edge",
      "_INBOX.alpaca.edge",
    ]);
    const conf = (await documentedUsers())
      .replaceAll("_INBOX.alpaca.edge.>", "_INBOX.alpaca.edge.edge.>");
    await using server = await NatsServer.start(conf);
    await using edge = await login(server, "edge");
    assert.ok(await edge.mayNotRead("_INBOX.alpaca.edge.>"));
    assert.ok(await edge.mayNotRead("_INBOX.alpaca.edge.edge-2.>"));
    assert.ok(!await edge.mayNotRead("_INBOX.alpaca.edge.edge.>"));
  },
}));
