/**
 * Sessions of an edge with a hub, in the place of sessions with Alpaca.
 *
 * The hub publishes what it receives as numbered entries; each edge decodes them. A session ends
 * when an entry is missing, when the hub has lost its own session, when another hub has taken over,
 * and when nothing arrives: then the feed link opens another one, and streams have a gap, as after
 * an outage of a session with Alpaca.
 *
 * @module
 */
import type { Subscription } from "@nats-io/nats-core";
import type { Clock } from "../../application/ports/clock.ts";
import type {
  ConnectOptions,
  FeedConnector,
  FeedSession,
} from "../../application/ports/feed_connector.ts";
import type { FrameReceiver } from "../../application/ports/frame_receiver.ts";
import type { Log } from "../../application/ports/log.ts";
import type { EdgeFeedCounters } from "../../application/status/counters.ts";
import type { FeedId, FeedKind } from "../../domain/connection/feed.ts";
import { FeedFailure } from "../../domain/connection/failure.ts";
import {
  type Pair,
  pairKey,
  type SubscriptionRequest,
  type SymbolSets,
} from "../../domain/subscription/pairs.ts";
import { EntryQueue } from "./entry_queue.ts";
import { type BatchEntry, FrameJoiner } from "./frame_batch.ts";
import type { HubLink } from "./hub_link.ts";
import {
  type AttachReply,
  type EdgeState,
  encodeAttach,
  encodeSubscribe,
  PairDigest,
  readAttachReply,
  readDown,
  readSubscribeReply,
  type SubscribeReply,
} from "./hub_protocol.ts";
import { NoAnswer, NoHub } from "./hub_requests.ts";
import { messageOf } from "./nats_client.ts";

/** How long NATS may take to be connected, and a hub to have a session, in ms. */
const CONNECT_MS = 5_000;
const ATTACH_MS = 2_000;
/** Pause before the next request while another hub is about to take over, in ms. */
const TAKEOVER_PAUSE_MS = 50;
/** A hub answers within five seconds. */
const SUBSCRIBE_MS = 8_000;
/** Interval in which this edge renews its subscriptions at the hub, in ms. */
const KEEP_ALIVE_MS = 2_000;
/** Unanswered ones in a row that end the session: by then the hub may have forgotten the edge. */
const MAX_UNANSWERED = 3;
/** The hub sends an entry or a beacon every second. */
const SILENCE_MS = 3_000;
const CHECK_MS = 500;
/** Pause in which entries are read that have arrived while the event loop was blocked, in ms. */
const RECHECK_MS = 200;

/**
 * Longest time for which entries wait for the first subscriptions of a session, in ms: the hub
 * replies within 5 s. An entry that is handled earlier comes before the gap that it ends.
 */
const HOLD_MS = 6_000;

const NO_SYMBOLS: SymbolSets = new Map();

/** What the sessions of one feed need. */
export interface HubFeed {
  readonly feed: FeedId;
  /** The product that the hub must have too. */
  readonly kind: FeedKind;
  readonly link: HubLink;
  readonly receiver: FrameReceiver;
  /** Deliveries since the process started, by which reading is throttled. @default none */
  readonly deliveries?: (() => number) | undefined;
  /** Bytes that may wait to be handled. @default 32 MiB */
  readonly maxWaitingBytes?: number | undefined;
  readonly counters: EdgeFeedCounters;
  readonly clock: Clock;
  readonly log: Log;
}

/** Opens sessions of one feed with whichever hub has the lease. */
export function createHubConnector(feed: HubFeed): FeedConnector {
  const arrivals = new Arrivals(feed);
  return { connect: (options) => new HubSession(feed, arrivals, options).open() };
}

/** An entry with which a session continues. */
interface Position {
  readonly term: bigint;
  readonly next: number;
  /** Whether the hub has a session there; `undefined` where that is not known. */
  readonly isUp: boolean | undefined;
  /** When the hub received it, in wall clock ms. */
  readonly at: number;
}

/**
 * What arrives on one feed, over all sessions: a session that follows another one takes what has
 * arrived in between, so that it starts where the hub has started and not where it has attached.
 */
class Arrivals {
  readonly queue: EntryQueue;
  /** Where the next session continues; `undefined` where it attaches. */
  position: Position | undefined;
  /** Monotonic ms at which something arrived last. */
  at: number;
  readonly #feed: HubFeed;
  #subscription: Subscription | undefined;

  constructor(feed: HubFeed) {
    const { clock, log, deliveries, maxWaitingBytes } = feed;
    this.#feed = feed;
    this.at = clock.monotonic();
    this.queue = new EntryQueue({
      clock,
      deliveries,
      maxBytes: maxWaitingBytes,
      onInvalid: (error) => {
        log.warn("A batch of the hub is not valid", { cause: messageOf(error) });
      },
    });
  }

  /** Subscribes, unless what arrived since the last session is to be continued. */
  open(): void {
    const { link, feed, clock, counters } = this.#feed;
    this.at = clock.monotonic();
    if (this.position && this.#subscription && !this.#subscription.isClosed()) return;
    this.close();
    this.#subscription = link.subscribe(feed, (batch) => {
      this.at = clock.monotonic();
      counters.lastEntryAt = clock.now();
      if (!this.queue.add(batch)) counters.dropped++;
    });
  }

  /** Drops what has arrived. */
  close(): void {
    this.#subscription?.unsubscribe();
    this.#subscription = this.position = undefined;
    this.queue.close();
  }
}

class HubSession implements FeedSession {
  readonly ended: Promise<FeedFailure>;
  frames = 0;
  lastFrameAt: number;
  readonly #feed: HubFeed;
  readonly #options: ConnectOptions;
  readonly #arrivals: Arrivals;
  readonly #joiner = new FrameJoiner();
  readonly #failed = Promise.withResolvers<FeedFailure>();
  readonly #up = Promise.withResolvers<void>();
  readonly #over = new AbortController();
  #term = 0n;
  /** Number of the next entry. */
  #next = 0;
  #isUp = false;
  /** Number of the next entry when the session was attached. */
  #attachedAt = 0;
  /**
   * When the hub received the first message of the session, or acknowledged it, in wall clock ms.
   * Streams receive an outage until then as a gap, and nothing from before.
   */
  #since = 0;
  /** Why the hub has no session. */
  #reason = "";
  /** Whether entries wait for the first subscriptions of the session. */
  #isHeld = false;
  /** What the hub has subscribed for this edge, by pair; it has a digest of the same. */
  readonly #held = new Set<string>();
  readonly #digest = new PairDigest();
  /** A request has had no answer: the hub may have applied it. */
  #isUncertain = false;
  #requests = 0;
  /** A state that arrived while a request was in flight. */
  #pushed: Pick<EdgeState, "state" | "since"> | undefined;
  /** States that have arrived without a request. */
  #states = 0;
  #unanswered = 0;

  constructor(feed: HubFeed, arrivals: Arrivals, options: ConnectOptions) {
    this.#feed = feed;
    this.#arrivals = arrivals;
    this.#options = options;
    this.ended = this.#failed.promise;
    this.lastFrameAt = feed.clock.monotonic();
  }

  /**
   * Attaches to the hub and waits until it has a session with Alpaca.
   *
   * @throws FeedFailure
   */
  async open(): Promise<this> {
    const { feed, link, clock } = this.#feed;
    const { signal, onOpened } = this.#options;
    const done = new AbortController();
    const ended = AbortSignal.any([signal, done.signal]);
    try {
      await this.#connect(ended);
      this.#arrivals.open();
      link.onMessage(feed, (message) => {
        // One that arrives before the session is attached is of the last one.
        if (message.term !== this.#term) return;
        this.#inOrder(() => {
          if ("state" in message) this.#onState(message);
          else this.#onQuota(message);
        });
      });
      onOpened();
      this.#attach();
      const late = clock.sleep(CONNECT_MS, ended).then(() => {
        throw signal.aborted ? aborted() : this.#noSession();
      });
      late.catch(() => {});
      const failed = this.ended.then((failure) => {
        throw failure;
      });
      await Promise.race([this.#up.promise, failed, late]);
    } catch (error) {
      await this.close();
      throw error;
    } finally {
      done.abort();
    }
    void this.#keepAlive();
    void this.#watchSilence();
    void this.#hold();
    return this;
  }

  request({ action, pairs, probe }: SubscriptionRequest): void {
    if (this.#over.signal.aborted) return;
    const { feed, link } = this.#feed;
    if (feed === "trading") return this.#continue();
    const request = { edge: link.edge, feed, term: this.#term, action, pairs };
    this.#requests++;
    link.request("subscribe", encodeSubscribe(request), {
      timeoutMs: SUBSCRIBE_MS,
      read: readSubscribeReply,
      onReply: (reply) => {
        const handle = () => this.#onSubscribed(reply, probe ? [] : pairs, action);
        // What has arrived before waits for this reply.
        if (!this.#isHeld) return this.#inOrder(handle);
        handle();
        // A rejected request is followed by others.
        if (this.#requests === 0) this.#release();
      },
    });
  }

  fail(failure: FeedFailure): void {
    if (this.#over.signal.aborted) return;
    this.#end(failure);
    this.#arrivals.close();
  }

  close(): Promise<void> {
    this.fail(new FeedFailure("Closed by the proxy", { errorType: "closed" }));
    return Promise.resolve();
  }

  /** Ends the session; another one continues with the entry `next`. */
  #endBefore(
    failure: FeedFailure,
    { term = this.#term, ...position }: Omit<Position, "term"> & { readonly term?: bigint },
  ): void {
    this.#end(failure);
    this.#arrivals.position = { term, ...position };
  }

  #end(failure: FeedFailure): void {
    const { feed, link } = this.#feed;
    this.#over.abort();
    this.#arrivals.queue.stop();
    link.onMessage(feed, undefined);
    this.#failed.resolve(failure);
  }

  /** Calls an action after what has arrived before, while the session lasts. */
  #inOrder(action: () => void): void {
    this.#arrivals.queue.addAction(() => {
      if (!this.#over.signal.aborted) action();
    });
  }

  #start(): void {
    if (!this.#over.signal.aborted) this.#arrivals.queue.start(this.#onEntry);
  }

  /**
   * Lets entries wait until what the session starts with is subscribed, as Alpaca sends nothing
   * before either.
   */
  async #hold(): Promise<void> {
    const { clock } = this.#feed;
    const { signal } = this.#over;
    // The first requests are sent as soon as the session is open.
    await Promise.resolve();
    await new Promise((resolve) => setTimeout(resolve, 0));
    if (this.#requests > 0) await clock.sleep(HOLD_MS, signal);
    this.#release();
  }

  #release(): void {
    if (!this.#isHeld) return;
    this.#isHeld = false;
    this.#start();
  }

  async #connect(signal: AbortSignal): Promise<void> {
    const { link, clock } = this.#feed;
    const late = new AbortController();
    clock.sleep(CONNECT_MS, signal).then(() => late.abort());
    try {
      await link.open(late.signal);
    } catch {
      throw new FeedFailure("NATS is not connected", {
        errorType: "dial",
        remedy: "Check STREAM_PROXY_NATS_URL and the credentials for NATS",
      });
    }
  }

  #attach(): void {
    const { link, feed, kind } = this.#feed;
    link.request("attach", encodeAttach({ edge: link.edge, feed, kind }), {
      timeoutMs: ATTACH_MS,
      read: readAttachReply,
      onReply: (reply) => {
        if (this.#over.signal.aborted) return;
        if (reply instanceof NoHub && link.expectsTakeover) void this.#attachLater();
        else if (reply instanceof NoAnswer) this.fail(noHub(reply));
        else this.#onAttached(reply);
      },
    });
  }

  /** Waits for the hub that takes over: until then each attempt would fail. */
  async #attachLater(): Promise<void> {
    const { signal } = this.#over;
    await this.#feed.clock.sleep(TAKEOVER_PAUSE_MS, signal);
    if (!signal.aborted) this.#attach();
  }

  #onAttached(reply: AttachReply): void {
    const { term, next, at, isUp, isKnown, kind, reason } = reply;
    const own = this.#feed.kind;
    if (kind !== own) return this.fail(otherProduct(this.#feed, kind));
    if (!isKnown) return this.fail(new FeedFailure(reason, { errorType: "upstream_error" }));
    this.#onQuota(reply);
    const { position } = this.#arrivals;
    const continued = position?.term === term && position.next <= next ? position : undefined;
    this.#term = term;
    this.#attachedAt = next;
    this.#next = continued?.next ?? next;
    this.#since = continued?.at ?? at;
    this.#arrivals.position = undefined;
    this.#reason = reason;
    this.#recordTerm(Number(term));
    if (continued?.isUp ?? isUp) this.#setUp();
    // Entries that have arrived since the subscription wait.
    else this.#start();
  }

  #recordTerm(term: number): void {
    const { counters, clock } = this.#feed;
    if (term === counters.term) return;
    counters.term = term;
    counters.followedSince = clock.now();
  }

  #setUp(): void {
    const { feed } = this.#feed;
    this.#isUp = true;
    if (feed === "trading") {
      this.#options.subscriptions.acknowledged(NO_SYMBOLS);
      this.#start();
    } else {
      this.#isHeld = true;
      this.#arrivals.queue.stop();
    }
    this.#up.resolve();
  }

  readonly #onEntry = (entry: BatchEntry, term: bigint): boolean => {
    const { kind, number, receivedAt: at } = entry;
    // A hub whose lease has just expired may still send.
    if (term < this.#term) return true;
    if (term > this.#term) {
      const position = { term, next: number, isUp: isUpBefore(kind), at };
      this.#endBefore(closed("Another hub has taken over"), position);
      return false;
    }
    if (number > this.#next) {
      this.#failMissing(number - this.#next);
      // The end of the hub's session may be missing too.
      this.#arrivals.position = { term, next: number, isUp: isUpBefore(kind), at };
      return false;
    }
    if (number < this.#next || kind === "beacon") return true;
    this.#next++;
    if (kind === "up") this.#onUp(entry);
    else if (kind === "down") this.#onDown(entry);
    else this.#onFrame(entry);
    return true;
  };

  #onUp({ number, receivedAt }: BatchEntry): void {
    if (!this.#isUp) {
      this.#since = receivedAt;
      this.#setUp();
    } else if (number >= this.#attachedAt) this.fail(closed("The hub has opened another session"));
  }

  #onFrame(entry: BatchEntry): void {
    const { clock, receiver } = this.#feed;
    try {
      const frame = this.#joiner.add(entry);
      if (!frame) return;
      this.frames++;
      const { receivedAt } = entry;
      // What the hub has received since is missing when the session ends.
      this.lastFrameAt = clock.monotonic() - Math.max(0, clock.now() - receivedAt);
      if (receivedAt >= this.#since) receiver.receive(frame, receivedAt);
    } catch (error) {
      this.fail(new FeedFailure(messageOf(error), { errorType: "upstream_error" }));
    }
  }

  #onDown({ payload, receivedAt: at }: BatchEntry): void {
    try {
      this.#reason = readDown(payload).message;
    } catch {
      this.#reason = "the reason is not readable";
    }
    // Otherwise `up` is still awaited.
    if (!this.#isUp) return;
    this.#endBefore(this.#noSession("closed"), { next: this.#next, isUp: false, at });
  }

  #failMissing(count: number): void {
    const { counters, log } = this.#feed;
    counters.missing += count;
    log.warn("Entries from the hub are missing", { entries: count });
    this.#end(closed(`${count} entries from the hub are missing`));
  }

  #onSubscribed(
    reply: SubscribeReply | NoAnswer,
    pairs: readonly Pair[],
    action: SubscriptionRequest["action"],
  ): void {
    const { subscriptions } = this.#options;
    this.#requests--;
    if (reply instanceof NoAnswer) {
      // The manager repeats the request; the hub may have applied it.
      this.#isUncertain = true;
      return;
    }
    if ("unknown" in reply) return this.fail(closed("The hub does not know this edge any more"));
    this.frames++;
    if ("error" in reply) subscriptions.rejected(reply.error, reply.pair);
    else {
      for (const pair of pairs) this.#record(pair, action === "subscribe");
      this.#pushed = undefined;
      this.#acknowledge(reply);
    }
    this.#flushState();
  }

  /** Records what the hub has of this edge. */
  #record(pair: Pair, isHeld: boolean): void {
    const key = pairKey(pair);
    if (isHeld === this.#held.has(key)) return;
    if (isHeld) {
      this.#held.add(key);
      this.#digest.add(pair);
    } else {
      this.#held.delete(key);
      this.#digest.remove(pair);
    }
  }

  /** Takes a state that no request has asked for; during a request it is not the reply to that. */
  #onState(state: EdgeState): void {
    this.#states++;
    this.#pushed = state;
    this.#flushState();
  }

  #onQuota({ quota }: Pick<AttachReply, "quota">): void {
    this.#options.subscriptions.quotaReported?.(quota);
  }

  #flushState(): void {
    const state = this.#pushed;
    if (!state || this.#requests > 0) return;
    this.#pushed = undefined;
    this.#acknowledge(state);
  }

  #acknowledge({ state, since }: Pick<EdgeState, "state" | "since">): void {
    // What has arrived before and waits is in the gap.
    if (this.#isHeld) this.#since = Math.max(this.#since, since);
    this.#options.subscriptions.acknowledged(state, Math.max(this.#since, since));
  }

  /** Renews the lease of what this edge has subscribed. */
  async #keepAlive(): Promise<void> {
    const { clock } = this.#feed;
    const { signal } = this.#over;
    while (!signal.aborted) {
      await clock.sleep(KEEP_ALIVE_MS, signal);
      this.#continue();
    }
  }

  #continue(): void {
    const { link, feed, kind } = this.#feed;
    if (this.#over.signal.aborted) return;
    const isSettled = this.#requests === 0 && !this.#isUncertain;
    const digest = isSettled ? String(this.#digest) : undefined;
    const held = { term: this.#term, digest };
    link.request("attach", encodeAttach({ edge: link.edge, feed, kind, held }), {
      timeoutMs: ATTACH_MS,
      read: readAttachReply,
      onReply: (reply) => {
        this.#inOrder(() => this.#onContinued(reply));
      },
    });
  }

  #onContinued(reply: AttachReply | NoAnswer): void {
    if (reply instanceof NoAnswer) {
      if (++this.#unanswered >= MAX_UNANSWERED) this.fail(noHub(reply));
      return;
    }
    this.#unanswered = 0;
    if (reply.term !== this.#term || !reply.isKnown) {
      const { reason } = reply;
      return this.fail(closed(reason || "The hub does not know this edge any more"));
    }
    // What the hub has sent before its reply has arrived before it.
    if (reply.states !== undefined && reply.states !== this.#states) {
      return this.fail(closed("A state from the hub is missing"));
    }
    this.#onQuota(reply);
    // Proves that the hub replies, which the heartbeat of the trading feed asks for.
    if (this.#feed.feed === "trading") this.frames++;
  }

  async #watchSilence(): Promise<void> {
    const { clock } = this.#feed;
    const { signal } = this.#over;
    const silentMs = () => clock.monotonic() - this.#arrivals.at;
    while (!signal.aborted) {
      await clock.sleep(CHECK_MS, signal);
      if (silentMs() < SILENCE_MS) continue;
      await clock.sleep(RECHECK_MS, signal);
      const ms = silentMs();
      if (ms < SILENCE_MS) continue;
      const message = `Nothing from the hub for ${Math.round(ms)} ms`;
      this.fail(new FeedFailure(message, { errorType: "heartbeat" }));
    }
  }

  /** Types that change how the link retries are not used: the hub is what waits. */
  #noSession(errorType: "closed" | "dial" = "dial"): FeedFailure {
    const reason = this.#reason || "it is still connecting";
    return new FeedFailure(`The hub has no session: ${reason}`, { errorType });
  }
}

/** Whether the hub has a session before an entry; `undefined` where that is not known. */
function isUpBefore(kind: BatchEntry["kind"]): boolean | undefined {
  if (kind === "beacon") return undefined;
  return kind === "frame" || kind === "part";
}

function closed(message: string): FeedFailure {
  return new FeedFailure(message, { errorType: "closed" });
}

function aborted(): FeedFailure {
  return closed("Connection attempt aborted");
}

function noHub({ message }: NoAnswer): FeedFailure {
  return new FeedFailure(message, {
    errorType: "dial",
    remedy: "Start a hub with the same STREAM_PROXY_NATS_URL and STREAM_PROXY_NATS_PREFIX",
  });
}

function otherProduct({ feed, kind }: HubFeed, served: FeedKind | undefined): FeedFailure {
  const message = served === undefined
    ? `The hub does not have the ${feed} feed`
    : `The hub has ${served} on the ${feed} feed, this edge is configured for ${kind}`;
  return new FeedFailure(message, {
    errorType: "upstream_error",
    remedy: "Give hub and edges the same STREAM_PROXY_FEEDS, ALPACA_FEED and ALPACA_OPTIONS_FEED",
  });
}
