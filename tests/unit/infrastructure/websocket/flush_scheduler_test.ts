import assert from "node:assert/strict";
import { setImmediate } from "node:timers";
import { FlushScheduler } from "../../../../src/infrastructure/websocket/flush_scheduler.ts";

const turn = () => new Promise<void>((resolve) => setImmediate(() => resolve()));

Deno.test("clients are flushed together, after what arrives in the same turn", async () => {
  const order: string[] = [];
  const scheduler = new FlushScheduler({ monotonic: () => 0 }, () => order.push("end of turn"));
  for (const name of ["a", "b"]) scheduler.add({ flush: () => order.push(name) });
  order.push("more messages");
  await turn();
  assert.deepEqual(order, ["more messages", "a", "b", "end of turn"]);
  scheduler.add({ flush: () => order.push("c") });
  await turn();
  assert.deepEqual(order.slice(4), ["c", "end of turn"]);
});

Deno.test("a turn is short: other sockets are served between the clients", async () => {
  let now = 0;
  let turns = 0;
  const flushed: number[] = [];
  const scheduler = new FlushScheduler({ monotonic: () => now }, () => turns++);
  for (let i = 0; i < 100; i++) {
    scheduler.add({
      flush: () => {
        now += 1;
        flushed.push(i);
      },
    });
  }
  await turn();
  assert.ok(flushed.length < 50, `${flushed.length} in the first turn`);
  while (flushed.length < 100) await turn();
  assert.deepEqual(flushed, Array.from({ length: 100 }, (_, i) => i));
  assert.ok(turns > 2);
});

Deno.test("sockets are polled between two turns", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr as Deno.NetAddr;
  const accepted = listener.accept();
  using client = await Deno.connect({ hostname: "127.0.0.1", port });
  using server = await accepted;
  let now = 0;
  let turns = 0;
  const scheduler = new FlushScheduler({ monotonic: () => now }, () => turns++);
  const done = Promise.withResolvers<void>();
  for (let left = 1_600; left > 0; left--) {
    scheduler.add({
      flush: () => {
        now += 1;
        if (left === 1) done.resolve();
      },
    });
  }
  await server.write(new Uint8Array(1));
  const before = turns;
  await client.read(new Uint8Array(1));
  const waited = turns - before;
  await done.promise;
  assert.ok(turns >= 99, `${turns} turns`);
  assert.ok(waited < 30, `read after ${waited} turns`);
});
