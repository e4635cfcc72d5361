/** How many writes one turn makes, and of which connections. */
import assert from "node:assert/strict";
import fc from "fast-check";
import {
  WRITE_LIMITS,
  WriteScheduler,
} from "../../../../../src/infrastructure/grpc/limits/write_scheduler.ts";

const { perConnection: PER_CONNECTION, perTurn: PER_TURN } = WRITE_LIMITS;

function rig() {
  const turns: (() => void)[] = [];
  let now = 0;
  const scheduler = new WriteScheduler({
    next: (run) => turns.push(run),
    polled: (run) => {
      turns.push(run);
      return () => void turns.splice(turns.indexOf(run), 1);
    },
    now: () => now,
  });
  const log: string[] = [];
  const queue = (name: string) => {
    const queue = scheduler.queueOf(name);
    const write = (text = name) => queue.run(() => log.push(text));
    return { queue, write };
  };
  const turn = () => turns.shift()?.();
  const pass = (ms: number) => now += ms;
  return { scheduler, turns, log, queue, turn, pass };
}

Deno.test("a connection with few writes is never held back", () => {
  const { log, queue, turn } = rig();
  const { write } = queue("a");
  for (let i = 0; i < 1_000; i++) {
    write();
    assert.equal(log.length, i + 1, "the write is made in the call");
    if (i % (PER_CONNECTION / 2) === 0) turn();
  }
});

Deno.test("a burst of one connection lets the others write before it goes on", () => {
  const { log, queue, turn } = rig();
  const [busy, good] = [queue("busy"), queue("good")];
  for (let i = 0; i < 10_000; i++) busy.write();
  assert.equal(log.length, PER_CONNECTION);
  good.write();
  assert.equal(log.at(-1), "good", "a connection within its limit goes first");
  turn();
  assert.ok(log.length <= PER_CONNECTION + 1 + PER_TURN);
});

Deno.test("connections with waiting writes are served in rounds", () => {
  const { log, queue, turn } = rig();
  const queues = Array.from({ length: 10 }, (_, i) => queue(`busy ${i}`));
  for (const { write } of queues) for (let i = 0; i < 500; i++) write();
  const late = queue("late");
  for (let i = 0; i < PER_CONNECTION + 1; i++) late.write();
  const from = log.length;
  turn();
  const waited = log.slice(from).indexOf("late");
  assert.ok(
    waited <= queues.length * PER_CONNECTION,
    `behind ${waited} writes`,
  );
});

Deno.test("all writes are made, each connection's in order, a bounded number a turn", () => {
  fc.assert(fc.property(
    fc.array(fc.tuple(fc.nat(20), fc.integer({ min: 1, max: 60 }))),
    (bursts) => {
      const { turns, log, queue, turn } = rig();
      const asked = new Map<string, string[]>();
      const queues = new Map(
        bursts.map(([id]) => [id, queue(`${id}`)]),
      );
      for (const [id, count] of bursts) {
        const texts = asked.get(`${id}`) ?? [];
        asked.set(`${id}`, texts);
        for (let i = 0; i < count; i++) {
          const text = `${id}:${texts.length}`;
          texts.push(text);
          queues.get(id)?.write(text);
        }
      }
      assert.ok(log.length <= PER_TURN);
      while (turns.length > 0) {
        const before = log.length;
        turn();
        assert.ok(log.length - before < PER_TURN + PER_CONNECTION);
      }
      for (const [id, texts] of asked) {
        const made = log.filter((text) => text.startsWith(`${id}:`));
        assert.deepEqual(made, texts);
      }
    },
  ));
});

Deno.test("a connection without streams is forgotten", () => {
  const { scheduler, queue } = rig();
  const first = queue("a").queue;
  const second = queue("a").queue;
  assert.equal(first, second, "streams of a connection share its queue");
  first[Symbol.dispose]();
  assert.equal(scheduler.size, 1);
  second[Symbol.dispose]();
  assert.equal(scheduler.size, 0);
});

Deno.test("a turn ends after its time, however few writes it made", () => {
  const { turns, queue, turn, pass } = rig();
  let made = 0;
  const slow = () => {
    made++;
    pass(1);
  };
  const { queue: busy } = queue("busy");
  for (let i = 0; i < 1_000; i++) busy.run(slow);
  const before = made;
  turn();
  assert.equal(
    made - before,
    PER_CONNECTION,
    "at least one connection is served",
  );
  assert.equal(turns.length, 1, "and the rest has a turn of its own");
});

Deno.test("writes of a connection that has ended are not waited for", () => {
  const { turns, queue, turn } = rig();
  const busy = queue("busy");
  for (let i = 0; i < 10_000; i++) busy.write();
  turn();
  assert.equal(turns.length, 1);
  busy.queue[Symbol.dispose]();
  assert.equal(turns.length, 0, "no timer is left");
});
