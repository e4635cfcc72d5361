import assert from "node:assert/strict";
import fc from "fast-check";
import type { PlanLimit, SymbolQuota } from "../../../../src/domain/subscription/quota.ts";
import type { SymbolRefCounts } from "../../../../src/domain/subscription/ref_counts.ts";
import type { SubscriptionReconciler } from "../../../../src/domain/subscription/reconciler.ts";
import {
  type ChunkLimits,
  pairKey,
  type SubscriptionRequest,
  type SymbolSets,
  UPSTREAM_CHANNELS,
  type UpstreamChannel,
} from "../../../../src/domain/subscription/pairs.ts";
import { RECENT_MS } from "../../../../src/domain/subscription/rejections.ts";
import { type Answer, keysOf, ScriptedUpstream, type UpstreamRules } from "./scripted_upstream.ts";
import { NO_LIMIT, subscriptionsOf } from "../../../support/subscriptions.ts";

const SYMBOLS = ["A", "BB", "CCC", "DDDD", "EEEEE", "BAD", "WORSE", "*"];

type Step =
  | { readonly do: "want"; readonly channel: UpstreamChannel; symbol: string }
  | { readonly do: "leave"; readonly which: number }
  | { readonly do: "answer" }
  /** The answer is lost, or the request itself is; then the deadline passes. */
  | { readonly do: "lose"; readonly what: "answer" | "request" }
  /** The answer comes once more, as an old state. */
  | { readonly do: "repeat" }
  | { readonly do: "contradict"; readonly state: SymbolSets }
  /** Upstream rejects `requests` subscribes, of any symbols. */
  | { readonly do: "reject"; readonly code: number; readonly requests: number }
  /** The account's limit changes. */
  | { readonly do: "limit"; readonly to: number }
  | { readonly do: "pass"; readonly ms: number }
  | { readonly do: "probe" | "reconnect" };

const channel = fc.constantFrom(...UPSTREAM_CHANNELS);
const symbol = fc.constantFrom(...SYMBOLS);
const state = fc.array(fc.tuple(channel, fc.uniqueArray(symbol))).map((lists) =>
  new Map(lists.map(([channel, symbols]) => [channel, new Set(symbols)]))
);
const want: fc.Arbitrary<Step> = fc.record({
  do: fc.constant("want" as const),
  channel,
  symbol,
});
const leave: fc.Arbitrary<Step> = fc.record({
  do: fc.constant("leave" as const),
  which: fc.nat(),
});
const answer: fc.Arbitrary<Step> = fc.constant({ do: "answer" });
const fault: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    do: fc.constant("lose" as const),
    what: fc.constantFrom("answer" as const, "request" as const),
  }),
  fc.constant({ do: "repeat" as const }),
  fc.record({ do: fc.constant("contradict" as const), state }),
  fc.constant({ do: "probe" as const }),
  fc.constant({ do: "reconnect" as const }),
);
/** What passes: rejections of everything, and limits that rise and fall. */
const spell: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    do: fc.constant("reject" as const),
    code: fc.constantFrom(405, 405, 400, 413, 500),
    requests: fc.integer({ min: 1, max: 40 }),
  }),
  fc.record({
    do: fc.constant("limit" as const),
    to: fc.oneof(fc.constant(Infinity), fc.integer({ min: 0, max: 8 })),
  }),
  fc.record({
    do: fc.constant("pass" as const),
    ms: fc.constantFrom(1_000, 6_000, 61_000, 700_000),
  }),
  fc.constant({ do: "reconnect" as const }),
);
const limits: fc.Arbitrary<ChunkLimits> = fc.record({
  maxPairs: fc.integer({ min: 1, max: 6 }),
  maxBytes: fc.integer({ min: 1, max: 40 }),
});
const rules: fc.Arbitrary<UpstreamRules> = fc.record({
  quota: fc.oneof(fc.constant(Infinity), fc.integer({ min: 0, max: 8 })),
  rejected: fc.constantFrom<ReadonlyMap<string, number>>(
    new Map(),
    new Map([["BAD", 400]]),
    new Map([["BAD", 400], ["quotes *", 413], ["bars A", 410]]),
    new Map([["BAD", 400], ["WORSE", 409], ["*", 405]]),
  ),
});
const generous: fc.Arbitrary<UpstreamRules> = fc.constant({
  quota: Infinity,
  rejected: new Map(),
});

/** A reconciler, the streams that drive it and the upstream that it talks to. */
class Scenario {
  readonly refCounts: SymbolRefCounts;
  readonly quota: SymbolQuota;
  readonly reconciler: SubscriptionReconciler;
  readonly upstream: ScriptedUpstream;
  readonly limits: ChunkLimits;
  now = 0;
  readonly #held: { channel: UpstreamChannel; symbol: string }[] = [];
  #lastAnswer: Answer | undefined;

  constructor(
    rules: UpstreamRules,
    limits: ChunkLimits,
    plan: PlanLimit = NO_LIMIT,
  ) {
    this.limits = limits;
    const now = () => this.now;
    const { refCounts, quota, reconciler } = subscriptionsOf(limits, {
      plan,
      now,
    });
    this.refCounts = refCounts;
    this.quota = quota;
    this.reconciler = reconciler;
    this.upstream = new ScriptedUpstream(rules);
  }

  get requestedKeys(): string[] {
    return UPSTREAM_CHANNELS.flatMap((channel) =>
      [...this.refCounts.symbols(channel).keys()].map((symbol) => pairKey({ channel, symbol }))
    );
  }

  play(step: Step): void {
    switch (step.do) {
      case "want":
        this.#held.push(step);
        this.refCounts.add(step.channel, [step.symbol]);
        break;
      case "leave": {
        const at = step.which % Math.max(1, this.#held.length);
        const [left] = this.#held.splice(at, 1);
        if (left) this.refCounts.remove(left.channel, [left.symbol]);
        break;
      }
      case "answer":
        this.answerOnce();
        break;
      case "lose": {
        const request = this.ask();
        if (request && step.what === "answer") this.upstream.answer(request);
        this.reconciler.expire();
        break;
      }
      case "repeat":
        if (this.#lastAnswer) this.#tell(this.#lastAnswer);
        break;
      case "contradict":
        this.reconciler.acknowledge(step.state);
        break;
      case "probe":
        this.reconciler.probe();
        break;
      case "reject":
        this.upstream.rejecting = { ...step };
        break;
      case "limit":
        this.upstream.quota = step.to;
        break;
      case "pass":
        this.pass(step.ms);
        break;
      case "reconnect":
        this.reconciler.reset();
        this.upstream.reconnect();
        this.#lastAnswer = undefined;
    }
  }

  /** What is in flight, asking for the next thing if nothing is. */
  ask(): SubscriptionRequest | undefined {
    if (this.reconciler.inFlight) {
      assert.equal(this.reconciler.next(), undefined, "never two in flight");
      assert.equal(this.reconciler.probe(), undefined, "never two in flight");
      return this.reconciler.inFlight;
    }
    const request = this.reconciler.next();
    assert.equal(this.reconciler.inFlight, request);
    if (request) this.#check(request);
    return request;
  }

  /** One request and its answer; false when there was nothing to ask. */
  answerOnce(): boolean {
    const request = this.ask();
    if (request) this.#tell(this.upstream.answer(request));
    return request !== undefined;
  }

  /** Asks until nothing is left to ask; gives the number of requests. */
  drain(): number {
    for (let requests = 0; requests < 2_000; requests++) {
      if (!this.answerOnce()) return requests;
    }
    assert.fail("The reconciler does not converge");
  }

  /** Lets time pass, requesting what becomes due. */
  pass(ms: number): void {
    const end = this.now + ms;
    this.drain();
    for (let due = this.reconciler.dueAt; due !== undefined && due <= end;) {
      assert.ok(due > this.now, "what was due has been asked");
      this.now = due;
      this.drain();
      due = this.reconciler.dueAt;
    }
    this.now = end;
  }

  #tell(answer: Answer): void {
    this.#lastAnswer = answer;
    if ("state" in answer) this.reconciler.acknowledge(answer.state);
    else this.reconciler.reject(answer.error);
  }

  #check(request: SubscriptionRequest): void {
    const { pairs, action, probe } = request;
    // Asked after a request that nothing answered; it changes nothing.
    if (probe) return;
    const bytes = pairs.reduce((sum, { symbol }) => sum + symbol.length + 3, 0);
    assert.ok(pairs.length >= 1, "an empty request is not worth sending");
    assert.ok(pairs.length <= this.limits.maxPairs);
    assert.ok(pairs.length === 1 || bytes <= this.limits.maxBytes);
    assert.equal(new Set(pairs.map(pairKey)).size, pairs.length);
    for (const pair of pairs) {
      const wanted = this.refCounts.symbols(pair.channel).has(pair.symbol);
      assert.equal(wanted, action === "subscribe");
    }
  }
}

function stepsOf(...kinds: fc.Arbitrary<Step>[]): fc.Arbitrary<Step[]> {
  return fc.array(fc.oneof(...kinds), { maxLength: 80, size: "max" });
}

Deno.test("with a sound upstream, each symbol is requested once and subscribed", () => {
  fc.assert(
    fc.property(
      stepsOf(want, want, leave, answer),
      generous,
      limits,
      (steps, rules, limits) => {
        const scenario = new Scenario(rules, limits);
        for (const step of steps) scenario.play(step);
        scenario.drain();
        assert.deepEqual(
          keysOf(scenario.upstream.state),
          scenario.requestedKeys.sort(),
        );
        assert.deepEqual(
          keysOf(scenario.reconciler.acknowledged),
          keysOf(scenario.upstream.state),
        );
        const subscribed = new Set<string>();
        for (const { action, pairs } of scenario.upstream.requests) {
          for (const pair of pairs) {
            const key = pairKey(pair);
            assert.equal(
              subscribed.has(key),
              action === "unsubscribe",
              `${action} ${key} was asked for without need`,
            );
            if (action === "subscribe") subscribed.add(key);
            else subscribed.delete(key);
          }
        }
      },
    ),
    { numRuns: 1_000 },
  );
});

Deno.test("when idle, acknowledged is requested minus rejected, and every slot is used", () => {
  fc.assert(
    fc.property(
      stepsOf(want, want, leave, answer),
      rules,
      limits,
      (steps, rules, limits) => {
        const scenario = new Scenario(rules, limits);
        for (const step of steps) scenario.play(step);
        scenario.drain();
        const { reconciler, upstream } = scenario;
        const subscribed = keysOf(upstream.state);
        assert.deepEqual(keysOf(reconciler.acknowledged), subscribed);
        const rejected = new Set(reconciler.rejections.map(pairKey));
        for (const { error, ...pair } of reconciler.rejections) {
          assert.equal(error.code, upstream.rejectionOf(pair));
        }
        const limit = scenario.quota.limit ?? scenario.quota.ceiling;
        const obtainable = scenario.requestedKeys.filter((key) =>
          !rejected.has(key) && !isRejectedWildcard(scenario, key)
        );
        if (limit === undefined) {
          assert.deepEqual(subscribed, obtainable.sort());
          return;
        }
        assert.ok(subscribed.every((key) => obtainable.includes(key)));
        const slots = subscribed.filter((key) => !key.endsWith("*")).length;
        const named = obtainable.filter((key) => !key.endsWith("*")).length;
        assert.equal(slots, Math.min(limit, named), "every slot is used");
      },
    ),
    { numRuns: 2_000 },
  );
});

Deno.test("lost, late, repeated and contradicting replies are corrected", () => {
  fc.assert(
    fc.property(
      stepsOf(want, want, leave, answer, answer, fault),
      generous,
      limits,
      (steps, rules, limits) => {
        const scenario = new Scenario(rules, limits);
        for (const step of steps) scenario.play(step);
        scenario.drain();
        // A probe shows the truth again, as the heartbeat does on a quiet link.
        if (scenario.reconciler.probe()) scenario.answerOnce();
        scenario.drain();
        const { reconciler, upstream } = scenario;
        const rejected = new Set(reconciler.rejections.map(pairKey));
        const wanted = new Set(scenario.requestedKeys);
        const subscribed = new Set(keysOf(upstream.state));
        assert.deepEqual(keysOf(reconciler.acknowledged), [...subscribed].sort());
        for (const key of wanted) {
          assert.ok(subscribed.has(key) || rejected.has(key), `${key} is missing`);
        }
        for (const { error } of reconciler.rejections) {
          assert.equal(error.code, 0);
        }
      },
    ),
    { numRuns: 2_000 },
  );
});

Deno.test("after a reconnect everything requested is subscribed again", () => {
  fc.assert(
    fc.property(
      stepsOf(want, want, leave, answer, answer, fault),
      generous,
      limits,
      (steps, rules, limits) => {
        const scenario = new Scenario(rules, limits);
        for (const step of steps) scenario.play(step);
        scenario.play({ do: "reconnect" });
        assert.equal(scenario.reconciler.acknowledgedCount, 0);
        scenario.drain();
        assert.deepEqual(
          keysOf(scenario.upstream.state),
          scenario.requestedKeys.sort(),
        );
        assert.deepEqual(scenario.reconciler.rejections, []);
        assert.equal(scenario.quota.limit, undefined);
      },
    ),
    { numRuns: 1_000 },
  );
});

Deno.test("the reconciler converges with every kind of fault combined", () => {
  fc.assert(
    fc.property(
      stepsOf(want, want, leave, answer, answer, fault),
      rules,
      limits,
      (steps, rules, limits) => {
        const scenario = new Scenario(rules, limits);
        for (const step of steps) scenario.play(step);
        scenario.drain();
        assert.equal(scenario.reconciler.next(), undefined);
      },
    ),
    { numRuns: 2_000 },
  );
});

Deno.test("requests end for any sequence of replies", () => {
  const said = fc.oneof(
    state.map((state): Answer => ({ state })),
    fc.constantFrom(400, 405, 410, 413, 500).map((code): Answer => ({
      error: { code, message: "no" },
    })),
  );
  fc.assert(
    fc.property(
      fc.array(want, { minLength: 1, maxLength: 30, size: "max" }),
      fc.array(said, { minLength: 1, maxLength: 6 }),
      limits,
      (wants, answers, limits) => {
        const scenario = new Scenario(
          { quota: Infinity, rejected: new Map() },
          limits,
        );
        for (const step of wants) scenario.play(step);
        for (let turn = 0; turn < 2_000; turn++) {
          if (!scenario.ask()) return;
          const answer = answers[turn % answers.length];
          if (answer && "state" in answer) {
            scenario.reconciler.acknowledge(answer.state);
          } else if (answer) scenario.reconciler.reject(answer.error);
        }
        assert.fail("The reconciler does not converge");
      },
    ),
    { numRuns: 2_000 },
  );
});

const plans = fc.constantFrom<PlanLimit>(
  NO_LIMIT,
  { ...NO_LIMIT, isOpen: false },
  { ...NO_LIMIT, isOpen: false, pairs: 5 },
);

Deno.test("after rejections and changes of the limit, everything available is subscribed", () => {
  fc.assert(
    fc.property(
      stepsOf(want, want, leave, answer, answer, spell),
      rules,
      limits,
      plans,
      (steps, rules, limits, plan) => {
        const scenario = new Scenario(rules, limits, plan);
        for (const step of steps) scenario.play(step);
        const { reconciler, upstream, quota } = scenario;
        upstream.rejecting.requests = 0;
        // Longer than every interval, and than what was subscribed is remembered.
        scenario.pass(4 * 3_600_000);
        const subscribed = keysOf(upstream.state);
        assert.deepEqual(keysOf(reconciler.acknowledged), subscribed);
        const rejected = new Set<string>();
        for (const { error, ...pair } of reconciler.rejections) {
          const isBad = error.code === upstream.rejectionOf(pair);
          if (isBad) rejected.add(pairKey(pair));
          else {assert.ok(
              !quota.fits(pair, reconciler.acknowledged),
              "not asked",
            );}
        }
        const obtainable = scenario.requestedKeys.filter((key) =>
          !rejected.has(key) && !isRejectedWildcard(scenario, key)
        );
        const [wildcards, named] = partition(
          obtainable,
          (key) => key.endsWith("*"),
        );
        const isSubscribed = (key: string) => subscribed.includes(key);
        assert.ok(subscribed.every((key) => obtainable.includes(key)));
        assert.ok(wildcards.every(isSubscribed));
        const places = Math.min(upstream.quota, plan.pairs ?? Infinity);
        // Nothing is taken away when the limit falls below what is subscribed.
        const least = Math.min(places, named.length);
        assert.ok(
          named.filter(isSubscribed).length >= least,
          "a slot is left free",
        );
        if (!plan.isOpen) assert.equal(quota.limit, plan.pairs);
        else if (quota.limit !== undefined) {
          assert.ok(
            quota.limit >= Math.min(places, named.filter(isSubscribed).length),
          );
        }
      },
    ),
    { numRuns: 800 },
  );
});

Deno.test("recent symbols are subscribed again within 75 s of the last rejection", () => {
  const passing = spell.filter((step) =>
    step.do !== "limit" && !(step.do === "pass" && step.ms > RECENT_MS)
  );
  fc.assert(
    fc.property(
      stepsOf(want, want, leave, answer, answer, passing, passing),
      generous,
      limits,
      plans.filter(({ pairs }) => pairs === undefined),
      (steps, rules, limits, plan) => {
        const scenario = new Scenario(rules, limits, plan);
        const subscribedAt = new Map<string, number>();
        for (const step of steps) {
          scenario.play(step);
          for (const key of keysOf(scenario.reconciler.acknowledged)) {
            subscribedAt.set(key, scenario.now);
          }
        }
        const { upstream, requestedKeys, quota } = scenario;
        upstream.rejecting.requests = 0;
        // A limit that was learned has intervals of its own.
        assert.ok(plan.isOpen || quota.limit === undefined);
        if (quota.limit !== undefined) return;
        const end = scenario.now;
        scenario.pass(75_000);
        const subscribed = keysOf(upstream.state);
        for (const key of requestedKeys) {
          const at = subscribedAt.get(key) ?? -Infinity;
          if (end - at > RECENT_MS) continue;
          assert.ok(subscribed.includes(key), `${key} is missing`);
        }
      },
    ),
    { numRuns: 1_000 },
  );
});

function partition<T>(
  all: readonly T[],
  isFirst: (each: T) => boolean,
): [T[], T[]] {
  return [all.filter(isFirst), all.filter((each) => !isFirst(each))];
}

/** Whether a requested `*` is left out because upstream rejected it before. */
function isRejectedWildcard({ quota }: Scenario, key: string): boolean {
  const [channel, symbol] = key.split(" ");
  return symbol === "*" &&
    !quota.allowsWildcard(channel as UpstreamChannel);
}
