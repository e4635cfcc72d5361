/**
 * How a story of a feed's demand is to end.
 *
 * @module
 */
import assert from "node:assert/strict";
import { isDeepStrictEqual } from "node:util";
import {
  type Pair,
  pairKey,
  WILDCARD,
} from "../../../../src/domain/subscription/symbol_sets.ts";
import { keysOf } from "../../domain/subscription/scripted_upstream.ts";
import type { Scene, Step } from "./demand_steps.ts";
import { Story } from "./demand_story.ts";

/** More heartbeats than pairs that a story can name, each way. */
const MAX_HEARTBEATS = 48;

/** A scene and what happens in it. */
export interface Script {
  readonly scene: Scene;
  readonly steps: readonly Step[];
}

/** Plays a script to its end, and on until all is quiet and the truth heard. */
export async function played({ scene, steps }: Script): Promise<Story> {
  const story = new Story(scene);
  for (const step of steps) await story.play(step);
  story.upstream.faults = 0;
  await story.rest();
  const { book, upstream } = story;
  // A heartbeat's question is refused while it names what is not carried; every
  // such refusal is one lie less.
  for (let beat = 0; beat < MAX_HEARTBEATS; beat++) {
    await story.play({ do: "ask" });
    await story.rest();
    if (
      isDeepStrictEqual(
        keysOf(book.ledger.acknowledged),
        keysOf(upstream.state),
      )
    ) break;
  }
  assert.deepEqual(keysOf(book.ledger.acknowledged), keysOf(upstream.state));
  assert.deepEqual([...book.interest.lingering()], []);
  return story;
}

/** The wanted pairs that upstream accepts, by key. */
export function obtainable({ book, upstream, held }: Story): Map<string, Pair> {
  const pairs = new Map<string, Pair>();
  for (const [key, pair] of held) {
    const { channel, symbol } = pair;
    if (upstream.refusal(pair) === undefined) {
      const isAsked = symbol !== WILDCARD ||
        book.budget.allowsWildcard(channel);
      if (isAsked) pairs.set(key, pair);
    }
  }
  return pairs;
}

/** Upstream carries what can be had, and as much of it as it has places for. */
export function assertExact(story: Story, limit: number | undefined): void {
  const { upstream } = story;
  const wanted = obtainable(story);
  const carried = keysOf(upstream.state);
  const { counts } = story.scene.plan;
  const isCounted = ([, { channel, symbol }]: readonly [string, Pair]) =>
    symbol !== WILDCARD && counts.has(channel);
  const needPlaces = [...wanted].filter(isCounted);
  if (limit === undefined || needPlaces.length <= limit) {
    assert.deepEqual(carried, [...wanted.keys()].sort());
    return;
  }
  const free = [...wanted].filter((each) => !isCounted(each));
  for (const [key] of free) assert.ok(carried.includes(key), `${key} is free`);
  for (const key of carried) assert.ok(wanted.has(key), `${key} is surplus`);
  assert.equal(carried.length, free.length + limit, "every place is used");
}
