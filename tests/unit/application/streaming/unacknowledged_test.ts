import assert from "node:assert/strict";
import { Unacknowledged } from "../../../../src/application/streaming/unacknowledged.ts";
import { ManualClock } from "../../../support/manual_clock.ts";

function messages(...sequences: number[]) {
  return sequences.map((sequence) => ({ sequence }));
}

/** A client that acknowledges `atOnce` messages together; returns the ages of what it processes. */
async function ages(
  { perSecond, atOnce, seconds, max = 100 }: {
    perSecond: number;
    atOnce: number;
    seconds: number;
    max?: number;
  },
): Promise<number[]> {
  const clock = new ManualClock();
  const sent = new Unacknowledged({ max, isLatest: true, clock });
  const inFlight: { sequence: number; at: number }[] = [];
  const found: number[] = [];
  let sequence = 0;
  let processed = 0;
  let idle = 0;
  while (clock.monotonic() < seconds * 1_000) {
    while (sent.credit > 0) {
      sent.add(messages(++sequence));
      inFlight.push({ sequence, at: clock.monotonic() });
    }
    await clock.advance(1_000 / perSecond);
    const next = inFlight.shift();
    if (!next) {
      idle++;
      continue;
    }
    found.push(clock.monotonic() - next.at);
    if (++processed % atOnce === 0) sent.acknowledge(next.sequence);
  }
  assert.ok(idle <= 8 * seconds, `${idle} times nothing was in flight`);
  return found;
}

Deno.test("without latest the limit is that of the client", () => {
  const sent = new Unacknowledged({ max: 3, isLatest: false, clock: new ManualClock() });
  assert.equal(sent.credit, 3);
  sent.add(messages(2, 5, 9));
  assert.equal(sent.credit, 0);
  assert.deepEqual(sent.acknowledge(1), []);
  assert.deepEqual(sent.acknowledge(7), [2, 5]);
  assert.equal(sent.credit, 2);
  assert.equal(sent.remove(9), true);
  assert.equal(sent.remove(9), false);
});

Deno.test("no limit means that nothing is kept", () => {
  const sent = new Unacknowledged({ max: 0, isLatest: false, clock: new ManualClock() });
  sent.add(messages(1, 2));
  assert.equal(sent.size, 0);
  assert.equal(sent.credit, Infinity);
});

for (const perSecond of [10, 50, 100, 1_000]) {
  Deno.test(`with latest a client of ${perSecond} messages/s gets recent values`, async () => {
    const found = await ages({ perSecond, atOnce: 2, seconds: 60 });
    assert.ok(Math.max(...found) <= 1_000, String(Math.max(...found)));
  });
}

Deno.test("a client that acknowledges many messages together still gets them", async () => {
  for (const atOnce of [1, 20, 50, 100]) {
    const found = await ages({ perSecond: 50, atOnce, seconds: 60 });
    assert.ok(found.length > 2_200, `${atOnce}: ${found.length}`);
  }
});

Deno.test("a fast client gets its own limit within a second", async () => {
  const clock = new ManualClock();
  const sent = new Unacknowledged({ max: 100, isLatest: true, clock });
  let sequence = 0;
  for (let i = 0; i < 40; i++) {
    while (sent.credit > 0) sent.add(messages(++sequence));
    await clock.advance(20);
    sent.acknowledge(sequence);
  }
  assert.equal(sent.credit, 100);
});

Deno.test("a client that changes to larger acknowledgements gets more messages", async () => {
  const clock = new ManualClock();
  const sent = new Unacknowledged({ max: 100, isLatest: true, clock });
  let sequence = 0;
  const fill = () => {
    while (sent.credit > 0) sent.add(messages(++sequence));
  };
  // Two messages a second, acknowledged one by one.
  for (let i = 1; i <= 150; i++) {
    fill();
    await clock.advance(500);
    sent.acknowledge(i);
  }
  assert.ok(sent.size < 10, String(sent.size));
  // From now on it acknowledges only a full hundred.
  for (let i = 0; i < 60 && sent.size < 100; i++) {
    fill();
    await clock.advance(500);
  }
  assert.equal(sent.size, 100);
});
