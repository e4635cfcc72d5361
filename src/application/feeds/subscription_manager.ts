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
import type { FeedId } from "../../domain/connection/feed.ts";
import type { Subscriptions } from "../../domain/subscription/reconciler.ts";
import type { Rejection } from "../../domain/subscription/rejections.ts";
import {
  errorText,
  isServerError,
  type SubscriptionRequest,
  type SymbolSets,
  type UpstreamChannel,
  type UpstreamError,
} from "../../domain/subscription/pairs.ts";
import type { Clock } from "../ports/clock.ts";
import type { FeedSession } from "../ports/feed_connector.ts";
import type { Log } from "../ports/log.ts";
import type { Span, Tracing } from "../ports/tracing.ts";
import type {
  ExpansionReport,
  FeedQuota,
  FeedSubscriptions,
} from "../status/subscription_report.ts";
import { FeedFailure } from "./feed_failure.ts";
import {
  describeTrouble,
  reportChannels,
  reportQuota,
  slotsInUse,
} from "./report_subscriptions.ts";
import type { UpstreamSubscriptions } from "./upstream_subscriptions.ts";

/** Consecutive unanswered requests that fail a session which has replied before. */
const MAX_UNANSWERED = 3;

/** Pause after an internal error of upstream, in ms. */
const ERROR_PAUSE_MS = 1_000;

/** A symbol quota and what a new stream would add to it. */
export interface QuotaExcess {
  readonly feed: FeedId;
  /** Pairs of channel and symbol that the plan allows on the feed. */
  readonly limit: number;
  /** Pairs that open streams already request. */
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
   * Checks that the quota has slots for the symbols of a new stream; subscribes
   * nothing.
   *
   * @throws QuotaExceeded
   */
  checkQuota(channel: UpstreamChannel, symbols: Iterable<string>): void;
  /** Adds one reference to each symbol. */
  add(channel: UpstreamChannel, symbols: Iterable<string>): void;
  /** Removes one reference from each symbol. */
  remove(channel: UpstreamChannel, symbols: Iterable<string>): void;
  /**
   * Free slots for a channel, counting what is requested rather than what is
   * subscribed; below 0 when more is requested than the quota allows; `undefined`
   * where no limit is known or the channel is not counted.
   */
  freeSlots(channel: UpstreamChannel): number | undefined;
  /** Schedules a retest of a learned limit with a symbol that got no slot. */
  testLimitWith(channel: UpstreamChannel, symbol: string): void;
}

/** What a subscription manager needs. */
export interface SubscriptionManagerParts {
  readonly feed: FeedId;
  readonly subscriptions: Subscriptions;
  /** How long a request may wait for its reply, in ms. */
  readonly replyTimeoutMs: number;
  readonly clock: Clock;
  readonly log: Log;
  readonly tracing: Tracing;
  /** Called for every rejection and error, for counting. */
  readonly onRejection: (text: string) => void;
}

/** A connected session with the timers and counts that belong to it. */
class ManagedSession {
  readonly upstream: FeedSession;
  /** Fires when the session is detached. */
  readonly detached = new AbortController();
  /** Whether {@linkcode SubscriptionManager} will send after a pause. */
  isSendScheduled = false;
  /** Whether the grace-period timer is running. */
  isSweeping = false;
  /** The pause until the next retest or retry is due. */
  retest: { readonly at: number; readonly cancel: AbortController } | undefined;
  /** Cancels the deadline of the request in flight. */
  deadline: AbortController | undefined;
  /** The span of the request in flight. */
  span: Span | undefined;
  unanswered = 0;
  acknowledgedAt: number | undefined;
  hasAnswered = false;

  constructor(upstream: FeedSession) {
    this.upstream = upstream;
  }

  /** Ends the wait for the reply to the request in flight. */
  settle(): void {
    this.deadline?.abort();
    this.deadline = undefined;
    this.span?.end();
    this.span = undefined;
  }

  /** Records a reply. */
  answered(): void {
    this.settle();
    this.unanswered = 0;
    this.hasAnswered = true;
  }

  /** Cancels the wait for the next retest. */
  cancelRetest(): void {
    this.retest?.cancel.abort();
    this.retest = undefined;
  }

  /** Stops every timer. */
  detach(): void {
    this.settle();
    this.cancelRetest();
    this.detached.abort();
  }
}

/** Manages the subscriptions of a market data feed. */
export class SubscriptionManager implements SubscriptionSink, UpstreamSubscriptions {
  readonly #parts: SubscriptionManagerParts;
  #session: ManagedSession | undefined;

  constructor(parts: SubscriptionManagerParts) {
    this.#parts = parts;
  }

  get subscriptionCount(): number {
    const { reconciler } = this.#parts.subscriptions;
    return this.#session ? reconciler.acknowledgedCount : 0;
  }

  get trouble(): string | undefined {
    return describeTrouble(this.#parts.subscriptions);
  }

  get acknowledgedAt(): number | undefined {
    return this.#session?.acknowledgedAt;
  }

  /** Reports limit, use and failures in numbers. */
  reportQuota(): FeedQuota {
    const { feed, subscriptions } = this.#parts;
    const { desired, reconciler } = subscriptions;
    return {
      feed,
      ...reportQuota(subscriptions),
      waiting: desired.waiting.length,
      rejected: reconciler.rejections.length,
    };
  }

  /** Reports the state of every symbol. */
  report(expansions: readonly ExpansionReport[]): FeedSubscriptions {
    const { feed, subscriptions } = this.#parts;
    return {
      feed,
      channels: reportChannels(subscriptions),
      quota: reportQuota(subscriptions),
      expansions,
    };
  }

  checkQuota(channel: UpstreamChannel, symbols: Iterable<string>): void {
    const { feed, subscriptions } = this.#parts;
    const { refCounts, quota, reconciler } = subscriptions;
    const { limit } = quota;
    if (limit === undefined) return;
    const added = Array.from(new Set(symbols), (symbol) => ({
      channel,
      symbol,
    })).filter((pair) => quota.usesSlot(pair) && !refCounts.streamsOf(pair));
    const [first] = added;
    if (first === undefined) return;
    const used = slotsInUse(subscriptions);
    const requested = added.length;
    if (used + requested <= limit) return;
    if (quota.learned) reconciler.testLimitWith(first);
    this.#scheduleRetest();
    throw new QuotaExceeded({ feed, limit, used, requested });
  }

  add(channel: UpstreamChannel, symbols: Iterable<string>): void {
    const { refCounts } = this.#parts.subscriptions;
    if (refCounts.add(channel, symbols)) this.#scheduleSend();
  }

  remove(channel: UpstreamChannel, symbols: Iterable<string>): void {
    const { subscriptions: { refCounts }, clock } = this.#parts;
    if (!refCounts.remove(channel, symbols, clock.monotonic())) return;
    // Without a session nothing is subscribed, so nothing needs to linger.
    if (!this.#session) refCounts.dropLingering();
    this.#scheduleSend();
    this.#sweep();
  }

  freeSlots(channel: UpstreamChannel): number | undefined {
    const { subscriptions } = this.#parts;
    const { limit } = subscriptions.quota;
    const isCounted = subscriptions.quota.usesSlot({ channel, symbol: "" });
    if (limit === undefined || !isCounted) return undefined;
    return limit - slotsInUse(subscriptions);
  }

  testLimitWith(channel: UpstreamChannel, symbol: string): void {
    const { quota, reconciler } = this.#parts.subscriptions;
    if (!quota.learned) return;
    reconciler.testLimitWith({ channel, symbol });
    this.#scheduleRetest();
  }

  attach(session: FeedSession): void {
    this.#session = new ManagedSession(session);
    this.#parts.subscriptions.reconciler.reset();
    this.#send();
  }

  detach(): void {
    const { reconciler, refCounts } = this.#parts.subscriptions;
    this.#session?.detach();
    this.#session = undefined;
    reconciler.reset();
    refCounts.dropLingering();
  }

  probe(): void {
    const { reconciler } = this.#parts.subscriptions;
    const probe = this.#session && reconciler.probe();
    if (probe) this.#send(probe);
  }

  acknowledged(state: SymbolSets): void {
    const session = this.#session;
    if (!session) return;
    session.answered();
    session.acknowledgedAt = this.#parts.clock.monotonic();
    this.#parts.subscriptions.reconciler.acknowledge(state);
    this.#send();
  }

  rejected(error: UpstreamError): void {
    const session = this.#session;
    if (!session) return;
    const { reconciler } = this.#parts.subscriptions;
    const request = reconciler.inFlight;
    session.span?.set({ code: error.code });
    session.answered();
    this.#reportRejection(reconciler.reject(error), request, error);
    this.#scheduleSend(isServerError(error) ? ERROR_PAUSE_MS : 0);
  }

  /** Sends the next request after `delayMs`, with all changes until then. */
  #scheduleSend(delayMs = 0): void {
    const session = this.#session;
    if (!session || session.isSendScheduled) return;
    session.isSendScheduled = true;
    this.#parts.clock.sleep(delayMs, session.detached.signal).then(() => {
      session.isSendScheduled = false;
      if (session === this.#session) this.#send();
    });
  }

  /** Unsubscribes lingering symbols as their grace periods end. */
  async #sweep(): Promise<void> {
    const { subscriptions: { refCounts }, clock } = this.#parts;
    const session = this.#session;
    if (!session || session.isSweeping) return;
    session.isSweeping = true;
    const { signal } = session.detached;
    for (let next = refCounts.nextSweepAt; next !== undefined;) {
      await clock.sleep(next - clock.monotonic(), signal);
      if (signal.aborted) return;
      if (refCounts.sweep(clock.monotonic())) this.#scheduleSend();
      next = refCounts.nextSweepAt;
    }
    session.isSweeping = false;
  }

  /** Sends again when the next retest or retry is due. */
  #scheduleRetest(): void {
    const { subscriptions: { reconciler }, clock } = this.#parts;
    const session = this.#session;
    if (!session) return;
    const at = reconciler.dueAt;
    if (at === session.retest?.at) return;
    session.cancelRetest();
    if (at === undefined) return;
    const cancel = new AbortController();
    session.retest = { at, cancel };
    clock.sleep(at - clock.monotonic(), cancel.signal).then(() => {
      if (cancel.signal.aborted) return;
      session.retest = undefined;
      this.#send();
    });
  }

  /** Sends a probe or the next request; without one waits for the next retest. */
  #send(probe?: SubscriptionRequest): void {
    const session = this.#session;
    if (!session) return;
    const { feed, subscriptions: { reconciler }, log, tracing } = this.#parts;
    const request = probe ?? reconciler.next();
    this.#reportGivenUp(reconciler.takeGivenUp());
    if (!request) {
      if (!reconciler.inFlight) this.#scheduleRetest();
      return;
    }
    log.debug("Sending a subscription request", describe(request));
    if (!request.probe) {
      session.span = tracing.span("feed.subscribe", {
        "feed.id": feed,
        "feed.action": request.action,
        "feed.pairs": request.pairs.length,
      });
    }
    session.upstream.request(request);
    this.#watchDeadline(session, request);
  }

  /** Expires the request in flight when its reply is overdue. */
  async #watchDeadline(
    session: ManagedSession,
    request: SubscriptionRequest,
  ): Promise<void> {
    const { clock, replyTimeoutMs, log } = this.#parts;
    const { signal } = session.deadline = new AbortController();
    await clock.sleep(replyTimeoutMs, signal);
    if (signal.aborted) return;
    session.span?.fail(new Error("No reply"));
    session.settle();
    this.#parts.subscriptions.reconciler.expire();
    if (request.probe) return this.#send();
    session.unanswered++;
    log.warn("No reply to a subscription request", describe(request));
    if (session.unanswered < (session.hasAnswered ? MAX_UNANSWERED : 1)) {
      return this.#send();
    }
    session.upstream.fail(
      new FeedFailure(
        `No reply to a subscription request within ${replyTimeoutMs} ms`,
        { errorType: "timeout" },
      ),
    );
  }

  /** Reports given-up pairs in one line: there can be a whole chunk of them. */
  #reportGivenUp(givenUp: readonly Rejection[]): void {
    const [first] = givenUp;
    if (!first) return;
    const { channel, symbol, error: { message } } = first;
    const others = givenUp.length > 1 ? ` and ${givenUp.length - 1} more` : "";
    this.#parts.onRejection(`${message}: ${channel} ${symbol}${others}`);
    this.#parts.log.warn("Alpaca does not acknowledge symbols", {
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
    const { onRejection, log } = this.#parts;
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
