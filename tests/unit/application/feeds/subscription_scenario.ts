/**
 * The subscriptions of a feed, the streams that change them and a model of
 * upstream. Every request is checked against upstream's rules.
 *
 * @module
 */
import assert from "node:assert/strict";
import { QuotaExceeded } from "../../../../src/application/feeds/quota_check.ts";
import { SubscriptionManager } from "../../../../src/application/feeds/subscription_manager.ts";
import {
  createSubscriptions,
  type Subscriptions,
} from "../../../../src/domain/subscription/reconciler.ts";
import {
  hasPair,
  type Pair,
  pairKey,
  pairsOf,
  type SubscriptionRequest,
  type UpstreamChannel,
  WILDCARD,
} from "../../../../src/domain/subscription/pairs.ts";
import { RecordingEvents } from "../../../support/recording_events.ts";
import { ManualClock } from "../../../support/manual_clock.ts";
import { RecordingLog } from "../../../support/recording_log.ts";
import type { Scene, Step } from "./scenario_steps.ts";
import { type Answer, ModelUpstream } from "./model_upstream.ts";
import { CountingTracing, ScriptedSession } from "./scripted_feed.ts";

/** Deadline of an answer, ms. */
export const TIMEOUT = 10_000;

/** Pause after an error of upstream, ms. */
const PAUSE_MS = 1_000;

/**
 * How long nothing may happen but retests until all is quiet, ms: the interval
 * of a minute, and a second for each pair that is then tested.
 */
const QUIET_MS = 70_000;

interface Held {
  readonly channel: UpstreamChannel;
  readonly symbols: readonly string[];
}

/** An open stream, with the states of its symbols as they were reported. */
interface HeldStream extends Held {
  readonly states: Map<string, string>;
}

/** One run. */
export class Scenario {
  readonly clock = new ManualClock();
  readonly tracing = new CountingTracing();
  readonly events = new RecordingEvents();
  readonly upstream: ModelUpstream;
  readonly subscriptions: Subscriptions;
  readonly manager: SubscriptionManager;
  /** Every request of the connection that is up. */
  requests: SubscriptionRequest[] = [];
  /** Called for every request, after the rules were checked. */
  onRequest: (request: SubscriptionRequest) => void = () => {};
  readonly scene: Scene;
  readonly #streams: HeldStream[] = [];
  #session: ScriptedSession | undefined;
  #failed = false;
  #unansweredSince: number | undefined;
  #lastAnswer: Answer | undefined;
  #broken: unknown;
  /** How often each pair was acknowledged when a session was lost. */
  readonly #losses = new Map<string, number>();
  /** Pairs that the session has acknowledged. */
  readonly #acknowledged = new Set<string>();
  /** End of the pause after an error of upstream. */
  #pausedUntil = 0;
  readonly #covered = new Map<string, Pair>();
  /** Whether what upstream says is true, if possibly late. */
  #truthful = true;

  constructor(scene: Scene) {
    this.scene = scene;
    this.events.onStates = (channel, changes) => {
      const streams = this.#streams.filter((stream) => stream.channel === channel);
      for (const { symbol, state } of changes) {
        for (const { symbols, states } of streams) {
          if (symbols.includes(symbol)) states.set(symbol, state);
        }
      }
    };
    const { plan, truth, limits, graceMs } = scene;
    this.upstream = new ModelUpstream(truth);
    this.upstream.onChange = () => this.#checkCoverage();
    const now = () => this.clock.monotonic();
    this.subscriptions = createSubscriptions({
      plan,
      limits,
      graceMs,
      now,
    });
    this.manager = new SubscriptionManager({
      feed: "sip",
      subscriptions: this.subscriptions,
      replyTimeoutMs: TIMEOUT,
      clock: this.clock,
      log: new RecordingLog(),
      tracing: this.tracing,
      onRejection: () => {},
      events: this.events,
    });
  }

  /** Pairs that open streams hold. */
  get held(): Map<string, Pair> {
    const held = new Map<string, Pair>();
    for (const { channel, symbols } of this.#streams) {
      for (const symbol of symbols) {
        const pair = { channel, symbol };
        held.set(pairKey(pair), pair);
      }
    }
    return held;
  }

  async play(step: Step): Promise<void> {
    switch (step.do) {
      case "open":
        this.#open(step, step.admitted);
        break;
      case "close":
        this.#close(step.which);
        break;
      case "change": {
        const left = this.#close(step.which);
        if (left) this.#open(left, true);
        break;
      }
      case "forget":
        this.#truthful = false;
        this.upstream.forget(step.which);
        break;
      case "wait":
        await this.clock.advance(step.ms);
        break;
      case "pass": {
        const { requests, answers } = this.upstream;
        while (requests.length + answers.length > 0) {
          await this.play({ do: "answer" });
        }
        await this.clock.advance(step.ms);
        break;
      }
      case "contradict":
        this.#truthful = false;
        this.#tell({ state: step.state });
        break;
      case "answer":
        this.upstream.process();
        this.#deliver();
        break;
      case "process":
        this.upstream.process();
        break;
      case "deliver":
        this.#deliver();
        break;
      case "lose request":
        this.upstream.requests.shift();
        break;
      case "lose answer":
        this.upstream.process();
        this.upstream.answers.shift();
        break;
      case "repeat":
        this.#truthful = false;
        if (this.#lastAnswer) this.#tell(this.#lastAnswer);
        break;
      case "fault":
        this.upstream.faults++;
        break;
      case "probe":
        this.manager.probe();
        break;
      case "drop":
        this.drop();
        break;
      case "connect":
        this.connect();
    }
    await this.#settle();
  }

  /** A session is up, if none was. */
  connect(): void {
    if (this.#session) return;
    const session = this.#session = new ScriptedSession(this.clock);
    session.onRequest = (request) => this.#receive(session, request);
    session.ended.then(() => {
      if (this.#session === session) this.#failed = true;
    });
    this.manager.attach(session);
  }

  /** The session is gone. */
  drop(): void {
    if (!this.#session) return;
    this.#session = undefined;
    this.#failed = false;
    this.#unansweredSince = undefined;
    this.#lastAnswer = undefined;
    this.#truthful = true;
    this.requests = [];
    this.#covered.clear();
    this.upstream.disconnect();
    for (const pair of pairsOf(this.subscriptions.reconciler.acknowledged)) {
      const key = pairKey(pair);
      this.#losses.set(key, (this.#losses.get(key) ?? 0) + 1);
    }
    this.#acknowledged.clear();
    this.#pausedUntil = 0;
    this.manager.detach();
  }

  /**
   * Lets upstream be sound until nothing happens any more, or nothing for
   * `quietMs` but retests of what it rejects.
   */
  async rest(quietMs = QUIET_MS): Promise<void> {
    let since = this.clock.monotonic();
    for (let turn = 0; turn < 5_000; turn++) {
      this.connect();
      await this.#settle();
      const { requests, answers } = this.upstream;
      const { nextWakeIn } = this.clock;
      const isQuiet = this.clock.monotonic() - since >= quietMs;
      if (requests.length + answers.length > 0) {
        const isRetest = this.subscriptions.reconciler.retesting !== undefined;
        if (!isRetest) since = this.clock.monotonic();
        await this.play({ do: "answer" });
      } else if (this.#session && (nextWakeIn === undefined || isQuiet)) {
        return;
      } else if (nextWakeIn !== undefined) {
        await this.clock.advance(nextWakeIn);
      }
    }
    assert.fail("The scenario does not converge");
  }

  /** Ends everything and proves that nothing is left behind. */
  async end(): Promise<void> {
    this.drop();
    while (this.#streams.length > 0) this.#close(0);
    await this.clock.advance(0);
    assert.equal(this.clock.sleepers, 0, "a timer is left behind");
    assert.equal(this.tracing.open, 0, "a span is left open");
    assert.equal([...this.subscriptions.refCounts.pairs()].length, 0);
    assert.deepEqual([...this.subscriptions.refCounts.lingering()], []);
  }

  async #settle(): Promise<void> {
    await this.clock.advance(0);
    if (this.#broken) throw this.#broken;
    this.#checkEvents();
    if (this.#failed) this.drop();
  }

  /** The events add up to what is acknowledged and to the state of what streams request. */
  #checkEvents(): void {
    const { carriedPairs, losses } = this.events;
    const acknowledged = pairsOf(this.subscriptions.reconciler.acknowledged).map(pairKey);
    assert.deepEqual([...carriedPairs].sort(), acknowledged.sort());
    assert.deepEqual(losses, this.#losses);
    for (const key of carriedPairs) this.#acknowledged.add(key);
    const isPaused = this.clock.monotonic() < this.#pausedUntil;
    if (!this.#session || isPaused) return;
    const stateOf = this.#states();
    for (const { channel, symbols, states } of this.#streams) {
      for (const symbol of symbols) {
        const key = pairKey({ channel, symbol });
        const state = stateOf({ channel, symbol });
        const reported = states.get(symbol);
        // An outage is reported for the feed, not for each of its symbols.
        const isOfFeed = state === "requested" && reported === "acknowledged" &&
          !this.#acknowledged.has(key);
        if (!isOfFeed) assert.equal(reported, state, key);
      }
    }
  }

  /** Computes the state of a requested pair again. */
  #states(): (pair: Pair) => string {
    const { reconciler, desired, quota } = this.subscriptions;
    const rejected = new Set(reconciler.rejections.map(pairKey));
    const waiting = new Set(desired.waiting.map(pairKey));
    return (pair) => {
      const key = pairKey(pair);
      if (hasPair(reconciler.acknowledged, pair)) return "acknowledged";
      if (rejected.has(key)) return "rejected";
      if (pair.symbol === WILDCARD && !quota.allowsWildcard(pair.channel)) return "rejected";
      return waiting.has(key) ? "waiting" : "requested";
    };
  }

  #open(stream: Held, admitted: boolean): void {
    const { channel, symbols } = stream;
    if (admitted && !this.#isAdmitted(stream)) return;
    this.manager.add(channel, symbols);
    const states = this.manager.statesOf(channel, symbols).map((
      { symbol, state },
    ) => [symbol, state] as const);
    this.#streams.push({ channel, symbols, states: new Map(states) });
  }

  /** Requests admission, and computes the sum again. */
  #isAdmitted({ channel, symbols }: Held): boolean {
    const { quota, reconciler } = this.subscriptions;
    const rejected = new Set(
      reconciler.rejections.filter(({ isTransient }) => !isTransient).map(
        pairKey,
      ),
    );
    const held = this.held;
    const places = (pairs: Iterable<Pair>) => [...pairs].filter((pair) => quota.usesSlot(pair));
    const used = places(held.values())
      .filter((pair) => !rejected.has(pairKey(pair))).length;
    const fresh = places(
      [...new Set(symbols)].map((symbol) => ({ channel, symbol })),
    ).filter((pair) => !held.has(pairKey(pair))).length;
    const limit = quota.limit ?? Infinity;
    const before = pairsOf(reconciler.acknowledged).length;
    try {
      this.manager.checkQuota(channel, symbols);
    } catch (error) {
      assert.ok(error instanceof QuotaExceeded);
      const requested = fresh;
      assert.deepEqual(error.excess, { feed: "sip", limit, used, requested });
      assert.ok(fresh > 0 && used + fresh > limit, "refused without need");
      assert.equal(pairsOf(reconciler.acknowledged).length, before);
      return false;
    }
    assert.ok(fresh === 0 || used + fresh <= limit, "admitted over quota");
    return true;
  }

  #close(which: number): Held | undefined {
    const at = which % Math.max(1, this.#streams.length);
    const [left] = this.#streams.splice(at, 1);
    if (left) this.manager.remove(left.channel, left.symbols);
    this.#checkCoverage();
    return left;
  }

  #deliver(): void {
    const answer = this.upstream.answers.shift();
    if (!answer) return;
    this.#lastAnswer = answer;
    this.#tell(answer);
  }

  #tell(answer: Answer): void {
    this.#unansweredSince = undefined;
    if ("state" in answer) this.manager.acknowledged(answer.state);
    else {
      this.manager.rejected(answer.error);
      if (answer.error.code >= 500) this.#pausedUntil = this.clock.monotonic() + PAUSE_MS;
    }
  }

  /** A broken rule is kept for the scenario: the asker would swallow it. */
  #receive(session: ScriptedSession, request: SubscriptionRequest): void {
    try {
      this.#check(session, request);
    } catch (error) {
      this.#broken ??= error;
    }
    this.requests.push(request);
    this.upstream.requests.push(request);
  }

  #check(session: ScriptedSession, request: SubscriptionRequest): void {
    assert.equal(session, this.#session, "a session of the past is asked");
    const now = this.clock.monotonic();
    assert.ok(
      this.#unansweredSince === undefined ||
        now - this.#unansweredSince >= TIMEOUT,
      "two requests in flight",
    );
    this.#unansweredSince = now;
    this.#checkForm(request);
    if (!request.probe) {
      if (request.action === "subscribe") this.#checkSubscribe(request.pairs);
      else this.#checkUnsubscribe(request.pairs);
      this.onRequest(request);
    }
  }

  #checkForm({ pairs, probe }: SubscriptionRequest): void {
    const { maxPairs, maxBytes } = this.scene.limits;
    const bytes = pairs.reduce((sum, { symbol }) => sum + symbol.length + 3, 0);
    assert.ok(probe || pairs.length >= 1, "an empty request");
    assert.ok(pairs.length <= maxPairs, "too many symbols");
    assert.ok(pairs.length <= 1 || bytes <= maxBytes, "too many bytes");
    assert.equal(new Set(pairs.map(pairKey)).size, pairs.length, "repeated");
  }

  #checkSubscribe(pairs: readonly Pair[]): void {
    const { quota, reconciler, refCounts } = this.subscriptions;
    if (reconciler.retesting) return this.#checkRetest(pairs);
    for (const pair of pairs) {
      assert.ok(!hasPair(reconciler.acknowledged, pair), "subscribed already");
      if (pair.symbol === WILDCARD) {
        assert.ok(this.scene.plan.wildcards.has(pair.channel), "no * here");
        assert.ok(quota.allowsWildcard(pair.channel), "rejected before");
      }
      assert.ok(refCounts.streamsOf(pair) > 0, "not requested");
    }
    if (!this.#truthful || quota.slotsOf(pairs) === 0) return;
    const known = [...pairsOf(reconciler.acknowledged), ...pairs];
    assert.ok(
      quota.slotsOf(known) <= (quota.limit ?? Infinity),
      "over a known quota",
    );
  }

  /** A retest names a single pair that is rejected, or has no slot. */
  #checkRetest(pairs: readonly Pair[]): void {
    const { reconciler, desired } = this.subscriptions;
    const [pair, ...others] = pairs;
    assert.ok(pair);
    assert.deepEqual(others, []);
    assert.ok(!desired.has(pair), "it would have been requested anyway");
    assert.ok(!hasPair(reconciler.acknowledged, pair), "subscribed already");
  }

  #checkUnsubscribe(pairs: readonly Pair[]): void {
    const { reconciler, refCounts } = this.subscriptions;
    for (const pair of pairs) {
      assert.ok(hasPair(reconciler.acknowledged, pair), "not subscribed");
      const isHeld = refCounts.streamsOf(pair) > 0;
      assert.ok(!isHeld, "a used slot is taken away");
    }
  }

  /** What a stream once receives it goes on receiving on this connection. */
  #checkCoverage(): void {
    const held = this.held;
    const rejected = new Set(
      this.subscriptions.reconciler.rejections.map(pairKey),
    );
    for (const [key, pair] of this.#covered) {
      if (!held.has(key) || rejected.has(key)) this.#covered.delete(key);
      else if (this.#truthful) {
        assert.ok(this.upstream.covers(pair), `${key} is not covered`);
      }
    }
    for (const [key, pair] of held) {
      // What is on its way out when its stream opens is not had yet.
      const isLeaving = this.upstream.requests.some(({ action, pairs }) =>
        action === "unsubscribe" &&
        pairs.some(({ channel }) => channel === pair.channel)
      );
      const isGiven = this.upstream.rejectionOf(pair) === undefined;
      if (isGiven && !isLeaving && this.upstream.covers(pair)) {
        this.#covered.set(key, pair);
      }
    }
  }
}
