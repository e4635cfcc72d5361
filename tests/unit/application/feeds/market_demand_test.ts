import assert from "node:assert/strict";
import {
  DEFAULT_COUNTING,
  type Plan,
  planLimit,
} from "../../../../src/domain/subscription/plans.ts";
import {
  LEARNED_LIMIT,
  REJECTED,
} from "../../../../src/domain/subscription/retest.ts";
import { NO_LIMIT } from "../../../support/subscriptions.ts";
import { Desk, TIMEOUT } from "./demand_desk.ts";

Deno.test("changes within one turn of the loop are one request", async () => {
  await using desk = new Desk();
  desk.attach();
  desk.demand.want("quotes", ["AAPL"]);
  desk.demand.want("quotes", ["MSFT"]);
  desk.demand.want("trades", ["AAPL"]);
  assert.deepEqual(desk.asked, []);
  await desk.clock.advance(0);
  assert.deepEqual(desk.asked, [
    "subscribe quotes:AAPL quotes:MSFT trades:AAPL",
  ]);
});

Deno.test("a stream that comes and goes within one turn costs nothing", async () => {
  await using desk = new Desk();
  desk.attach();
  desk.demand.want("quotes", ["AAPL"]);
  desk.demand.release("quotes", ["AAPL"]);
  await desk.clock.advance(0);
  assert.deepEqual(desk.asked, []);
});

Deno.test("a symbol is unsubscribed with its last stream, not before", async () => {
  await using desk = new Desk();
  desk.demand.want("quotes", ["AAPL"]);
  desk.demand.want("quotes", ["AAPL"]);
  desk.attach();
  desk.acknowledge({ quotes: ["AAPL"] });
  desk.demand.release("quotes", ["AAPL"]);
  await desk.clock.advance(0);
  assert.deepEqual(desk.asked, ["subscribe quotes:AAPL"]);
  desk.demand.release("quotes", ["AAPL"]);
  await desk.clock.advance(0);
  assert.equal(desk.asked.at(-1), "unsubscribe quotes:AAPL");
  assert.equal(desk.book.interest.size, 0);
});

Deno.test("one request is in flight; the next goes with the answer", async () => {
  await using desk = new Desk();
  desk.demand.want("quotes", ["A", "B", "C", "D"]);
  desk.attach();
  desk.demand.want("quotes", ["E"]);
  await desk.clock.advance(0);
  assert.deepEqual(desk.asked, ["subscribe quotes:A quotes:B quotes:C"]);
  desk.acknowledge({ quotes: ["A", "B", "C"] });
  assert.equal(desk.asked.at(-1), "subscribe quotes:D quotes:E");
  assert.equal(desk.demand.subscriptionCount, 3);
  desk.acknowledge({ quotes: ["A", "B", "C", "D", "E"] });
  assert.equal(desk.asked.length, 2);
  assert.equal(desk.demand.subscriptionCount, 5);
});

Deno.test("a session that does not answer its first request is given up at the deadline", async () => {
  await using desk = new Desk();
  desk.demand.want("quotes", ["AAPL"]);
  desk.attach();
  await desk.clock.advance(TIMEOUT - 1);
  assert.equal(await desk.failure(), undefined);
  await desk.clock.advance(1);
  assert.match(await desk.failure() ?? "", /No answer .* within 10000 ms/);
});

Deno.test("a session that has answered before is asked again, and given up after three silences", async () => {
  await using desk = new Desk();
  desk.demand.want("quotes", ["AAPL"]);
  desk.attach();
  desk.acknowledge({ quotes: ["AAPL"] });
  desk.demand.want("quotes", ["MSFT"]);
  await desk.clock.advance(2 * TIMEOUT);
  assert.deepEqual(desk.asked.slice(1), [
    "subscribe quotes:MSFT",
    "subscribe quotes:MSFT",
    "subscribe quotes:MSFT",
  ]);
  assert.equal(await desk.failure(), undefined);
  await desk.clock.advance(TIMEOUT);
  assert.match(await desk.failure() ?? "", /No answer/);
});

Deno.test("a late answer to a repeated request settles it", async () => {
  await using desk = new Desk();
  desk.demand.want("quotes", ["AAPL"]);
  desk.attach();
  desk.acknowledge({ quotes: ["AAPL"] });
  desk.demand.want("quotes", ["MSFT"]);
  await desk.clock.advance(TIMEOUT);
  desk.acknowledge({ quotes: ["AAPL", "MSFT"] });
  desk.acknowledge({ quotes: ["AAPL", "MSFT"] });
  await desk.clock.advance(10 * TIMEOUT);
  assert.equal(desk.asked.length, 3);
  assert.equal(await desk.failure(), undefined);
});

Deno.test("a question that nobody answers is the heartbeat's to judge", async () => {
  await using desk = new Desk();
  desk.attach();
  desk.demand.ask();
  assert.deepEqual(desk.asked, ["probe"]);
  await desk.clock.advance(10 * TIMEOUT);
  assert.equal(await desk.failure(), undefined);
  desk.demand.want("quotes", ["AAPL"]);
  await desk.clock.advance(0);
  assert.equal(desk.asked.at(-1), "subscribe quotes:AAPL");
});

Deno.test("a request in flight is the question already", async () => {
  await using desk = new Desk();
  desk.demand.want("quotes", ["AAPL"]);
  desk.attach();
  desk.demand.ask();
  assert.deepEqual(desk.asked, ["subscribe quotes:AAPL"]);
});

Deno.test("a change while a question is in flight waits for its answer, whatever it is", async () => {
  await using desk = new Desk();
  desk.attach();
  desk.demand.ask();
  desk.demand.want("quotes", ["AAPL"]);
  await desk.clock.advance(0);
  assert.deepEqual(desk.asked, ["probe"]);
  desk.demand.refused({ code: 400, message: "invalid syntax" });
  await desk.clock.advance(0);
  assert.deepEqual(desk.asked, ["probe", "subscribe quotes:AAPL"]);
  assert.deepEqual(desk.refusals, [], "it was an answer, and that is enough");
});

Deno.test("a refused symbol is told with upstream's words, the others go through", async () => {
  await using desk = new Desk();
  desk.demand.want("quotes", ["AAPL", "BAD"]);
  desk.attach();
  const error = { code: 400, message: "invalid syntax" };
  desk.demand.refused(error);
  await desk.clock.advance(0);
  desk.acknowledge({ quotes: ["AAPL"] });
  desk.demand.refused(error);
  await desk.clock.advance(0);
  assert.deepEqual(desk.asked, [
    "subscribe quotes:AAPL quotes:BAD",
    "subscribe quotes:AAPL",
    "subscribe quotes:BAD",
  ]);
  assert.deepEqual(desk.refusals, ["invalid syntax (code 400): quotes BAD"]);
});

Deno.test("symbols that are never acknowledged are told in one line", async () => {
  await using desk = new Desk();
  desk.demand.want("quotes", ["A", "B", "C"]);
  desk.attach();
  for (let ask = 0; ask < 3; ask++) desk.acknowledge({});
  assert.equal(desk.asked.length, 3);
  assert.deepEqual(desk.refusals, ["not acknowledged: quotes A and 2 more"]);
  assert.equal(desk.demand.trouble, "not acknowledged: quotes A and 2 more");
  const [quotes] = desk.book.report([]).channels;
  assert.equal(quotes?.symbols[0]?.reason, "not acknowledged");
});

Deno.test("what was given up without an objection is asked for again after a minute", async () => {
  await using desk = new Desk();
  desk.demand.want("quotes", ["A", "BAD"]);
  desk.attach();
  for (let ask = 0; ask < 3; ask++) desk.acknowledge({});
  await desk.clock.advance(59_999);
  assert.equal(desk.asked.length, 3);
  await desk.clock.advance(1);
  assert.deepEqual(desk.asked.slice(3), ["subscribe quotes:A quotes:BAD"]);
  desk.acknowledge({ quotes: ["A"] });
  desk.demand.refused({ code: 400, message: "invalid syntax" });
  await desk.clock.advance(REJECTED.firstMs - 1);
  assert.deepEqual(desk.asked.slice(4), ["subscribe quotes:BAD"]);
  assert.deepEqual(
    desk.book.ledger.refusals.map(({ symbol, error }) => [symbol, error.code]),
    [["BAD", 400]],
  );
});

Deno.test("a refused symbol is requested again alone, at growing intervals, and its refusal is logged once", async () => {
  await using desk = new Desk();
  desk.demand.want("quotes", ["A", "BAD"]);
  desk.attach();
  const error = { code: 400, message: "invalid syntax" };
  desk.demand.refused(error);
  await desk.clock.advance(0);
  desk.acknowledge({ quotes: ["A"] });
  desk.demand.refused(error);
  const first = desk.asked.length;
  const at: number[] = [];
  const start = desk.clock.monotonic();
  desk.session.onRequest = () => {
    at.push(Math.round((desk.clock.monotonic() - start) / 60_000));
    queueMicrotask(() => desk.demand.refused(error));
  };
  await desk.clock.advance(4 * 3_600_000);
  const asked = desk.asked.slice(first);
  assert.deepEqual([...new Set(asked)], ["subscribe quotes:BAD"]);
  assert.deepEqual(at, [10, 30, 70, 130, 190]);
  assert.equal(desk.refusals.length, 1);
  assert.equal(desk.log.messages("warn").length, 1);

  desk.session.onRequest = () => {};
  await desk.clock.advance(3_600_000);
  desk.acknowledge({ quotes: ["A", "BAD"] });
  assert.equal(desk.demand.trouble, undefined);
});

Deno.test("a refused * is requested again alone while names are carried on", async () => {
  await using desk = new Desk();
  desk.demand.want("quotes", ["*", "A"]);
  desk.attach();
  const error = { code: 405, message: "symbol limit exceeded" };
  desk.demand.refused(error);
  await desk.clock.advance(0);
  desk.demand.refused(error);
  await desk.clock.advance(0);
  desk.acknowledge({ quotes: ["A"] });
  const before = desk.asked.length;
  await desk.clock.advance(REJECTED.firstMs);
  assert.deepEqual(desk.asked.slice(before), ["subscribe quotes:*"]);
  desk.acknowledge({ quotes: ["A", "*"] });
  assert.equal(desk.book.budget.allowsWildcard("quotes"), true);
  assert.equal(desk.demand.trouble, undefined);
});

Deno.test("upstream that forgets a symbol now and then is reminded each time", async () => {
  await using desk = new Desk();
  desk.demand.want("quotes", ["A"]);
  desk.attach();
  for (let day = 1; day <= 10; day++) {
    assert.deepEqual(desk.asked, Array(day).fill("subscribe quotes:A"));
    desk.acknowledge({ quotes: ["A"] });
    await desk.clock.advance(86_400_000);
    desk.acknowledge({});
  }
});

Deno.test("a fault of upstream is met with a pause, and costs no symbol that recovers", async () => {
  await using desk = new Desk();
  desk.demand.want("quotes", ["AAPL"]);
  desk.attach();
  desk.demand.refused({ code: 500, message: "internal error" });
  await desk.clock.advance(999);
  assert.equal(desk.asked.length, 1);
  await desk.clock.advance(1);
  assert.deepEqual(desk.asked, [
    "subscribe quotes:AAPL",
    "subscribe quotes:AAPL",
  ]);
  desk.acknowledge({ quotes: ["AAPL"] });
  assert.deepEqual(desk.refusals, []);
});

Deno.test("an error that answers nothing is reported", async () => {
  await using desk = new Desk();
  desk.attach();
  desk.demand.refused({ code: 500, message: "internal error" });
  assert.deepEqual(desk.refusals, ["internal error (code 500)"]);
});

Deno.test("everything wanted is asked for again on the next session", async () => {
  await using desk = new Desk();
  desk.demand.want("quotes", ["AAPL", "MSFT"]);
  desk.attach();
  desk.acknowledge({ quotes: ["AAPL", "MSFT"] });
  desk.demand.detach();
  assert.equal(desk.demand.subscriptionCount, 0);
  desk.demand.release("quotes", ["AAPL"]);
  desk.demand.want("bars", ["*"]);
  await desk.clock.advance(60_000);
  desk.attach();
  assert.deepEqual(desk.asked, ["subscribe quotes:MSFT bars:*"]);
});

Deno.test("a change that was due when the session went is not lost", async () => {
  await using desk = new Desk();
  desk.attach();
  desk.demand.want("quotes", ["AAPL"]);
  desk.demand.detach();
  desk.attach();
  assert.deepEqual(desk.asked, ["subscribe quotes:AAPL"]);
  desk.demand.want("quotes", ["MSFT"]);
  await desk.clock.advance(0);
  desk.acknowledge({ quotes: ["AAPL"] });
  assert.equal(desk.asked.at(-1), "subscribe quotes:MSFT");
});

Deno.test("what an ended session still says is heard by nobody", async () => {
  await using desk = new Desk();
  desk.demand.want("quotes", ["AAPL"]);
  const old = desk.attach();
  desk.demand.detach();
  desk.acknowledge({ quotes: ["AAPL"] });
  assert.equal(desk.demand.subscriptionCount, 0);
  await desk.clock.advance(0);
  assert.equal(old.requests.length, 1);
  desk.attach();
  assert.deepEqual(desk.asked, ["subscribe quotes:AAPL"]);
});

Deno.test("a client that restarts within the grace period causes no traffic at all", async () => {
  await using desk = new Desk({ graceMs: 5_000 });
  desk.demand.want("quotes", ["A", "B"]);
  desk.attach();
  desk.acknowledge({ quotes: ["A", "B"] });
  for (let restart = 0; restart < 3; restart++) {
    desk.demand.release("quotes", ["A", "B"]);
    await desk.clock.advance(4_999);
    desk.demand.want("quotes", ["A", "B"]);
    await desk.clock.advance(20_000);
  }
  assert.deepEqual(desk.asked, ["subscribe quotes:A quotes:B"]);
});

Deno.test("symbols are given back as their grace ends, each in its own time", async () => {
  await using desk = new Desk({ graceMs: 5_000 });
  desk.demand.want("quotes", ["A", "B"]);
  desk.attach();
  desk.acknowledge({ quotes: ["A", "B"] });
  desk.demand.release("quotes", ["A"]);
  await desk.clock.advance(3_000);
  desk.demand.release("quotes", ["B"]);
  await desk.clock.advance(1_999);
  assert.equal(desk.asked.length, 1);
  await desk.clock.advance(1);
  assert.equal(desk.asked.at(-1), "unsubscribe quotes:A");
  desk.acknowledge({ quotes: ["B"] });
  await desk.clock.advance(2_999);
  assert.equal(desk.asked.length, 2);
  await desk.clock.advance(1);
  assert.equal(desk.asked.at(-1), "unsubscribe quotes:B");
});

Deno.test("a lingering symbol gives its place to a newcomer at once", async () => {
  const plan = { ...NO_LIMIT, pairs: 2 };
  await using desk = new Desk({ graceMs: 60_000, plan });
  desk.demand.want("quotes", ["A", "B"]);
  desk.attach();
  desk.acknowledge({ quotes: ["A", "B"] });
  desk.demand.release("quotes", ["A"]);
  desk.demand.admit("quotes", ["C"]);
  desk.demand.want("quotes", ["C"]);
  await desk.clock.advance(0);
  assert.equal(desk.asked.at(-1), "unsubscribe quotes:A");
  desk.acknowledge({ quotes: ["B"] });
  assert.equal(desk.asked.at(-1), "subscribe quotes:C");
  desk.acknowledge({ quotes: ["B", "C"] });
  assert.throws(() => desk.demand.admit("quotes", ["A"]), {
    name: "OverBudget",
  });
});

Deno.test("symbols left while there is no session are not asked for on the next", async () => {
  await using desk = new Desk({ graceMs: 60_000 });
  desk.demand.want("quotes", ["A", "B", "C"]);
  desk.attach();
  desk.acknowledge({ quotes: ["A", "B", "C"] });
  desk.demand.release("quotes", ["A"]);
  desk.demand.detach();
  desk.demand.release("quotes", ["B"]);
  desk.attach();
  assert.deepEqual(desk.asked, ["subscribe quotes:C"]);
});

Deno.test("grace is watched on a session that follows another at once", async () => {
  await using desk = new Desk({ graceMs: 5_000 });
  desk.demand.want("quotes", ["A", "B"]);
  desk.attach();
  desk.acknowledge({ quotes: ["A", "B"] });
  desk.demand.release("quotes", ["A"]);
  desk.demand.detach();
  desk.attach();
  desk.acknowledge({ quotes: ["B"] });
  desk.demand.release("quotes", ["B"]);
  await desk.clock.advance(5_000);
  assert.equal(desk.asked.at(-1), "unsubscribe quotes:B");
});

Deno.test("a stream that is over the budget changes nothing for those that run", async () => {
  const plan = { ...NO_LIMIT, pairs: 1 };
  await using desk = new Desk({ plan });
  desk.demand.want("quotes", ["A"]);
  desk.attach();
  desk.acknowledge({ quotes: ["A"] });
  assert.throws(() => desk.demand.admit("quotes", ["B"]));
  await desk.clock.advance(60_000);
  assert.deepEqual(desk.asked, ["subscribe quotes:A"]);
  assert.equal(desk.book.interest.size, 1);
});

Deno.test("the first 405 is told and learned; the next session asks for no more than fits", async () => {
  await using desk = new Desk();
  desk.demand.want("quotes", ["A", "B"]);
  desk.attach();
  const error = { code: 405, message: "symbol limit exceeded" };
  desk.demand.refused(error);
  await desk.clock.advance(0);
  desk.acknowledge({ quotes: ["A"] });
  desk.demand.refused(error);
  await desk.clock.advance(59_999);
  assert.deepEqual(desk.asked, [
    "subscribe quotes:A quotes:B",
    "subscribe quotes:A",
    "subscribe quotes:B",
  ]);
  assert.deepEqual(desk.refusals, [
    "symbol limit exceeded (code 405): quotes B",
  ]);
  assert.equal(desk.book.budget.limit, 1);
  desk.demand.detach();
  desk.attach();
  assert.deepEqual(desk.asked, ["subscribe quotes:A"]);
  desk.acknowledge({ quotes: ["A"] });
  desk.demand.release("quotes", ["A"]);
  await desk.clock.advance(0);
  desk.acknowledge({});
  assert.equal(desk.asked.at(-1), "subscribe quotes:B");
});

const FULL = { code: 405, message: "symbol limit exceeded" };

const PLANS: readonly Plan[] = [
  { name: "auto" },
  { name: "unlimited" },
  { name: "plus" },
  { name: "basic" },
  { name: "explicit", stocks: 4, options: 4 },
];

for (const feed of ["sip", "opra"] as const) {
  for (const plan of PLANS) {
    Deno.test(`a spell of 405 after a reconnect of ${feed} is over within a minute, with the plan ${JSON.stringify(plan)}`, async () => {
      const counting = DEFAULT_COUNTING;
      await using desk = new Desk({
        plan: planLimit(plan, { feed, counting }),
      });
      const symbols = ["A", "B", "C"];
      desk.demand.want("quotes", symbols);
      desk.attach();
      desk.acknowledge({ quotes: symbols });
      await desk.clock.advance(30_000);
      desk.demand.detach();

      const over = desk.clock.monotonic() + 3_000;
      const carried = new Set<string>();
      const session = desk.attach();
      const answer = () => {
        const { pairs } = session.requests.at(-1) ?? { pairs: [] };
        queueMicrotask(() => {
          if (desk.clock.monotonic() < over) return desk.demand.refused(FULL);
          for (const { symbol } of pairs) carried.add(symbol);
          desk.acknowledge({ quotes: [...carried] });
        });
      };
      session.onRequest = answer;
      answer();
      await desk.clock.advance(2_000);
      assert.deepEqual([...carried], []);
      assert.match(desk.demand.trouble ?? "", /symbol limit exceeded/);
      desk.demand.admit("quotes", ["D"]);
      await desk.clock.advance(10_000);
      assert.deepEqual([...carried].sort(), symbols);
      assert.equal(desk.demand.trouble, undefined);
      desk.demand.admit("quotes", ["D"]);
      assert.equal(desk.book.budget.learned, false);
    });
  }
}

Deno.test("a limit that was learned is tested with what a stream was refused for, and given up when it has risen", async () => {
  await using desk = new Desk({
    plan: planLimit({ name: "auto" }, {
      feed: "sip",
      counting: DEFAULT_COUNTING,
    }),
  });
  desk.demand.want("quotes", ["A", "B"]);
  desk.attach();
  desk.acknowledge({ quotes: ["A", "B"] });
  desk.demand.want("quotes", ["C"]);
  await desk.clock.advance(0);
  desk.demand.refused(FULL);
  desk.demand.release("quotes", ["C"]);
  await desk.clock.advance(0);
  assert.equal(desk.book.budget.limit, 2);
  await desk.clock.advance(86_400_000);
  const before = desk.asked.length;
  assert.throws(() => desk.demand.admit("quotes", ["D"]), /2 allowed/);
  await desk.clock.advance(0);
  assert.deepEqual(desk.asked.slice(before), ["subscribe quotes:D"]);
  desk.demand.refused(FULL);
  await desk.clock.advance(LEARNED_LIMIT.longestMs);
  assert.equal(desk.asked.length, before + 1, "nobody needs it any more");

  assert.throws(() => desk.demand.admit("quotes", ["E"]), /2 allowed/);
  await desk.clock.advance(0);
  desk.acknowledge({ quotes: ["A", "B", "E"] });
  assert.equal(desk.asked.at(-1), "unsubscribe quotes:E");
  desk.acknowledge({ quotes: ["A", "B"] });
  desk.demand.admit("quotes", ["E"]);
  assert.equal(desk.book.budget.limit, undefined);
});

Deno.test("a contract that an expansion leaves out tests a learned limit, and no limit that is set", async () => {
  for (const name of ["auto", "basic"] as const) {
    const counting = DEFAULT_COUNTING;
    await using desk = new Desk({
      plan: planLimit({ name }, { feed: "sip", counting }),
    });
    desk.demand.want("quotes", ["A", "B"]);
    desk.attach();
    desk.acknowledge({ quotes: ["A"] });
    desk.demand.refused(FULL);
    desk.demand.release("quotes", ["B"]);
    await desk.clock.advance(0);
    const before = desk.asked.length;
    desk.demand.miss("quotes", "C");
    await desk.clock.advance(LEARNED_LIMIT.firstMs);
    const isOpen = name === "auto";
    assert.deepEqual(
      desk.asked.slice(before),
      isOpen ? ["subscribe quotes:C"] : [],
    );
    if (!isOpen) continue;
    assert.equal(desk.demand.freePlaces("quotes"), 0);
    desk.acknowledge({ quotes: ["A", "C"] });
    assert.equal(desk.demand.freePlaces("quotes"), undefined);
    desk.acknowledge({ quotes: ["A"] });
  }
});
