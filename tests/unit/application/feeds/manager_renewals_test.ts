/** Symbols that the manager unsubscribes and subscribes again on request. */
import assert from "node:assert/strict";
import { ManagerHarness } from "./manager_harness.ts";

/** A harness whose session has acknowledged quotes; `asked` of it begins empty. */
function acknowledged(quotes: readonly string[]): ManagerHarness {
  const harness = new ManagerHarness();
  harness.manager.add("quotes", quotes);
  harness.attach();
  harness.acknowledge({ quotes });
  harness.session.requests.length = 0;
  harness.events.take();
  return harness;
}

Deno.test("renewed symbols of one turn are one unsubscribe, then one subscribe", async () => {
  await using harness = acknowledged(["A", "B", "C"]);
  harness.manager.renew("quotes", ["A"]);
  harness.manager.renew("quotes", ["B"]);
  await harness.clock.advance(0);
  assert.deepEqual(harness.asked, ["unsubscribe quotes:A quotes:B"]);
  harness.acknowledge({ quotes: ["C"] });
  assert.deepEqual(harness.asked.slice(1), ["subscribe quotes:A quotes:B"]);
  harness.acknowledge({ quotes: ["A", "B", "C"] });
  await harness.clock.advance(60_000);
  assert.equal(harness.asked.length, 2);
});

Deno.test("streams learn that a renewed symbol is not carried, then that it is again", async () => {
  await using harness = acknowledged(["A", "B"]);
  harness.manager.renew("quotes", ["A"]);
  await harness.clock.advance(0);
  harness.acknowledge({ quotes: ["B"] });
  harness.acknowledge({ quotes: ["A", "B"] });
  assert.deepEqual(harness.events.take(), [
    "not_subscribed quotes A",
    "quotes A requested",
    "carried quotes A",
    "quotes A acknowledged",
  ]);
});

Deno.test("of symbols that only * has, * is renewed, once", async () => {
  await using harness = acknowledged(["A", "*"]);
  harness.manager.renew("quotes", ["A", "B", "C"]);
  await harness.clock.advance(0);
  assert.deepEqual(harness.asked, ["unsubscribe quotes:A quotes:*"]);
  harness.acknowledge({ quotes: [] });
  assert.deepEqual(harness.asked.slice(1), ["subscribe quotes:* quotes:A"]);
});

Deno.test("symbols that neither their names nor * have are not renewed", async () => {
  await using harness = acknowledged(["A"]);
  harness.manager.renew("quotes", ["B"]);
  harness.manager.renew("trades", ["A"]);
  await harness.clock.advance(60_000);
  assert.deepEqual(harness.asked, []);
});

Deno.test("a renewal without a session has no effect on the next session", async () => {
  await using harness = acknowledged(["A"]);
  harness.manager.detach();
  harness.manager.renew("quotes", ["A"]);
  harness.attach();
  harness.acknowledge({ quotes: ["A"] });
  await harness.clock.advance(60_000);
  assert.deepEqual(harness.asked, ["subscribe quotes:A"]);
});

Deno.test("a rejected renewal is reported, and the symbol stays subscribed", async () => {
  await using harness = acknowledged(["A"]);
  harness.manager.renew("quotes", ["A"]);
  await harness.clock.advance(0);
  harness.manager.rejected({ code: 400, message: "invalid syntax" });
  await harness.clock.advance(60_000);
  assert.deepEqual(harness.asked, ["unsubscribe quotes:A"]);
  assert.deepEqual(harness.events.take(), []);
  assert.deepEqual(harness.rejections, ["invalid syntax (code 400): quotes A"]);
  assert.equal(harness.manager.subscriptionCount, 1);
});
