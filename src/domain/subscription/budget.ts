/**
 * The symbol budget of one feed: what the plan allows, and what upstream's
 * refusals have shown.
 *
 * Two limits come from refusals, and both expire:
 *
 * - The **ceiling** is what upstream carried when it last refused a pair for
 *   want of room. It limits only what is requested, on every plan, and ends
 *   with the connection or with a retest that succeeds.
 * - The **learned limit** also decides which streams are admitted. Only a plan
 *   that leaves the limit open has one, so it never overrides a setting; it is
 *   never below what was carried within {@linkcode RECENT_MS}, and never 0. It
 *   outlives the connection and is retested while a pair or a stream needs it.
 *
 * @module
 */
import type { PlanLimit } from "./plans.ts";
import {
  DOUBTED,
  LEARNED_LIMIT,
  RECENT_MS,
  REJECTED,
  RetestTimer,
} from "./retest.ts";
import { type CountedLimit, Room } from "./room.ts";
import {
  type Pair,
  pairsOf,
  type SymbolSets,
  UPSTREAM_CHANNELS,
  type UpstreamChannel,
  WILDCARD,
} from "./symbol_sets.ts";

/** Counts places and remembers refusals for a limited time. */
export class SymbolBudget {
  readonly #plan: PlanLimit;
  readonly #wildcards = new Map<UpstreamChannel, RetestTimer>();
  /** The most places that were taken lately, as the plan and as all count. */
  readonly #peaks: Readonly<Record<"plan" | "every", RecentPeak>> = {
    plan: new RecentPeak(),
    every: new RecentPeak(),
  };
  #learned: CountedLimit | undefined;
  #ceiling: CountedLimit | undefined;
  #timer: RetestTimer | undefined;
  /** What upstream last said it carries. */
  #carried: readonly Pair[] = [];

  constructor(plan: PlanLimit) {
    this.#plan = plan;
  }

  /**
   * Pairs that streams may want, by the plan or, where it leaves that open, by
   * experience; `undefined` while unknown.
   */
  get limit(): number | undefined {
    return this.#plan.pairs ?? this.#learned?.places;
  }

  /** Whether the limit comes from experience. */
  get learned(): boolean {
    return this.#plan.pairs === undefined && this.#learned !== undefined;
  }

  /** Places upstream had when it last refused one; `undefined` when it has not. */
  get ceiling(): number | undefined {
    return this.#ceiling?.places;
  }

  /** Whether a pair takes a place; `*` never does, it is had or not had. */
  takesPlace(pair: Pair): boolean {
    return counts({ counts: this.#counts }, pair);
  }

  /** Whether some limit in force counts a pair. */
  isScarce(pair: Pair): boolean {
    return this.#limits().some((limit) => counts(limit, pair));
  }

  /** Whether `*` may be asked for. */
  allowsWildcard(channel: UpstreamChannel): boolean {
    return this.#plan.wildcards.has(channel) && !this.#wildcards.has(channel);
  }

  /** Number of places that pairs take. */
  placesOf(pairs: Iterable<Pair>): number {
    return placesIn({ counts: this.#counts }, pairs);
  }

  /** Places to give away, none of them taken yet. */
  room(): Room {
    return new Room(this.#limits());
  }

  /** Whether a pair fits beside those that are carried. */
  fits(pair: Pair, carried: SymbolSets): boolean {
    return this.#roomBeside(carried).fits(pair);
  }

  /**
   * Tells of pairs whether a limit that refusals have shown is what keeps them
   * out, beside those that are carried.
   */
  isReached(carried: SymbolSets): (pair: Pair) => boolean {
    const room = this.#roomBeside(carried);
    const { pairs = Infinity } = this.#plan;
    const isPlanFull = this.placesOf(pairsOf(carried)) >= pairs;
    return (pair) => !room.fits(pair) && !(isPlanFull && this.takesPlace(pair));
  }

  /** A connection begins: what the last one refused for want of room may fit. */
  connect(now: number): void {
    this.#ceiling = undefined;
    const timer = this.#learned && this.#timer;
    if (timer?.pace === LEARNED_LIMIT) timer.restart(now);
    else this.#timer = this.#learned && new RetestTimer(LEARNED_LIMIT, now);
  }

  /**
   * Upstream refused `*` on a channel, with any error. One that is refused
   * again keeps its timer, unless it is no longer doubted.
   *
   * @param options.isRecent whether it was carried a moment ago
   */
  refuseWildcard(
    channel: UpstreamChannel,
    { now, isRecent }: { readonly now: number; readonly isRecent: boolean },
  ): void {
    const pace = isRecent || !this.#plan.isOpen ? DOUBTED : REJECTED;
    if (this.#wildcards.get(channel)?.pace === pace) return;
    this.#wildcards.set(channel, new RetestTimer(pace, now));
  }

  /** Upstream had no place for `refused` while it carried `carried`. */
  refuseFull(
    refused: Pair,
    { carried, now }: { readonly carried: readonly Pair[]; now: number },
  ): void {
    // A refusal on a channel that should not count shows that every one does.
    const counts = this.takesPlace(refused) ? this.#counts : EVERY_CHANNEL;
    const places = placesIn({ counts }, carried);
    const isDoubted = !this.#plan.isOpen || places === 0 ||
      places < this.#peakPlaces(counts, now);
    this.#ceiling = { places, counts };
    if (!isDoubted) this.#learned = this.#ceiling;
    const pace = isDoubted ? DOUBTED : LEARNED_LIMIT;
    if (this.#timer?.pace !== pace) this.#timer = new RetestTimer(pace, now);
  }

  /** Upstream carries a pair for which it had no place before. */
  acceptRetest(carried: readonly Pair[], now: number): void {
    const learned = this.#learned;
    this.#ceiling = undefined;
    if (learned && placesIn(learned, carried) > learned.places) {
      this.#learned = undefined;
    }
    this.#timer = this.#learned && new RetestTimer(LEARNED_LIMIT, now);
  }

  /** Forgets what refusals have shown: the plan alone counts again. */
  forget(): void {
    this.#wildcards.clear();
    this.#learned = undefined;
    this.#ceiling = undefined;
    this.#timer = undefined;
  }

  /** Upstream carries these pairs: what was learned against them was wrong. */
  confirm(carried: readonly Pair[], now: number): void {
    // What was carried before was until now, for all that is known.
    this.#noteCarried(this.#carried, now);
    this.#noteCarried(carried, now);
    this.#carried = carried;
    for (const { channel, symbol } of carried) {
      if (symbol === WILDCARD) this.#wildcards.delete(channel);
    }
    this.#learned = this.#learned && raised(this.#learned, carried);
    this.#ceiling = this.#ceiling && raised(this.#ceiling, carried);
  }

  /** The timer of the limit that refusals have shown, if there is one. */
  get limitTimer(): RetestTimer | undefined {
    return this.#timer;
  }

  /** The timers of refused wildcards. */
  get wildcardTimers(): Iterable<readonly [UpstreamChannel, RetestTimer]> {
    return this.#wildcards;
  }

  get #counts(): ReadonlySet<UpstreamChannel> {
    return this.#learned?.counts ?? this.#plan.counts;
  }

  #limits(): CountedLimit[] {
    const { pairs, counts } = this.#plan;
    const limits = pairs === undefined ? [] : [{ places: pairs, counts }];
    if (this.#learned) limits.push(this.#learned);
    if (this.#ceiling) limits.push(this.#ceiling);
    return limits;
  }

  #roomBeside(carried: SymbolSets): Room {
    const room = this.room();
    for (const pair of pairsOf(carried)) room.take(pair);
    return room;
  }

  #noteCarried(carried: readonly Pair[], now: number): void {
    const { plan, every } = this.#peaks;
    plan.note(placesIn(this.#plan, carried), now);
    every.note(placesIn({ counts: EVERY_CHANNEL }, carried), now);
  }

  #peakPlaces(counts: ReadonlySet<UpstreamChannel>, now: number): number {
    const { plan, every } = this.#peaks;
    return (counts === EVERY_CHANNEL ? every : plan).at(now);
  }
}

/** The greatest of the numbers that were noted within {@linkcode RECENT_MS}. */
class RecentPeak {
  #value = 0;
  #at = -Infinity;

  note(value: number, now: number): void {
    if (value < this.at(now)) return;
    this.#value = value;
    this.#at = now;
  }

  at(now: number): number {
    return now - this.#at <= RECENT_MS ? this.#value : 0;
  }
}

const EVERY_CHANNEL: ReadonlySet<UpstreamChannel> = new Set(UPSTREAM_CHANNELS);

type Counting = Pick<CountedLimit, "counts">;

function counts(limit: Counting, { channel, symbol }: Pair): boolean {
  return symbol !== WILDCARD && limit.counts.has(channel);
}

function placesIn(limit: Counting, pairs: Iterable<Pair>): number {
  let places = 0;
  for (const pair of pairs) if (counts(limit, pair)) places++;
  return places;
}

function raised(limit: CountedLimit, carried: readonly Pair[]): CountedLimit {
  return { ...limit, places: Math.max(limit.places, placesIn(limit, carried)) };
}
