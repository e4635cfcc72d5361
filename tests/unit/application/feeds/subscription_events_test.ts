import assert from "node:assert/strict";
import type { PlanLimit } from "../../../../src/domain/subscription/quota.ts";
import { ManagerHarness } from "./manager_harness.ts";

const LIMITED: PlanLimit = {
  pairs: 2,
  counts: new Set(["trades", "quotes"]),
  wildcards: new Set(["bars"]),
  isOpen: false,
};

/** A manager with an open session and what it was sent. */
function connected(settings: ConstructorParameters<typeof ManagerHarness>[0] = {}) {
  const feed = new ManagerHarness(settings);
  feed.attach();
  return feed;
}

Deno.test("symbols are carried from their acknowledgement until it is withdrawn", async () => {
  await using feed = connected();
  const { manager, events } = feed;
  manager.add("quotes", ["A", "B"]);
  await feed.clock.advance(0);
  assert.deepEqual(events.take(), [], "requested is what a stream reads when it opens");
  feed.acknowledge({ quotes: ["A", "B"] });
  assert.deepEqual(events.take(), [
    "carried quotes A,B",
    "quotes A acknowledged",
    "quotes B acknowledged",
  ]);
  feed.acknowledge({ quotes: ["A", "B"] });
  assert.deepEqual(events.take(), [], "nothing has changed");
  feed.acknowledge({ quotes: ["B"] });
  assert.deepEqual(events.take(), ["not_subscribed quotes A", "quotes A requested"]);
  feed.acknowledge({ quotes: ["A", "B"] });
  assert.deepEqual(events.take(), ["carried quotes A", "quotes A acknowledged"]);
});

Deno.test("a symbol that no stream requests any more is not lost", async () => {
  await using feed = connected();
  feed.manager.add("trades", ["A", "B"]);
  await feed.clock.advance(0);
  feed.acknowledge({ trades: ["A", "B"] });
  feed.events.take();
  feed.manager.remove("trades", ["A"]);
  await feed.clock.advance(0);
  assert.deepEqual(feed.events.take(), [], "it is carried until upstream acknowledges");
  feed.acknowledge({ trades: ["B"] });
  assert.deepEqual(feed.events.take(), ["released trades A"]);
});

Deno.test("an outage ends each carried channel once, and changes no state", async () => {
  await using feed = connected();
  feed.manager.add("trades", ["A"]);
  feed.manager.add("quotes", ["A", "B"]);
  await feed.clock.advance(0);
  feed.acknowledge({ trades: ["A"], quotes: ["A", "B"] });
  feed.events.take();
  feed.manager.detach();
  assert.deepEqual(feed.events.take(), ["upstream_lost trades A", "upstream_lost quotes A,B"]);
  feed.manager.detach();
  feed.attach();
  feed.manager.detach();
  assert.deepEqual(feed.events.take(), [], "a session that acknowledged nothing loses nothing");
  feed.attach();
  feed.acknowledge({ trades: ["A"], quotes: ["A"] });
  feed.acknowledge({ trades: ["A"], quotes: ["A", "B"] });
  assert.deepEqual(feed.events.take(), [
    "carried trades A",
    "carried quotes A",
    "carried quotes B",
  ]);
});

Deno.test("an outage begins with the last frame of the session that ended", async () => {
  await using feed = connected();
  feed.manager.add("trades", ["A"]);
  await feed.clock.advance(0);
  feed.acknowledge({ trades: ["A"] });
  feed.session.hear();
  const heardAt = feed.clock.now();
  await feed.clock.advance(5_000);
  feed.manager.detach();
  assert.equal(feed.events.lostSince, heardAt);
});

Deno.test("a stream that opens in an outage learns that its symbol is acknowledged", async () => {
  await using feed = connected();
  feed.manager.add("quotes", ["A"]);
  await feed.clock.advance(0);
  feed.acknowledge({ quotes: ["A"] });
  feed.manager.detach();
  feed.events.take();
  feed.manager.add("quotes", ["A"]);
  assert.deepEqual(feed.manager.statesOf("quotes", ["A"]), [
    { symbol: "A", state: "requested", reason: "" },
  ]);
  feed.attach();
  feed.acknowledge({ quotes: ["A"] });
  assert.deepEqual(feed.events.take(), ["carried quotes A", "quotes A acknowledged"]);
});

Deno.test("a rejected symbol is reported with the text of upstream", async () => {
  await using feed = connected();
  feed.manager.add("quotes", ["BAD"]);
  await feed.clock.advance(0);
  feed.manager.rejected({ code: 400, message: "invalid syntax" });
  assert.deepEqual(feed.events.take(), ["quotes BAD rejected: invalid syntax (code 400)"]);
  assert.deepEqual(feed.manager.statesOf("quotes", ["BAD"]), [
    { symbol: "BAD", state: "rejected", reason: "invalid syntax (code 400)" },
  ]);
  feed.manager.detach();
  assert.deepEqual(feed.events.take(), []);
  feed.attach();
  assert.deepEqual(feed.events.take(), ["quotes BAD requested"]);
  feed.acknowledge({ quotes: ["BAD"] });
  assert.deepEqual(feed.events.take(), ["carried quotes BAD", "quotes BAD acknowledged"]);
});

Deno.test("a symbol beyond the quota waits until a slot is free", async () => {
  await using feed = connected({ plan: LIMITED });
  feed.manager.add("quotes", ["A", "B", "C"]);
  await feed.clock.advance(0);
  assert.deepEqual(feed.events.take(), ["quotes C waiting: all 2 slots are in use"]);
  feed.acknowledge({ quotes: ["A", "B"] });
  feed.events.take();
  feed.manager.remove("quotes", ["A"]);
  await feed.clock.advance(0);
  assert.deepEqual(feed.events.take(), ["quotes C requested"]);
  feed.acknowledge({ quotes: ["B"] });
  assert.deepEqual(feed.events.take(), ["released quotes A"]);
  feed.acknowledge({ quotes: ["B", "C"] });
  assert.deepEqual(feed.events.take(), ["carried quotes C", "quotes C acknowledged"]);
});

Deno.test("* that a plan does not offer is reported as rejected", async () => {
  await using feed = connected({ plan: LIMITED });
  feed.manager.add("quotes", ["*"]);
  await feed.clock.advance(0);
  const reason = "* is not available; the symbols of other streams are received";
  assert.deepEqual(feed.events.take(), [`quotes * rejected: ${reason}`]);
  feed.manager.add("bars", ["*"]);
  await feed.clock.advance(0);
  feed.acknowledge({ bars: ["*"] });
  assert.deepEqual(feed.events.take(), ["carried bars *", "bars * acknowledged"]);
});

Deno.test("what upstream rejects although it was acknowledged is no longer carried", async () => {
  await using feed = connected();
  feed.manager.add("quotes", ["A"]);
  await feed.clock.advance(0);
  feed.acknowledge({ quotes: ["A"] });
  feed.events.take();
  feed.manager.probe();
  feed.manager.rejected({ code: 400, message: "invalid syntax" });
  assert.deepEqual(feed.events.take(), ["not_subscribed quotes A", "quotes A requested"]);
});

Deno.test("names that * replaces are carried until * is", async () => {
  await using feed = connected();
  feed.manager.add("trades", ["A"]);
  await feed.clock.advance(0);
  feed.acknowledge({ trades: ["A"] });
  feed.manager.remove("trades", ["A"]);
  feed.manager.add("trades", ["*"]);
  await feed.clock.advance(0);
  feed.events.take();
  feed.acknowledge({ trades: ["*"] });
  assert.deepEqual(feed.events.take(), [
    "carried trades *",
    "released trades A",
    "trades * acknowledged",
  ]);
});

Deno.test("20,000 symbols are reported again after an outage only where they differ", async () => {
  await using feed = connected({ limits: { maxPairs: 1_000, maxBytes: 1_000_000 } });
  const symbols = Array.from({ length: 20_000 }, (_, index) => `S${index}`);
  feed.manager.add("quotes", symbols);
  await feed.clock.advance(0);
  feed.acknowledge({ quotes: symbols });
  const [, ...states] = feed.events.take();
  assert.equal(states.length, symbols.length);
  feed.manager.detach();
  feed.attach();
  feed.events.take();
  let calls = 0;
  feed.events.onStates = () => calls++;
  for (let count = 1_000; count < symbols.length; count += 1_000) {
    feed.acknowledge({ quotes: symbols.slice(0, count) });
    assert.equal(feed.manager.isComplete, false);
  }
  feed.acknowledge({ quotes: symbols });
  assert.equal(calls, 0);
  assert.equal(feed.events.take().length, 20, "one event per acknowledgement");
  assert.equal(feed.manager.isComplete, true);
});

Deno.test("a session is complete when all that was requested before it is decided", async () => {
  await using feed = new ManagerHarness({ plan: LIMITED });
  const { manager } = feed;
  assert.equal(manager.isComplete, false, "there is no session");
  manager.add("bars", ["A", "BAD"]);
  manager.add("quotes", ["A", "B", "C"]);
  feed.attach();
  assert.equal(manager.isComplete, false);
  feed.acknowledge({ bars: ["A"], quotes: ["A"] });
  assert.equal(manager.isComplete, false);
  manager.add("trades", ["LATER"]);
  manager.add("bars", ["LATER"]);
  feed.acknowledge({ bars: ["A"], quotes: ["A", "B"] });
  assert.equal(manager.isComplete, false, "BAD is not decided");
  feed.manager.rejected({ code: 400, message: "invalid syntax" });
  await feed.clock.advance(0);
  feed.manager.rejected({ code: 400, message: "invalid syntax" });
  await feed.clock.advance(0);
  assert.equal(manager.isComplete, true, "what was requested later does not count");
  feed.acknowledge({ bars: [], quotes: [] });
  assert.equal(manager.isComplete, true, "until the session ends");
  manager.detach();
  assert.equal(manager.isComplete, false);
});

Deno.test("a session with nothing to subscribe is complete", async () => {
  await using feed = connected();
  assert.equal(feed.manager.isComplete, true);
});
