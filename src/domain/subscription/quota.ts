/**
 * The symbol quota of one feed: the plan's limit and limits learned from
 * upstream's rejections.
 *
 * A counted pair uses one slot. Two limits come from rejections, and both expire:
 *
 * - The **ceiling** is the number of slots in use when upstream last rejected a
 *   pair as over the limit. It limits only what is requested, on every plan, and
 *   ends with the session or with a retest that succeeds.
 * - The **learned limit** also decides which streams are admitted. Only a plan
 *   without a configured limit has one, so it never overrides a setting; it is
 *   never below what was acknowledged within {@linkcode RECENT_MS}, and never 0.
 *   It outlives the session and is retested while a pair or a stream needs a slot.
 *
 * On an edge, the hub reports its limit and what the other edges use: they leave the rest of it.
 * Then the edge learns no limit of its own, and the plan of the edge remains the upper bound.
 *
 * @module
 */
import type { MarketFeedId } from "../connection/feed.ts";
import {
  type Pair,
  pairKey,
  pairsOf,
  type SymbolSets,
  UPSTREAM_CHANNELS,
  type UpstreamChannel,
  WILDCARD,
} from "./pairs.ts";
import {
  CONTRADICTED,
  LEARNED_LIMIT,
  RECENT_MS,
  REJECTED,
  type RetestTimer,
  startTimer,
} from "./rejections.ts";

type Channels = ReadonlySet<UpstreamChannel>;

/** The limits of a plan for one feed. */
export interface PlanLimit {
  /** Pairs of channel and symbol; `undefined` when the plan sets no limit. */
  readonly pairs: number | undefined;
  /** Channels whose pairs count. */
  readonly counts: Channels;
  /** Channels on which `*` may be requested. */
  readonly wildcards: Channels;
  /** True when no plan is configured, so that a limit may be learned. */
  readonly isOpen: boolean;
}

/** A plan by name, or the limits themselves. */
export type Plan =
  | { readonly name: "auto" | "basic" | "plus" | "unlimited" }
  | {
    readonly name: "explicit";
    /** Stock pairs; `undefined` for no limit. */
    readonly stocks: number | undefined;
    /** Option pairs; `undefined` for no limit. */
    readonly options: number | undefined;
  };

/**
 * The channels that count against a limit, per market. Alpaca does not document
 * them, so they are settings; the default fits what users report: stock trades and
 * quotes jointly, option quotes alone.
 */
export interface CountingRule {
  /** Channels of the stock feed. */
  readonly stocks: ReadonlySet<UpstreamChannel>;
  /** Channels of the option feed. */
  readonly options: ReadonlySet<UpstreamChannel>;
}

const NO_LIMIT = { stocks: undefined, options: undefined };

/** Limits of the plans (Alpaca: About Market Data API). */
const PLANS = {
  basic: { stocks: 30, options: 200 },
  plus: { stocks: undefined, options: 1000 },
  auto: NO_LIMIT,
  unlimited: NO_LIMIT,
};

/** Returns the limits of a plan for a market data feed. */
export function planLimit(
  plan: Plan,
  options: {
    readonly feed: MarketFeedId;
    readonly counting: CountingRule;
  },
): PlanLimit {
  const { feed, counting } = options;
  const isOpen = plan.name === "auto";
  if (feed === "crypto" || feed === "news") {
    // No plan documents a limit; older documents have one for order books.
    const counts = new Set<UpstreamChannel>(feed === "crypto" ? ["orderbooks"] : []);
    return { pairs: undefined, counts, wildcards: new Set(UPSTREAM_CHANNELS), isOpen };
  }
  const limits = plan.name === "explicit" ? plan : PLANS[plan.name];
  const market = feed === "opra" ? "options" : "stocks";
  const pairs = limits[market];
  const counts = counting[market];
  // Alpaca rejects `*` for option quotes on every plan (error 413). A plan that
  // limits symbols does not offer `*` on the counted channels.
  const wildcards = UPSTREAM_CHANNELS.filter((channel) =>
    feed === "opra" ? channel === "trades" : pairs === undefined || !counts.has(channel)
  );
  return { pairs, counts, wildcards: new Set(wildcards), isOpen };
}

/** The limit of a hub, and what other edges use of it. */
export interface HubQuota {
  /** Pairs of all edges together. */
  readonly limit: number;
  /** Whether the limit was learned from a rejection. */
  readonly learned: boolean;
  /** Channels whose pairs use a slot. */
  readonly counts: Channels;
  /** Pairs with a slot that other edges request; this edge needs no further slot for them. */
  readonly others: readonly Pair[];
}

/** A number of slots, and the pairs that use one. */
interface SlotLimit {
  readonly slots: number;
  /** Channels whose pairs use a slot. */
  readonly counts: Channels;
  /** Keys of pairs of these channels that use none. @default none */
  readonly except?: ReadonlySet<string> | undefined;
}

/** What a hub leaves for this edge. */
interface HubLimit extends SlotLimit {
  readonly learned: boolean;
  readonly except: ReadonlySet<string>;
}

/** Free slots under several limits that apply together. */
export interface SlotAllocation {
  /** Whether the pair fits under every limit that counts it. */
  fits(pair: Pair): boolean;
  /** Takes a slot under every limit that counts the pair, free or not. */
  take(pair: Pair): void;
}

/** A number of slots in use, and when, in monotonic ms. */
interface Peak {
  readonly slots: number;
  readonly at: number;
}

const NO_PEAK: Peak = { slots: 0, at: -Infinity };

/** Counts slots and remembers rejections for a limited time. */
export class SymbolQuota {
  /** The timers of rejected wildcards. */
  readonly wildcardTimers = new Map<UpstreamChannel, RetestTimer>();
  readonly #plan: PlanLimit;
  /** Most slots in use recently, over the channels that the plan counts. */
  #planPeak = NO_PEAK;
  /** Most slots in use recently, over every channel. */
  #totalPeak = NO_PEAK;
  #learned: SlotLimit | undefined;
  #ceiling: SlotLimit | undefined;
  #timer: RetestTimer | undefined;
  /** Absent without a hub, and while the hub knows no limit. */
  #hub: HubLimit | undefined;
  /** The last acknowledged state. */
  #acknowledged: readonly Pair[] = [];

  constructor(plan: PlanLimit) {
    this.#plan = plan;
  }

  /**
   * Pairs that streams may request: the plan's limit or, where the plan sets
   * none, the learned one; at most what a hub leaves; `undefined` while unknown.
   */
  get limit(): number | undefined {
    const own = this.#plan.pairs ?? this.#learned?.slots;
    return this.#hub ? Math.min(this.#hub.slots, own ?? Infinity) : own;
  }

  /** Whether the limit was learned from a rejection. */
  get learned(): boolean {
    if (this.#hub && this.limit === this.#hub.slots) return this.#hub.learned;
    return this.#plan.pairs === undefined && this.#learned !== undefined;
  }

  /** Slots that other edges use of the limit that is in force. */
  get usedByOthers(): number {
    return this.#hub && this.limit === this.#hub.slots ? this.#hub.except.size : 0;
  }

  /** Slots in use at the last rejection as over the limit; `undefined` without one. */
  get ceiling(): number | undefined {
    return this.#ceiling?.slots;
  }

  /** The timer of the limit that rejections have shown, if there is one. */
  get limitTimer(): RetestTimer | undefined {
    return this.#timer;
  }

  /** Channels whose pairs use slots; another set when that changes. */
  get counts(): ReadonlySet<UpstreamChannel> {
    return this.#counts;
  }

  /** Whether a pair uses a slot; `*` never does, nor what other edges have. */
  usesSlot(pair: Pair): boolean {
    return isCounted(pair, this.#counted);
  }

  /** Whether a limit in force counts a pair. */
  isLimited(pair: Pair): boolean {
    return this.#limits().some((limit) => isCounted(pair, limit));
  }

  /** Whether `*` may be requested on a channel. */
  allowsWildcard(channel: UpstreamChannel): boolean {
    return this.#plan.wildcards.has(channel) && !this.wildcardTimers.has(channel);
  }

  /** Number of slots that pairs use. */
  slotsOf(pairs: Iterable<Pair>): number {
    return countSlots(pairs, this.#counted);
  }

  /** Starts an allocation in which acknowledged pairs have slots. */
  allocate(acknowledged: readonly Pair[] = []): SlotAllocation {
    const limits = this.#limits().map((limit) => ({ free: limit.slots, limit }));
    const take = (pair: Pair) => {
      for (const each of limits) if (isCounted(pair, each.limit)) each.free--;
    };
    acknowledged.forEach(take);
    const fits = (pair: Pair) =>
      limits.every(({ free, limit }) => free > 0 || !isCounted(pair, limit));
    return { fits, take };
  }

  /** Whether a pair fits in addition to those that are acknowledged. */
  fits(pair: Pair, acknowledged: SymbolSets): boolean {
    return this.allocate(pairsOf(acknowledged)).fits(pair);
  }

  /**
   * Returns whether a limit that rejections have shown, rather than the plan,
   * leaves no slot for a pair in addition to those that are acknowledged.
   */
  isOverLearnedLimit(acknowledged: SymbolSets): (pair: Pair) => boolean {
    const pairs = pairsOf(acknowledged);
    const allocation = this.allocate(pairs);
    const isPlanFull = this.slotsOf(pairs) >= (this.#plan.pairs ?? Infinity);
    return (pair) => !allocation.fits(pair) && !(isPlanFull && this.usesSlot(pair));
  }

  /** Starts a session: clears the ceiling, so that what it excluded is retried. */
  startSession(now: number): void {
    this.#ceiling = undefined;
    const timer = this.#isRetested ? this.#timer : undefined;
    this.#timer = this.#isRetested ? startTimer(LEARNED_LIMIT, now) : undefined;
    // An earlier due time is kept, so that frequent reconnects do not postpone the retest.
    if (this.#timer && timer?.pace === LEARNED_LIMIT) {
      this.#timer.at = Math.min(this.#timer.at, timer.at);
    }
  }

  /**
   * Records that upstream rejected `*` on a channel, with any error.
   *
   * @param options.isRecent whether `*` was acknowledged recently
   */
  rejectWildcard(
    channel: UpstreamChannel,
    { now, isRecent }: { readonly now: number; readonly isRecent: boolean },
  ): void {
    const pace = isRecent || !this.#plan.isOpen ? CONTRADICTED : REJECTED;
    const before = this.wildcardTimers.get(channel);
    this.wildcardTimers.set(channel, startTimer(pace, now, before));
  }

  /** Records that upstream had no slot for `rejected` beside `acknowledged`. */
  recordLimit(
    rejected: Pair,
    { acknowledged, now }: { readonly acknowledged: readonly Pair[]; now: number },
  ): void {
    // A rejection on a channel that should not count shows that every one does.
    const counted = this.usesSlot(rejected) ? this.#counted : { counts: EVERY_CHANNEL };
    const slots = countSlots(acknowledged, counted);
    const peak = counted.counts === EVERY_CHANNEL ? this.#totalPeak : this.#planPeak;
    const isContradicted = !this.#plan.isOpen || slots === 0 || slots < slotsAt(peak, now);
    this.#ceiling = { slots, ...counted };
    // The hub reports the limit; other edges have used its slots meanwhile.
    if (this.#hub) {
      this.#timer ??= startTimer(this.#hub.learned ? LEARNED_LIMIT : CONTRADICTED, now);
      return;
    }
    if (!isContradicted) this.#learned = this.#ceiling;
    this.#timer = startTimer(isContradicted ? CONTRADICTED : LEARNED_LIMIT, now, this.#timer);
  }

  /**
   * Records an acknowledged state: raises limits below its number of pairs and
   * allows `*` again where it is acknowledged.
   */
  raiseLimit(acknowledged: readonly Pair[], now: number): void {
    // The previous state was in force until now.
    for (const pairs of [this.#acknowledged, acknowledged]) {
      this.#planPeak = higherPeak(this.#planPeak, countSlots(pairs, this.#plan), now);
      const total = countSlots(pairs, { counts: EVERY_CHANNEL });
      this.#totalPeak = higherPeak(this.#totalPeak, total, now);
    }
    this.#acknowledged = acknowledged;
    for (const { channel, symbol } of acknowledged) {
      if (symbol === WILDCARD) this.wildcardTimers.delete(channel);
    }
    this.#learned = raised(this.#learned, acknowledged);
    this.#ceiling = raised(this.#ceiling, acknowledged);
  }

  /** Records a successful retest: upstream acknowledges a pair it had no slot for. */
  liftLimit(acknowledged: readonly Pair[], now: number): void {
    const learned = this.#learned;
    this.#ceiling = undefined;
    if (learned && countSlots(acknowledged, learned) > learned.slots) {
      this.#learned = undefined;
    }
    this.#timer = this.#isRetested ? startTimer(LEARNED_LIMIT, now) : undefined;
  }

  /**
   * Records what a hub reports, which replaces what this edge has learned; `undefined` while the
   * hub knows no limit.
   *
   * @returns whether that is another report than before
   */
  setHubQuota(quota: HubQuota | undefined, now: number): boolean {
    const hub = quota && hubLimit(quota);
    if (isSameLimit(hub, this.#hub)) return false;
    const wasRetested = this.#hub?.learned ?? false;
    this.#hub = hub;
    this.#learned = this.#ceiling = undefined;
    if (!this.#isRetested) this.#timer = undefined;
    else if (!wasRetested) this.#timer = startTimer(LEARNED_LIMIT, now);
    return true;
  }

  /** Forgets everything learned from rejections; only the plan applies. */
  resetLearned(): void {
    this.wildcardTimers.clear();
    this.#learned = undefined;
    this.#ceiling = undefined;
    this.#timer = undefined;
  }

  get #counts(): Channels {
    return this.#counted.counts;
  }

  /** The pairs that use slots. */
  get #counted(): Counted {
    const { counts, except }: Counted = this.#hub ?? this.#learned ?? this.#plan;
    return { counts, except };
  }

  /** Whether the limit in force was learned, by this process or by the hub. */
  get #isRetested(): boolean {
    return this.#learned !== undefined || this.#hub?.learned === true;
  }

  #limits(): SlotLimit[] {
    const { pairs, counts } = this.#plan;
    const plan = pairs === undefined ? undefined : { slots: pairs, counts };
    return [plan, this.#hub, this.#learned, this.#ceiling].filter((limit) => limit !== undefined);
  }
}

const EVERY_CHANNEL: Channels = new Set(UPSTREAM_CHANNELS);

type Counted = Pick<SlotLimit, "counts" | "except">;

function isCounted(pair: Pair, { counts, except }: Counted): boolean {
  if (pair.symbol === WILDCARD || !counts.has(pair.channel)) return false;
  return except === undefined || !except.has(pairKey(pair));
}

function hubLimit({ limit, learned, counts, others }: HubQuota): HubLimit {
  const except = new Set(others.map(pairKey));
  return { slots: Math.max(0, limit - except.size), learned, counts, except };
}

function isSameLimit(one: HubLimit | undefined, other: HubLimit | undefined): boolean {
  if (one === undefined || other === undefined) return one === other;
  return one.slots === other.slots && one.learned === other.learned &&
    one.counts.symmetricDifference(other.counts).size === 0 &&
    one.except.symmetricDifference(other.except).size === 0;
}

/** The peak if it is recent, otherwise 0. */
function slotsAt({ slots, at }: Peak, now: number): number {
  return now - at <= RECENT_MS ? slots : 0;
}

function higherPeak(peak: Peak, slots: number, now: number): Peak {
  return slots < slotsAt(peak, now) ? peak : { slots, at: now };
}

function countSlots(pairs: Iterable<Pair>, counted: Counted): number {
  let slots = 0;
  for (const pair of pairs) if (isCounted(pair, counted)) slots++;
  return slots;
}

function raised(
  limit: SlotLimit | undefined,
  acknowledged: readonly Pair[],
): SlotLimit | undefined {
  if (limit === undefined) return undefined;
  const slots = Math.max(limit.slots, countSlots(acknowledged, limit));
  return { ...limit, slots };
}
