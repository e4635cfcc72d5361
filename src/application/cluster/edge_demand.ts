/**
 * What the edges of a hub subscribe: the pairs of each session are references in the subscriptions
 * of the feed.
 *
 * A request is answered when upstream has decided about each of its pairs, or after
 * {@linkcode REPLY_MS}.
 *
 * @module
 */
import {
  type FeedId,
  type FeedKind,
  FEEDS,
  type MarketFeedId,
} from "../../domain/connection/feed.ts";
import {
  type Pair,
  pairKey,
  parseErrorText,
  type SymbolSets,
  type UpstreamChannel,
  type UpstreamError,
} from "../../domain/subscription/pairs.ts";
import { QuotaExceeded } from "../feeds/quota_check.ts";
import type { QuotaSource, SubscriptionSink } from "../feeds/subscription_manager.ts";
import type { Clock } from "../ports/clock.ts";
import type { Log } from "../ports/log.ts";
import type { EdgeReport } from "../status/reports.ts";
import type { UpstreamEvents } from "../streaming/upstream_events.ts";
import { EdgeQuotas } from "./edge_quotas.ts";
import { type EdgeSession, EdgeSessions } from "./edge_sessions.ts";
import { KeptPairs } from "./kept_pairs.ts";
import type {
  AttachReply,
  AttachRequest,
  EdgeQuota,
  EdgeState,
  SubscribeReply,
  SubscribeRequest,
  WholeBook,
} from "./messages.ts";

/** How long a request waits for upstream, in ms. */
const REPLY_MS = 5_000;
/** How often sessions are checked, in ms. */
const SWEEP_MS = 500;
/** A check that is so late had no chance to receive signs of life before it, in ms. */
const LATE_MS = 2_000;

/** The reply of Alpaca above a limit. */
const OVER_LIMIT: UpstreamError = { code: 405, message: "symbol limit exceeded" };
const NO_SUBSCRIPTIONS: UpstreamError = { code: 400, message: "the stream has no subscriptions" };
const BAD_REQUEST = 400;
const NOTHING: SymbolSets = new Map();

/** Bounds on what all edges together may use. */
interface EdgeLimits {
  readonly maxEdges: number;
  /** Pairs of one edge on one feed. */
  readonly maxPairs: number;
  /** Pairs of all edges on all feeds. */
  readonly maxTotalPairs: number;
}

/** Subscriptions of a feed. */
type DemandSink =
  & Pick<SubscriptionSink, "checkPairs" | "add" | "remove" | "statesOf">
  & QuotaSource;

/** What the demand of edges needs. */
interface EdgeDemandOptions {
  /** The products of the enabled feeds. */
  readonly kinds: Readonly<Partial<Record<FeedId, FeedKind>>>;
  /** Subscriptions of the feeds that have some. */
  readonly sinks: Readonly<Partial<Record<MarketFeedId, DemandSink>>>;
  /** The term of the lease, while this process holds it. */
  readonly lease: { readonly term: bigint | undefined };
  /** What is published of a feed at this moment. */
  readonly positionOf: (feed: FeedId) => Pick<AttachReply, "next" | "isUp" | "reason">;
  /** Sends an edge what is carried for it. */
  readonly publishState: (edge: string, state: EdgeState) => void;
  /** Whole order books of pairs that are subscribed for an edge, and that others may have. */
  readonly wholeBooks: (feed: FeedId, pairs: readonly Pair[]) => readonly WholeBook[];
  /** Sends an edge what other edges leave of the quota. */
  readonly publishQuota: (edge: string, quota: EdgeQuota) => void;
  readonly limits: EdgeLimits;
  readonly clock: Clock;
  readonly log: Log;
}

/** The subscriptions of all edges. */
export class EdgeDemand implements Pick<UpstreamEvents, "carried" | "notCarried" | "subscription"> {
  readonly #options: EdgeDemandOptions;
  readonly #sessions: EdgeSessions;
  readonly #kept: KeptPairs;
  /** Wall clock ms at which upstream last began to carry something on a feed. */
  readonly #carriedAt = new Map<FeedId, number>();
  /** Pairs of all sessions, and those that are kept. */
  #pairs = 0;
  readonly #quotas: EdgeQuotas<EdgeSession>;

  constructor(options: EdgeDemandOptions) {
    this.#options = options;
    const { clock, limits: { maxEdges } } = options;
    this.#kept = new KeptPairs(clock, (feed, pairs) => this.#remove(feed, pairs));
    this.#sessions = new EdgeSessions({
      ...options,
      maxEdges,
      onEnd: (session) => {
        this.#finish(session, { unknown: true });
        this.#kept.keep(session);
      },
    });
    this.#quotas = new EdgeQuotas({
      ...options,
      edgesOf: (feed) => [...this.#sessions.of(feed)],
      referencesOf: (session, key) =>
        this.#kept.count(session, key) + (session.pairs.has(key) ? 1 : 0),
      report: ({ edge, feed, term }, quota) => options.publishQuota(edge, { feed, term, quota }),
    });
  }

  /** Begins or continues the session of an edge; `undefined` without the lease. */
  attach(request: AttachRequest): AttachReply | undefined {
    const { lease: { term }, kinds, positionOf, clock } = this.#options;
    if (term === undefined) return undefined;
    const at = clock.now();
    const { edge, feed, held } = request;
    const kind = kinds[feed];
    const reason = this.#problemOf(request) ??
      (held ? this.#continue(request, held) : this.#sessions.begin({ edge, feed, term }));
    if (kind === undefined) {
      return { term, next: 1, at, isUp: false, isKnown: false, kind, reason: reason ?? "" };
    }
    const position = { ...positionOf(feed), at };
    if (reason !== undefined) return { term, ...position, isKnown: false, kind, reason };
    const session = this.#sessions.find(request);
    const quota = session && feed !== "trading" ? this.#quotas.quotaFor(feed, session) : undefined;
    return { term, ...position, isKnown: true, kind, states: session?.states, quota };
  }

  /** Applies a request of an edge; `answer` is called once, maybe at a later time. */
  subscribe(request: SubscribeRequest, answer: (reply: SubscribeReply) => void): void {
    const session = this.#sessions.find(request);
    const { lease: { term }, clock } = this.#options;
    if (!session || session.term !== term || request.term !== term) {
      return answer({ unknown: true });
    }
    this.#sessions.seen(session);
    // An edge has one request in flight: it does not wait for this one any more.
    this.#finish(session, this.#stateOf(session));
    if (request.pairs.length === 0) return answer(this.#stateOf(session));
    const sink = this.#sinkOf(request.feed);
    if (!sink) return answer({ error: NO_SUBSCRIPTIONS });
    if (request.action === "unsubscribe") {
      this.#take(session, request.pairs);
      return answer(this.#stateOf(session));
    }
    const added = request.pairs.filter((pair) => !session.pairs.has(pairKey(pair)));
    const further = this.#kept.without(session, added);
    if (!this.#fits(session, sink, { added, further })) {
      // What an earlier session has left uses no slot that this one needs.
      this.#kept.releaseExcept(session, added);
      if (!this.#fits(session, sink, { added, further })) return answer({ error: OVER_LIMIT });
    }
    for (const pair of added) {
      session.pairs.set(pairKey(pair), pair);
      session.digest.add(pair);
    }
    this.#kept.take(session, added);
    this.#pairs += further.length;
    for (const [channel, symbols] of byChannel(further)) sink.add(channel, symbols);
    this.#quotaChanged(session.feed);
    const until = clock.monotonic() + REPLY_MS;
    session.pending = { pairs: request.pairs, added, answer, until };
    this.#check(session, sink);
  }

  carried({ feed, channel, symbols }: Parameters<UpstreamEvents["carried"]>[0]): void {
    this.#carriedAt.set(feed, this.#options.clock.now());
    this.#changed(feed, channel, symbols);
  }

  notCarried(
    { feed, channel, symbols }: Parameters<UpstreamEvents["notCarried"]>[0],
    reason: Parameters<UpstreamEvents["notCarried"]>[1],
  ): void {
    // The end of a session is published with the frames.
    if (reason === "not_subscribed") this.#changed(feed, channel, symbols);
  }

  subscription(feed: FeedId): void {
    const sink = this.#sinkOf(feed);
    if (!sink) return;
    for (const session of this.#sessions.of(feed)) if (session.pending) this.#check(session, sink);
    // A limit may have been learned, or a pair be rejected.
    this.#quotaChanged(feed);
  }

  /** Ends sessions without a sign of life, until `signal` fires; then all sessions. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    let last = clock.monotonic();
    while (!signal.aborted) {
      await clock.sleep(SWEEP_MS, signal);
      const now = clock.monotonic();
      const isLate = now - last > LATE_MS;
      last = now;
      if (!signal.aborted) this.#sweep(now, isLate);
    }
    this.#sessions.clear();
    this.#kept.releaseDue(Infinity);
    this.#quotas.stop();
  }

  /** Reports every edge. */
  reports(): readonly EdgeReport[] {
    return this.#sessions.reports();
  }

  /** Whether an edge is attached. */
  isAttached(edge: string): boolean {
    return this.#sessions.has(edge);
  }

  /** Number of attached edges. */
  get size(): number {
    return this.#sessions.size;
  }

  /** Describes why a request cannot be served by this hub. */
  #problemOf({ edge, feed, kind }: AttachRequest): string | undefined {
    const { kinds } = this.#options;
    const own = kinds[feed];
    if (own === undefined) return `The hub does not have the feed ${feed}`;
    if (own !== kind) return `The hub has the ${feed} feed of ${own}, the edge expects ${kind}`;
    return this.#sessions.problemOf(edge);
  }

  /** Describes why a session cannot continue. */
  #continue(
    request: AttachRequest,
    held: NonNullable<AttachRequest["held"]>,
  ): string | undefined {
    const { lease: { term } } = this.#options;
    const session = this.#sessions.find(request);
    if (!session || session.term !== term || held.term !== term) {
      return "The hub has no session of this edge";
    }
    this.#sessions.continued(session);
    const { pending, digest } = session;
    if (pending || held.digest === undefined || held.digest === String(digest)) return undefined;
    return "The hub has other subscriptions of this edge";
  }

  /** Whether the limits and the quota have room for pairs, of which `further` have no reference. */
  #fits(
    { pairs }: EdgeSession,
    sink: DemandSink,
    { added, further }: { readonly added: readonly Pair[]; readonly further: readonly Pair[] },
  ): boolean {
    const { maxPairs, maxTotalPairs } = this.#options.limits;
    if (pairs.size + added.length > maxPairs) return false;
    if (this.#pairs + further.length > maxTotalPairs) return false;
    try {
      sink.checkPairs(further);
      return true;
    } catch (error) {
      if (error instanceof QuotaExceeded) return false;
      throw error;
    }
  }

  /** Answers the pending request of a session once upstream has decided about its pairs. */
  #check(session: EdgeSession, sink: DemandSink): void {
    const { pending } = session;
    if (!pending) return;
    let isDecided = true;
    for (const [channel, symbols] of byChannel(pending.pairs)) {
      for (const { symbol, state, reason } of sink.statesOf(channel, symbols)) {
        if (state === "rejected") {
          return this.#reject(session, { error: errorOf(reason), pair: { channel, symbol } });
        }
        if (state === "waiting") return this.#reject(session, { error: OVER_LIMIT });
        isDecided &&= state === "acknowledged";
      }
    }
    if (isDecided) this.#finish(session, this.#stateOf(session));
  }

  #reject(session: EdgeSession, reply: SubscribeReply): void {
    this.#take(session, session.pending?.added ?? []);
    this.#finish(session, reply);
  }

  #finish(session: EdgeSession, reply: SubscribeReply): void {
    const { pending } = session;
    session.pending = undefined;
    pending?.answer(reply);
    if (!pending || !("state" in reply)) return;
    const { edge, feed, term } = session;
    for (const book of this.#options.wholeBooks(feed, pending.added)) {
      session.states++;
      this.#options.publishState(edge, { feed, term, ...reply, book });
    }
  }

  /** Removes pairs from a session. */
  #take(session: EdgeSession, pairs: readonly Pair[]): void {
    const removed = pairs.filter((pair) => session.pairs.delete(pairKey(pair)));
    for (const pair of removed) session.digest.remove(pair);
    this.#remove(session.feed, removed);
  }

  #remove(feed: FeedId, pairs: readonly Pair[]): void {
    this.#pairs -= pairs.length;
    const sink = this.#sinkOf(feed);
    for (const [channel, symbols] of byChannel(pairs)) sink?.remove(channel, symbols);
    this.#quotaChanged(feed);
  }

  #quotaChanged(feed: FeedId): void {
    if (feed !== "trading") this.#quotas.changed(feed);
  }

  /** @param isLate whether signs of life may wait to be received */
  #sweep(now: number, isLate: boolean): void {
    for (const feed of FEEDS) {
      for (const session of this.#sessions.of(feed)) {
        const { pending } = session;
        if (pending && pending.until <= now) this.#finish(session, this.#stateOf(session));
      }
    }
    this.#sessions.expire(now, isLate);
    this.#kept.releaseDue(now);
  }

  /** Answers requests, and sends their state to the other sessions that have one of the symbols. */
  #changed(
    feed: FeedId,
    channel: UpstreamChannel | undefined,
    symbols: readonly string[],
  ): void {
    const sink = this.#sinkOf(feed);
    if (!sink || channel === undefined) return;
    this.#quotaChanged(feed);
    const keys = symbols.map((symbol) => pairKey({ channel, symbol }));
    for (const session of this.#sessions.of(feed)) {
      if (session.pending) {
        this.#check(session, sink);
        continue;
      }
      const { pairs, edge, term } = session;
      if (!keys.some((key) => pairs.has(key))) continue;
      session.states++;
      this.#options.publishState(edge, { feed, term, ...this.#stateOf(session) });
    }
  }

  /** The pairs of a session that are carried. */
  #stateOf({ feed, pairs }: EdgeSession): Pick<EdgeState, "state" | "since"> {
    const sink = this.#sinkOf(feed);
    const since = this.#carriedAt.get(feed) ?? 0;
    if (!sink || pairs.size === 0) return { state: NOTHING, since };
    const state = new Map<UpstreamChannel, ReadonlySet<string>>();
    for (const [channel, symbols] of byChannel(pairs.values())) {
      const carried = sink.statesOf(channel, symbols).filter((each) =>
        each.state === "acknowledged"
      );
      if (carried.length > 0) state.set(channel, new Set(carried.map(({ symbol }) => symbol)));
    }
    return { state, since };
  }

  #sinkOf(feed: FeedId): DemandSink | undefined {
    return feed === "trading" ? undefined : this.#options.sinks[feed];
  }
}

function errorOf(reason: string): UpstreamError {
  return parseErrorText(reason) ?? { code: BAD_REQUEST, message: reason };
}

function byChannel(pairs: Iterable<Pair>): ReadonlyMap<UpstreamChannel, readonly string[]> {
  const found = new Map<UpstreamChannel, string[]>();
  for (const { channel, symbol } of pairs) {
    const symbols = found.get(channel);
    if (symbols) symbols.push(symbol);
    else found.set(channel, [symbol]);
  }
  return found;
}
