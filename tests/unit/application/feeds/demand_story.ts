/**
 * A feed's demand, the streams that drive it and the upstream that it talks
 * to. Every request is held against upstream's rules as it is made.
 *
 * @module
 */
import assert from "node:assert/strict";
import { FeedBook } from "../../../../src/application/feeds/feed_book.ts";
import { MarketDemand } from "../../../../src/application/feeds/market_demand.ts";
import { OverBudget } from "../../../../src/application/streaming/over_budget.ts";
import { isIn } from "../../../../src/domain/subscription/desired_pairs.ts";
import type {
  SubscriptionRequest,
} from "../../../../src/domain/subscription/request.ts";
import {
  type Pair,
  pairKey,
  pairsOf,
  type UpstreamChannel,
  WILDCARD,
} from "../../../../src/domain/subscription/symbol_sets.ts";
import { ManualClock } from "../../../support/manual_clock.ts";
import { RecordingLog } from "../../../support/recording_log.ts";
import type { Scene, Step } from "./demand_steps.ts";
import { type Answer, ModelUpstream } from "./model_upstream.ts";
import { CountingTracing, ScriptedSession } from "./scripted_feed.ts";

/** Deadline of an answer, ms. */
export const TIMEOUT = 10_000;

/**
 * How long nothing may happen but retests until all is quiet, ms: the interval
 * of a minute, and a second for each pair that is then tested.
 */
const QUIET_MS = 70_000;

interface Held {
  readonly channel: UpstreamChannel;
  readonly symbols: readonly string[];
}

/** One run. */
export class Story {
  readonly clock = new ManualClock();
  readonly tracing = new CountingTracing();
  readonly upstream: ModelUpstream;
  readonly book: FeedBook;
  readonly demand: MarketDemand;
  /** Every request of the connection that is up. */
  requests: SubscriptionRequest[] = [];
  /** Told of every request, after the rules were checked. */
  onRequest: (request: SubscriptionRequest) => void = () => {};
  readonly scene: Scene;
  readonly #streams: Held[] = [];
  #session: ScriptedSession | undefined;
  #failed = false;
  #unansweredSince: number | undefined;
  #lastAnswer: Answer | undefined;
  #broken: unknown;
  readonly #covered = new Map<string, Pair>();
  /** Whether what upstream says is true, if possibly late. */
  #truthful = true;

  constructor(scene: Scene) {
    this.scene = scene;
    const { plan, truth, limits, graceMs } = scene;
    this.upstream = new ModelUpstream(truth);
    this.upstream.onChange = () => this.#checkCoverage();
    const now = () => this.clock.monotonic();
    this.book = new FeedBook("sip", {
      plan,
      limits,
      graceMs,
      now,
    });
    this.demand = new MarketDemand({
      book: this.book,
      answerTimeoutMs: TIMEOUT,
      clock: this.clock,
      log: new RecordingLog(),
      tracing: this.tracing,
      onRefusal: () => {},
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
      case "ask":
        this.demand.ask();
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
    this.demand.attach(session);
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
    this.demand.detach();
  }

  /**
   * Lets upstream be sound until nothing happens any more, or nothing for
   * `quietMs` but retests of what it refuses.
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
        const isRetest = this.book.ledger.retesting !== undefined;
        if (!isRetest) since = this.clock.monotonic();
        await this.play({ do: "answer" });
      } else if (this.#session && (nextWakeIn === undefined || isQuiet)) {
        return;
      } else if (nextWakeIn !== undefined) {
        await this.clock.advance(nextWakeIn);
      }
    }
    assert.fail("There is no rest");
  }

  /** Ends everything and proves that nothing is left behind. */
  async end(): Promise<void> {
    this.drop();
    while (this.#streams.length > 0) this.#close(0);
    await this.clock.advance(0);
    assert.equal(this.clock.sleepers, 0, "a timer is left behind");
    assert.equal(this.tracing.open, 0, "a span is left open");
    assert.equal(this.book.interest.size, 0);
    assert.deepEqual([...this.book.interest.lingering()], []);
  }

  async #settle(): Promise<void> {
    await this.clock.advance(0);
    if (this.#broken) throw this.#broken;
    if (this.#failed) this.drop();
  }

  #open(stream: Held, admitted: boolean): void {
    const { channel, symbols } = stream;
    if (admitted && !this.#isAdmitted(stream)) return;
    this.#streams.push({ channel, symbols });
    this.demand.want(channel, symbols);
  }

  /** Asks for admission, and does the sum anew. */
  #isAdmitted({ channel, symbols }: Held): boolean {
    const { budget, ledger } = this.book;
    const refused = new Set(
      ledger.refusals.filter(({ isPassing }) => !isPassing).map(pairKey),
    );
    const held = this.held;
    const places = (pairs: Iterable<Pair>) =>
      [...pairs].filter((pair) => budget.takesPlace(pair));
    const used = places(held.values())
      .filter((pair) => !refused.has(pairKey(pair))).length;
    const fresh = places(
      [...new Set(symbols)].map((symbol) => ({ channel, symbol })),
    ).filter((pair) => !held.has(pairKey(pair))).length;
    const limit = budget.limit ?? Infinity;
    const before = pairsOf(ledger.acknowledged).length;
    try {
      this.demand.admit(channel, symbols);
    } catch (error) {
      assert.ok(error instanceof OverBudget);
      const requested = fresh;
      assert.deepEqual(error.excess, { feed: "sip", limit, used, requested });
      assert.ok(fresh > 0 && used + fresh > limit, "refused without need");
      assert.equal(pairsOf(ledger.acknowledged).length, before);
      return false;
    }
    assert.ok(fresh === 0 || used + fresh <= limit, "admitted over budget");
    return true;
  }

  #close(which: number): Held | undefined {
    const at = which % Math.max(1, this.#streams.length);
    const [left] = this.#streams.splice(at, 1);
    if (left) this.demand.release(left.channel, left.symbols);
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
    if ("state" in answer) this.demand.acknowledged(answer.state);
    else this.demand.refused(answer.error);
  }

  /** A broken rule is kept for the story: the asker would swallow it. */
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
    const { budget, ledger, interest } = this.book;
    if (ledger.retesting) return this.#checkRetest(pairs);
    for (const pair of pairs) {
      assert.ok(!isIn(ledger.acknowledged, pair), "carried already");
      if (pair.symbol === WILDCARD) {
        assert.ok(this.scene.plan.wildcards.has(pair.channel), "no * here");
        assert.ok(budget.allowsWildcard(pair.channel), "refused before");
      }
      assert.ok(interest.streamsOf(pair) > 0, "nobody wants it");
    }
    if (!this.#truthful || budget.placesOf(pairs) === 0) return;
    const known = [...pairsOf(ledger.acknowledged), ...pairs];
    assert.ok(
      budget.placesOf(known) <= (budget.limit ?? Infinity),
      "over a known budget",
    );
  }

  /** A retest names one pair alone that is refused, or has no place. */
  #checkRetest(pairs: readonly Pair[]): void {
    const { ledger, desired } = this.book;
    const [pair, ...others] = pairs;
    assert.ok(pair);
    assert.deepEqual(others, []);
    assert.ok(!desired.has(pair), "it would have been requested anyway");
    assert.ok(!isIn(ledger.acknowledged, pair), "carried already");
  }

  #checkUnsubscribe(pairs: readonly Pair[]): void {
    const { ledger, interest } = this.book;
    for (const pair of pairs) {
      assert.ok(isIn(ledger.acknowledged, pair), "not carried");
      const isHeld = interest.streamsOf(pair) > 0;
      assert.ok(!isHeld, "a place is taken away");
    }
  }

  /** What a stream once receives it goes on receiving on this connection. */
  #checkCoverage(): void {
    const held = this.held;
    const refused = new Set(this.book.ledger.refusals.map(pairKey));
    for (const [key, pair] of this.#covered) {
      if (!held.has(key) || refused.has(key)) this.#covered.delete(key);
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
      const isGiven = this.upstream.refusal(pair) === undefined;
      if (isGiven && !isLeaving && this.upstream.covers(pair)) {
        this.#covered.set(key, pair);
      }
    }
  }
}
