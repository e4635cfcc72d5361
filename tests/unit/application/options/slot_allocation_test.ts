/** Contracts of selections within the shares of identities. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { Expansion } from "../../../../src/application/options/expansion.ts";
import { SlotAllocation } from "../../../../src/application/options/slot_allocation.ts";
import { DEFAULT_SELECTION } from "../../../../src/domain/options/selection.ts";
import type { Holder } from "../../../../src/domain/subscription/identity_shares.ts";
import { ManagerHarness } from "../feeds/manager_harness.ts";

const NO_SLOTS: Readonly<Record<string, number>> = {};

/** A manager with a quota of quotes, and selections of contracts that tests set. */
function setup(slots: number, reserved = NO_SLOTS) {
  const { manager } = new ManagerHarness({
    plan: { pairs: slots, counts: new Set(["quotes"]), wildcards: new Set(), isOpen: false },
    reserved: new Map(Object.entries(reserved)),
  });
  const allocation = new SlotAllocation(manager);
  const expansions: Expansion[] = [];
  const select = (underlying: string, count: number, ...holders: Holder[]) => {
    const expansion = new Expansion({ underlying, selection: DEFAULT_SELECTION }, 0);
    for (const holder of holders) expansion.addStream("quotes", holder);
    expansion.desired = Array.from({ length: count }, (_, at) => `${underlying}${at}`);
    expansions.push(expansion);
    return expansion;
  };
  const name = (holder: Holder, ...symbols: string[]) => {
    manager.checkQuota("quotes", symbols, holder);
    manager.add("quotes", symbols, "stream", holder);
  };
  const allocate = () => {
    allocation.allocate(expansions);
    return expansions.map(({ assigned }) => assigned.size);
  };
  const usedBy = () =>
    Object.fromEntries(
      (manager.reportQuota().shares ?? []).map(({ identity, used }) => [identity, used]),
    );
  return { manager, select, name, allocate, usedBy };
}

const A = { identity: "a" };
const B = { identity: "b" };

Deno.test("contracts of an identity leave the slots that are reserved for another", () => {
  const { select, allocate, usedBy } = setup(10, { b: 4 });
  select("SPY", 50, A);
  assert.deepEqual(allocate(), [6]);
  select("QQQ", 50, B);
  const [ofA = 0, ofB = 0] = allocate();
  assert.ok(ofB >= 4);
  assert.equal(ofA + ofB, 10);
  assert.deepEqual(usedBy(), { b: ofB, _other: ofA });
});

Deno.test("contracts and named symbols of an identity share its maximum", () => {
  const { select, name, allocate, usedBy } = setup(10, { a: 0 });
  const half = { identity: "a", maxShare: 0.5 };
  name(half, "SPY0", "X");
  const spy = select("SPY", 50, half);
  assert.deepEqual(allocate(), [4], "SPY0 counts once");
  assert.deepEqual(usedBy(), { a: 5, _other: 0 });
  assert.equal(spy.mayHold, 5, "its report states this limit");
  select("QQQ", 50, B);
  assert.deepEqual(allocate()[1], 5);
});

Deno.test("named symbols take the slots of contracts, of the same identity too", () => {
  const { select, name, allocate } = setup(4, { a: 0 });
  select("SPY", 50, A);
  assert.deepEqual(allocate(), [4]);
  name(A, "W", "X", "Y");
  assert.deepEqual(allocate(), [1]);
});

Deno.test("a selection that identities share has the contracts that fit for one of them", () => {
  const { select, allocate, usedBy } = setup(10, { a: 0, b: 0 });
  const small = { identity: "a", maxShare: 0.2 };
  const shared = select("SPY", 8, small, B);
  assert.deepEqual(allocate(), [8]);
  assert.deepEqual(usedBy(), { a: 2, b: 8, _other: 0 });
  shared.removeStream("quotes", B);
  assert.deepEqual(allocate(), [2]);
});

Deno.test("without a policy nothing but the quota limits contracts", () => {
  const { manager } = new ManagerHarness({
    plan: { pairs: 5, counts: new Set(["quotes"]), wildcards: new Set(), isOpen: false },
  });
  const expansion = new Expansion({ underlying: "SPY", selection: DEFAULT_SELECTION }, 0);
  expansion.addStream("quotes", { identity: "" });
  expansion.desired = ["A", "B", "C", "D", "E", "F"];
  new SlotAllocation(manager).allocate([expansion]);
  assert.equal(expansion.assigned.size, 5);
  assert.equal(manager.reportQuota().shares, undefined);
});

Deno.test("with any selections reservations stay free and the quota holds", () => {
  const identity = fc.constantFrom("a", "b", "c");
  const selection = fc.record({
    identity,
    underlying: fc.constantFrom("X", "Y"),
    count: fc.nat(9),
  });
  const named = fc.record({ identity, symbol: fc.constantFrom("X0", "X1", "Y0", "N1", "N2") });
  fc.assert(
    fc.property(
      fc.array(selection, { maxLength: 5 }),
      fc.array(named, { maxLength: 8 }),
      fc.record({ a: fc.nat(5), b: fc.nat(5) }),
      (selections, names, reserved) => {
        const { manager, select, name, allocate, usedBy } = setup(10, reserved);
        for (const { identity, symbol } of names) {
          try {
            name({ identity }, symbol);
          } catch {
            // It exceeds what is left for the identity.
          }
        }
        for (const { identity, underlying, count } of selections) {
          select(underlying, count, { identity });
        }
        allocate();
        const used = usedBy();
        const free = (["a", "b"] as const)
          .reduce((sum, each) => sum + Math.max(0, reserved[each] - (used[each] ?? 0)), 0);
        assert.ok(manager.reportQuota().used + free <= 10);
      },
    ),
    { numRuns: 500 },
  );
});
