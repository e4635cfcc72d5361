/**
 * The symbol quota of one feed: the plan's limit and limits learned from
 * upstream's refusals.
 *
 * A counted pair uses one slot. Two limits come from refusals, and both expire:
 *
 * - The **ceiling** is the number of slots in use when upstream last refused a
 *   pair as over the limit. It limits only what is requested, on every plan, and
 *   ends with the session or with a retest that succeeds.
 * - The **learned limit** also decides which streams are admitted. Only a plan
 *   without a configured limit has one, so it never overrides a setting; it is
 *   never below what was carried within {@linkcode RECENT_MS}, and never 0. It
 *   outlives the session and is retested while a pair or a stream needs a slot.
 *
 * @module
 */
import type { FeedId } from "../connection/feed.ts";
import {
  type Pair,
  pairsOf,
  type SymbolSets,
  UPSTREAM_CHANNELS,
  type UpstreamChannel,
  WILDCARD,
} from "./pairs.ts";
import { CONTRADICTED, LEARNED_LIMIT, RECENT_MS, REJECTED, RetestTimer } from "./rejections.ts";

/** The limits of a plan for one feed. */
export interface PlanLimit {
  /** Pairs of channel and symbol; `undefined` when the plan sets no limit. */
  readonly pairs: number | undefined;
  /** Channels whose pairs count. */
  readonly counts: ReadonlySet<UpstreamChannel>;
  /** Channels on which `*` may be requested. */
  readonly wildcards: ReadonlySet<UpstreamChannel>;
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

/** The channels that count against a limit, per market. */
export interface CountingRule {
  /** Channels of the stock feed. */
  readonly stocks: ReadonlySet<UpstreamChannel>;
  /** Channels of the option feed. */
  readonly options: ReadonlySet<UpstreamChannel>;
}

const BASIC = { stocks: 30, options: 200 };
const PLUS = { stocks: undefined, options: 1000 };
const NO_LIMIT = { stocks: undefined, options: undefined };

const ALL: readonly UpstreamChannel[] = ["trades", "quotes", "bars"];

/** Returns the limits of a plan for a market data feed. */
export function planLimit(
  plan: Plan,
  options: {
    readonly feed: Exclude<FeedId, "trading">;
    readonly counting: CountingRule;
  },
): PlanLimit {
  const { feed, counting } = options;
  const limits = limitsOf(plan);
  const isOpen = plan.name === "auto";
  if (feed === "opra") {
    // Alpaca refuses `*` for option quotes on every plan (error 413).
    return {
      pairs: limits.options,
      counts: counting.options,
      wildcards: new Set(["trades"]),
      isOpen,
    };
  }
  // A plan that limits symbols does not offer `*` on the counted channels.
  const wildcards = limits.stocks === undefined
    ? ALL
    : ALL.filter((channel) => !counting.stocks.has(channel));
  return {
    pairs: limits.stocks,
    counts: counting.stocks,
    wildcards: new Set(wildcards),
    isOpen,
  };
}

function limitsOf(
  plan: Plan,
): {
  readonly stocks: number | undefined;
  readonly options: number | undefined;
} {
  switch (plan.name) {
    case "explicit":
      return plan;
    case "basic":
      return BASIC;
    case "plus":
      return PLUS;
    case "auto":
    case "unlimited":
      return NO_LIMIT;
  }
}

type Channels = ReadonlySet<UpstreamChannel>;

/** A number of slots, and the channels whose pairs use one. */
interface SlotLimit {
  readonly slots: number;
  readonly counts: Channels;
}

/** Counts slots and remembers refusals for a limited time. */
export class SymbolQuota {
  readonly #plan: PlanLimit;
  readonly #wildcards = new Map<UpstreamChannel, RetestTimer>();
  /** Most slots in use recently, over the channels that the plan counts. */
  readonly #planPeak = new RecentPeak();
  /** Most slots in use recently, over every channel. */
  readonly #totalPeak = new RecentPeak();
  #learned: SlotLimit | undefined;
  #ceiling: SlotLimit | undefined;
  #timer: RetestTimer | undefined;
  /** The last acknowledged state. */
  #carried: readonly Pair[] = [];

  constructor(plan: PlanLimit) {
    this.#plan = plan;
  }

  /**
   * Pairs that streams may request: the plan's limit or, where the plan sets
   * none, the learned one; `undefined` while unknown.
   */
  get limit(): number | undefined {
    return this.#plan.pairs ?? this.#learned?.slots;
  }

  /** Whether the limit was learned from a refusal. */
  get learned(): boolean {
    return this.#plan.pairs === undefined && this.#learned !== undefined;
  }

  /** Slots in use at the last refusal as over the limit; `undefined` without one. */
  get ceiling(): number | undefined {
    return this.#ceiling?.slots;
  }

  /** Whether a pair uses a slot; `*` never does. */
  usesSlot(pair: Pair): boolean {
    return isCounted(pair, this.#counts);
  }

  /** Whether a limit in force counts a pair. */
  isLimited(pair: Pair): boolean {
    return this.#limits().some(({ counts }) => isCounted(pair, counts));
  }

  /** Whether `*` may be requested on a channel. */
  allowsWildcard(channel: UpstreamChannel): boolean {
    return this.#plan.wildcards.has(channel) && !this.#wildcards.has(channel);
  }

  /** Number of slots that pairs use. */
  slotsOf(pairs: Iterable<Pair>): number {
    return countSlots(pairs, this.#counts);
  }

  /** Starts an allocation in which every slot is free. */
  allocate(): SlotAllocation {
    return new SlotAllocation(this.#limits());
  }

  /** Whether a pair fits in addition to those that are carried. */
  fits(pair: Pair, carried: SymbolSets): boolean {
    return this.#allocateCarried(carried).fits(pair);
  }

  /**
   * Returns whether a limit that refusals have shown, rather than the plan,
   * leaves no slot for a pair in addition to those that are carried.
   */
  isOverLearnedLimit(carried: SymbolSets): (pair: Pair) => boolean {
    const allocation = this.#allocateCarried(carried);
    const { pairs = Infinity } = this.#plan;
    const isPlanFull = this.slotsOf(pairsOf(carried)) >= pairs;
    return (pair) => !allocation.fits(pair) && !(isPlanFull && this.usesSlot(pair));
  }

  /** Starts a session: clears the ceiling, so that what it excluded is retried. */
  startSession(now: number): void {
    this.#ceiling = undefined;
    const timer = this.#learned && this.#timer;
    if (timer?.pace === LEARNED_LIMIT) timer.restart(now);
    else this.#timer = this.#learned && new RetestTimer(LEARNED_LIMIT, now);
  }

  /**
   * Records that upstream refused `*` on a channel, with any error. A repeated
   * refusal keeps the timer unless the pace changes.
   *
   * @param options.isRecent whether `*` was carried recently
   */
  rejectWildcard(
    channel: UpstreamChannel,
    { now, isRecent }: { readonly now: number; readonly isRecent: boolean },
  ): void {
    const pace = isRecent || !this.#plan.isOpen ? CONTRADICTED : REJECTED;
    if (this.#wildcards.get(channel)?.pace === pace) return;
    this.#wildcards.set(channel, new RetestTimer(pace, now));
  }

  /** Records that upstream had no slot for `refused` while it carried `carried`. */
  recordLimit(
    refused: Pair,
    { carried, now }: { readonly carried: readonly Pair[]; now: number },
  ): void {
    // A refusal on a channel that should not count shows that every one does.
    const counts = this.usesSlot(refused) ? this.#counts : EVERY_CHANNEL;
    const slots = countSlots(carried, counts);
    const peak = counts === EVERY_CHANNEL ? this.#totalPeak : this.#planPeak;
    const isContradicted = !this.#plan.isOpen || slots === 0 ||
      slots < peak.at(now);
    this.#ceiling = { slots, counts };
    if (!isContradicted) this.#learned = this.#ceiling;
    const pace = isContradicted ? CONTRADICTED : LEARNED_LIMIT;
    if (this.#timer?.pace !== pace) this.#timer = new RetestTimer(pace, now);
  }

  /**
   * Records that upstream carries `carried`: raises limits below that number and
   * allows `*` again where it is carried.
   */
  raiseLimit(carried: readonly Pair[], now: number): void {
    // The previous state was carried until now.
    this.#recordPeaks(this.#carried, now);
    this.#recordPeaks(carried, now);
    this.#carried = carried;
    for (const { channel, symbol } of carried) {
      if (symbol === WILDCARD) this.#wildcards.delete(channel);
    }
    this.#learned = this.#learned && raised(this.#learned, carried);
    this.#ceiling = this.#ceiling && raised(this.#ceiling, carried);
  }

  /** Records a successful retest: upstream carries a pair it had no slot for. */
  liftLimit(carried: readonly Pair[], now: number): void {
    const learned = this.#learned;
    this.#ceiling = undefined;
    if (learned && countSlots(carried, learned.counts) > learned.slots) {
      this.#learned = undefined;
    }
    this.#timer = this.#learned && new RetestTimer(LEARNED_LIMIT, now);
  }

  /** Forgets everything learned from refusals; only the plan applies. */
  resetLearned(): void {
    this.#wildcards.clear();
    this.#learned = undefined;
    this.#ceiling = undefined;
    this.#timer = undefined;
  }

  /** The timer of the limit that refusals have shown, if there is one. */
  get limitTimer(): RetestTimer | undefined {
    return this.#timer;
  }

  /** The timers of refused wildcards. */
  get wildcardTimers(): Iterable<readonly [UpstreamChannel, RetestTimer]> {
    return this.#wildcards;
  }

  get #counts(): Channels {
    return this.#learned?.counts ?? this.#plan.counts;
  }

  #limits(): SlotLimit[] {
    const { pairs, counts } = this.#plan;
    const limits = pairs === undefined ? [] : [{ slots: pairs, counts }];
    if (this.#learned) limits.push(this.#learned);
    if (this.#ceiling) limits.push(this.#ceiling);
    return limits;
  }

  #allocateCarried(carried: SymbolSets): SlotAllocation {
    const allocation = this.allocate();
    for (const pair of pairsOf(carried)) allocation.take(pair);
    return allocation;
  }

  #recordPeaks(carried: readonly Pair[], now: number): void {
    this.#planPeak.record(countSlots(carried, this.#plan.counts), now);
    this.#totalPeak.record(countSlots(carried, EVERY_CHANNEL), now);
  }
}

/** Free slots under several limits that apply together. */
export class SlotAllocation {
  readonly #limits: { free: number; readonly counts: Channels }[];

  /** Made by {@linkcode SymbolQuota.allocate}. */
  constructor(limits: readonly SlotLimit[]) {
    this.#limits = limits.map(({ slots, counts }) => ({ free: slots, counts }));
  }

  /** Whether the pair fits under every limit that counts it. */
  fits(pair: Pair): boolean {
    return this.#limits.every(({ free, counts }) => free > 0 || !isCounted(pair, counts));
  }

  /** Takes a slot under every limit that counts the pair, free or not. */
  take(pair: Pair): void {
    for (const limit of this.#limits) {
      if (isCounted(pair, limit.counts)) limit.free--;
    }
  }
}

/** The greatest of the numbers recorded within {@linkcode RECENT_MS}. */
class RecentPeak {
  #value = 0;
  #at = -Infinity;

  record(value: number, now: number): void {
    if (value < this.at(now)) return;
    this.#value = value;
    this.#at = now;
  }

  at(now: number): number {
    return now - this.#at <= RECENT_MS ? this.#value : 0;
  }
}

const EVERY_CHANNEL: Channels = new Set(UPSTREAM_CHANNELS);

function isCounted({ channel, symbol }: Pair, counts: Channels): boolean {
  return symbol !== WILDCARD && counts.has(channel);
}

function countSlots(pairs: Iterable<Pair>, counts: Channels): number {
  let slots = 0;
  for (const pair of pairs) if (isCounted(pair, counts)) slots++;
  return slots;
}

function raised(limit: SlotLimit, carried: readonly Pair[]): SlotLimit {
  const slots = Math.max(limit.slots, countSlots(carried, limit.counts));
  return { ...limit, slots };
}
