/**
 * Reports the quota of a hub to its edges: the limit, and which pairs other edges have slots for.
 *
 * With it an edge refuses what a single process would refuse. Reports follow a change at most every
 * {@linkcode INTERVAL_MS}; of two edges that use the last slot in between, the hub rejects one.
 *
 * @module
 */
import type { MarketFeedId } from "../../domain/connection/feed.ts";
import { type Pair, pairKey } from "../../domain/subscription/pairs.ts";
import type { HubQuota } from "../../domain/subscription/quota.ts";
import type { QuotaSource, QuotaUse } from "../feeds/subscription_manager.ts";
import type { Clock } from "../ports/clock.ts";
import { Alarm } from "../timing/alarm.ts";

/** Least time between two reports of a feed, in ms, and what each edge adds to it. */
const INTERVAL_MS = 250;
const INTERVAL_PER_EDGE_MS = 1;

/** What reports of quotas need; `Edge` is one edge on one feed. */
interface EdgeQuotasOptions<Edge extends object> {
  readonly sinks: Readonly<Partial<Record<MarketFeedId, QuotaSource>>>;
  readonly edgesOf: (feed: MarketFeedId) => readonly Edge[];
  /** How many of the references of a pair, by its key, are of an edge. */
  readonly referencesOf: (edge: Edge, key: string) => number;
  /** Sends a report to an edge. */
  readonly report: (edge: Edge, quota: HubQuota | undefined) => void;
  readonly clock: Clock;
}

/** When a feed is reported. */
interface Schedule {
  readonly alarm: Alarm;
  /** Monotonic ms before which it is not. */
  notBefore: number;
}

/** Reports the quotas of all feeds. */
export class EdgeQuotas<Edge extends object> {
  readonly #options: EdgeQuotasOptions<Edge>;
  readonly #schedules = new Map<MarketFeedId, Schedule>();
  /** What each edge was sent, as text. */
  readonly #reported = new WeakMap<Edge, string>();

  constructor(options: EdgeQuotasOptions<Edge>) {
    this.#options = options;
  }

  /** Returns what is to be sent to an edge; `undefined` while no limit is known. */
  quotaFor(feed: MarketFeedId, edge: Edge): HubQuota | undefined {
    const quota = this.#quotaOf(edge, this.#options.sinks[feed]?.quotaUse());
    this.#reported.set(edge, textOf(quota));
    return quota;
  }

  /** To be called when the limit of a feed, or what edges use of it, may have changed. */
  changed(feed: MarketFeedId): void {
    const { clock } = this.#options;
    let schedule = this.#schedules.get(feed);
    if (!schedule) {
      schedule = { alarm: new Alarm(clock, () => this.#report(feed)), notBefore: -Infinity };
      this.#schedules.set(feed, schedule);
    }
    schedule.alarm.start(Math.max(0, schedule.notBefore - clock.monotonic()));
  }

  /** Cancels what is scheduled. */
  stop(): void {
    for (const { alarm } of this.#schedules.values()) alarm.set(undefined);
    this.#schedules.clear();
  }

  /** Sends a report to each edge for which it has changed. */
  #report(feed: MarketFeedId): void {
    const { sinks, edgesOf, report, clock } = this.#options;
    const edges = edgesOf(feed);
    const schedule = this.#schedules.get(feed);
    if (schedule) {
      schedule.notBefore = clock.monotonic() + INTERVAL_MS + INTERVAL_PER_EDGE_MS * edges.length;
    }
    const use = sinks[feed]?.quotaUse();
    for (const edge of edges) {
      const quota = this.#quotaOf(edge, use);
      const text = textOf(quota);
      if (this.#reported.get(edge) === text) continue;
      this.#reported.set(edge, text);
      report(edge, quota);
    }
  }

  #quotaOf(edge: Edge, use: QuotaUse | undefined): HubQuota | undefined {
    if (!use) return undefined;
    const { limit, learned, counts, pairs } = use;
    const others: Pair[] = [];
    for (const [key, { channel, symbol, named }] of pairs) {
      if (named > this.#options.referencesOf(edge, key)) others.push({ channel, symbol });
    }
    return { limit, learned, counts, others };
  }
}

function textOf(quota: HubQuota | undefined): string {
  if (!quota) return "";
  const { limit, learned, counts, others } = quota;
  return [limit, learned, ...counts, ...others.map(pairKey).sort()].join();
}
