import assert from "node:assert/strict";
import {
  type CountingRule,
  type Plan,
  planLimit,
} from "../../../../src/domain/subscription/quota.ts";
import { UPSTREAM_CHANNELS } from "../../../../src/domain/subscription/pairs.ts";
import { DEFAULT_COUNTING } from "../../../support/subscriptions.ts";

/** Channels that no limit counts by default. */
const UNCOUNTED = UPSTREAM_CHANNELS.slice(2);

/** Plan, feed, pairs, channels on which `*` may be asked for. */
const TABLE: readonly (readonly [
  Plan,
  "sip" | "opra",
  number | undefined,
  readonly string[],
])[] = [
  [{ name: "auto" }, "sip", undefined, UPSTREAM_CHANNELS],
  [{ name: "auto" }, "opra", undefined, ["trades"]],
  [{ name: "unlimited" }, "sip", undefined, UPSTREAM_CHANNELS],
  [{ name: "unlimited" }, "opra", undefined, ["trades"]],
  [{ name: "basic" }, "sip", 30, UNCOUNTED],
  [{ name: "basic" }, "opra", 200, ["trades"]],
  [{ name: "plus" }, "sip", undefined, UPSTREAM_CHANNELS],
  [{ name: "plus" }, "opra", 1000, ["trades"]],
  [{ name: "explicit", stocks: 5, options: undefined }, "sip", 5, UNCOUNTED],
  [
    { name: "explicit", stocks: 5, options: undefined },
    "opra",
    undefined,
    ["trades"],
  ],
  [
    { name: "explicit", stocks: undefined, options: 7 },
    "sip",
    undefined,
    UPSTREAM_CHANNELS,
  ],
  [{ name: "explicit", stocks: undefined, options: 7 }, "opra", 7, ["trades"]],
  [{ name: "explicit", stocks: 0, options: 0 }, "sip", 0, UNCOUNTED],
];

for (const [plan, feed, pairs, wildcards] of TABLE) {
  const limits = `${pairs ?? "any number of"} pairs and * for ${wildcards}`;
  Deno.test(`${JSON.stringify(plan)} allows ${limits} on ${feed}`, () => {
    const limit = planLimit(plan, { feed, counting: DEFAULT_COUNTING });
    assert.equal(limit.pairs, pairs);
    assert.deepEqual([...limit.wildcards], wildcards);
    const counts = feed === "sip" ? ["trades", "quotes"] : ["quotes"];
    assert.deepEqual([...limit.counts], counts);
  });
}

Deno.test("* may be requested on a channel that does not count", () => {
  const counting: CountingRule = {
    stocks: new Set(["quotes"]),
    options: new Set(["trades", "quotes"]),
  };
  const stocks = planLimit({ name: "basic" }, { feed: "sip", counting });
  assert.deepEqual([...stocks.wildcards], ["trades", ...UNCOUNTED]);
  const options = planLimit({ name: "basic" }, { feed: "opra", counting });
  assert.deepEqual([...options.counts], ["trades", "quotes"]);
});
