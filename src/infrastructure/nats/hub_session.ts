/**
 * Sessions of an edge with a hub, in the place of sessions with Alpaca.
 *
 * The hub publishes what it receives as numbered entries; each edge decodes them. A session ends
 * when an entry is missing, when the hub has lost its own session, when another hub has taken over,
 * and when nothing arrives: then the feed link opens another one, and streams have a gap, as after
 * an outage of a session with Alpaca. Where NATS retains what hubs publish, missing entries are
 * read from there first; what has arrived since waits meanwhile.
 *
 * @module
 */
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
import type { SubscriptionRequest, SymbolSets } from "../../domain/subscription/pairs.ts";
import { Attachment } from "./attachment.ts";
import { EntryOrder, type Position, positionAt } from "./entry_order.ts";
import { FeedArrivals } from "./feed_arrivals.ts";
import type { BatchEntry } from "./frame_batch.ts";
import { closed, noNats, noSession, otherProduct } from "./hub_failures.ts";
import type { HubLink } from "./hub_link.ts";
import {
  type AttachReply,
  type EdgeState,
  encodeSubscribe,
  readDown,
  readSubscribeReply,
} from "./hub_protocol.ts";
import { NoAnswer } from "./hub_requests.ts";
import { HubSubscriptions } from "./hub_subscriptions.ts";
import { messageOf } from "./nats_client.ts";
import type { MissingEntries, RetainedReader } from "./retained_reader.ts";

/** How long NATS may take to be connected, and a hub to have a session, in ms. */
const CONNECT_MS = 5_000;
/** A hub answers within five seconds. */
const SUBSCRIBE_MS = 8_000;
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

/** Age of missing entries, in ms, from which on what follows them is not delayed further. */
const MAX_MISSING_AGE_MS = 5_000;

const NO_SYMBOLS: SymbolSets = new Map();

const encoder = new TextEncoder();

/** What a session needs of the connection to the hub. */
type SessionLink = Pick<
  HubLink,
  "edge" | "interruptions" | "expectsTakeover" | "open" | "subscribe" | "onMessage" | "request"
>;

/** What the sessions of one feed need. */
export interface HubFeed {
  readonly feed: FeedId;
  /** The product that the hub must have too. */
  readonly kind: FeedKind;
  readonly link: SessionLink;
  readonly receiver: FrameReceiver;
  /** Whether the whole order book of a pair has not arrived yet. @default never */
  readonly needsBook?: ((symbol: string) => boolean) | undefined;
  /** Deliveries since the process started, by which reading is throttled. @default none */
  readonly deliveries?: (() => number) | undefined;
  /** Bytes that may wait to be handled. @default 32 MiB */
  readonly maxWaitingBytes?: number | undefined;
  /** Reads missing entries where the hub says that they are retained. @default a gap instead */
  readonly retained?: Pick<RetainedReader, "read"> | undefined;
  readonly counters: EdgeFeedCounters;
  readonly clock: Clock;
  readonly log: Log;
}

/** Opens sessions of one feed with whichever hub has the lease. */
export function createHubConnector(feed: HubFeed): FeedConnector {
  const arrivals = new FeedArrivals(feed);
  return { connect: (options) => new HubSession(feed, arrivals, options).open() };
}

class HubSession implements FeedSession {
  readonly ended: Promise<FeedFailure>;
  frames = 0;
  lastFrameAt: number;
  readonly #feed: HubFeed;
  readonly #options: ConnectOptions;
  readonly #arrivals: FeedArrivals;
  readonly #order = new EntryOrder();
  readonly #subscriptions: HubSubscriptions;
  readonly #attachment: Attachment;
  readonly #failed = Promise.withResolvers<FeedFailure>();
  readonly #up = Promise.withResolvers<void>();
  readonly #over = new AbortController();
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
  /** Whether NATS retains what the hub publishes. */
  #isRetained = false;

  constructor(feed: HubFeed, arrivals: FeedArrivals, options: ConnectOptions) {
    const { subscriptions } = options;
    this.#feed = feed;
    this.#arrivals = arrivals;
    this.#options = options;
    this.ended = this.#failed.promise;
    this.lastFrameAt = feed.clock.monotonic();
    this.#subscriptions = new HubSubscriptions({
      acknowledged: (carried) => this.#acknowledge(carried),
      rejected: (error, pair) => subscriptions.rejected(error, pair),
      onUnknown: () => this.fail(closed("The hub does not know this edge any more")),
    });
    this.#attachment = new Attachment({
      ...feed,
      held: () => ({ term: this.#order.term, digest: this.#subscriptions.digest }),
      states: () => this.#subscriptions.states,
      inOrder: (action) => this.#inOrder(action),
      onConfirmed: (reply) => this.#onConfirmed(reply),
      fail: (failure) => this.fail(failure),
      signal: this.#over.signal,
    });
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
        if (message.term !== this.#order.term) return;
        this.#inOrder(() => {
          if ("state" in message) this.#onState(message);
          else this.#onQuota(message);
        });
      });
      onOpened();
      this.#attachment.begin((reply) => this.#onAttached(reply));
      const late = clock.sleep(CONNECT_MS, ended).then(() => {
        throw signal.aborted ? closed("Connection attempt aborted") : noSession(this.#reason);
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
    void this.#attachment.keep();
    void this.#watchSilence();
    void this.#hold();
    return this;
  }

  request(request: SubscriptionRequest): void {
    if (this.#over.signal.aborted) return;
    const { feed, link } = this.#feed;
    if (feed === "trading") return this.#attachment.renew();
    const { action, pairs } = request;
    const message = { edge: link.edge, feed, term: this.#order.term, action, pairs };
    const onReply = this.#subscriptions.begin(request);
    link.request("subscribe", encodeSubscribe(message), {
      timeoutMs: SUBSCRIBE_MS,
      read: readSubscribeReply,
      onReply: (reply) => {
        const handle = () => {
          if ("state" in reply || "error" in reply) this.frames++;
          onReply(reply);
        };
        // What has arrived before waits for this reply.
        if (!this.#isHeld) return this.#inOrder(handle);
        handle();
        if (reply instanceof NoAnswer) this.#endUnsubscribed(reply.message);
        // A rejected request is followed by others.
        else if (!this.#subscriptions.isWaiting) this.#release();
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

  /** Ends the session; another one continues at a position, or attaches afresh. */
  #endAt(position: Position | undefined, failure: FeedFailure): void {
    if (!position) return this.fail(failure);
    this.#end(failure);
    this.#arrivals.keepFrom(position);
  }

  #end(failure: FeedFailure): void {
    const { feed, link } = this.#feed;
    this.#over.abort();
    this.#arrivals.queue.stop();
    this.#arrivals.onInterruption = undefined;
    link.onMessage(feed, undefined);
    this.#failed.resolve(failure);
  }

  #onState(state: EdgeState): void {
    const { receiver, clock, needsBook } = this.#feed;
    this.#subscriptions.push(state);
    const { book } = state;
    // It may have arrived among the frames.
    if (!book || !needsBook?.(book.symbol)) return;
    receiver.receive(encoder.encode(book.frame), clock.now());
  }

  /** Calls an action after what has arrived before, while the session lasts. */
  #inOrder(action: () => void): void {
    this.#arrivals.queue.addAction(() => {
      if (!this.#over.signal.aborted) action();
    });
  }

  #start(): void {
    if (this.#isHeld || this.#over.signal.aborted) return;
    this.#arrivals.queue.start(this.#onEntry);
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
    if (this.#subscriptions.isWaiting) await clock.sleep(HOLD_MS, signal);
    if (!this.#subscriptions.isWaiting) return this.#release();
    if (this.#isHeld) this.#endUnsubscribed(`The hub has not answered within ${HOLD_MS} ms`);
  }

  /**
   * Ends a session whose first subscriptions were not acknowledged: streams have a gap until they
   * are, so that none of the entries that wait may be delivered.
   */
  #endUnsubscribed(message: string): void {
    this.fail(closed(`${message}, so that nothing is subscribed`));
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
      throw noNats();
    }
  }

  #onAttached(reply: AttachReply): void {
    const { term, next, at, isUp, isKnown, kind, reason } = reply;
    if (kind !== this.#feed.kind) return this.fail(otherProduct(this.#feed, kind));
    if (!isKnown) return this.fail(new FeedFailure(reason, { errorType: "upstream_error" }));
    this.#onQuota(reply);
    const continued = this.#arrivals.takePosition(term, next);
    this.#order.begin(term, continued?.next ?? next);
    this.#attachedAt = next;
    this.#since = continued?.at ?? at;
    this.#reason = reason;
    this.#isRetained = reply.isRetained ?? false;
    this.#recordTerm(Number(term));
    // What the hub has sent before its reply has arrived before it.
    this.#inOrder(() => this.#order.settle());
    this.#arrivals.onInterruption = () => this.#confirm();
    if (continued?.isUp ?? isUp) this.#setUp();
    // Entries that have arrived since the subscription wait.
    else this.#start();
  }

  /** Handles nothing until the hub has confirmed that it continues the session. */
  #confirm(): void {
    if (this.#over.signal.aborted) return;
    this.#arrivals.queue.stop();
    this.#attachment.confirm(() => this.#start());
  }

  #onConfirmed(reply: AttachReply): void {
    this.#onQuota(reply);
    // Proves that the hub replies, which the heartbeat of the trading feed asks for.
    if (this.#feed.feed === "trading") this.frames++;
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
    switch (this.#order.follow(entry, term)) {
      case "known":
        return true;
      case "next":
        if (entry.kind === "up") this.#onUp(entry);
        else if (entry.kind === "down") this.#onDown(entry);
        else this.#onFrame(entry);
        return true;
      case "hole":
        this.#onHole(entry);
        return false;
      case "other_term":
        this.#endAt(positionAt(entry, term), closed("Another hub has taken over"));
        return false;
      case "restart":
        this.fail(closed("The hub counts from the beginning"));
        return false;
    }
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
      const frame = this.#order.frameOf(entry);
      if (!frame) return;
      this.frames++;
      const { receivedAt } = entry;
      // What the hub has received since is missing when the session ends.
      const at = Math.max(receivedAt, this.#since);
      this.lastFrameAt = clock.monotonic() - Math.max(0, clock.now() - at);
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
    const { term, next } = this.#order;
    this.#endAt({ term, next, isUp: false, at }, noSession(this.#reason, "closed"));
  }

  #onHole(entry: BatchEntry): void {
    const { retained, clock } = this.#feed;
    const missing = this.#order.missingBefore(entry);
    const ageMs = clock.now() - this.#order.completeAt;
    if (retained && this.#isRetained && missing && ageMs <= MAX_MISSING_AGE_MS) {
      void this.#fill(entry, missing, retained);
    } else this.#endBefore(entry);
  }

  /** Reads what is missing before an entry; nothing is handled meanwhile. */
  async #fill(
    entry: BatchEntry,
    missing: MissingEntries,
    retained: Pick<RetainedReader, "read">,
  ): Promise<void> {
    const { feed, counters, log, clock } = this.#feed;
    const { queue } = this.#arrivals;
    const { signal } = this.#over;
    const start = clock.monotonic();
    queue.stop();
    try {
      const batches = await retained.read(feed, missing, signal);
      if (signal.aborted) return;
      queue.insert(batches);
    } catch (error) {
      if (signal.aborted) return;
      log.info("Missing entries are not retained", { cause: messageOf(error) });
      return this.#endBefore(entry);
    }
    const entries = missing.end - missing.first;
    counters.recovered += entries;
    log.info("Missing entries were read from NATS", {
      entries,
      duration_ms: Math.round(clock.monotonic() - start),
    });
    this.#start();
  }

  /** Ends the session because of what is missing before an entry. */
  #endBefore(entry: BatchEntry): void {
    const { counters, log } = this.#feed;
    const { term, next } = this.#order;
    const count = entry.number - next;
    counters.missing += count;
    log.warn("Entries from the hub are missing", { entries: count });
    this.#endAt(positionAt(entry, term), closed(`${count} entries from the hub are missing`));
  }

  #onQuota({ quota }: Pick<AttachReply, "quota">): void {
    this.#options.subscriptions.quotaReported?.(quota);
  }

  #acknowledge({ state, since }: Pick<EdgeState, "state" | "since">): void {
    // What has arrived before and waits is in the gap.
    if (this.#isHeld) this.#since = Math.max(this.#since, since);
    this.#options.subscriptions.acknowledged(state, Math.max(this.#since, since));
  }

  async #watchSilence(): Promise<void> {
    const { clock } = this.#feed;
    const { signal } = this.#over;
    while (!signal.aborted) {
      await clock.sleep(CHECK_MS, signal);
      if (this.#arrivals.silentMs < SILENCE_MS) continue;
      await clock.sleep(RECHECK_MS, signal);
      const ms = this.#arrivals.silentMs;
      if (ms < SILENCE_MS) continue;
      const message = `Nothing from the hub for ${Math.round(ms)} ms`;
      this.fail(new FeedFailure(message, { errorType: "heartbeat" }));
    }
  }
}
