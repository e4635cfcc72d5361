import assert from "node:assert/strict";
import fc from "fast-check";
import { call, put, type Received, SelectionRig } from "./selection_rig.ts";

const MINUTE_MS = 60_000;

/** Continues a stream after what it has received. */
async function resume(rig: SelectionRig, sequence: number, options = {}): Promise<Received> {
  const point = { epoch: rig.streams.epoch, sequence };
  return await rig.open({ resume: point, notices: false, ...options });
}

Deno.test("a resume has what was selected at each position, then what was last", async () => {
  await using rig = new SelectionRig();
  const first = await rig.open();
  rig.publish(call(100), put(100));
  await rig.move(110.4);
  rig.publish(call(100), call(110));
  first[Symbol.dispose]();
  rig.publish(call(110), call(120), put(110));
  using again = await resume(rig, 0);
  rig.publish(call(111), call(101));
  assert.deepEqual(await again.texts(), [
    "replay C100 1",
    "replay C110 1",
    "replay C110 1",
    "C111",
  ]);
});

Deno.test("while contracts are loading, a resumed stream has those of the one before", async () => {
  await using rig = new SelectionRig();
  const first = await rig.open();
  rig.publish(call(100));
  first[Symbol.dispose]();
  const before = rig.channels.optionQuotes.sequence;
  const contracts = rig.catalog.contracts.bind(rig.catalog);
  const isReleased = Promise.withResolvers<void>();
  rig.catalog.contracts = async (...request) => {
    await isReleased.promise;
    return await contracts(...request);
  };
  await rig.clock.advance(9 * MINUTE_MS);
  using again = await resume(rig, before);
  rig.publish(call(101), call(110));
  assert.deepEqual(await again.texts(), ["C101"]);
  isReleased.resolve();
});

Deno.test("a selection that is not known any more is no exact resume", async () => {
  await using rig = new SelectionRig();
  const first = await rig.open();
  rig.publish(call(100));
  first[Symbol.dispose]();
  using _keepsRetaining = await rig.open({}, { underlyings: [], symbols: [put(60)] });
  await rig.clock.advance(11 * MINUTE_MS);
  rig.streams.releaseRetained();
  using again = await resume(rig, 0, { notices: true });
  const texts = await again.texts();
  assert.deepEqual(texts[0], "gap not_retained ");
  assert.ok(!texts.includes("C100"));
});

Deno.test("gaps of contracts that are not selected are not sent", async () => {
  await using rig = new SelectionRig();
  using stream = await rig.open();
  await rig.carried(call(100), call(101), put(100), call(120));
  await stream.texts();
  const lost = (...symbols: string[]) => {
    const pairs = { feed: "opra", channel: "quotes", symbols } as const;
    rig.streams.notCarried(pairs, "not_subscribed");
    rig.streams.carried(pairs);
  };
  lost(put(100), call(120));
  lost(call(100), put(100));
  assert.deepEqual(await stream.texts(), ["gap not_subscribed C100"]);
});

Deno.test("an only_selected stream has exactly what was selected, resumed or not", async () => {
  const moves = fc.array(
    fc.oneof(
      { weight: 1, arbitrary: fc.record({ price: fc.integer({ min: 60, max: 140 }) }) },
      { weight: 4, arbitrary: fc.record({ quote: fc.integer({ min: 58, max: 142 }) }) },
    ),
    { maxLength: 40 },
  );
  await fc.assert(
    fc.asyncProperty(moves, async (steps) => {
      await using rig = new SelectionRig();
      using _keepsSelecting = await rig.openPlain();
      using stream = await rig.open({ notices: false });
      const expected: string[] = [];
      for (const step of steps) {
        if ("price" in step) await rig.move(step.price + 0.4);
        else {
          const symbol = call(step.quote);
          rig.publish(symbol, put(step.quote));
          if (rig.sink.symbols().includes(symbol)) expected.push(`C${step.quote}`);
        }
      }
      assert.deepEqual(await stream.texts(), expected);
      using again = await resume(rig, 0);
      const replayed = expected.map((text) => `replay ${text} 1`);
      assert.deepEqual(await again.texts(), replayed);
    }),
    { numRuns: 50 },
  );
});
