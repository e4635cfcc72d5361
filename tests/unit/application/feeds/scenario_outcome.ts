/**
 * How a subscription scenario is to end.
 *
 * @module
 */
import assert from "node:assert/strict";
import { isDeepStrictEqual } from "node:util";
import { type Pair, WILDCARD } from "../../../../src/domain/subscription/pairs.ts";
import { keysOf } from "../../domain/subscription/scripted_upstream.ts";
import type { Scene, Step } from "./scenario_steps.ts";
import { Scenario } from "./subscription_scenario.ts";

/** More heartbeats than pairs that a scenario can name, each way. */
const MAX_HEARTBEATS = 48;

/** A scene and what happens in it. */
export interface Script {
  readonly scene: Scene;
  readonly steps: readonly Step[];
}

/** Plays a script to its end, and on until all is acknowledged and idle. */
export async function played({ scene, steps }: Script): Promise<Scenario> {
  const scenario = new Scenario(scene);
  for (const step of steps) await scenario.play(step);
  scenario.upstream.faults = 0;
  await scenario.rest();
  const { subscriptions, upstream } = scenario;
  // A probe is rejected while it names a pair that is not subscribed; each such
  // rejection corrects one wrong acknowledgement.
  for (let beat = 0; beat < MAX_HEARTBEATS; beat++) {
    await scenario.play({ do: "probe" });
    await scenario.rest();
    if (
      isDeepStrictEqual(
        keysOf(subscriptions.reconciler.acknowledged),
        keysOf(upstream.state),
      )
    ) break;
  }
  assert.deepEqual(
    keysOf(subscriptions.reconciler.acknowledged),
    keysOf(upstream.state),
  );
  assert.deepEqual([...subscriptions.refCounts.lingering()], []);
  return scenario;
}

/** The requested pairs that upstream accepts, by key. */
export function obtainable(
  { subscriptions, upstream, held }: Scenario,
): Map<string, Pair> {
  const pairs = new Map<string, Pair>();
  for (const [key, pair] of held) {
    const { channel, symbol } = pair;
    if (upstream.rejectionOf(pair) === undefined) {
      const isAsked = symbol !== WILDCARD ||
        subscriptions.quota.allowsWildcard(channel);
      if (isAsked) pairs.set(key, pair);
    }
  }
  return pairs;
}

/** Every obtainable pair is subscribed, as far as the limit has slots. */
export function assertExact(
  scenario: Scenario,
  limit: number | undefined,
): void {
  const { upstream } = scenario;
  const wanted = obtainable(scenario);
  const subscribed = keysOf(upstream.state);
  const { counts } = scenario.scene.plan;
  const isCounted = ([, { channel, symbol }]: readonly [string, Pair]) =>
    symbol !== WILDCARD && counts.has(channel);
  const needPlaces = [...wanted].filter(isCounted);
  if (limit === undefined || needPlaces.length <= limit) {
    assert.deepEqual(subscribed, [...wanted.keys()].sort());
    return;
  }
  const free = [...wanted].filter((each) => !isCounted(each));
  for (const [key] of free) assert.ok(subscribed.includes(key), `${key} is free`);
  for (const key of subscribed) assert.ok(wanted.has(key), `${key} is surplus`);
  assert.equal(subscribed.length, free.length + limit, "every slot is used");
}
