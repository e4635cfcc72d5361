import assert from "node:assert/strict";
import { Turns, type TurnUser } from "../../../../src/infrastructure/websocket/turns.ts";
import { ManualClock, settle } from "../../../support/manual_clock.ts";

const LARGE = 100_000;
const user = (): TurnUser => ({ usedUpTo: 0 });

/** A clock of which the time passes also by work. */
class WorkClock extends ManualClock {
  #worked = 0;

  override monotonic(): number {
    return super.monotonic() + this.#worked;
  }

  /** Work of a duration. */
  work(ms: number): void {
    this.#worked += ms;
  }
}

function start() {
  const clock = new WorkClock();
  const ended = new AbortController();
  return { clock, ended, turns: new Turns(clock, ended.signal) };
}

Deno.test("small work is done immediately, and its result and error are returned", async () => {
  const { turns, clock } = start();
  let isDone = false;
  const done = turns.run(user(), 100, () => {
    isDone = true;
    return Promise.resolve("result");
  });
  assert.ok(isDone);
  assert.equal(await done, "result");
  const failed = turns.run(user(), 100, () => {
    throw new Error("not possible");
  });
  await assert.rejects(failed, /not possible/);
  assert.equal(clock.sleepers, 0);
});

Deno.test("large work has turns of its own, and small work after it waits", async () => {
  const { turns, clock } = start();
  const order: string[] = [];
  const [one, other] = [user(), user()];
  void turns.run(one, LARGE, () => order.push("large"));
  void turns.run(other, LARGE, () => order.push("second"));
  void turns.run(user(), 10, () => order.push("small"));
  assert.deepEqual(order, []);
  await clock.advance(1);
  assert.deepEqual(order, ["large"]);
  await clock.advance(1);
  assert.deepEqual(order, ["large", "second"]);
  await clock.advance(1);
  assert.deepEqual(order, ["large", "second", "small"]);
  assert.equal(clock.sleepers, 0);
});

for (const [what, bytes] of [["large", LARGE], ["small", 10]] as const) {
  Deno.test(`${what} work takes a quarter of the time after a burst`, async () => {
    const { turns, clock } = start();
    const one = user();
    let done = 0;
    const again = (): void => {
      void turns.run(one, bytes, () => {
        clock.work(4);
        done++;
      }).then(again);
    };
    const from = clock.monotonic();
    again();
    for (let i = 0; i < 2_000; i++) await clock.advance(1);
    const share = 4 * done / (clock.monotonic() - from);
    assert.ok(share > 0.22 && share < 0.27, `a share of ${share}`);
  });
}

Deno.test("clients have equal times, and one that comes later waits for one turn", async () => {
  const { turns, clock } = start();
  const spent = { greedy: 0, modest: 0 };
  let turnsDone = 0;
  const again = (who: TurnUser, name: keyof typeof spent, ms: number): void => {
    void turns.run(who, LARGE, () => {
      clock.work(ms);
      spent[name] += ms;
      turnsDone++;
    }).then(() => again(who, name, ms));
  };
  for (let i = 0; i < 10; i++) again(user(), "greedy", 40 + i / 10);
  again(user(), "modest", 5);
  await clock.advance(60_000);
  const ratio = spent.modest / (spent.greedy / 10);
  assert.ok(ratio > 0.8 && ratio < 1.3, `${ratio}`);
  // Also of one that has used its share long before, and one that uses little.
  const idle = user();
  for (let i = 0; i < 3; i++) {
    let waited: number | undefined;
    const from = turnsDone;
    void turns.run(idle, 100, () => waited = turnsDone - from);
    await clock.advance(2_000);
    assert.ok(waited !== undefined && waited <= 2, `${waited} turns`);
  }
});

Deno.test("nothing is done after the end", async () => {
  const { turns, clock, ended } = start();
  let done = 0;
  void turns.run(user(), LARGE, () => done++);
  ended.abort();
  await clock.advance(1_000);
  await settle();
  assert.equal(done, 0);
  assert.equal(clock.sleepers, 0);
});
