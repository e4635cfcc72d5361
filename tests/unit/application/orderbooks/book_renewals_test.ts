import assert from "node:assert/strict";
import { BookRenewals } from "../../../../src/application/orderbooks/book_renewals.ts";
import { ManualClock } from "../../../support/manual_clock.ts";

function made() {
  const clock = new ManualClock();
  const requests: { at: number; symbols: readonly string[] }[] = [];
  const start = clock.monotonic();
  const renewals = new BookRenewals(clock, (symbols) => {
    requests.push({ at: clock.monotonic() - start, symbols });
  });
  const advance = async (seconds: number) => {
    for (let second = 0; second < seconds; second++) await clock.advance(1_000);
  };
  return { clock, renewals, requests, advance };
}

Deno.test("pairs that are lost together are requested together, immediately", async () => {
  const { clock, renewals, requests } = made();
  renewals.lost("BTC/USD");
  renewals.lost("ETH/USD");
  await clock.advance(0);
  assert.deepEqual(requests, [{ at: 0, symbols: ["BTC/USD", "ETH/USD"] }]);
});

Deno.test("an order book that does not arrive is requested after growing pauses", async () => {
  const { renewals, requests, advance } = made();
  renewals.lost("BTC/USD");
  await advance(200);
  const times = requests.map(({ at }) => Math.round(at / 1_000));
  assert.deepEqual(times, [0, 2, 6, 14, 30, 62, 122, 182]);
  // A name may have no effect where `*` is subscribed too.
  assert.deepEqual(requests[0]?.symbols, ["BTC/USD"]);
  assert.deepEqual(requests[1]?.symbols, ["BTC/USD", "*"]);
});

Deno.test("an order book that is lost repeatedly is requested after longer pauses", async () => {
  const { clock, renewals, requests, advance } = made();
  for (let second = 0; second < 60; second++) {
    renewals.lost("BTC/USD");
    await clock.advance(500);
    renewals.arrived("BTC/USD");
    await clock.advance(500);
  }
  assert.ok(requests.length >= 4 && requests.length <= 6, `${requests.length}`);
  assert.ok(requests.every(({ symbols }) => !symbols.includes("*")));
  const before = requests.length;
  await advance(400);
  assert.equal(requests.length, before);
  renewals.lost("BTC/USD");
  await clock.advance(0);
  assert.equal(requests.length, before + 1);
});

Deno.test("the requests for all pairs have a total per minute", async () => {
  const { clock, renewals, requests } = made();
  for (let pair = 0; pair < 600; pair++) {
    renewals.lost(`P${pair}/USD`);
    await clock.advance(100);
    renewals.arrived(`P${pair}/USD`);
  }
  assert.ok(requests.length >= 10 && requests.length <= 20, `${requests.length}`);
});

Deno.test("a pair that is forgotten is not requested", async () => {
  const { renewals, requests, advance } = made();
  renewals.lost("BTC/USD");
  renewals.forget("BTC/USD");
  await advance(10);
  assert.deepEqual(requests, []);
});
