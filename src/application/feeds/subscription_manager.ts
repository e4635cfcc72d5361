/**
 * Manages the subscriptions of one market data feed: turns what open streams
 * request into requests on the session.
 *
 * Changes within one turn of the event loop are sent together. One request is in
 * flight at a time; each reply leads to the next request. An unanswered request
 * is repeated, and a session that does not answer is failed; unanswered probes
 * are left to the heartbeat. Changes never reconnect the socket.
 *
 * @module
 */
import { FeedFailure } from "../../domain/connection/failure.ts";
import type { FeedId } from "../../domain/connection/feed.ts";
import type { Subscriptions } from "../../domain/subscription/reconciler.ts";
import type { Requester } from "../../domain/subscription/ref_counts.ts";
import type { Rejection } from "../../domain/subscription/rejections.ts";
import {
  errorText,
  isServerError,
  type SubscriptionRequest,
  type SymbolSets,
  UPSTREAM_CHANNELS,
  type UpstreamChannel,
  type UpstreamError,
} from "../../domain/subscription/pairs.ts";
import type { Clock } from "../ports/clock.ts";
import type { FeedSession } from "../ports/feed_connector.ts";
import type { Log } from "../ports/log.ts";
import type { Span, Tracing } from "../ports/tracing.ts";
import type { ExpansionReport, FeedQuota, FeedSubscriptions } from "../status/reports.ts";
import type { SymbolChange, UpstreamEvents } from "../streaming/upstream_events.ts";
import { Alarm } from "./alarm.ts";
import {
  describeProblem,
  namedSlotsInUse,
  reportChannels,
  reportQuota,
  slotsInUse,
} from "./report_subscriptions.ts";
import { SubscriptionEvents } from "./subscription_events.ts";
import type { UpstreamSubscriptions } from "./upstream_subscriptions.ts";

/** Consecutive unanswered requests that fail a session which has replied before. */
const MAX_UNANSWERED = 3;

/** Pause after an internal error of upstream, in ms. */
const ERROR_PAUSE_MS = 1_000;

/** Longest wait until symbols are checked for their end, in ms: the wall clock may be set. */
const END_CHECK_MS = 600_000;

/** A symbol quota and what a new stream would add to it. */
interface QuotaExcess {
  readonly feed: FeedId;
  /** Pairs of channel and symbol that the plan allows on the feed. */
  readonly limit: number;
  /** Pairs that open streams already name. */
  readonly used: number;
  /** Pairs that the new stream would add. */
  readonly requested: number;
}

/**
 * A new stream requests more symbols than the quota has left. It is not opened,
 * and open streams are not affected.
 */
export class QuotaExceeded extends Error {
  override readonly name = "QuotaExceeded";
  readonly excess: QuotaExcess;

  constructor(excess: QuotaExcess) {
    const { feed, limit, used, requested } = excess;
    super(
      `The ${feed} symbol quota is exceeded by ${used + requested - limit}: ` +
        `${limit} allowed, ${used} used, ${requested} more requested`,
    );
    this.excess = excess;
  }
}

/** Takes what streams request of one feed. */
export interface SubscriptionSink {
  /**
   * Checks that the quota has slots for the symbols that a new stream names;
   * subscribes nothing. Selected contracts leave no slot out: they yield theirs.
   *
   * @throws QuotaExceeded
   */
  checkQuota(channel: UpstreamChannel, symbols: Iterable<string>): void;
  /** Adds one reference to each symbol. @param requester a stream by default */
  add(channel: UpstreamChannel, symbols: Iterable<string>, requester?: Requester): void;
  /** Removes one reference from each symbol, of the requester that added it. */
  remove(channel: UpstreamChannel, symbols: Iterable<string>, requester?: Requester): void;
  /**
   * Free slots for a channel, counting what is requested rather than what is
   * subscribed; below 0 when more is requested than the quota allows; `undefined`
   * where no limit is known or the channel is not counted.
   */
  freeSlots(channel: UpstreamChannel): number | undefined;
  /** Whether a stream names a symbol, which then needs no further slot. */
  isNamed(channel: UpstreamChannel, symbol: string): boolean;
  /** Schedules a retest of a learned limit with a symbol that got no slot. */
  testLimitWith(channel: UpstreamChannel, symbol: string): void;
  /**
   * Returns the state of each symbol, all of which an open stream requests. Later changes are
   * events of {@linkcode UpstreamEvents.subscription}.
   */
  statesOf(channel: UpstreamChannel, symbols: Iterable<string>): readonly SymbolChange[];
}

/** What a subscription manager needs. */
interface SubscriptionManagerOptions {
  readonly feed: FeedId;
  readonly subscriptions: Subscriptions;
  /** How long a request may wait for its reply, in ms. */
  readonly replyTimeoutMs: number;
  readonly clock: Clock;
  readonly log: Log;
  readonly tracing: Tracing;
  /** Called for every rejection and error, for counting. */
  readonly onRejection: (text: string) => void;
  /** Receives what is carried and the states of pairs. */
  readonly events: UpstreamEvents;
  /**
   * Returns from when on a symbol has no data, in wall clock ms; it is then not subscribed and
   * uses no slot. @default never
   */
  readonly endOf?: ((symbol: string) => number) | undefined;
}

/** A connected session. */
interface AttachedSession {
  readonly upstream: FeedSession;
  /** The span of the request in flight. */
  span?: Span | undefined;
  /** Requests without a reply since the last reply. */
  unanswered: number;
  hasAnswered: boolean;
  /** Pairs from this position on were requested after the session had started. */
  readonly requestedFrom: number;
  isComplete: boolean;
  acknowledgedAt?: number;
}

/** Manages the subscriptions of a market data feed. */
export class SubscriptionManager implements SubscriptionSink, UpstreamSubscriptions {
  readonly #options: SubscriptionManagerOptions;
  readonly #events: SubscriptionEvents;
  #session: AttachedSession | undefined;
  /** When the next request is sent, with all changes until then. */
  readonly #sending: Alarm;
  /** When the next grace period ends. */
  readonly #sweeping: Alarm;
  /** When the next retest or retry is due. */
  readonly #retesting: Alarm;
  /** When the reply to the request in flight is overdue. */
  readonly #deadline: Alarm;
  /** When symbols are checked for their end. */
  readonly #ending: Alarm;
  /** Wall clock ms of the next end that {@linkcode #ending} is set for. */
  #endsAt = Infinity;

  constructor(options: SubscriptionManagerOptions) {
    this.#options = options;
    const { clock, feed, subscriptions, events } = options;
    this.#events = new SubscriptionEvents(feed, subscriptions, events);
    this.#sending = new Alarm(clock, () => this.#send());
    this.#sweeping = new Alarm(clock, () => this.#sweep());
    this.#retesting = new Alarm(clock, () => this.#send());
    this.#deadline = new Alarm(clock, () => this.#expire());
    this.#ending = new Alarm(clock, () => this.#endAll());
  }

  get subscriptionCount(): number {
    return this.#session ? this.#options.subscriptions.reconciler.acknowledgedCount : 0;
  }

  get problem(): string | undefined {
    return describeProblem(this.#options.subscriptions);
  }

  get acknowledgedAt(): number | undefined {
    return this.#session?.acknowledgedAt;
  }

  get isComplete(): boolean {
    return this.#session?.isComplete ?? false;
  }

  /** Reports limit, use and failures in numbers. */
  reportQuota(): FeedQuota {
    const { feed, subscriptions } = this.#options;
    return {
      feed,
      ...reportQuota(subscriptions),
      waiting: subscriptions.desired.waiting.length,
      rejected: subscriptions.reconciler.rejections.length,
    };
  }

  /** Reports the state of every symbol. */
  report(expansions: readonly ExpansionReport[]): FeedSubscriptions {
    const { feed, subscriptions } = this.#options;
    return {
      feed,
      channels: reportChannels(subscriptions),
      quota: reportQuota(subscriptions),
      expansions,
    };
  }

  checkQuota(channel: UpstreamChannel, symbols: Iterable<string>): void {
    const { feed, subscriptions } = this.#options;
    const { refCounts, quota, reconciler } = subscriptions;
    const { limit } = quota;
    if (limit === undefined) return;
    const added = Array.from(new Set(symbols), (symbol) => ({ channel, symbol }))
      .filter((pair) => quota.usesSlot(pair) && !refCounts.isNamed(pair))
      .filter(({ symbol }) => !this.#hasEnded(symbol));
    const [first] = added;
    if (first === undefined) return;
    const used = namedSlotsInUse(subscriptions);
    const requested = added.length;
    if (used + requested <= limit) return;
    if (quota.learned) reconciler.testLimitWith(first);
    this.#scheduleRetest();
    throw new QuotaExceeded({ feed, limit, used, requested });
  }

  add(channel: UpstreamChannel, symbols: Iterable<string>, requester?: Requester): void {
    const { refCounts } = this.#options.subscriptions;
    const isNew = refCounts.add(channel, symbols, requester);
    this.#events.requested(channel, symbols);
    if (isNew && this.#options.endOf) this.#endSymbols(channel, symbols);
    if (isNew && this.#session) this.#sending.start();
  }

  remove(channel: UpstreamChannel, symbols: Iterable<string>, requester?: Requester): void {
    const { subscriptions: { refCounts }, clock } = this.#options;
    if (!refCounts.remove(channel, symbols, clock.monotonic(), requester)) return;
    this.#events.released(channel, symbols);
    // Without a session nothing is subscribed, so nothing needs to linger.
    if (!this.#session) return refCounts.dropLingering();
    this.#sending.start();
    this.#sweep();
  }

  freeSlots(channel: UpstreamChannel): number | undefined {
    const { subscriptions } = this.#options;
    const { limit } = subscriptions.quota;
    if (!subscriptions.quota.usesSlot({ channel, symbol: "" })) return undefined;
    return limit === undefined ? undefined : limit - slotsInUse(subscriptions);
  }

  isNamed(channel: UpstreamChannel, symbol: string): boolean {
    return this.#options.subscriptions.refCounts.isNamed({ channel, symbol });
  }

  testLimitWith(channel: UpstreamChannel, symbol: string): void {
    const { quota, reconciler } = this.#options.subscriptions;
    if (!quota.learned) return;
    reconciler.testLimitWith({ channel, symbol });
    this.#scheduleRetest();
  }

  statesOf(channel: UpstreamChannel, symbols: Iterable<string>): readonly SymbolChange[] {
    return this.#events.statesOf(channel, symbols);
  }

  attach(upstream: FeedSession): void {
    const { reconciler, refCounts } = this.#options.subscriptions;
    this.#session = {
      upstream,
      unanswered: 0,
      hasAnswered: false,
      requestedFrom: refCounts.nextPosition,
      isComplete: false,
    };
    reconciler.reset();
    this.#events.lost(this.#options.clock.now());
    if (this.#options.endOf) this.#endAll();
    this.#send();
  }

  detach(): void {
    if (!this.#session) return;
    const { subscriptions: { reconciler, refCounts }, clock } = this.#options;
    const alarms = [this.#sending, this.#sweeping, this.#retesting, this.#deadline, this.#ending];
    for (const alarm of alarms) alarm.set(undefined);
    this.#endsAt = Infinity;
    const { span, upstream: { lastFrameAt } } = this.#session;
    span?.end();
    this.#session = undefined;
    reconciler.reset();
    refCounts.dropLingering();
    this.#events.lost(clock.now() - (clock.monotonic() - lastFrameAt));
  }

  probe(): void {
    const { reconciler } = this.#options.subscriptions;
    const probe = this.#session && reconciler.probe();
    if (probe) this.#send(probe);
  }

  acknowledged(state: SymbolSets): void {
    const session = this.#session;
    if (!session) return;
    this.#settle(session);
    session.acknowledgedAt = this.#options.clock.monotonic();
    this.#options.subscriptions.reconciler.acknowledge(state);
    this.#send();
  }

  rejected(error: UpstreamError): void {
    const session = this.#session;
    if (!session) return;
    const { reconciler } = this.#options.subscriptions;
    const request = reconciler.inFlight;
    session.span?.set({ code: error.code });
    this.#settle(session);
    this.#reportRejection(reconciler.reject(error), request, error);
    this.#events.update();
    this.#sending.start(isServerError(error) ? ERROR_PAUSE_MS : 0);
  }

  #settle(session: AttachedSession): void {
    this.#deadline.set(undefined);
    session.span?.end();
    session.span = undefined;
    session.unanswered = 0;
    session.hasAnswered = true;
  }

  #scheduleRetest(): void {
    if (this.#session) this.#retesting.set(this.#options.subscriptions.reconciler.dueAt);
  }

  /** Unsubscribes lingering symbols as their grace periods end. */
  #sweep(): void {
    const { subscriptions: { refCounts }, clock } = this.#options;
    if (refCounts.sweep(clock.monotonic())) this.#sending.start();
    this.#sweeping.set(refCounts.nextSweepAt);
  }

  #hasEnded(symbol: string): boolean {
    const { endOf, clock } = this.#options;
    return endOf !== undefined && endOf(symbol) <= clock.now();
  }

  /** Ends the symbols that have no data any more, and waits for the end of the others. */
  #endSymbols(channel: UpstreamChannel, symbols: Iterable<string>): void {
    const { endOf = () => Infinity, clock, subscriptions: { refCounts } } = this.#options;
    const now = clock.now();
    const ended: string[] = [];
    let next = this.#endsAt;
    for (const symbol of symbols) {
      const end = endOf(symbol);
      if (end > now) next = Math.min(next, end);
      else if (refCounts.end({ channel, symbol })) ended.push(symbol);
    }
    if (ended.length > 0) this.#events.ended(channel, ended);
    if (next === this.#endsAt || !this.#session) return;
    this.#endsAt = next;
    this.#ending.set(clock.monotonic() + Math.min(next - now, END_CHECK_MS));
  }

  /** Ends the symbols of all channels that have no data any more. */
  #endAll(): void {
    const { refCounts } = this.#options.subscriptions;
    this.#endsAt = Infinity;
    for (const channel of UPSTREAM_CHANNELS) {
      this.#endSymbols(channel, [...refCounts.symbols(channel).keys()]);
    }
    if (this.#session) this.#sending.start();
  }

  /** Sends a probe or the next request, then emits what has changed. */
  #send(probe?: SubscriptionRequest): void {
    const session = this.#session;
    if (!session) return;
    this.#request(session, probe);
    session.isComplete ||= this.#hasRequested(session);
    this.#events.update();
  }

  /** Whether everything requested when the session started is acknowledged, rejected or waits. */
  #hasRequested({ requestedFrom }: AttachedSession): boolean {
    const { desired, refCounts } = this.#options.subscriptions;
    return !desired.missing.some(({ channel, symbol }) => {
      const { position = Infinity } = refCounts.symbols(channel).get(symbol) ?? {};
      return position < requestedFrom;
    });
  }

  /** Sends a probe or the next request; without one waits for the next retest. */
  #request(session: AttachedSession, probe?: SubscriptionRequest): void {
    const { feed, subscriptions: { reconciler }, log, tracing, replyTimeoutMs } = this.#options;
    const request = probe ?? reconciler.next();
    this.#reportGivenUp(reconciler.takeGivenUp());
    if (!request) {
      if (!reconciler.inFlight) this.#scheduleRetest();
      return;
    }
    const isRetest = reconciler.retesting !== undefined;
    log.debug("Sending a subscription request", { ...describe(request), isRetest });
    if (!request.probe) {
      session.span = tracing.span("feed.subscribe", {
        "feed.id": feed,
        "feed.action": request.action,
        "feed.pairs": request.pairs.length,
      });
    }
    session.upstream.request(request);
    this.#deadline.start(replyTimeoutMs);
  }

  /** Gives up waiting for the reply to the request in flight. */
  #expire(): void {
    const session = this.#session;
    const { replyTimeoutMs, log, subscriptions: { reconciler } } = this.#options;
    const request = reconciler.inFlight;
    if (!session || !request) return;
    session.span?.fail(new Error("No reply"));
    session.span?.end();
    session.span = undefined;
    reconciler.expire();
    if (request.probe) return this.#send();
    session.unanswered++;
    log.warn("No reply to a subscription request", describe(request));
    if (session.unanswered < (session.hasAnswered ? MAX_UNANSWERED : 1)) return this.#send();
    session.upstream.fail(
      new FeedFailure(`No reply to a subscription request within ${replyTimeoutMs} ms`, {
        errorType: "timeout",
      }),
    );
  }

  /** Reports given-up pairs in one line: there can be a whole chunk of them. */
  #reportGivenUp(givenUp: readonly Rejection[]): void {
    const [first] = givenUp;
    if (!first) return;
    const { channel, symbol, error: { message } } = first;
    const others = givenUp.length > 1 ? ` and ${givenUp.length - 1} more` : "";
    this.#options.onRejection(`${message}: ${channel} ${symbol}${others}`);
    this.#options.log.warn("Alpaca does not acknowledge symbols", {
      channel,
      symbol,
      pairs: givenUp.length,
    });
  }

  #reportRejection(
    rejection: Rejection | undefined,
    request: SubscriptionRequest | undefined,
    error: UpstreamError,
  ): void {
    const { onRejection, log } = this.#options;
    const cause = errorText(error);
    if (rejection) {
      const { channel, symbol } = rejection;
      onRejection(`${cause}: ${channel} ${symbol}`);
      log.warn("Alpaca rejects a symbol", { channel, symbol, cause });
    } else if (!request) {
      onRejection(cause);
      log.warn("Alpaca reports an error", { cause });
    }
  }
}

function describe(request: SubscriptionRequest): Record<string, unknown> {
  const { action, pairs, probe } = request;
  return { action, pairs: pairs.length, probe };
}
