import assert from "node:assert/strict";
import type { StoredEntry } from "../../../../src/application/ports/order_store.ts";
import { Account, MAX_SILENCE_MS } from "../../../support/order_account.ts";

const EVERYTHING = { symbols: new Set<string>(), secondary: new Set<string>() };

/** A store in memory, and accounts of one process after the other. */
function stored(): { readonly entries: StoredEntry[]; readonly start: () => Account } {
  const entries: StoredEntry[] = [];
  const store = { add: (entry: StoredEntry) => entries.push(entry) };
  return { entries, start: () => new Account({ store, restored: [...entries] }) };
}

/** What a stream has missed after an event, as text. */
function missedAfter({ channel }: Account, eventId: string): readonly string[] | undefined {
  const position = channel.positionOf((event) => event.eventId === eventId);
  if (position === undefined) return undefined;
  return channel.missedSince(position, EVERYTHING, false)?.map((item) =>
    "reason" in item
      ? `gap ${item.reason} ${item.symbols}`
      : `${item.event.order.id} ${item.event.event} ${item.event.order.filledQty}`
  );
}

function idOf(entry: StoredEntry | undefined): string {
  return entry && "update" in entry ? entry.update.eventId : "none";
}

Deno.test("what was stored is retained, and what was missed since is derived", async () => {
  const { entries, start } = stored();
  const before = start();
  await before.connect();
  before.receive("new", before.set("a"));
  await before.clock.advance(10);
  before.receive("partial_fill", before.fill("a", "4", "4"));
  assert.equal(entries.length, 2);
  const after = start();
  for (const [id, order] of before.orders) after.orders.set(id, order);
  after.executions = [...before.executions];
  await after.clock.advance(1_000);
  after.fill("a", "6", "10", "filled");
  await after.clock.advance(10);
  after.set("b");
  await after.connect();
  assert.deepEqual(after.lines(), ["reconciled a fill 10", "reconciled b new 0"]);
  assert.deepEqual(missedAfter(after, idOf(entries[0])), [
    "a partial_fill 4",
    "a fill 10",
    "b new 0",
  ]);
  assert.deepEqual(entries.map((each) => "update" in each ? each.origin : each.reason), [
    "live",
    "live",
    "reconciled",
    "reconciled",
  ]);
});

Deno.test("an update that was stored and arrives again is no new one", async () => {
  const { entries, start } = stored();
  const before = start();
  await before.connect();
  before.receive("new", before.set("a"));
  const after = start();
  after.orders.set("a", before.orders.get("a") ?? assert.fail("no order"));
  await after.connect();
  after.receive("new", after.details("a"));
  assert.deepEqual(after.lines().filter((line) => line.startsWith("gap")), []);
  assert.equal(entries.length, 1);
  assert.equal(after.counters.orders.duplicates, 1);
});

Deno.test("gaps are stored, and a stream that resumes after them has them", async () => {
  const { entries, start } = stored();
  const before = start();
  await before.connect();
  before.receive("new", before.set("a"));
  before.journal.unreadable("MSFT");
  await before.disconnect(100);
  before.fill("a", "4", "4");
  // REST never has the execution.
  before.executions = [];
  await before.connect(30_000);
  const after = start();
  assert.deepEqual(missedAfter(after, idOf(entries[0])), [
    "gap unreadable MSFT",
    "gap upstream_lost AAPL",
  ]);
});

Deno.test("updates that are delivered without a reading follow a stored gap", async () => {
  const { entries, start } = stored();
  const before = start();
  await before.connect();
  before.receive("new", before.set("a"));
  await before.disconnect(100);
  before.isDown = true;
  before.journal.carried();
  before.receive("new", before.set("b"));
  await before.clock.advance(700_000);
  const after = start();
  assert.deepEqual(missedAfter(after, idOf(entries[0])), ["gap upstream_lost ", "b new 0"]);
});

for (
  const { name, isDown } of [
    { name: "updates are delivered", isDown: true },
    { name: "a first reading succeeds", isDown: false },
  ]
) {
  Deno.test(`a stored gap precedes what follows an outage after which ${name}`, async () => {
    const { entries, start } = stored();
    const before = start();
    before.isDown = true;
    before.journal.carried();
    before.receive("new", before.set("a"));
    await before.clock.advance(700_000);
    await before.disconnect(100);
    before.isDown = isDown;
    before.journal.carried();
    before.receive("new", before.set("c"));
    await before.clock.advance(700_000);
    assert.deepEqual(before.lines(), ["a new 0", "c new 0", "gap upstream_lost "]);
    const after = start();
    assert.deepEqual(missedAfter(after, idOf(entries[0])), ["gap upstream_lost ", "c new 0"]);
  });
}

Deno.test("what was missed is derived although the last stored time is later", async () => {
  const { entries, start } = stored();
  const before = start();
  await before.connect();
  before.receive("new", before.set("a"));
  const [stale] = entries;
  assert.ok(stale && "update" in stale);
  entries[0] = { ...stale, receivedAt: stale.receivedAt + 300_000 };
  const after = start();
  for (const [id, order] of before.orders) after.orders.set(id, order);
  await after.clock.advance(1_000);
  after.set("b");
  await after.clock.advance(600_000);
  await after.connect();
  assert.deepEqual(after.lines(), ["reconciled b new 0"]);
});

Deno.test("an update that two processes have stored is restored once", async () => {
  const { entries, start } = stored();
  const before = start();
  await before.connect();
  before.receive("new", before.set("a"));
  before.receive("new", before.set("b"));
  entries.push(...entries);
  const after = start();
  assert.equal(after.channel.sequence, 2);
  assert.deepEqual(missedAfter(after, idOf(entries[0])), ["b new 0"]);
});

Deno.test("an order that ended before what is stored is not derived again", async () => {
  const { entries, start } = stored();
  const before = start();
  await before.connect();
  before.set("old", { status: "filled", filledQty: "10" });
  await before.clock.advance(10);
  before.receive("new", before.set("a"));
  const after = start();
  for (const [id, order] of before.orders) after.orders.set(id, order);
  await after.connect();
  assert.deepEqual(after.lines(), []);
  assert.equal(entries.length, 1);
});

Deno.test("an empty store changes nothing: the first state is only read", async () => {
  const { start } = stored();
  const account = start();
  account.set("a");
  await account.connect(MAX_SILENCE_MS);
  assert.deepEqual(account.lines(), []);
  assert.equal(account.journal.isComplete, true);
});
