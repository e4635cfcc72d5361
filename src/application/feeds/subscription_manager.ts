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
import type { HubQuota } from "../../domain/subscription/quota.ts";
import type { Subscriptions } from "../../domain/subscription/reconciler.ts";
import type { Requester } from "../../domain/subscription/ref_counts.ts";
import type { Holder, IdentityShares } from "../../domain/subscription/identity_shares.ts";
import {
  isServerError,
  type Pair,
  type SubscriptionRequest,
  type SymbolSets,
  type UpstreamChannel,
  type UpstreamError,
  WILDCARD,
} from "../../domain/subscription/pairs.ts";
import type { Clock } from "../ports/clock.ts";
import type { FeedSession } from "../ports/feed_connector.ts";
import type { Log } from "../ports/log.ts";
import type { Span, Tracing } from "../ports/tracing.ts";
import type { ExpansionReport, FeedQuota, FeedSubscriptions } from "../status/reports.ts";
import type { SymbolChange, UpstreamEvents } from "../streaming/upstream_events.ts";
import { Alarm } from "../timing/alarm.ts";
import { excessOf, QuotaExceeded } from "./quota_check.ts";
import { RejectionLog } from "./rejection_log.ts";
import {
  describeProblem,
  namedPairs,
  reportChannels,
  reportQuota,
  slotsInUse,
} from "./report_subscriptions.ts";
import { SubscriptionEvents } from "./subscription_events.ts";
import { SymbolEnds } from "./symbol_ends.ts";
import type { UpstreamSubscriptions } from "./upstream_subscriptions.ts";

/** Consecutive unanswered requests that fail a session which has replied before. */
const MAX_UNANSWERED = 3;

/** Pause after an internal error of upstream, in ms. */
const ERROR_PAUSE_MS = 1_000;

/** Takes what streams request of one feed. */
export interface SubscriptionSink {
  /** What each identity uses of the quota. @default there are no identities */
  readonly shares?: Pick<IdentityShares, "trial" | "recordSelected"> | undefined;
  /**
   * Checks that the quota has slots for the symbols that a new stream names;
   * subscribes nothing. Selected contracts leave no slot out: they yield theirs.
   *
   * @param holder the identity of the stream. @default no authentication
   * @throws QuotaExceeded
   */
  checkQuota(channel: UpstreamChannel, symbols: Iterable<string>, holder?: Holder): void;
  /** As `checkQuota`, for pairs of several channels together. */
  checkPairs(pairs: readonly Pair[], holder?: Holder): void;
  /**
   * Adds one reference to each symbol.
   *
   * @param requester a stream by default
   * @param holder the identity of a stream. @default no authentication
   */
  add(
    channel: UpstreamChannel,
    symbols: Iterable<string>,
    requester?: Requester,
    holder?: Holder,
  ): void;
  /** Removes one reference from each symbol, of the requester and holder that added it. */
  remove(
    channel: UpstreamChannel,
    symbols: Iterable<string>,
    requester?: Requester,
    holder?: Holder,
  ): void;
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

/** Reports the quota of one feed. */
export interface QuotaSource {
  /** What streams name of the quota; `undefined` while no limit is known. */
  quotaUse(): QuotaUse | undefined;
}

/** A limit, and the pairs that use its slots. */
export interface QuotaUse extends Omit<HubQuota, "others"> {
  /** Each with the number of streams that name it. */
  readonly pairs: ReadonlyMap<string, Pair & { readonly named: number }>;
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
export class SubscriptionManager implements SubscriptionSink, QuotaSource, UpstreamSubscriptions {
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
  readonly #ends: SymbolEnds;
  readonly #rejections: RejectionLog;

  constructor(options: SubscriptionManagerOptions) {
    this.#options = options;
    const { clock, feed, subscriptions, events } = options;
    this.#events = new SubscriptionEvents(feed, subscriptions, events);
    this.#sending = new Alarm(clock, () => this.#send());
    this.#sweeping = new Alarm(clock, () => this.#sweep());
    this.#retesting = new Alarm(clock, () => this.#send());
    this.#deadline = new Alarm(clock, () => this.#expire());
    this.#rejections = new RejectionLog(options);
    this.#ends = new SymbolEnds(options, {
      ended: (channel, symbols) => this.#events.ended(channel, symbols),
      checked: () => this.#sending.start(),
    });
  }

  get shares(): IdentityShares | undefined {
    return this.#options.subscriptions.shares;
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
      shares: subscriptions.shares?.reports(),
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

  checkQuota(channel: UpstreamChannel, symbols: Iterable<string>, holder?: Holder): void {
    if (this.#options.subscriptions.quota.limit === undefined) return;
    this.checkPairs(Array.from(new Set(symbols), (symbol) => ({ channel, symbol })), holder);
  }

  checkPairs(requested: readonly Pair[], holder?: Holder): void {
    const { feed, subscriptions } = this.#options;
    const { refCounts, quota, reconciler } = subscriptions;
    if (quota.limit === undefined) return;
    const pairs = requested.filter((pair) =>
      quota.usesSlot(pair) && !this.#ends.hasEnded(pair.symbol)
    );
    const excess = excessOf(subscriptions, pairs, holder);
    if (excess === undefined) return;
    const added = pairs.find((pair) => !refCounts.isNamed(pair));
    if (added && quota.learned) reconciler.testLimitWith(added);
    this.#scheduleRetest();
    throw new QuotaExceeded({ feed, ...excess });
  }

  add(
    channel: UpstreamChannel,
    symbols: Iterable<string>,
    requester?: Requester,
    holder = NO_IDENTITY,
  ): void {
    const { refCounts, shares } = this.#options.subscriptions;
    const isNew = refCounts.add(channel, symbols, requester);
    if (requester !== "selection") shares?.add(holder, pairsOn(channel, symbols));
    this.#events.requested(channel, symbols);
    if (isNew) this.#ends.check(channel, symbols);
    // A symbol that others request may have entered a reservation.
    if (this.#session && (isNew || shares?.hasReservations)) this.#sending.start();
  }

  remove(
    channel: UpstreamChannel,
    symbols: Iterable<string>,
    requester?: Requester,
    holder = NO_IDENTITY,
  ): void {
    const { subscriptions: { refCounts, shares }, clock } = this.#options;
    const changed = refCounts.remove(channel, symbols, clock.monotonic(), requester);
    if (requester !== "selection") shares?.remove(holder, pairsOn(channel, symbols));
    if (!changed) {
      if (this.#session && shares?.hasReservations) this.#sending.start();
      return;
    }
    this.#events.released(channel, symbols);
    // Without a session nothing is subscribed, so nothing needs to linger.
    if (!this.#session) return refCounts.dropLingering();
    this.#sending.start();
    this.#sweep();
  }

  /**
   * Unsubscribes symbols and subscribes them again, those that are acknowledged; `*` instead of a
   * symbol that only `*` has.
   */
  renew(channel: UpstreamChannel, symbols: Iterable<string>): void {
    if (!this.#session) return;
    const { reconciler } = this.#options.subscriptions;
    const acknowledged = reconciler.acknowledged.get(channel);
    const renewed = Array.from(symbols, (symbol) => acknowledged?.has(symbol) ? symbol : WILDCARD);
    reconciler.renew([...pairsOn(channel, new Set(renewed))]);
    this.#sending.start();
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

  quotaUse(): QuotaUse | undefined {
    const { limit, learned, counts } = this.#options.subscriptions.quota;
    if (limit === undefined) return undefined;
    return { limit, learned, counts, pairs: namedPairs(this.#options.subscriptions) };
  }

  quotaReported(quota: HubQuota | undefined): void {
    const isOther = this.#options.subscriptions.reconciler.setHubQuota(quota);
    if (isOther && this.#session) this.#sending.start();
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
    this.#ends.start();
    this.#send();
  }

  detach(): void {
    if (!this.#session) return;
    const { subscriptions: { reconciler, refCounts }, clock } = this.#options;
    const alarms = [this.#sending, this.#sweeping, this.#retesting, this.#deadline];
    for (const alarm of alarms) alarm.set(undefined);
    this.#ends.stop();
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
    if (probe) this.#send({ probe });
  }

  acknowledged(state: SymbolSets, since?: number): void {
    const session = this.#session;
    if (!session) return;
    this.#settle(session);
    session.acknowledgedAt = this.#options.clock.monotonic();
    this.#options.subscriptions.reconciler.acknowledge(state);
    this.#send({ since });
  }

  rejected(error: UpstreamError, pair?: Pair): void {
    const session = this.#session;
    if (!session) return;
    const { reconciler } = this.#options.subscriptions;
    const request = reconciler.inFlight;
    session.span?.set({ code: error.code });
    this.#settle(session);
    this.#rejections.rejected(reconciler.reject(error, pair), request, error);
    this.#rejections.checkReservations(this.#options.subscriptions);
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

  /** Sends a probe or the next request, then emits what has changed. */
  /** @param since wall clock ms since when what is new is carried. @default now */
  #send(
    { probe, since }: {
      readonly probe?: SubscriptionRequest;
      readonly since?: number | undefined;
    } = {},
  ): void {
    const session = this.#session;
    if (!session) return;
    this.#request(session, probe);
    session.isComplete ||= this.#hasRequested(session);
    this.#events.update(since);
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
    this.#rejections.givenUp(reconciler.takeGivenUp());
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
    const isUncertain = reconciler.expire();
    if (!isUncertain) return this.#send();
    session.unanswered++;
    log.warn("No reply to a subscription request", describe(request));
    if (session.unanswered < (session.hasAnswered ? MAX_UNANSWERED : 1)) return this.#send();
    session.upstream.fail(
      new FeedFailure(`No reply to a subscription request within ${replyTimeoutMs} ms`, {
        errorType: "timeout",
      }),
    );
  }
}

/** The stream of a client without an identity. */
const NO_IDENTITY: Holder = { identity: "" };

function* pairsOn(channel: UpstreamChannel, symbols: Iterable<string>): Generator<Pair> {
  for (const symbol of symbols) yield { channel, symbol };
}

function describe(request: SubscriptionRequest): Record<string, unknown> {
  const { action, pairs, probe } = request;
  return { action, pairs: pairs.length, probe };
}
