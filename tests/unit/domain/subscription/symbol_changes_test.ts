import assert from "node:assert/strict";
import fc from "fast-check";
import { symbolChanges } from "../../../../src/domain/subscription/symbol_changes.ts";
import { UPSTREAM_CHANNELS } from "../../../../src/domain/subscription/pairs.ts";
import { symbolSets } from "../../../support/subscriptions.ts";

const symbols = fc.uniqueArray(fc.constantFrom("A", "B", "C", "*"));
const state = fc.uniqueArray(fc.tuple(fc.constantFrom(...UPSTREAM_CHANNELS), symbols), {
  selector: ([channel]) => channel,
}).map(symbolSets);

Deno.test("the changes lead from one state to the other, and name only what differs", () => {
  fc.assert(fc.property(state, state, (before, after) => {
    const changes = new Map(
      symbolChanges(before, after).map((change) => [change.channel, change]),
    );
    for (const channel of UPSTREAM_CHANNELS) {
      const old = before.get(channel) ?? new Set<string>();
      const now = after.get(channel) ?? new Set<string>();
      const { added, removed } = changes.get(channel) ?? { added: [], removed: [] };
      assert.deepEqual(new Set(added), now.difference(old));
      assert.deepEqual(new Set(removed), old.difference(now));
      if (changes.has(channel)) assert.ok(added.length + removed.length > 0);
    }
  }));
});
