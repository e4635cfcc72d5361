/** What edges subscribe is the union that upstream has to carry. */
import assert from "node:assert/strict";
import { EdgeDemand } from "../../../../src/application/cluster/edge_demand.ts";
import type {
  AttachReply,
  EdgeQuota,
  EdgeState,
  SubscribeReply,
} from "../../../../src/application/cluster/messages.ts";
import { QuotaExceeded } from "../../../../src/application/feeds/quota_check.ts";
import { PairDigest } from "../../../../src/domain/cluster/pair_digest.ts";
import type { FeedId } from "../../../../src/domain/connection/feed.ts";
import {
  type Action,
  type Pair,
  pairKey,
  pairsOf,
  type SymbolSets,
  type UpstreamChannel,
} from "../../../../src/domain/subscription/pairs.ts";
import type { SymbolState } from "../../../../src/application/status/reports.ts";
import { ManualClock } from "../../../support/manual_clock.ts";
import { RecordingLog } from "../../../support/recording_log.ts";

/** The subscriptions of a feed, whose states a test sets. */
class ScriptedSink {
  readonly references = new Map<string, number>();
  readonly states = new Map<string, readonly [SymbolState, string]>();
  limit = Infinity;

  checkPairs(pairs: readonly Pair[]): void {
    const requested = pairs.filter((pair) => !this.references.has(pairKey(pair))).length;
    const used = this.references.size;
    if (used + requested <= this.limit) return;
    throw new QuotaExceeded({ feed: "sip", limit: this.limit, used, requested });
  }

  add(channel: UpstreamChannel, symbols: Iterable<string>): void {
    for (const symbol of symbols) this.#count({ channel, symbol }, 1);
  }

  remove(channel: UpstreamChannel, symbols: Iterable<string>): void {
    for (const symbol of symbols) this.#count({ channel, symbol }, -1);
  }

  quotaUse() {
    if (this.limit === Infinity) return undefined;
    const pairs = Array.from(this.references, ([key, named]) => {
      const [channel = "", symbol = ""] = key.split(" ");
      return [key, { channel: channel as UpstreamChannel, symbol, named }] as const;
    });
    const counts = new Set<UpstreamChannel>(["trades"]);
    return { limit: this.limit, learned: false, counts, pairs: new Map(pairs) };
  }

  statesOf(channel: UpstreamChannel, symbols: Iterable<string>) {
    return Array.from(symbols, (symbol) => {
      const [state, reason] = this.states.get(pairKey({ channel, symbol })) ?? ["requested", ""];
      return { symbol, state, reason };
    });
  }

  #count(pair: Pair, change: number): void {
    const count = (this.references.get(pairKey(pair)) ?? 0) + change;
    assert(count >= 0, `${pairKey(pair)} was removed too often`);
    if (count > 0) this.references.set(pairKey(pair), count);
    else this.references.delete(pairKey(pair));
  }
}

/** A hub with two feeds, one without subscriptions. */
class Hub {
  readonly clock = new ManualClock();
  readonly sink = new ScriptedSink();
  readonly log = new RecordingLog();
  readonly lease: { term: bigint | undefined } = { term: 5n };
  readonly published: (EdgeState & { readonly edge: string })[] = [];
  readonly quotas: (EdgeQuota & { readonly edge: string })[] = [];
  readonly demand: EdgeDemand;
  /** Frames with the whole order books that are kept. */
  readonly books = new Map<string, string>();
  isUp = true;

  constructor(limits = { maxEdges: 3, maxPairs: 5, maxTotalPairs: 8 }) {
    this.demand = new EdgeDemand({
      kinds: { sip: "iex", trading: "trade_updates" },
      sinks: { sip: this.sink },
      lease: this.lease,
      positionOf: () => ({ next: 7, isUp: this.isUp, reason: this.isUp ? "" : "dialing" }),
      publishState: (edge, state) => this.published.push({ edge, ...state }),
      wholeBooks: (_feed, pairs) =>
        pairs.flatMap(({ symbol }) => {
          const frame = this.books.get(symbol);
          return frame === undefined ? [] : [{ symbol, frame }];
        }),
      publishQuota: (edge, quota) => this.quotas.push({ edge, ...quota }),
      limits,
      clock: this.clock,
      log: this.log,
    });
  }

  attach(edge: string, digest?: string | null, feed: FeedId = "sip"): AttachReply {
    const kind = feed === "trading" ? "trade_updates" : "iex";
    const held = digest === undefined
      ? undefined
      : { term: this.lease.term ?? 0n, digest: digest ?? undefined };
    const reply = this.demand.attach({ edge, feed, kind, held });
    assert(reply);
    return reply;
  }

  /** Sends a request; returns where its replies are collected. */
  request(edge: string, action: Action, pairs: readonly Pair[]): SubscribeReply[] {
    const replies: SubscribeReply[] = [];
    const request = { edge, feed: "sip", term: 5n, action, pairs } as const;
    this.demand.subscribe(request, (reply) => replies.push(reply));
    return replies;
  }

  subscribe(edge: string, ...symbols: readonly string[]): SubscribeReply[] {
    return this.request(edge, "subscribe", trades(...symbols));
  }

  /** Upstream has acknowledged trades of symbols. */
  carry(...symbols: readonly string[]): void {
    for (const pair of trades(...symbols)) {
      this.sink.states.set(pairKey(pair), ["acknowledged", ""]);
    }
    this.demand.carried({ feed: "sip", channel: "trades", symbols });
  }

  /** Upstream has decided otherwise about the trades of a symbol. */
  decide(symbol: string, state: SymbolState, reason: string): void {
    this.sink.states.set(`trades ${symbol}`, [state, reason]);
    this.demand.subscription("sip");
  }

  get requested(): readonly string[] {
    return Array.from(this.sink.references, ([key, count]) => `${key} ${count}`).sort();
  }
}

function trades(...symbols: readonly string[]): readonly Pair[] {
  return symbols.map((symbol) => ({ channel: "trades", symbol }));
}

function symbolsIn(state: SymbolSets): readonly string[] {
  return pairsOf(state).map(({ symbol }) => symbol).sort();
}

function stateOf(replies: readonly SubscribeReply[]): readonly string[] {
  assert.equal(replies.length, 1, "one reply");
  const [reply] = replies;
  assert(reply && "state" in reply, JSON.stringify(reply));
  return symbolsIn(reply.state);
}

function errorOf(replies: readonly SubscribeReply[]): unknown {
  assert.equal(replies.length, 1, "one reply");
  const [reply] = replies;
  return reply && "error" in reply ? reply.error : reply;
}

Deno.test("a request is answered when upstream has decided about each of its pairs", () => {
  const hub = new Hub();
  assert.deepEqual(hub.attach("a"), {
    term: 5n,
    next: 7,
    at: hub.clock.now(),
    isUp: true,
    isKnown: true,
    kind: "iex",
    reason: "",
    states: 0,
    quota: undefined,
  });
  const replies = hub.subscribe("a", "AAPL", "MSFT");
  assert.deepEqual(hub.requested, ["trades AAPL 1", "trades MSFT 1"]);
  hub.carry("AAPL");
  assert.equal(replies.length, 0);
  hub.carry("MSFT");
  assert.deepEqual(stateOf(replies), ["AAPL", "MSFT"]);
  assert.deepEqual(hub.published, [], "a reply is enough");
});

Deno.test("a reply says since when upstream carries all of it", async () => {
  const hub = new Hub();
  hub.attach("a");
  const first = hub.subscribe("a", "AAPL");
  await hub.clock.advance(40);
  hub.carry("AAPL");
  const carriedAt = hub.clock.now();
  await hub.clock.advance(500);
  assert.equal(hub.attach("b").at, hub.clock.now());
  const second = hub.subscribe("b", "AAPL");
  const sinceOf = ([reply]: readonly SubscribeReply[]) =>
    reply && "since" in reply ? reply.since : undefined;
  assert.deepEqual([sinceOf(first), sinceOf(second)], [carriedAt, carriedAt]);
});

Deno.test("a pair that is carried for another edge is answered immediately", () => {
  const hub = new Hub();
  hub.attach("a");
  hub.attach("b");
  hub.subscribe("a", "AAPL");
  hub.carry("AAPL");
  assert.deepEqual(stateOf(hub.subscribe("b", "AAPL")), ["AAPL"]);
  assert.deepEqual(hub.requested, ["trades AAPL 2"]);
  assert.deepEqual(stateOf(hub.request("a", "unsubscribe", trades("AAPL", "TSLA"))), []);
  assert.deepEqual(hub.requested, ["trades AAPL 1"]);
});

Deno.test("an edge receives what it needs of a pair that others have already", () => {
  const hub = new Hub();
  hub.carry("AAPL", "MSFT");
  hub.books.set("AAPL", "a whole order book");
  hub.attach("a");
  hub.subscribe("a", "AAPL", "MSFT");
  hub.subscribe("a", "AAPL");
  const [published, ...others] = hub.published;
  const book = { symbol: "AAPL", frame: "a whole order book" };
  assert.deepEqual([published?.edge, published?.book, others], ["a", book, []]);
  assert.equal(published && symbolsIn(published.state).join(), "AAPL,MSFT");
  assert.equal(hub.attach("a", null).states, 1);
});

Deno.test("a rejected pair rejects its request, of which nothing stays subscribed", () => {
  const hub = new Hub();
  hub.attach("a");
  hub.subscribe("a", "AAPL");
  hub.carry("AAPL");
  const replies = hub.subscribe("a", "AAPL", "MSFT", "BAD");
  hub.decide("BAD", "rejected", "invalid syntax (code 400)");
  const error = { code: 400, message: "invalid syntax" };
  assert.deepEqual(replies, [{ error, pair: { channel: "trades", symbol: "BAD" } }]);
  assert.deepEqual(hub.requested, ["trades AAPL 1"]);
  const unknown = hub.subscribe("a", "*");
  hub.decide("*", "rejected", "* is not available");
  assert.deepEqual(errorOf(unknown), { code: 400, message: "* is not available" });
});

Deno.test("the quota and the limits of edges are the symbol limit of Alpaca", () => {
  const hub = new Hub();
  const OVER = { code: 405, message: "symbol limit exceeded" };
  hub.attach("a");
  hub.attach("b");
  hub.sink.limit = 2;
  assert.deepEqual(errorOf(hub.subscribe("a", "A", "B", "C")), OVER);
  assert.deepEqual(hub.requested, []);
  hub.sink.limit = Infinity;
  assert.deepEqual(errorOf(hub.subscribe("a", "A", "B", "C", "D", "E", "F")), OVER);
  hub.subscribe("a", "A", "B", "C", "D", "E");
  assert.deepEqual(errorOf(hub.subscribe("b", "F", "G", "H", "I")), OVER, "of all edges");
  const waiting = hub.subscribe("b", "F");
  hub.decide("F", "waiting", "all 5 slots are in use");
  assert.deepEqual(errorOf(waiting), OVER);
  assert.equal(hub.requested.length, 5);
});

Deno.test("without a decision the answer after five seconds is what is carried", async () => {
  const hub = new Hub();
  const over = new AbortController();
  const running = hub.demand.run(over.signal);
  hub.attach("a");
  const replies = hub.subscribe("a", "AAPL", "MSFT");
  hub.carry("AAPL");
  await hub.clock.advance(4_900);
  assert.equal(replies.length, 0);
  await hub.clock.advance(1_000);
  assert.deepEqual(stateOf(replies), ["AAPL"]);
  hub.carry("MSFT");
  assert.deepEqual(hub.published.map(({ edge, state }) => [edge, symbolsIn(state)]), [
    ["a", ["AAPL", "MSFT"]],
  ]);
  over.abort();
  await running;
});

Deno.test("edges learn what changes upstream for their own pairs", () => {
  const hub = new Hub();
  hub.attach("a");
  hub.attach("b");
  hub.subscribe("a", "AAPL");
  hub.carry("AAPL");
  hub.subscribe("b", "MSFT");
  hub.carry("MSFT");
  hub.sink.states.set("trades AAPL", ["rejected", "gone (code 400)"]);
  const pairs = { feed: "sip", channel: "trades", symbols: ["AAPL"] } as const;
  hub.demand.notCarried(pairs, "not_subscribed");
  hub.demand.notCarried(pairs, "upstream_lost");
  hub.demand.notCarried(pairs, undefined);
  const since = hub.clock.now();
  assert.deepEqual(hub.published, [{ edge: "a", feed: "sip", term: 5n, state: new Map(), since }]);
  assert.deepEqual(["a", "b"].map((edge) => hub.attach(edge, null).states), [1, 0]);
});

Deno.test("a session that begins again releases what it had only after some seconds", async () => {
  const hub = new Hub();
  const over = new AbortController();
  const running = hub.demand.run(over.signal);
  hub.attach("a");
  const before = hub.subscribe("a", "AAPL", "MSFT");
  hub.attach("a");
  assert.deepEqual(before, [{ unknown: true }], "its request has ended");
  hub.subscribe("a", "AAPL");
  assert.deepEqual(hub.requested, ["trades AAPL 1", "trades MSFT 1"]);
  await hub.clock.advance(5_600);
  assert.deepEqual(hub.requested, ["trades AAPL 1"]);
  over.abort();
  await running;
  assert.deepEqual(hub.requested, [], "without the lease there is no demand");
});

Deno.test("an edge that attaches again and again uses its pairs once", async () => {
  const hub = new Hub({ maxEdges: 3, maxPairs: 3, maxTotalPairs: 4 });
  const over = new AbortController();
  const running = hub.demand.run(over.signal);
  hub.carry("AAPL", "MSFT", "NVDA", "TSLA");
  hub.attach("b");
  hub.subscribe("b", "TSLA");
  for (let session = 0; session < 20; session++) {
    hub.attach("a");
    const symbols = ["AAPL", "MSFT", "NVDA"];
    assert.deepEqual(stateOf(hub.subscribe("a", ...symbols)), symbols);
    await hub.clock.advance(100);
  }
  hub.request("a", "unsubscribe", trades("MSFT"));
  assert.deepEqual(hub.requested, ["trades AAPL 1", "trades NVDA 1", "trades TSLA 1"]);
  over.abort();
  await running;
  assert.deepEqual(hub.requested, []);
});

Deno.test("an edge without a sign of life expires, its pairs some seconds later", async () => {
  const hub = new Hub();
  const over = new AbortController();
  const running = hub.demand.run(over.signal);
  hub.attach("a");
  hub.attach("b");
  hub.subscribe("a", "AAPL");
  hub.carry("AAPL");
  const digest = new PairDigest();
  hub.attach("b", String(digest));
  hub.attach("a", null);
  for (let i = 0; i < 4; i++) {
    await hub.clock.advance(2_000);
    assert.equal(hub.attach("b", String(digest)).isKnown, true);
  }
  assert.deepEqual(hub.demand.reports().map(({ edge }) => edge), ["b"]);
  const logged = hub.log.records.map(({ message, fields }) => [message, fields["edge"]]);
  assert.deepEqual(logged, [["Edge attached", "b"], ["Edge attached", "a"], ["Edge expired", "a"]]);
  assert.deepEqual(hub.requested, ["trades AAPL 1"]);
  await hub.clock.advance(4_000);
  assert.deepEqual(hub.requested, []);
  assert.equal(hub.attach("a", String(digest)).isKnown, false);
  assert.deepEqual(hub.subscribe("a", "AAPL"), [{ unknown: true }]);
  over.abort();
  await running;
});

Deno.test("a hub that was suspended does not expire edges whose signs of life wait", async () => {
  const hub = new Hub();
  const over = new AbortController();
  const running = hub.demand.run(over.signal);
  hub.attach("a");
  await hub.clock.advance(400);
  // The time passes without a check, as while the process is suspended.
  hub.clock.skip(20_000);
  await hub.clock.advance(500);
  assert.equal(hub.demand.size, 1);
  await hub.clock.advance(4_000);
  assert.equal(hub.demand.size, 0);
  over.abort();
  await running;
});

Deno.test("a session of an edge continues only with the same term and pairs", () => {
  const hub = new Hub();
  hub.attach("a");
  const digest = new PairDigest();
  assert.equal(hub.attach("a", String(digest)).isKnown, true);
  for (const pair of trades("AAPL")) digest.add(pair);
  assert.equal(hub.attach("a", String(digest)).isKnown, false);
  hub.subscribe("a", "AAPL");
  assert.equal(hub.attach("a", "0-0").isKnown, true, "a request is in flight");
  hub.carry("AAPL");
  assert.equal(hub.attach("a", String(digest)).isKnown, true);
  assert.equal(hub.attach("a", null).isKnown, true);
  hub.lease.term = 6n;
  assert.deepEqual(hub.attach("a", null).reason, "The hub has no session of this edge");
  assert.deepEqual(hub.subscribe("a", "AAPL"), [{ unknown: true }]);
  hub.lease.term = undefined;
  assert.equal(hub.demand.attach({ edge: "a", feed: "sip", kind: "iex" }), undefined);
});

Deno.test("an edge that does not match the hub is refused with the reason", () => {
  const hub = new Hub();
  const { demand } = hub;
  const news = demand.attach({ edge: "a", feed: "news", kind: "news" });
  assert.deepEqual([news?.isKnown, news?.kind], [false, undefined]);
  assert.equal(news?.reason, "The hub does not have the feed news");
  const other = demand.attach({ edge: "a", feed: "sip", kind: "sip" });
  assert.equal(other?.reason, "The hub has the sip feed of iex, the edge expects sip");
  for (const edge of ["a", "b", "c"]) {
    hub.attach(edge);
    hub.attach(edge, null);
  }
  assert.equal(hub.attach("d").reason, "The hub has 3 edges, the most it allows");
  assert.equal(hub.attach("a").isKnown, true);
});

Deno.test("edges that only attach leave their place to others, and the others keep theirs", () => {
  const hub = new Hub();
  for (const edge of ["a", "b"]) {
    hub.attach(edge);
    hub.attach(edge, null);
  }
  hub.subscribe("a", "AAPL");
  for (let i = 0; i < 100; i++) {
    const name = `invented${i}`;
    assert.equal(hub.attach(name).isKnown, true);
    hub.subscribe(`invented${i - 1}`, "MSFT");
  }
  assert.deepEqual(hub.demand.reports().map(({ edge }) => edge), ["a", "b", "invented99"]);
  assert.doesNotMatch(JSON.stringify(hub.log.records), /invented/);
  assert.deepEqual(hub.requested, ["trades AAPL 1"]);
  assert.deepEqual(["a", "b"].map((edge) => hub.attach(edge, null).isKnown), [true, true]);
  hub.attach("c");
  hub.attach("c", null);
  assert.equal(hub.attach("d").isKnown, false);
});

Deno.test("an edge cannot use the name of another, nor what is secret of it", () => {
  const hub = new Hub();
  hub.attach("a-secret");
  hub.subscribe("a-secret", "AAPL");
  for (const name of ["a", "a-other", "a-"]) {
    assert.equal(hub.attach(name).reason, "Another edge has this name");
    assert.deepEqual(hub.request(name, "unsubscribe", trades("AAPL")), [{ unknown: true }]);
  }
  assert.deepEqual(hub.requested, ["trades AAPL 1"]);
  assert.deepEqual(hub.demand.reports().map(({ edge }) => edge), ["a"]);
  assert.doesNotMatch(JSON.stringify(hub.log.records), /secret/);
});

Deno.test("without a session of the hub an edge receives the reason, and waits", () => {
  const hub = new Hub();
  hub.isUp = false;
  const { isUp, isKnown, reason } = hub.attach("a");
  assert.deepEqual({ isUp, isKnown, reason }, { isUp: false, isKnown: true, reason: "dialing" });
});

Deno.test("a feed without subscriptions answers probes only", () => {
  const hub = new Hub();
  hub.attach("a", undefined, "trading");
  const replies: SubscribeReply[] = [];
  const request = { edge: "a", feed: "trading", term: 5n, action: "subscribe" } as const;
  hub.demand.subscribe({ ...request, pairs: [] }, (reply) => replies.push(reply));
  hub.demand.subscribe({ ...request, pairs: trades("AAPL") }, (reply) => replies.push(reply));
  assert.deepEqual(replies, [
    { state: new Map(), since: 0 },
    { error: { code: 400, message: "the stream has no subscriptions" } },
  ]);
});

Deno.test("a request that replaces another answers it with what is carried", () => {
  const hub = new Hub();
  hub.attach("a");
  const first = hub.subscribe("a", "AAPL");
  const probe = hub.request("a", "subscribe", []);
  assert.deepEqual([stateOf(first), stateOf(probe)], [[], []]);
  assert.deepEqual(hub.requested, ["trades AAPL 1"]);
});

Deno.test("edges are reported with their feeds, pairs and silence", async () => {
  const hub = new Hub();
  hub.attach("a");
  hub.attach("a", undefined, "trading");
  hub.subscribe("a", "AAPL", "MSFT");
  await hub.clock.advance(300);
  const attachedAt = hub.clock.now() - 300;
  assert.deepEqual(hub.demand.reports(), [
    { edge: "a", attachedAt, feeds: ["sip", "trading"], pairs: 2, silenceMs: 300 },
  ]);
});

Deno.test("edges are sent the limit and what other edges use of it", async () => {
  const hub = new Hub();
  const report = ({ quota }: Pick<AttachReply, "quota">) =>
    quota && [quota.limit, ...quota.others.map(({ symbol }) => symbol)];
  const reports = () => hub.quotas.splice(0).map((each) => [each.edge, report(each)]);
  hub.attach("a");
  hub.subscribe("a", "AAPL", "MSFT");
  await hub.clock.advance(1_000);
  assert.deepEqual(reports(), [], "no limit is known");
  hub.sink.limit = 3;
  assert.deepEqual(report(hub.attach("b")), [3, "AAPL", "MSFT"]);
  hub.demand.subscription("sip");
  await hub.clock.advance(1);
  assert.deepEqual(reports(), [["a", [3]]], "only who does not know it");

  hub.subscribe("b", "MSFT", "NVDA");
  hub.subscribe("b", "TSLA");
  await hub.clock.advance(200);
  assert.deepEqual(reports(), [], "a few times per second");
  await hub.clock.advance(100);
  assert.deepEqual(reports(), [["a", [3, "MSFT", "NVDA"]]]);
  assert.deepEqual(report(hub.attach("b", null)), [3, "AAPL", "MSFT"]);

  hub.request("a", "unsubscribe", trades("AAPL", "MSFT"));
  await hub.clock.advance(1_000);
  assert.deepEqual(reports(), [["b", [3]]]);
  hub.sink.limit = Infinity;
  hub.demand.subscription("sip");
  await hub.clock.advance(1_000);
  assert.deepEqual(reports(), [["a", undefined], ["b", undefined]]);
});

Deno.test("what an edge keeps for its next session is not what other edges use", async () => {
  const hub = new Hub();
  hub.sink.limit = 4;
  hub.attach("a");
  hub.attach("b");
  hub.subscribe("a", "AAPL");
  await hub.clock.advance(1_000);
  const others = ({ quota }: AttachReply) => quota?.others.map(({ symbol }) => symbol);
  assert.deepEqual(others(hub.attach("a")), []);
  assert.deepEqual(others(hub.attach("b")), ["AAPL"], "it keeps its slot for some seconds");
});

Deno.test("what an earlier session of an edge has left uses no slot that the edge needs", () => {
  const hub = new Hub();
  hub.sink.limit = 3;
  hub.attach("a");
  hub.subscribe("a", "AAPL", "MSFT", "NVDA");
  hub.attach("a");
  hub.subscribe("a", "NVDA");
  assert.deepEqual(hub.requested, ["trades AAPL 1", "trades MSFT 1", "trades NVDA 1"]);
  hub.subscribe("a", "MSFT", "TSLA");
  assert.deepEqual(hub.requested, ["trades MSFT 1", "trades NVDA 1", "trades TSLA 1"]);
  const error = { code: 405, message: "symbol limit exceeded" };
  assert.deepEqual(hub.subscribe("a", "META"), [{ error }]);
});
