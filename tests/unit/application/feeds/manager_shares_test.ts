/** Reservations and shares of identities in the subscriptions of a feed. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { QuotaExceeded } from "../../../../src/application/feeds/quota_check.ts";
import type { Holder } from "../../../../src/domain/subscription/identity_shares.ts";
import type { PlanLimit } from "../../../../src/domain/subscription/quota.ts";
import { ManagerHarness } from "./manager_harness.ts";

const OPEN_PLAN: PlanLimit = {
  pairs: undefined,
  counts: new Set(["trades", "quotes"]),
  wildcards: new Set(["bars"]),
  isOpen: true,
};
const limited = (pairs: number): PlanLimit => ({ ...OPEN_PLAN, pairs, isOpen: false });

const BOT = { identity: "bot" };
const PAGE = { identity: "page", maxShare: 0.5 };

function setup(plan: PlanLimit, reserved: Readonly<Record<string, number>> = {}) {
  const harness = new ManagerHarness({
    plan,
    limits: { maxPairs: 100, maxBytes: 10_000 },
    reserved: new Map(Object.entries({ bot: 0, page: 0, ...reserved })),
  });
  const open = (holder: Holder, ...symbols: string[]) => {
    harness.manager.checkQuota("quotes", symbols, holder);
    harness.manager.add("quotes", symbols, "stream", holder);
  };
  const close = (holder: Holder, ...symbols: string[]) =>
    harness.manager.remove("quotes", symbols, "stream", holder);
  return Object.assign(harness, { open, close });
}

Deno.test("a stream above the share of its identity is refused with what is used and left", () => {
  const { open, close } = setup(limited(10));
  open(PAGE, "A", "B", "C");
  assert.throws(() => open(PAGE, "D", "E", "F"), (error) => {
    assert.ok(error instanceof QuotaExceeded);
    assert.equal(
      error.message,
      "The share of the identity in the sip symbol quota is exceeded by 1: " +
        "the identity uses 3 of 5 slots, 2 are left, 3 more requested",
    );
    return true;
  });
  open(BOT, "D", "E", "F");
  close(PAGE, "A", "B", "C");
  open(PAGE, "D", "E", "F");
});

Deno.test("slots that are reserved for an identity are refused to others", () => {
  const { open } = setup(limited(4), { bot: 3 });
  open(PAGE, "A");
  assert.throws(
    () => open({ identity: "jwt" }, "B"),
    /What other identities leave of the sip symbol quota is exceeded by 1: .* uses 0 of 0/,
  );
  open(BOT, "X", "Y", "Z");
});

Deno.test("without reservations the whole quota is the limit, as without identities", () => {
  const { open } = setup(limited(2));
  open(BOT, "A");
  open(PAGE, "A");
  open(BOT, "B");
  assert.throws(() => open(BOT, "C"), {
    message: "The sip symbol quota is exceeded by 1: 2 allowed, 2 used, 1 more requested",
  });
});

Deno.test("a reservation takes slots of others when the limit is learned late", async () => {
  const harness = setup(OPEN_PLAN, { bot: 1 });
  const { desired, quota } = harness.subscriptions;
  const acknowledge = (...quotes: string[]) => harness.acknowledge({ quotes });
  harness.attach();
  const others = { identity: "jwt" };
  harness.open(others, "A", "B");
  await harness.clock.advance(1);
  acknowledge("A", "B");
  harness.open(others, "C");
  await harness.clock.advance(1);
  harness.manager.rejected({ code: 405, message: "symbol limit exceeded" });
  await harness.clock.advance(1);
  assert.equal(quota.limit, 2);
  harness.open(BOT, "X");
  await harness.clock.advance(1);
  const has = (symbol: string) => desired.has({ channel: "quotes", symbol });
  assert.deepEqual(["X", "A", "B", "C"].map(has), [true, true, false, false]);
  assert.deepEqual(harness.asked.at(-1), "unsubscribe quotes:B");
  acknowledge("A");
  assert.deepEqual(harness.asked.at(-1), "subscribe quotes:X");
  acknowledge("A", "X");
  harness.close(BOT, "X");
  await harness.clock.advance(1);
  assert.deepEqual(harness.asked.at(-1), "unsubscribe quotes:X");
  acknowledge("A");
  assert.deepEqual(harness.asked.at(-1), "subscribe quotes:B");
});

Deno.test("reservations above a learned limit are logged once, with both numbers", async () => {
  const harness = setup(OPEN_PLAN, { bot: 3 });
  harness.attach();
  harness.open(BOT, "A", "B");
  for (const carried of [["A"], ["A"]]) {
    await harness.clock.advance(1);
    harness.acknowledge({ quotes: carried });
    await harness.clock.advance(1);
    harness.manager.rejected({ code: 405, message: "symbol limit exceeded" });
  }
  const lines = harness.log.records.filter(({ message }) => message.includes("reservedSlots"));
  assert.deepEqual(lines.map(({ fields }) => [fields.quota, fields.reserved]), [[1, 3]]);
});

/** Replies to each request as an upstream that carries at most `limit` quotes. */
function playUpstream(harness: ManagerHarness, limit: number): ReadonlySet<string> {
  const carried = new Set<string>();
  harness.attach().onRequest = ({ action, pairs }) =>
    queueMicrotask(() => {
      const next = new Set(carried);
      for (const { symbol } of pairs) {
        if (action === "subscribe") next.add(symbol);
        else next.delete(symbol);
      }
      if (next.size > limit) {
        return harness.manager.rejected({ code: 405, message: "symbol limit exceeded" });
      }
      carried.clear();
      for (const symbol of next) carried.add(symbol);
      harness.acknowledge({ quotes: [...next] });
    });
  return carried;
}

for (const isKnown of [true, false]) {
  const title = isKnown ? "a configured limit" : "a limit that is learned";
  Deno.test(`reserved symbols are carried in any history under ${title}`, async () => {
    const symbols = fc.uniqueArray(fc.constantFrom(..."ABCDEFGH"), { minLength: 1, maxLength: 4 });
    const step = fc.record({
      identity: fc.constantFrom("bot", "page", "jwt"),
      symbols,
      close: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 20 }), fc.nat(4), async (steps, reserved) => {
        const limit = 5;
        const harness = setup(isKnown ? limited(limit) : OPEN_PLAN, { bot: reserved });
        const carried = playUpstream(harness, limit);
        await harness.clock.advance(1);
        const open: { readonly holder: Holder; readonly symbols: readonly string[] }[] = [];
        for (const { identity, symbols, close } of steps) {
          const holder = { identity };
          const at = open.findIndex(({ holder }) => holder.identity === identity);
          const [stream] = close && at >= 0 ? open.splice(at, 1) : [];
          if (stream) harness.close(stream.holder, ...stream.symbols);
          else {
            try {
              harness.open(holder, ...symbols);
              open.push({ holder, symbols });
            } catch (error) {
              assert.ok(error instanceof QuotaExceeded);
              const held = new Set(
                open.filter(({ holder }) => holder.identity === identity)
                  .flatMap(({ symbols }) => symbols),
              );
              const all = held.union(new Set(symbols));
              assert.ok(identity !== "bot" || all.size > reserved, "a reservation is refused");
            }
          }
          await harness.clock.advance(5_000);
          const { shares } = harness.subscriptions;
          const claimed = [...harness.subscriptions.refCounts.pairs()]
            .filter((pair) => shares?.isReserved(pair));
          for (const { symbol } of claimed) assert.ok(carried.has(symbol), `${symbol} waits`);
        }
        await harness[Symbol.asyncDispose]();
      }),
      { numRuns: 300 },
    );
  });
}
