/** How much is read in one turn, and from which connections. */
import assert from "node:assert/strict";
import {
  READ_LIMITS,
  TurnScheduler,
  type WaitingWork,
} from "../../../../../src/infrastructure/grpc/limits/turn_scheduler.ts";

/** A connection with `left` units of work. */
class Work implements WaitingWork {
  left: number;
  readonly log: string[];
  readonly name: string;

  constructor(name: string, left: number, log: string[]) {
    this.name = name;
    this.left = left;
    this.log = log;
  }

  get isWaiting(): boolean {
    return this.left > 0;
  }

  advance(units: number): number {
    const used = Math.min(units, this.left);
    this.left -= used;
    this.log.push(this.name);
    return used;
  }
}

function rig() {
  const turns: (() => void)[] = [];
  let now = 0;
  const scheduler = new TurnScheduler(READ_LIMITS, {
    next: (run) => turns.push(run),
    polled: (run) => {
      turns.push(run);
      return () => void turns.splice(turns.indexOf(run), 1);
    },
    now: () => now,
  });
  const log: string[] = [];
  const turn = () => turns.shift()?.();
  const pass = (ms: number) => now += ms;
  return { scheduler, turns, log, turn, pass };
}

Deno.test("a turn reads a bounded amount and the next one goes on", () => {
  const { scheduler, log, turn, turns } = rig();
  const work = new Work("a", 50, log);
  scheduler.enqueue(work);
  turn();
  assert.equal(work.left, 26);
  turn();
  assert.equal(work.left, 2);
  turn();
  assert.equal(work.left, 0);
  turn();
  assert.equal(turns.length, 0, "nothing is scheduled while nothing waits");
});

Deno.test("a connection with little to read waits for one round of the others", () => {
  const { scheduler, log, turn } = rig();
  for (const name of ["a", "b", "c"]) {
    scheduler.enqueue(new Work(name, 1000, log));
  }
  scheduler.enqueue(new Work("small", 1, log));
  turn();
  assert.equal(log.indexOf("small"), 3);
});

Deno.test("a connection with little to read is served in the next turn, however many flood", () => {
  const { scheduler, log, turn } = rig();
  for (let i = 0; i < 500; i++) {
    scheduler.enqueue(new Work(`flood ${i}`, 1_000, log));
  }
  while (!log.includes("flood 499")) turn();
  for (let i = 0; i < 20; i++) {
    const small = new Work("small", 1, log);
    scheduler.enqueue(small);
    log.length = 0;
    turn();
    assert(log.includes("small"), `round ${i}: ${log}`);
  }
});

Deno.test("a connection that often has a little to read gets its share and no more", () => {
  const { scheduler, log, turn } = rig();
  const flood = Array.from(
    { length: 10 },
    (_, i) => new Work(`flood ${i}`, 10_000, log),
  );
  for (const work of flood) scheduler.enqueue(work);
  const often = new Work("often", 4, log);
  for (let i = 0; i < 500; i++) {
    if (!often.isWaiting) often.left = 4;
    scheduler.enqueue(often);
    turn();
  }
  const served = log.filter((name) => name === "often").length;
  const most = Math.max(
    ...flood.map(({ name }) => log.filter((one) => one === name).length),
  );
  assert(served <= most + 2, `${served} against ${most}`);
  assert(served >= most - 2, `${served} against ${most}`);
});

Deno.test("new bytes are read immediately while the turn has room and none wait", () => {
  const { scheduler, log, turn } = rig();
  assert.equal(scheduler.available, 4);
  scheduler.use(22);
  assert.equal(scheduler.available, 2);
  scheduler.use(10);
  assert.equal(scheduler.available, 0);
  turn();
  assert.equal(scheduler.available, 4);
  scheduler.enqueue(new Work("a", 100, log));
  assert.equal(scheduler.available, 0);
});

Deno.test("a connection that has ended is not read", () => {
  const { scheduler, log, turn } = rig();
  const work = new Work("a", 5, log);
  scheduler.enqueue(work);
  scheduler.remove(work);
  turn();
  assert.deepEqual(log, []);
});

Deno.test("a turn ends after its time, however little it read", () => {
  const { scheduler, log, turn, pass } = rig();
  const work = new Work("a", 50, log);
  const { advance } = work;
  work.advance = (units) => {
    pass(10);
    return advance.call(work, units);
  };
  scheduler.enqueue(work);
  turn();
  assert.equal(work.left, 46, "one quantum");
});

Deno.test("a connection that has ended is not waited for", () => {
  const { scheduler, log, turn, turns } = rig();
  const work = new Work("a", 5_000, log);
  scheduler.enqueue(work);
  turn();
  assert.equal(turns.length, 1);
  scheduler.remove(work);
  assert.equal(turns.length, 0, "no timer is left");
});
