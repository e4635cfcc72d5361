/**
 * Decides whether the data of one feed is current, and of which of its symbols it is not.
 *
 * A feed without a session is stale. When data is overdue, a heartbeat is sent. If the link replies
 * and still no data has arrived, the feed is stale, and its session is kept: the link is healthy,
 * and a new session would lose the subscriptions. If the link does not reply, the heartbeat ends
 * the session. The first message makes the feed live again.
 *
 * Counters are read once a second; nothing is called per message. A silence is therefore known to a
 * second, and a blocked event loop is not mistaken for one: what arrived meanwhile is read before
 * the reply to the heartbeat.
 *
 * @module
 */
import type { MarketCalendar } from "../../domain/calendar/market_calendar.ts";
import { FEED_NAMES, type FeedId, type FeedKind } from "../../domain/connection/feed.ts";
import { type DataSession, dataSessionAt } from "../../domain/freshness/data_session.ts";
import { FeedSilence, type Period } from "../../domain/freshness/silence.ts";
import type { FeedNotice, Freshness } from "../../domain/market/notices.ts";
import type { Pair, UpstreamChannel } from "../../domain/subscription/pairs.ts";
import type { Subscriptions } from "../../domain/subscription/reconciler.ts";
import type { Clock } from "../ports/clock.ts";
import type { Log } from "../ports/log.ts";
import type { FeedSubscriptions } from "../status/reports.ts";
import type { FeedStatus, FreshnessReport } from "../status/status.ts";
import { WallStamp } from "../status/wall_stamp.ts";
import type { UpstreamEvents } from "../streaming/upstream_events.ts";
import { SymbolFreshness } from "./symbol_freshness.ts";
import type { UpstreamSubscriptions } from "./upstream_subscriptions.ts";

/** Time between two samples, in ms. */
const INTERVAL_MS = 1_000;

/** The link of a feed, as its freshness depends on it. */
interface WatchedLink {
  readonly status: Pick<FeedStatus, "state" | "errorMessage">;
  /** Frames that the session has received; `undefined` without a session. */
  readonly frames: number | undefined;
  requestHeartbeat(): void;
}

/** The subscriptions of a feed, as its freshness depends on them. */
interface WatchedSubscriptions extends Pick<UpstreamSubscriptions, "acknowledgedAt" | "probe"> {
  /** Whether upstream has acknowledged what was requested when the session started. */
  readonly isComplete: boolean;
}

/** What the freshness of a feed depends on. */
interface FeedFreshnessOptions {
  readonly feed: FeedId;
  readonly kind: FeedKind;
  readonly link: WatchedLink;
  readonly upstream: WatchedSubscriptions;
  /** Absent for trade updates, of which no message is ever expected. */
  readonly market?: {
    readonly subscriptions: Subscriptions;
    /** Messages of a pair, of all symbols for `*`; `undefined` while they are not counted. */
    readonly messagesOf: (pair: Pair) => number | undefined;
  } | undefined;
  /** Data messages of the feed since the process started. */
  readonly messages: () => number;
  /** Whether messages missed in an outage are being fetched. @default never */
  readonly isBackfilling?: () => boolean;
  readonly calendar: MarketCalendar;
  readonly clock: Clock;
  readonly log: Log;
  /** Receives every change. @default none */
  readonly onChange?: UpstreamEvents["freshness"];
}

/** A state and since when. */
interface State {
  readonly freshness: Freshness;
  readonly reason: string;
  readonly since: WallStamp;
}

/** The freshness of one feed and of its symbols. */
export class FeedFreshness {
  readonly #options: FeedFreshnessOptions;
  readonly #symbols: SymbolFreshness | undefined;
  readonly #silence = new FeedSilence();
  #state: State;
  /** Since when the feed is not live or closed. */
  #notCurrentSince: WallStamp | undefined;
  #isConnected = false;
  #isRecovering = false;
  #session: DataSession | undefined;
  #opening = 0;
  #period: Period | undefined;
  #periods = 0;
  /** Frames at the time at which data was overdue. */
  #framesWhenOverdue: number | undefined;
  /** Set while the feed is silent and its link replies. */
  #silent: WallStamp | undefined;
  /** The last message of the period, or its start. */
  #silentSince: WallStamp | undefined;

  constructor(options: FeedFreshnessOptions) {
    const { clock, market, upstream } = options;
    this.#options = options;
    this.#symbols = market && new SymbolFreshness({ ...market, upstream, clock });
    const since = this.#notCurrentSince = new WallStamp(clock);
    this.#state = { freshness: "stale", reason: "Not connected yet", since };
  }

  /** The state of the feed now. */
  get notice(): FeedNotice {
    const { freshness, reason, since } = this.#state;
    return { freshness, reason, since: since.at, symbols: [] };
  }

  /** The state of the feed now, for the status of the proxy. */
  get report(): FreshnessReport {
    const since = this.#notCurrentSince?.at;
    return {
      notice: this.notice,
      staleSeconds: since === undefined
        ? 0
        : Math.max(0, (this.#options.clock.now() - since) / 1_000),
      staleSymbols: this.#symbols?.staleCount ?? 0,
    };
  }

  /** The stale symbols of a channel; see {@linkcode SymbolFreshness.staleOf}. */
  staleOf(channel: UpstreamChannel, symbols?: ReadonlySet<string>): readonly FeedNotice[] {
    return this.#symbols?.staleOf(channel, symbols) ?? [];
  }

  /** Marks the stale symbols of a report. */
  mark(report: FeedSubscriptions): FeedSubscriptions {
    const symbols = this.#symbols;
    if (!symbols || symbols.staleCount === 0) return report;
    const channels = report.channels.map((one) => ({
      ...one,
      symbols: one.symbols.map((each) => {
        const isStale = symbols.isStale({ channel: one.channel, symbol: each.symbol });
        return isStale ? { ...each, isStale } : each;
      }),
    }));
    return { ...report, channels };
  }

  /** To be called when the state of the link has changed. */
  linkChanged(): void {
    const isConnected = this.#options.link.status.state === "connected";
    if (isConnected !== this.#isConnected) {
      this.#isConnected = isConnected;
      this.#isRecovering = isConnected;
      this.#startPeriod();
    }
    this.#update();
  }

  /** Samples once a second until `signal` fires. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    while (!signal.aborted) {
      this.#sampleFeed();
      await this.#sampleSymbols(signal);
      await clock.sleep(INTERVAL_MS, signal);
    }
  }

  #sampleFeed(): void {
    const { calendar, kind, clock, market } = this.#options;
    const session = dataSessionAt(calendar, kind, clock.now());
    const isOpening = session?.name !== this.#session?.name;
    if (isOpening) this.#opening++;
    if (isOpening || session?.isExpected !== this.#session?.isExpected) {
      const silent = this.#silent;
      this.#startPeriod();
      // A silence that reaches into the next session goes on until the first message.
      if (session) this.#silent = silent;
    }
    this.#session = session;
    if (this.#isRecovering && this.#isComplete) this.#isRecovering = false;
    if (market && this.#isConnected && session?.isExpected) this.#sampleSilence(session);
    else this.#period = undefined;
    this.#update();
  }

  #sampleSilence({ name }: DataSession): void {
    const { clock, messages, link, log } = this.#options;
    const silence = this.#silence;
    const number = this.#periods;
    const period = this.#period = { number, session: name, opening: this.#opening };
    const expectedRate = this.#symbols?.expectedRate ?? 0;
    const hasArrived = silence.sample(messages(), clock.monotonic(), { period, expectedRate });
    if (silence.silentMs === 0) this.#silentSince = new WallStamp(clock);
    if (hasArrived) {
      this.#framesWhenOverdue = undefined;
      if (!this.#silent) return;
      log.info("Data arrives again", { silent_ms: clock.now() - this.#silent.at });
      this.#startPeriod();
      return;
    }
    if (!silence.isOverdue || this.#silent) return;
    if (this.#framesWhenOverdue === undefined) {
      this.#framesWhenOverdue = link.frames;
      link.requestHeartbeat();
    } else if (link.frames !== undefined && link.frames !== this.#framesWhenOverdue) {
      this.#silent = this.#silentSince;
      log.warn("No data although the market is open; the session replies to heartbeats", {
        silent_ms: Math.round(silence.silentMs),
        expected_ms: Math.round(silence.limitMs),
      });
    }
  }

  async #sampleSymbols(signal: AbortSignal): Promise<void> {
    const period = this.#period;
    const symbols = this.#symbols;
    const { feed, onChange } = this.#options;
    if (!period || !symbols || this.#silent) return;
    const sample = {
      period,
      silentMs: this.#silence.silentMs,
      isOverdue: this.#framesWhenOverdue !== undefined,
      isCurrent: () => this.#period === period,
    };
    const changes = await symbols.sample(sample, signal);
    for (const { channel, isStale, since, reason, symbols } of changes) {
      const freshness = isStale ? "stale" : "live";
      onChange?.(feed, channel, { freshness, since, reason, symbols });
    }
  }

  /** Whether everything that is requested is acknowledged and nothing is being fetched. */
  get #isComplete(): boolean {
    const { upstream, isBackfilling } = this.#options;
    return upstream.isComplete && !isBackfilling?.();
  }

  /** What was measured before has no meaning for what follows. */
  #startPeriod(): void {
    this.#periods++;
    this.#period = undefined;
    this.#framesWhenOverdue = undefined;
    this.#silent = undefined;
  }

  #update(): void {
    const { freshness, reason, since } = this.#judge();
    if (freshness === this.#state.freshness) {
      this.#state = { ...this.#state, reason };
      return;
    }
    this.#state = { freshness, reason, since: since ?? new WallStamp(this.#options.clock) };
    const isCurrent = freshness === "live" || freshness === "closed";
    if (isCurrent) this.#notCurrentSince = undefined;
    else this.#notCurrentSince ??= this.#state.since;
    if (freshness !== "live") this.#symbols?.clear();
    this.#options.onChange?.(this.#options.feed, undefined, this.notice);
  }

  #judge(): Omit<State, "since"> & { readonly since?: WallStamp | undefined } {
    const { link, feed } = this.#options;
    const name = FEED_NAMES[feed];
    if (!this.#isConnected) {
      const { errorMessage } = link.status;
      const cause = errorMessage === undefined ? "" : `: ${errorMessage}`;
      return { freshness: "stale", reason: `${name} is not connected${cause}` };
    }
    if (this.#options.market && !this.#session) {
      return { freshness: "closed", reason: `No session of the market of ${name} is open` };
    }
    if (this.#silent) {
      const reason = "No data although the market is open; the session replies to heartbeats";
      return { freshness: "stale", reason, since: this.#silent };
    }
    if (this.#isRecovering) {
      const reason = this.#options.isBackfilling?.()
        ? "Connected; what was missed is being read from REST"
        : "Connected; subscriptions are not complete yet";
      return { freshness: "recovering", reason };
    }
    return { freshness: "live", reason: "" };
  }
}
