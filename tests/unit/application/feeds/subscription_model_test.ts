import assert from "node:assert/strict";
import fc from "fast-check";
import { type Plan, planLimit } from "../../../../src/domain/subscription/quota.ts";
import {
  pairKey,
  pairsOf,
  type SymbolSets,
  UPSTREAM_CHANNELS,
  type UpstreamChannel,
} from "../../../../src/domain/subscription/pairs.ts";
import { keysOf } from "../../domain/subscription/scripted_upstream.ts";
import { assertExact, obtainable, played, type Script } from "./scenario_outcome.ts";
import type { Scene, Step } from "./scenario_steps.ts";
import { Scenario } from "./subscription_scenario.ts";
import type { Truth } from "./model_upstream.ts";
import { DEFAULT_COUNTING } from "../../../support/subscriptions.ts";

const SYMBOLS = ["A", "BB", "CCC", "DDDD", "EEEEE", "FFFFFF", "BAD", "*"];
const STOCK_CHANNELS = UPSTREAM_CHANNELS;
const OPTION_CHANNELS: readonly UpstreamChannel[] = ["trades", "quotes"];

const bad = fc.constantFrom<ReadonlyMap<string, number>>(
  new Map(),
  new Map(
    UPSTREAM_CHANNELS.map((channel) => [`${channel} BAD`, 400] as const),
  ),
  new Map([["quotes BAD", 409], ["trades BAD", 410], ["quotes A", 413]]),
);
const shape = {
  limits: fc.record({
    maxPairs: fc.integer({ min: 1, max: 6 }),
    maxBytes: fc.integer({ min: 1, max: 40 }),
  }),
  graceMs: fc.constantFrom(0, 1_000, 30_000),
};

/** A feed, what is thought of its limits, and what they are. */
function sceneOf(
  thought: fc.Arbitrary<Plan>,
  options: {
    readonly limit: (plan: Plan) => fc.Arbitrary<number>;
    readonly bad?: fc.Arbitrary<ReadonlyMap<string, number>>;
  },
): fc.Arbitrary<Scene> {
  return fc.tuple(thought, fc.constantFrom("sip" as const, "opra" as const))
    .chain(([plan, feed]) => {
      const counting = DEFAULT_COUNTING;
      const counts = feed === "sip" ? counting.stocks : counting.options;
      const truth: fc.Arbitrary<Truth> = fc.record({
        limit: options.limit(plan),
        bad: options.bad ?? bad,
      }).map(({ limit, bad }) => ({
        limit,
        bad,
        counts,
        wildcards: new Set(
          UPSTREAM_CHANNELS.filter((channel) =>
            feed === "opra" ? channel === "trades" : limit === Infinity || !counts.has(channel)
          ),
        ),
        wildcardError: feed === "opra" ? 413 : 405,
      }));
      return fc.record({
        ...shape,
        truth,
        plan: fc.constant(planLimit(plan, { feed, counting })),
      });
    });
}

const small = fc.integer({ min: 0, max: 8 });
const explicit: fc.Arbitrary<Plan> = small.map((pairs) => ({
  name: "explicit",
  stocks: pairs,
  options: pairs,
}));
const auto: fc.Arbitrary<Plan> = fc.constant({ name: "auto" });

/** The plan is what the account has. */
const wellKnown = sceneOf(fc.oneof(explicit, auto), {
  limit: (plan) => fc.constant(plan.name === "explicit" ? plan.stocks ?? 0 : Infinity),
});
/** The account has a limit that is not configured. */
const unknown = sceneOf(auto, {
  limit: () => fc.oneof(small, fc.constant(Infinity)),
});
/** The account's limit differs from the configured one. */
const anyScene = sceneOf(
  fc.oneof(explicit, auto, fc.constant<Plan>({ name: "basic" })),
  { limit: () => fc.oneof(small, fc.constant(Infinity)) },
);

const channel = (scene: Scene) =>
  fc.constantFrom(
    ...(scene.truth.wildcardError === 413 ? OPTION_CHANNELS : STOCK_CHANNELS),
  );
const symbols = fc.uniqueArray(fc.constantFrom(...SYMBOLS), {
  minLength: 1,
  maxLength: 5,
});
const open = (scene: Scene): fc.Arbitrary<Step> =>
  fc.record({
    do: fc.constant("open" as const),
    channel: channel(scene),
    symbols,
    admitted: fc.boolean(),
  });
const close: fc.Arbitrary<Step> = fc.record({
  do: fc.constantFrom("close" as const, "change" as const),
  which: fc.nat(),
});
const forget: fc.Arbitrary<Step> = fc.record({
  do: fc.constant("forget" as const),
  which: fc.nat(),
});
const wait: fc.Arbitrary<Step> = fc.record({
  do: fc.constant("pass" as const),
  ms: fc.constantFrom(0, 500, 1_000, 5_000),
});
const answer: fc.Arbitrary<Step> = fc.constant({ do: "answer" });
const connection: fc.Arbitrary<Step> = fc.constantFrom<Step>(
  { do: "drop" },
  { do: "connect" },
  { do: "connect" },
  { do: "probe" },
);
/** Answers late or lost, and faults of upstream: everything said is true. */
const trouble: fc.Arbitrary<Step> = fc.constantFrom<Step>(
  { do: "process" },
  { do: "deliver" },
  { do: "lose request" },
  { do: "lose answer" },
  { do: "fault" },
  { do: "wait", ms: 10_000 },
);
const lie = (scene: Scene): fc.Arbitrary<Step> =>
  fc.oneof(
    fc.constant<Step>({ do: "repeat" }),
    fc.record({
      do: fc.constant("contradict" as const),
      state: fc.array(
        fc.tuple(channel(scene), fc.uniqueArray(fc.constantFrom(...SYMBOLS))),
        { maxLength: 3 },
      ).map((lists): SymbolSets =>
        new Map(lists.map(([channel, symbols]) => [channel, new Set(symbols)]))
      ),
    }),
  );

function scriptOf(
  scenes: fc.Arbitrary<Scene>,
  ...more: ((scene: Scene) => fc.Arbitrary<Step>)[]
): fc.Arbitrary<Script> {
  return scenes.chain((scene) =>
    fc.record({
      scene: fc.constant(scene),
      steps: fc.array(
        fc.oneof(
          open(scene),
          open(scene),
          close,
          answer,
          answer,
          wait,
          connection,
          ...more.map((each) => each(scene)),
        ),
        { maxLength: 80, size: "max" },
      ),
    })
  );
}

Deno.test("with a correct plan upstream never answers 405, and every slot is used", async () => {
  await fc.assert(
    fc.asyncProperty(scriptOf(wellKnown), async (script) => {
      const scenario = new Scenario(script.scene);
      const { process } = scenario.upstream;
      scenario.upstream.process = function () {
        process.call(this);
        const last = this.answers.at(-1);
        assert.ok(!last || !("error" in last) || last.error.code !== 405);
      };
      for (const step of script.steps) await scenario.play(step);
      await scenario.rest();
      assertExact(scenario, script.scene.plan.pairs);
      const { reconciler } = scenario.subscriptions;
      assert.deepEqual(
        keysOf(reconciler.acknowledged),
        keysOf(scenario.upstream.state),
      );
      for (const { error, ...pair } of reconciler.rejections) {
        assert.equal(error.code, scenario.upstream.rejectionOf(pair));
      }
      await scenario.end();
    }),
    { numRuns: 800 },
  );
});

Deno.test("a learned limit is used to its last slot", async () => {
  await fc.assert(
    fc.asyncProperty(scriptOf(unknown), async (script) => {
      const scenario = await played(script);
      const { quota } = scenario.subscriptions;
      if (quota.limit !== undefined) {
        assert.ok(quota.learned);
        assert.ok(quota.limit <= script.scene.truth.limit);
      }
      assertExact(scenario, script.scene.truth.limit);
      await scenario.end();
    }),
    { numRuns: 800 },
  );
});

Deno.test("symbols that upstream drops are subscribed again after a probe", async () => {
  await fc.assert(
    fc.asyncProperty(
      scriptOf(unknown, () => forget, () => forget),
      async (script) => {
        const scenario = await played(script);
        assertExact(scenario, script.scene.truth.limit);
        await scenario.end();
      },
    ),
    { numRuns: 800 },
  );
});

Deno.test("with lost replies and disconnects, only rejected symbols are missing", async () => {
  await fc.assert(
    fc.asyncProperty(
      scriptOf(anyScene, () => trouble, () => trouble),
      async (script) => {
        const scenario = await played(script);
        const wanted = obtainable(scenario);
        const { rejections } = scenario.subscriptions.reconciler;
        const rejected = new Set(rejections.map(pairKey));
        for (const { error: { code } } of rejections) {
          assert.ok(code >= 400 && code < 500, `given up for ${code}`);
        }
        const waiting = new Set(
          scenario.subscriptions.desired.waiting.map(pairKey),
        );
        const subscribed = new Set(keysOf(scenario.upstream.state));
        for (const key of subscribed) {
          assert.ok(wanted.has(key), `${key} is surplus`);
        }
        for (const key of wanted.keys()) {
          const isHad = subscribed.has(key) || rejected.has(key) ||
            waiting.has(key);
          assert.ok(isHad, `${key} is missing`);
        }
        // A new connection forgives everything but what the plan has taught.
        scenario.drop();
        await scenario.rest();
        const { plan, truth } = script.scene;
        assertExact(scenario, Math.min(truth.limit, plan.pairs ?? Infinity));
        await scenario.end();
      },
    ),
    { numRuns: 800 },
  );
});

Deno.test("with repeated and contradicting replies the true state is reached", async () => {
  await fc.assert(
    fc.asyncProperty(
      scriptOf(anyScene, () => trouble, lie, lie),
      async (script) => {
        const scenario = await played(script);
        const wanted = obtainable(scenario);
        for (const pair of pairsOf(scenario.upstream.state)) {
          const key = pairKey(pair);
          // A `*` that upstream made up is kept where a stream requests it, allowed
          // or not.
          const isOfUse = wanted.has(key) ||
            scenario.subscriptions.desired.isRequested(pair);
          assert.ok(isOfUse, `${key} is surplus`);
        }
        scenario.drop();
        await scenario.rest();
        const { plan, truth } = script.scene;
        assertExact(scenario, Math.min(truth.limit, plan.pairs ?? Infinity));
        await scenario.end();
      },
    ),
    { numRuns: 800 },
  );
});
