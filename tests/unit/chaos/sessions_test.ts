/** Sessions of the simulator: whether two hubs had some together, and how long a takeover took. */
import assert from "node:assert/strict";
import { overlaps, type SessionChange, takeoverMs } from "../../../scripts/chaos/sessions.ts";

function change(at: number, connections: number, sessions = connections): SessionChange {
  return { endpoint: "sip", at, connections, sessions };
}

Deno.test("two connections together are an overlap, unless one is of a suspended process", () => {
  const changes = [change(0, 1), change(5_000, 2, 1), change(5_050, 1), change(9_000, 0)];
  assert.equal(overlaps(changes, []).length, 1);
  assert.deepEqual(overlaps(changes, [{ from: 4_000, to: 6_000 }]), []);
  assert.equal(overlaps(changes, [{ from: 5_500, to: 6_000 }]).length, 1);
  assert.deepEqual(overlaps([change(0, 1), change(1_000, 0), change(1_001, 1)], []), []);
});

Deno.test("sessions of different endpoints do not overlap", () => {
  const changes = [change(0, 1), { ...change(10, 1), endpoint: "trading" }];
  assert.deepEqual(overlaps(changes, []), []);
});

Deno.test("a takeover takes from the fault until the next session", () => {
  const changes = [change(0, 1), change(1_000, 0), change(4_000, 1, 0), change(4_100, 1)];
  assert.equal(takeoverMs(changes, "sip", { from: 900, to: 5_000 }), 3_200);
  assert.equal(takeoverMs(changes, "sip", { from: 4_200, to: 5_000 }), undefined);
  assert.equal(takeoverMs(changes, "trading", { from: 900, to: 5_000 }), undefined);
});
