/** How many writes one turn makes, and of which connections. */
import assert from "node:assert/strict";
import fc from "fast-check";
import {
  DeliveryScheduler,
  LANE_RUNS,
  TURN_RUNS,
} from "../../../../src/infrastructure/grpc/delivery_scheduler.ts";

function rig() {
  const turns: (() => void)[] = [];
  let now = 0;
  const scheduler = new DeliveryScheduler({
    next: (run) => turns.push(run),
    polled: (run) => {
      turns.push(run);
      return () => void turns.splice(turns.indexOf(run), 1);
    },
    now: () => now,
  });
  const log: string[] = [];
  const lane = (name: string) => {
    const lane = scheduler.lane(name);
    const write = (text = name) => lane.run(() => log.push(text));
    return { lane, write };
  };
  const turn = () => turns.shift()?.();
  const pass = (ms: number) => now += ms;
  return { scheduler, turns, log, lane, turn, pass };
}

Deno.test("a connection with few writes is never held back", () => {
  const { log, lane, turn } = rig();
  const { write } = lane("a");
  for (let i = 0; i < 1_000; i++) {
    write();
    assert.equal(log.length, i + 1, "the write is made in the call");
    if (i % (LANE_RUNS / 2) === 0) turn();
  }
});

Deno.test("a burst of one connection lets the others write before it goes on", () => {
  const { log, lane, turn } = rig();
  const [busy, good] = [lane("busy"), lane("good")];
  for (let i = 0; i < 10_000; i++) busy.write();
  assert.equal(log.length, LANE_RUNS);
  good.write();
  assert.equal(log.at(-1), "good", "a connection within its limit goes first");
  turn();
  assert.ok(log.length <= LANE_RUNS + 1 + TURN_RUNS);
});

Deno.test("connections with waiting writes are served in rounds", () => {
  const { log, lane, turn } = rig();
  const lanes = Array.from({ length: 10 }, (_, i) => lane(`busy ${i}`));
  for (const { write } of lanes) for (let i = 0; i < 500; i++) write();
  const late = lane("late");
  for (let i = 0; i < LANE_RUNS + 1; i++) late.write();
  const from = log.length;
  turn();
  const waited = log.slice(from).indexOf("late");
  assert.ok(waited <= lanes.length * LANE_RUNS, `behind ${waited} writes`);
});

Deno.test("all writes are made, each connection's in order, a bounded number a turn", () => {
  fc.assert(fc.property(
    fc.array(fc.tuple(fc.nat(20), fc.integer({ min: 1, max: 60 }))),
    (bursts) => {
      const { turns, log, lane, turn } = rig();
      const asked = new Map<string, string[]>();
      const lanes = new Map(
        bursts.map(([id]) => [id, lane(`${id}`)]),
      );
      for (const [id, count] of bursts) {
        const texts = asked.get(`${id}`) ?? [];
        asked.set(`${id}`, texts);
        for (let i = 0; i < count; i++) {
          const text = `${id}:${texts.length}`;
          texts.push(text);
          lanes.get(id)?.write(text);
        }
      }
      assert.ok(log.length <= TURN_RUNS);
      while (turns.length > 0) {
        const before = log.length;
        turn();
        assert.ok(log.length - before < TURN_RUNS + LANE_RUNS);
      }
      for (const [id, texts] of asked) {
        const made = log.filter((text) => text.startsWith(`${id}:`));
        assert.deepEqual(made, texts);
      }
    },
  ));
});

Deno.test("a connection without streams is forgotten", () => {
  const { scheduler, lane } = rig();
  const first = lane("a").lane;
  const second = lane("a").lane;
  assert.equal(first, second, "streams of a connection share its lane");
  first[Symbol.dispose]();
  assert.equal(scheduler.size, 1);
  second[Symbol.dispose]();
  assert.equal(scheduler.size, 0);
});

Deno.test("a turn ends after its time, however few writes it made", () => {
  const { turns, lane, turn, pass } = rig();
  let made = 0;
  const slow = () => {
    made++;
    pass(1);
  };
  const { lane: busy } = lane("busy");
  for (let i = 0; i < 1_000; i++) busy.run(slow);
  const before = made;
  turn();
  assert.equal(made - before, LANE_RUNS, "at least one connection is served");
  assert.equal(turns.length, 1, "and the rest has a turn of its own");
});

Deno.test("writes of a connection that has ended are not waited for", () => {
  const { turns, lane, turn } = rig();
  const busy = lane("busy");
  for (let i = 0; i < 10_000; i++) busy.write();
  turn();
  assert.equal(turns.length, 1);
  busy.lane[Symbol.dispose]();
  assert.equal(turns.length, 0, "no timer is left");
});
