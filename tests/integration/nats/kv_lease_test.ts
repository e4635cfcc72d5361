/** The lease of hubs on a real nats-server. */
import assert from "node:assert/strict";
import { jetstreamManager } from "@nats-io/jetstream";
import type { HeldLease, LeaseChange } from "../../../src/application/ports/lease.ts";
import { systemClock } from "../../../src/infrastructure/clock/system_clock.ts";
import { connect } from "../../../src/infrastructure/nats/connect.ts";
import { KvLease } from "../../../src/infrastructure/nats/kv_lease.ts";
import { NatsClient } from "../../../src/infrastructure/nats/nats_client.ts";
import { NatsServer } from "../../support/nats_server.ts";
import { RecordingLog } from "../../support/recording_log.ts";
import { requires } from "../../support/requires.ts";
import { until } from "../../support/until.ts";

const TTL_MS = 1_000;

/** A process that competes, with a connection of its own. */
class Candidate implements AsyncDisposable {
  readonly lease: KvLease;
  readonly log = new RecordingLog();
  readonly changes: LeaseChange[] = [];
  readonly #client: NatsClient;

  constructor(server: NatsServer, holder: string, ttlMs = TTL_MS) {
    const { log } = this;
    const access = { servers: [server.url] };
    this.#client = new NatsClient({ access, name: holder, clock: systemClock, log });
    const names = { bucket: "TEST_LEASE", key: "hub", holder };
    this.lease = new KvLease({
      client: this.#client,
      ...names,
      ttlMs,
      replicas: 1,
      clock: systemClock,
      log,
    });
    this.lease.onChange((change) => this.changes.push(change));
  }

  acquire() {
    return this.lease.acquire(AbortSignal.timeout(10_000));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#client[Symbol.asyncDispose]();
  }
}

function nats(name: string, fn: (server: NatsServer) => Promise<void>): void {
  Deno.test(requires(["nats-server"], {
    name,
    fn: async () => {
      await using server = await NatsServer.start();
      await fn(server);
    },
  }));
}

nats("a lease is held by one process until it is released", async (server) => {
  await using one = new Candidate(server, "one");
  await using two = new Candidate(server, "two");
  const held = await one.acquire();
  assert.ok(held);
  assert.equal(await two.acquire(), undefined);
  assert.equal(await held.renew(), true);
  await until("the renewal is seen", () => two.changes.includes("renewed"));
  await held.release();
  await until("the release is seen", () => two.changes.includes("released"));
  const next = await two.acquire();
  assert.ok(next && next.term > held.term);
  assert.equal(await held.renew(), false);
  await held.release();
  assert.equal(await next.renew(), true);
});

nats("a lease that is not renewed expires, and one that is does not", async (server) => {
  await using one = new Candidate(server, "one");
  await using two = new Candidate(server, "two");
  const held = await one.acquire();
  assert.ok(held);
  const renewedUntil = performance.now() + 2.5 * TTL_MS;
  let renewedAt = 0;
  while (performance.now() < renewedUntil) {
    renewedAt = performance.now();
    assert.equal(await held.renew(), true);
    assert.equal(await two.acquire(), undefined);
    await systemClock.sleep(TTL_MS / 3);
  }
  let next: Awaited<ReturnType<Candidate["acquire"]>>;
  await until("the lease expires", async () => (next = await two.acquire()) !== undefined);
  const waitedMs = performance.now() - renewedAt;
  assert.ok(waitedMs >= TTL_MS && waitedMs < TTL_MS + 500, `${waitedMs} ms`);
  assert.ok((next?.term ?? 0n) > held.term);
  assert.equal(await held.renew(), false);
});

nats("what was taken or renewed without an answer is still held by the process", async (server) => {
  await using one = new Candidate(server, "one");
  // The same process over another connection: its answers are not seen by the first.
  await using unseen = new Candidate(server, "one");
  const first = await unseen.acquire();
  const held = await one.acquire();
  assert.ok(first && held && held.term > first.term);
  assert.equal(await first.renew(), true);
  assert.equal(await held.renew(), true);
});

nats("a lease outlives a restart of NATS, and is asked for again", async (server) => {
  await using one = new Candidate(server, "one", 60_000);
  await using two = new Candidate(server, "two", 60_000);
  const held = await one.acquire();
  assert.ok(held);
  await server.stop("SIGKILL");
  await assert.rejects(async () => await held.renew(), /NATS does not answer/);
  // By what is open, then by what is opened again.
  for (let i = 0; i < 2; i++) await assert.rejects(() => one.acquire(), /NATS does not answer/);
  await server.run();
  await until("renewed", () => held.renew().catch(() => false), 20_000);
  const answer = () => two.acquire().then((lease) => lease === undefined, () => false);
  await until("it is held", answer, 20_000);
});

nats("a server that cannot be reached is an error, not a long wait", async (server) => {
  await server.stop("SIGKILL");
  await using one = new Candidate(server, "one");
  await assert.rejects(() => one.acquire(), /not connected/);
  await server.run();
  await until("taken", () => one.acquire().then(Boolean, () => false), 20_000);
});

nats("a bucket that was lost is created again, with higher terms than before", async (server) => {
  await using one = new Candidate(server, "one");
  await using two = new Candidate(server, "two");
  const first = await one.acquire();
  assert.ok(first);
  for (let i = 0; i < 5; i++) assert.ok(await first.renew());
  assert.equal(await two.acquire(), undefined);
  await server.stop("SIGKILL");
  await server.forget();
  await server.run();
  let second: HeldLease | undefined;
  await until("taken", async () => {
    second = await one.acquire().catch(() => undefined);
    return second !== undefined;
  }, 20_000);
  assert.ok(second && second.term > first.term);
  await second.release();
  // The other process has not noticed that the bucket is another one.
  let third: HeldLease | undefined;
  await until("taken by the other process", async () => {
    third = await two.acquire().catch(() => undefined);
    return third !== undefined;
  }, 20_000);
  assert.ok(third && third.term > second.term);
});

nats("a lease whose bucket was lost is not taken before it expires", async (server) => {
  await using one = new Candidate(server, "one", 3_000);
  await using two = new Candidate(server, "two", 3_000);
  assert.ok(await one.acquire());
  assert.equal(await two.acquire(), undefined);
  const from = performance.now();
  const connection = await connect({ servers: [server.url.replace("nats://", "")] });
  const { streams } = await jetstreamManager(connection);
  await streams.delete("KV_TEST_LEASE");
  await connection.close();
  const taken = () => two.acquire().then(Boolean, () => false);
  await until("the lease expires", taken, 10_000);
  const waitedMs = performance.now() - from;
  assert.ok(waitedMs >= 2_900, `${waitedMs} ms`);
});

nats("the time of a lease is that of the process that holds it", async (server) => {
  await using one = new Candidate(server, "one", 3_000);
  await using two = new Candidate(server, "two", TTL_MS);
  assert.ok(await one.acquire());
  const from = performance.now();
  await until("the lease expires", async () => await two.acquire() !== undefined);
  const waitedMs = performance.now() - from;
  assert.ok(waitedMs >= 2_900, `${waitedMs} ms`);
});
