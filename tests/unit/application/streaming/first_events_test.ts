import assert from "node:assert/strict";
import type { StreamOptions } from "../../../../src/application/streaming/stream_options.ts";
import { call, SelectionRig } from "./selection_rig.ts";

const SNAPSHOT: Partial<StreamOptions> = { snapshot: true, notices: false };

/** Bids that REST has for every call. */
const LAST = new Map(Array.from({ length: 101 }, (_, i) => [call(50 + i), 50 + i]));

Deno.test("the last quotes of contracts that enter are requested once carried", async () => {
  await using rig = new SelectionRig({ last: LAST });
  using stream = await rig.open(SNAPSHOT);
  assert.deepEqual(await stream.texts(), []);
  assert.deepEqual(rig.lookUps, []);
  await rig.carried(call(100), call(101));
  assert.deepEqual(rig.lookUps, [[call(100), call(101)]]);
  rig.publish(call(100));
  assert.deepEqual(await stream.texts(), ["snapshot C100 100", "snapshot C101 101", "C100"]);
  await rig.move(110.4);
  await rig.carried(call(110), call(111));
  assert.deepEqual(await stream.texts(), ["snapshot C110 110", "snapshot C111 111"]);
});

Deno.test("streams of a selection share a request; without a snapshot there is none", async () => {
  await using rig = new SelectionRig({ last: LAST });
  using one = await rig.open(SNAPSHOT);
  using other = await rig.open(SNAPSHOT);
  using without = await rig.open({ notices: false });
  await rig.carried(call(100), call(101));
  const both = ["snapshot C100 100", "snapshot C101 101"];
  assert.deepEqual(await one.texts(), both);
  assert.deepEqual(await other.texts(), both);
  rig.lookUps.length = 0;
  await rig.move(110.4);
  await rig.carried(call(110), call(111));
  assert.deepEqual(rig.lookUps, [[call(110), call(111)]]);
  assert.equal((await one.texts()).length, 2);
  assert.equal((await other.texts()).length, 2);
  assert.deepEqual(await without.texts(), []);
});

Deno.test("contracts that are not acknowledged are requested after 3 s", async () => {
  await using rig = new SelectionRig({ last: LAST });
  using stream = await rig.open(SNAPSHOT);
  await rig.carried(call(100));
  await rig.clock.advance(2_999);
  assert.deepEqual(rig.lookUps, []);
  await rig.clock.advance(1);
  assert.deepEqual(await stream.texts(), ["snapshot C100 100", "snapshot C101 101"]);
});

Deno.test("a contract with a live quote before its last one has no other", async () => {
  await using rig = new SelectionRig({ last: LAST });
  using stream = await rig.open(SNAPSHOT);
  rig.publish(call(100));
  await rig.carried(call(100), call(101));
  assert.deepEqual(rig.lookUps, [[call(101)]]);
  assert.deepEqual(await stream.texts(), ["C100", "snapshot C101 101"]);
});

Deno.test("a contract that leaves before its last quote is requested has none", async () => {
  await using rig = new SelectionRig({ last: LAST, limit: 2 });
  using stream = await rig.open(SNAPSHOT);
  rig.sink.limit = 1;
  rig.expansions.rebalance();
  await rig.clock.advance(3_000);
  assert.deepEqual(rig.lookUps, [[call(100)]]);
  assert.deepEqual(await stream.texts(), ["snapshot C100 100"]);
});

Deno.test("a current quote of another stream's contract is sent without a request", async () => {
  await using rig = new SelectionRig({ last: LAST });
  const symbols = [call(110), call(111)];
  using _named = await rig.openPlain({ symbols, underlyings: [] });
  using stream = await rig.open(SNAPSHOT);
  using everything = await rig.open(SNAPSHOT, { onlySelected: false });
  await rig.carried(call(100), call(101), ...symbols);
  rig.publish(call(110));
  await stream.texts();
  assert.ok((await everything.texts()).includes("C110"));
  rig.lookUps.length = 0;
  await rig.move(110.4);
  assert.deepEqual(rig.lookUps, [[call(111)]]);
  assert.deepEqual(await stream.texts(), ["snapshot C110 1", "snapshot C111 111"]);
  assert.deepEqual(await everything.texts(), ["snapshot C111 111"], "it has the others");
});

Deno.test("with latest and an interval, a last quote starts the interval", async () => {
  await using rig = new SelectionRig({ last: LAST });
  using stream = await rig.open({ ...SNAPSHOT, delivery: "latest", minIntervalMs: 1_000 });
  await rig.carried(call(100), call(101));
  assert.deepEqual(await stream.texts(), ["snapshot C100 100", "snapshot C101 101"]);
  rig.publish(call(100));
  assert.deepEqual(await stream.texts(), []);
  await rig.clock.advance(1_000);
  assert.deepEqual(await stream.texts(), ["C100"]);
});

Deno.test("last quotes that were not read are released with the stream", async () => {
  await using rig = new SelectionRig({ last: LAST });
  const stream = await rig.open(SNAPSHOT);
  await rig.carried(call(100), call(101));
  assert.ok(rig.memory.bytes > 0);
  stream[Symbol.dispose]();
  assert.equal(rig.memory.bytes, 0);
});

Deno.test("a live quote that arrives before the answer of REST replaces it", async () => {
  await using rig = new SelectionRig({ last: LAST });
  using stream = await rig.open(SNAPSHOT);
  const { promise, resolve } = Promise.withResolvers<void>();
  rig.answer = promise;
  await rig.carried(call(100), call(101));
  rig.publish(call(100));
  resolve();
  assert.deepEqual(await stream.texts(), ["C100", "snapshot C101 101"]);
});

Deno.test("a stream that joins a selection has each contract in its snapshot once", async () => {
  await using rig = new SelectionRig({ last: LAST });
  using _first = await rig.open(SNAPSHOT);
  await rig.carried(call(100), call(101));
  rig.publish(call(100));
  using second = await rig.open(SNAPSHOT);
  assert.deepEqual((await second.texts()).concat(await second.texts()), [
    "snapshot C100 1",
    "snapshot C101 101",
  ]);
});

Deno.test("with latest, a contract that returns before its quote is sent has one", async () => {
  await using rig = new SelectionRig({ last: LAST });
  const symbols = [call(100), call(101)];
  using _named = await rig.openPlain({ symbols, underlyings: [] });
  using stream = await rig.open({ ...SNAPSHOT, delivery: "latest" });
  await rig.carried(...symbols);
  await stream.texts();
  rig.publish(call(100));
  await rig.move(110.4);
  await rig.move(100.4);
  const texts = (await stream.texts()).filter((text) => text.includes("C100"));
  assert.deepEqual(texts, ["C100"]);
});
