import assert from "node:assert/strict";
import { REJECTED } from "../../../../src/domain/subscription/rejections.ts";
import { NO_LIMIT } from "../../../support/subscriptions.ts";
import { ManagerHarness, TIMEOUT } from "./manager_harness.ts";

Deno.test("changes within one turn of the event loop are one request", async () => {
  await using harness = new ManagerHarness();
  harness.attach();
  harness.manager.add("quotes", ["AAPL"]);
  harness.manager.add("quotes", ["MSFT"]);
  harness.manager.add("trades", ["AAPL"]);
  assert.deepEqual(harness.asked, []);
  await harness.clock.advance(0);
  assert.deepEqual(harness.asked, [
    "subscribe quotes:AAPL quotes:MSFT trades:AAPL",
  ]);
});

Deno.test("a stream that opens and closes within one turn causes no request", async () => {
  await using harness = new ManagerHarness();
  harness.attach();
  harness.manager.add("quotes", ["AAPL"]);
  harness.manager.remove("quotes", ["AAPL"]);
  await harness.clock.advance(0);
  assert.deepEqual(harness.asked, []);
});

Deno.test("a symbol is unsubscribed with its last stream, not before", async () => {
  await using harness = new ManagerHarness();
  harness.manager.add("quotes", ["AAPL"]);
  harness.manager.add("quotes", ["AAPL"]);
  harness.attach();
  harness.acknowledge({ quotes: ["AAPL"] });
  harness.manager.remove("quotes", ["AAPL"]);
  await harness.clock.advance(0);
  assert.deepEqual(harness.asked, ["subscribe quotes:AAPL"]);
  harness.manager.remove("quotes", ["AAPL"]);
  await harness.clock.advance(0);
  assert.equal(harness.asked.at(-1), "unsubscribe quotes:AAPL");
  assert.equal([...harness.subscriptions.refCounts.pairs()].length, 0);
});

Deno.test("one request is in flight; the next follows its reply", async () => {
  await using harness = new ManagerHarness();
  harness.manager.add("quotes", ["A", "B", "C", "D"]);
  harness.attach();
  harness.manager.add("quotes", ["E"]);
  await harness.clock.advance(0);
  assert.deepEqual(harness.asked, ["subscribe quotes:A quotes:B quotes:C"]);
  harness.acknowledge({ quotes: ["A", "B", "C"] });
  assert.equal(harness.asked.at(-1), "subscribe quotes:D quotes:E");
  assert.equal(harness.manager.subscriptionCount, 3);
  harness.acknowledge({ quotes: ["A", "B", "C", "D", "E"] });
  assert.equal(harness.asked.length, 2);
  assert.equal(harness.manager.subscriptionCount, 5);
});

Deno.test("a session that does not answer its first request fails at the deadline", async () => {
  await using harness = new ManagerHarness();
  harness.manager.add("quotes", ["AAPL"]);
  harness.attach();
  await harness.clock.advance(TIMEOUT - 1);
  assert.equal(await harness.failure(), undefined);
  await harness.clock.advance(1);
  assert.match(await harness.failure() ?? "", /No reply .* within 10000 ms/);
});

Deno.test("a session that has answered before fails after three unanswered requests", async () => {
  await using harness = new ManagerHarness();
  harness.manager.add("quotes", ["AAPL"]);
  harness.attach();
  harness.acknowledge({ quotes: ["AAPL"] });
  harness.manager.add("quotes", ["MSFT"]);
  await harness.clock.advance(2 * TIMEOUT);
  assert.deepEqual(harness.asked.slice(1), [
    "subscribe quotes:MSFT",
    "subscribe quotes:MSFT",
    "subscribe quotes:MSFT",
  ]);
  assert.equal(await harness.failure(), undefined);
  await harness.clock.advance(TIMEOUT);
  assert.match(await harness.failure() ?? "", /No reply/);
});

Deno.test("a late reply to a repeated request settles it", async () => {
  await using harness = new ManagerHarness();
  harness.manager.add("quotes", ["AAPL"]);
  harness.attach();
  harness.acknowledge({ quotes: ["AAPL"] });
  harness.manager.add("quotes", ["MSFT"]);
  await harness.clock.advance(TIMEOUT);
  harness.acknowledge({ quotes: ["AAPL", "MSFT"] });
  harness.acknowledge({ quotes: ["AAPL", "MSFT"] });
  await harness.clock.advance(10 * TIMEOUT);
  assert.equal(harness.asked.length, 3);
  assert.equal(await harness.failure(), undefined);
});

Deno.test("an unanswered probe does not fail the session", async () => {
  await using harness = new ManagerHarness();
  harness.attach();
  harness.manager.probe();
  assert.deepEqual(harness.asked, ["probe"]);
  await harness.clock.advance(10 * TIMEOUT);
  assert.equal(await harness.failure(), undefined);
  harness.manager.add("quotes", ["AAPL"]);
  await harness.clock.advance(0);
  assert.equal(harness.asked.at(-1), "subscribe quotes:AAPL");
});

Deno.test("no probe is sent while a request is in flight", async () => {
  await using harness = new ManagerHarness();
  harness.manager.add("quotes", ["AAPL"]);
  harness.attach();
  harness.manager.probe();
  assert.deepEqual(harness.asked, ["subscribe quotes:AAPL"]);
});

Deno.test("a change while a probe is in flight waits for its reply", async () => {
  await using harness = new ManagerHarness();
  harness.attach();
  harness.manager.probe();
  harness.manager.add("quotes", ["AAPL"]);
  await harness.clock.advance(0);
  assert.deepEqual(harness.asked, ["probe"]);
  harness.manager.rejected({ code: 400, message: "invalid syntax" });
  await harness.clock.advance(0);
  assert.deepEqual(harness.asked, ["probe", "subscribe quotes:AAPL"]);
  assert.deepEqual(
    harness.rejections,
    [],
    "it was an answer, and that is enough",
  );
});

Deno.test("a rejected symbol is reported with its error, the others are subscribed", async () => {
  await using harness = new ManagerHarness();
  harness.manager.add("quotes", ["AAPL", "BAD"]);
  harness.attach();
  const error = { code: 400, message: "invalid syntax" };
  harness.manager.rejected(error);
  await harness.clock.advance(0);
  harness.acknowledge({ quotes: ["AAPL"] });
  harness.manager.rejected(error);
  await harness.clock.advance(0);
  assert.deepEqual(harness.asked, [
    "subscribe quotes:AAPL quotes:BAD",
    "subscribe quotes:AAPL",
    "subscribe quotes:BAD",
  ]);
  assert.deepEqual(harness.rejections, [
    "invalid syntax (code 400): quotes BAD",
  ]);
});

Deno.test("symbols that are never acknowledged are reported in one line", async () => {
  await using harness = new ManagerHarness();
  harness.manager.add("quotes", ["A", "B", "C"]);
  harness.attach();
  for (let ask = 0; ask < 3; ask++) harness.acknowledge({});
  assert.equal(harness.asked.length, 3);
  assert.deepEqual(harness.rejections, [
    "not acknowledged: quotes A and 2 more",
  ]);
  assert.equal(
    harness.manager.problem,
    "not acknowledged: quotes A and 2 more",
  );
  const [quotes] = harness.manager.report([]).channels;
  assert.equal(quotes?.symbols[0]?.reason, "not acknowledged");
});

Deno.test("pairs given up without a rejection are requested again after a minute", async () => {
  await using harness = new ManagerHarness();
  harness.manager.add("quotes", ["A", "BAD"]);
  harness.attach();
  for (let ask = 0; ask < 3; ask++) harness.acknowledge({});
  await harness.clock.advance(59_999);
  assert.equal(harness.asked.length, 3);
  await harness.clock.advance(1);
  assert.deepEqual(harness.asked.slice(3), ["subscribe quotes:A quotes:BAD"]);
  harness.acknowledge({ quotes: ["A"] });
  harness.manager.rejected({ code: 400, message: "invalid syntax" });
  await harness.clock.advance(REJECTED.firstMs - 1);
  assert.deepEqual(harness.asked.slice(4), ["subscribe quotes:BAD"]);
  assert.deepEqual(
    harness.subscriptions.reconciler.rejections.map((
      { symbol, error },
    ) => [symbol, error.code]),
    [["BAD", 400]],
  );
});

Deno.test("a rejected symbol is retested alone at growing intervals", async () => {
  await using harness = new ManagerHarness();
  harness.manager.add("quotes", ["A", "BAD"]);
  harness.attach();
  const error = { code: 400, message: "invalid syntax" };
  harness.manager.rejected(error);
  await harness.clock.advance(0);
  harness.acknowledge({ quotes: ["A"] });
  harness.manager.rejected(error);
  const first = harness.asked.length;
  const at: number[] = [];
  const start = harness.clock.monotonic();
  harness.session.onRequest = () => {
    at.push(Math.round((harness.clock.monotonic() - start) / 60_000));
    queueMicrotask(() => harness.manager.rejected(error));
  };
  await harness.clock.advance(4 * 3_600_000);
  const asked = harness.asked.slice(first);
  assert.deepEqual([...new Set(asked)], ["subscribe quotes:BAD"]);
  assert.deepEqual(at, [10, 30, 70, 130, 190]);
  assert.equal(harness.rejections.length, 1);
  assert.equal(harness.log.messages("warn").length, 1);

  harness.session.onRequest = () => {};
  await harness.clock.advance(3_600_000);
  harness.acknowledge({ quotes: ["A", "BAD"] });
  assert.equal(harness.manager.problem, undefined);
});

Deno.test("a rejected * is retested alone while names stay subscribed", async () => {
  await using harness = new ManagerHarness();
  harness.manager.add("quotes", ["*", "A"]);
  harness.attach();
  const error = { code: 405, message: "symbol limit exceeded" };
  harness.manager.rejected(error);
  await harness.clock.advance(0);
  harness.manager.rejected(error);
  await harness.clock.advance(0);
  harness.acknowledge({ quotes: ["A"] });
  const before = harness.asked.length;
  await harness.clock.advance(REJECTED.firstMs);
  assert.deepEqual(harness.asked.slice(before), ["subscribe quotes:*"]);
  harness.acknowledge({ quotes: ["A", "*"] });
  assert.equal(harness.subscriptions.quota.allowsWildcard("quotes"), true);
  assert.equal(harness.manager.problem, undefined);
});

Deno.test("a symbol that upstream drops is requested again each time", async () => {
  await using harness = new ManagerHarness();
  harness.manager.add("quotes", ["A"]);
  harness.attach();
  for (let day = 1; day <= 10; day++) {
    assert.deepEqual(harness.asked, Array(day).fill("subscribe quotes:A"));
    harness.acknowledge({ quotes: ["A"] });
    await harness.clock.advance(86_400_000);
    harness.acknowledge({});
  }
});

Deno.test("an internal error of upstream causes a pause and rejects no symbol", async () => {
  await using harness = new ManagerHarness();
  harness.manager.add("quotes", ["AAPL"]);
  harness.attach();
  harness.manager.rejected({ code: 500, message: "internal error" });
  await harness.clock.advance(999);
  assert.equal(harness.asked.length, 1);
  await harness.clock.advance(1);
  assert.deepEqual(harness.asked, [
    "subscribe quotes:AAPL",
    "subscribe quotes:AAPL",
  ]);
  harness.acknowledge({ quotes: ["AAPL"] });
  assert.deepEqual(harness.rejections, []);
});

Deno.test("an error without a request in flight is reported", async () => {
  await using harness = new ManagerHarness();
  harness.attach();
  harness.manager.rejected({ code: 500, message: "internal error" });
  assert.deepEqual(harness.rejections, ["internal error (code 500)"]);
});

Deno.test("everything requested is subscribed again on the next session", async () => {
  await using harness = new ManagerHarness();
  harness.manager.add("quotes", ["AAPL", "MSFT"]);
  harness.attach();
  harness.acknowledge({ quotes: ["AAPL", "MSFT"] });
  harness.manager.detach();
  assert.equal(harness.manager.subscriptionCount, 0);
  harness.manager.remove("quotes", ["AAPL"]);
  harness.manager.add("bars", ["*"]);
  await harness.clock.advance(60_000);
  harness.attach();
  assert.deepEqual(harness.asked, ["subscribe bars:* quotes:MSFT"]);
});

Deno.test("a change that was scheduled when the session ended is not lost", async () => {
  await using harness = new ManagerHarness();
  harness.attach();
  harness.manager.add("quotes", ["AAPL"]);
  harness.manager.detach();
  harness.attach();
  assert.deepEqual(harness.asked, ["subscribe quotes:AAPL"]);
  harness.manager.add("quotes", ["MSFT"]);
  await harness.clock.advance(0);
  harness.acknowledge({ quotes: ["AAPL"] });
  assert.equal(harness.asked.at(-1), "subscribe quotes:MSFT");
});

Deno.test("replies of an ended session are ignored", async () => {
  await using harness = new ManagerHarness();
  harness.manager.add("quotes", ["AAPL"]);
  const old = harness.attach();
  harness.manager.detach();
  harness.acknowledge({ quotes: ["AAPL"] });
  assert.equal(harness.manager.subscriptionCount, 0);
  await harness.clock.advance(0);
  assert.equal(old.requests.length, 1);
  harness.attach();
  assert.deepEqual(harness.asked, ["subscribe quotes:AAPL"]);
});

Deno.test("a client that restarts within the grace period causes no traffic at all", async () => {
  await using harness = new ManagerHarness({ graceMs: 5_000 });
  harness.manager.add("quotes", ["A", "B"]);
  harness.attach();
  harness.acknowledge({ quotes: ["A", "B"] });
  for (let restart = 0; restart < 3; restart++) {
    harness.manager.remove("quotes", ["A", "B"]);
    await harness.clock.advance(4_999);
    harness.manager.add("quotes", ["A", "B"]);
    await harness.clock.advance(20_000);
  }
  assert.deepEqual(harness.asked, ["subscribe quotes:A quotes:B"]);
});

Deno.test("symbols are unsubscribed as their grace periods end", async () => {
  await using harness = new ManagerHarness({ graceMs: 5_000 });
  harness.manager.add("quotes", ["A", "B"]);
  harness.attach();
  harness.acknowledge({ quotes: ["A", "B"] });
  harness.manager.remove("quotes", ["A"]);
  await harness.clock.advance(3_000);
  harness.manager.remove("quotes", ["B"]);
  await harness.clock.advance(1_999);
  assert.equal(harness.asked.length, 1);
  await harness.clock.advance(1);
  assert.equal(harness.asked.at(-1), "unsubscribe quotes:A");
  harness.acknowledge({ quotes: ["B"] });
  await harness.clock.advance(2_999);
  assert.equal(harness.asked.length, 2);
  await harness.clock.advance(1);
  assert.equal(harness.asked.at(-1), "unsubscribe quotes:B");
});

Deno.test("a lingering symbol is unsubscribed when a new one needs its slot", async () => {
  const plan = { ...NO_LIMIT, pairs: 2 };
  await using harness = new ManagerHarness({ graceMs: 60_000, plan });
  harness.manager.add("quotes", ["A", "B"]);
  harness.attach();
  harness.acknowledge({ quotes: ["A", "B"] });
  harness.manager.remove("quotes", ["A"]);
  harness.manager.checkQuota("quotes", ["C"]);
  harness.manager.add("quotes", ["C"]);
  await harness.clock.advance(0);
  assert.equal(harness.asked.at(-1), "unsubscribe quotes:A");
  harness.acknowledge({ quotes: ["B"] });
  assert.equal(harness.asked.at(-1), "subscribe quotes:C");
  harness.acknowledge({ quotes: ["B", "C"] });
  assert.throws(() => harness.manager.checkQuota("quotes", ["A"]), {
    name: "QuotaExceeded",
  });
});

Deno.test("symbols released without a session are not subscribed on the next", async () => {
  await using harness = new ManagerHarness({ graceMs: 60_000 });
  harness.manager.add("quotes", ["A", "B", "C"]);
  harness.attach();
  harness.acknowledge({ quotes: ["A", "B", "C"] });
  harness.manager.remove("quotes", ["A"]);
  harness.manager.detach();
  harness.manager.remove("quotes", ["B"]);
  harness.attach();
  assert.deepEqual(harness.asked, ["subscribe quotes:C"]);
});

Deno.test("grace periods are watched on a session that immediately follows another", async () => {
  await using harness = new ManagerHarness({ graceMs: 5_000 });
  harness.manager.add("quotes", ["A", "B"]);
  harness.attach();
  harness.acknowledge({ quotes: ["A", "B"] });
  harness.manager.remove("quotes", ["A"]);
  harness.manager.detach();
  harness.attach();
  harness.acknowledge({ quotes: ["B"] });
  harness.manager.remove("quotes", ["B"]);
  await harness.clock.advance(5_000);
  assert.equal(harness.asked.at(-1), "unsubscribe quotes:B");
});
