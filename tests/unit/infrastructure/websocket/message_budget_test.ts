import assert from "node:assert/strict";
import fc from "fast-check";
import {
  MessageBudget,
  MessageCharge,
} from "../../../../src/infrastructure/websocket/message_budget.ts";
import { ManualClock } from "../../../support/manual_clock.ts";

const LIMIT = 1_000;

function start() {
  const clock = new ManualClock();
  const closed: string[] = [];
  const budget = new MessageBudget(LIMIT, clock);
  const client = (name: string) => new MessageCharge(() => closed.push(name));
  return { clock, closed, budget, client };
}

Deno.test("above the limit the client with the most bytes times age is closed", async () => {
  const { clock, closed, budget, client } = start();
  const [stalled, large, good] = [client("stalled"), client("large"), client("good")];
  budget.set(stalled, 300);
  await clock.advance(5_000);
  budget.set(large, 600);
  await clock.advance(10);
  budget.set(good, 200);
  assert.deepEqual(closed, ["stalled"]);
  await clock.advance(10);
  budget.set(good, 500);
  assert.deepEqual(closed, ["stalled", "large"]);
  assert.equal(budget.bytes, 500);
});

Deno.test("a client whose messages are handled holds nothing for long", async () => {
  const { clock, closed, budget, client } = start();
  const [busy, stalled] = [client("busy"), client("stalled")];
  budget.set(busy, 500);
  budget.set(stalled, 400);
  for (let i = 0; i < 10; i++) {
    await clock.advance(1_000);
    budget.progressed(busy);
  }
  budget.set(busy, 700);
  assert.deepEqual(closed, ["stalled"]);
});

Deno.test("a client that exceeds the limit alone is closed, and counts no longer", () => {
  const { closed, budget, client } = start();
  const one = client("one");
  budget.set(one, LIMIT + 1);
  assert.deepEqual(closed, ["one"]);
  budget.set(one, 10);
  budget.release(one);
  assert.equal(budget.bytes, 0);
});

Deno.test("the total is the sum of what open clients hold, and never above the limit", () => {
  const step = fc.record({ who: fc.nat(5), bytes: fc.nat(600), ms: fc.nat(50) });
  fc.assert(fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
    let now = 0;
    const budget = new MessageBudget(LIMIT, { monotonic: () => now });
    const held = new Map<number, number>();
    const charges = Array.from({ length: 6 }, (_, who) =>
      new MessageCharge(() => {
        held.delete(who);
        isClosed.add(who);
      }));
    const isClosed = new Set<number>();
    for (const { who, bytes, ms } of steps) {
      now += ms;
      if (!isClosed.has(who)) held.set(who, bytes);
      budget.set(charges[who] as MessageCharge, bytes);
      const sum = held.values().reduce((total, each) => total + each, 0);
      assert.equal(budget.bytes, sum);
      assert.ok(sum <= LIMIT);
    }
  }));
});

Deno.test("without a clock the client is closed that holds the most, of any age", () => {
  const closed: string[] = [];
  const budget = new MessageBudget(LIMIT);
  const [first, second] = ["first", "second"].map((name) =>
    new MessageCharge(() => closed.push(name))
  );
  if (!first || !second) return;
  budget.set(first, 300);
  budget.set(second, 600);
  assert.deepEqual([budget.hasRoom(100), budget.hasRoom(101)], [true, false]);
  budget.set(first, 401);
  assert.deepEqual(closed, ["second"]);
});
