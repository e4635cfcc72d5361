import assert from "node:assert/strict";
import { type ReadCredit, ReadRate } from "../../../../src/infrastructure/websocket/read_rate.ts";
import { ManualClock } from "../../../support/manual_clock.ts";

const LARGEST = 2_000_000;

function start() {
  const clock = new ManualClock();
  return { clock, rate: new ReadRate(LARGEST, clock) };
}

Deno.test("a client may send two of the largest messages, then one per second", async () => {
  const { clock, rate } = start();
  const client: ReadCredit = {};
  assert.equal(rate.take(client, LARGEST), 0);
  assert.equal(rate.take(client, LARGEST), 0);
  const from = clock.monotonic();
  for (let i = 0; i < 5; i++) await clock.advance(rate.take(client, LARGEST));
  assert.equal(clock.monotonic() - from, 5_000);
});

Deno.test("all clients together have a limit, which small messages do not notice", async () => {
  const { clock, rate } = start();
  const clients = Array.from({ length: 100 }, (): ReadCredit => ({}));
  const from = clock.monotonic();
  let sent = 0;
  while (sent < 100 * LARGEST) {
    let pause = 0;
    for (const client of clients) {
      pause = Math.max(pause, rate.take(client, LARGEST / 10));
      sent += LARGEST / 10;
    }
    // A new client, and one that sends little now and then.
    for (const small of [{}, clients[0] as ReadCredit]) {
      const bytes = small.credit ? 0 : 50_000;
      if (bytes > 0) assert.equal(rate.take(small, bytes), 0);
    }
    await clock.advance(pause);
  }
  const perSecond = sent / (clock.monotonic() - from) * 1_000 / LARGEST;
  assert.ok(perSecond > 14 && perSecond < 20, `${perSecond} per second`);
});

Deno.test("a client that has paused may send as much as a new one", async () => {
  const { clock, rate } = start();
  const client: ReadCredit = {};
  assert.ok(rate.take(client, 20 * LARGEST) > 0);
  await clock.advance(60_000);
  assert.equal(rate.take(client, 2 * LARGEST), 0);
  assert.ok(rate.take(client, 1) > 0);
});
