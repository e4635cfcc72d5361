import { planLimit } from "../../../../src/domain/subscription/quota.ts";
import type { UpstreamChannel } from "../../../../src/domain/subscription/pairs.ts";
import { assertExact, played } from "./scenario_outcome.ts";
import type { Step } from "./scenario_steps.ts";
import { DEFAULT_COUNTING } from "../../../support/subscriptions.ts";

const SIP = DEFAULT_COUNTING.stocks;
const AUTO = planLimit({ name: "auto" }, {
  feed: "sip",
  counting: DEFAULT_COUNTING,
});

Deno.test("a repeated reply does not make an uncounted channel count for good", async () => {
  const scenario = await played({
    scene: {
      plan: AUTO,
      limits: { maxPairs: 1, maxBytes: 15 },
      graceMs: 30_000,
      truth: {
        limit: 1,
        bad: new Map([["bars BAD", 400]]),
        counts: SIP,
        wildcards: new Set(["bars"]),
        wildcardError: 405,
      },
    },
    steps: [
      openAll("bars", ["BAD", "A"]),
      openAll("trades", ["EEEEE", "A"]),
      { do: "change", which: 0 },
      { do: "connect" },
      { do: "answer" },
      { do: "repeat" },
      openAll("quotes", ["A"]),
    ],
  });
  scenario.drop();
  await scenario.rest();
  assertExact(scenario, 1);
  await scenario.end();
});

function openAll(channel: UpstreamChannel, symbols: readonly string[]): Step {
  return { do: "open", channel, symbols, admitted: false };
}
