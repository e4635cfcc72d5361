import assert from "node:assert/strict";
import { setImmediate } from "node:timers/promises";
import {
  Handshakes,
  MAX_PENDING,
  MAX_RUNNING,
  MAX_RUNNING_PER_ADDRESS,
} from "../../../../src/infrastructure/tls/handshakes.ts";
import { ManualClock } from "../../../support/manual_clock.ts";

const TIMEOUT_MS = 10_000;

class Rig {
  readonly clock = new ManualClock();
  readonly handshakes = new Handshakes(this.clock, TIMEOUT_MS);
  readonly started: string[] = [];
  readonly ended: string[] = [];

  add(name: string, address: string = name): () => void {
    return this.handshakes.add({
      address,
      start: () => this.started.push(name),
      end: (fault) => this.ended.push(`${name} ${fault}`),
    });
  }

  async addMany(count: number, address: string): Promise<(() => void)[]> {
    const done = Array.from({ length: count }, (_, i) => this.add(`${address}#${i}`, address));
    await this.turns(count);
    return done;
  }

  async turns(count: number): Promise<void> {
    for (let turn = 0; turn < count; turn++) await setImmediate();
  }
}

Deno.test("handshakes begin a few per turn of the event loop", async () => {
  const rig = new Rig();
  const done = Array.from({ length: 10 }, (_, i) => rig.add(`${i}`));
  assert.equal(rig.started.length, 0);
  await rig.turns(1);
  const first = rig.started.length;
  assert.ok(first > 0 && first < 10, `${first}`);
  await rig.turns(10);
  assert.equal(rig.started.length, 10);
  for (const one of done) one();
  assert.equal(rig.handshakes.size, 0);
});

Deno.test("an address above its limit waits, others do not", async () => {
  const rig = new Rig();
  const done = await rig.addMany(MAX_RUNNING_PER_ADDRESS + 2, "a");
  assert.equal(rig.started.length, MAX_RUNNING_PER_ADDRESS);
  rig.add("b");
  await rig.turns(2);
  assert.equal(rig.started.at(-1), "b");
  done[0]?.();
  await rig.turns(2);
  assert.equal(rig.started.at(-1), `a#${MAX_RUNNING_PER_ADDRESS}`);
});

Deno.test("those above the limit of all addresses wait, and addresses take turns", async () => {
  const rig = new Rig();
  const running: (() => void)[] = [];
  for (let i = 0; running.length < MAX_RUNNING; i++) {
    running.push(...await rig.addMany(MAX_RUNNING_PER_ADDRESS, `full${i}`));
  }
  await rig.addMany(3, "many");
  rig.add("one");
  await rig.turns(2);
  assert.equal(rig.started.length, MAX_RUNNING);
  for (const done of running.slice(0, 2)) done();
  await rig.turns(2);
  assert.deepEqual(rig.started.slice(MAX_RUNNING), ["many#0", "one"]);
});

Deno.test("with too many pending ones, the address with the most loses its newest", async () => {
  const rig = new Rig();
  await rig.addMany(MAX_PENDING, "many");
  rig.add("one");
  assert.deepEqual(rig.ended, [`many#${MAX_PENDING - 1} too_many`]);
  assert.equal(rig.handshakes.size, MAX_PENDING);
  await rig.turns(2);
  assert.equal(rig.started.at(-1), "one");
});

Deno.test("a handshake that takes too long is ended, one that is complete is not", async () => {
  const rig = new Rig();
  rig.add("slow");
  const done = rig.add("quick");
  await rig.turns(2);
  done();
  await rig.clock.advance(TIMEOUT_MS - 1);
  assert.deepEqual(rig.ended, []);
  await rig.clock.advance(1_000);
  assert.deepEqual(rig.ended, ["slow too_slow"]);
  assert.equal(rig.handshakes.size, 0);
  assert.equal(rig.clock.sleepers, 0);
});

Deno.test("while others wait, slow handshakes make room early", async () => {
  const rig = new Rig();
  for (let i = 0; rig.started.length < MAX_RUNNING; i++) {
    await rig.addMany(MAX_RUNNING_PER_ADDRESS, `slow${i}`);
  }
  await rig.clock.advance(3_000);
  assert.deepEqual(rig.ended, []);
  rig.add("waits");
  await rig.clock.advance(1_000);
  assert.equal(rig.ended.length, MAX_RUNNING);
  await rig.turns(2);
  assert.equal(rig.started.at(-1), "waits");
});

Deno.test("a connection that closes while it waits is not started", async () => {
  const rig = new Rig();
  rig.add("a")();
  await rig.turns(2);
  assert.deepEqual(rig.started, []);
  await rig.clock.advance(1);
  assert.equal(rig.clock.sleepers, 0);
});
