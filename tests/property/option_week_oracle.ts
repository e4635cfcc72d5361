/**
 * Checks in each minute of a week what streams have and what their notices state.
 *
 * A stream is judged by the list of contracts that was last sent without a fault and by the prices
 * since the last one that was sent; that both are renewed in time is checked on their own. A reason
 * counts only if it is true.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { ExpansionReport } from "../../src/application/status/reports.ts";
import { type Listed, minuteOfDay, type OptionWeek, type Underlying } from "./option_week.ts";
import { KnownList, type LiveExpiry } from "./option_week_lists.ts";
import {
  GRACE,
  type Judged,
  knownOf,
  type Moment,
  parseReasons,
  SETTLE,
  SETTLE_EVENT,
  type WeekStream,
} from "./option_week_reasons.ts";

/** A strike as near as this part of the distance of two strikes is on both sides of a price. */
const AT_STRIKE = 0.15;
/** Minutes until a notice has the kinds of a problem, and about the number of missing contracts. */
const NOTICED = 12;
/** Minutes until strikes that were listed on the other side of a price are known. */
const RELOAD = 15;
/** Minutes after the first list of a chain in which it is read again while it may be cut. */
const FIRST_READ_AGAIN = [3, 9, 21, 45];
/** Minutes until what was listed is known without any sign of it: from 07:00 to the open. */
const LISTED_LONG = 150;
/** Oldest list while options trade, in minutes: it is renewed each hour. */
const OLDEST_LIST = 65;
/** Minutes after a fault in which nothing need be renewed. */
const AFTER_FAULT = 30;

/** Counts minutes in a row in which something is not as it should be. */
class Streak {
  readonly #counts = new Map<string, number>();

  /** Returns the number of minutes with this one; 0 if all is well. */
  note(key: string, isWrong: boolean): number {
    const count = isWrong ? (this.#counts.get(key) ?? 0) + 1 : 0;
    this.#counts.set(key, count);
    return count;
  }

  clear(): void {
    this.#counts.clear();
  }
}

/** Judges the streams of a week. */
export class WeekOracle {
  readonly #week: OptionWeek;
  readonly #budget: number;
  readonly #streams: readonly WeekStream[];
  readonly #streak = new Streak();
  readonly #completeLists = new Map<Underlying, KnownList>();
  /** The last problem that a stream was sent, by underlying. */
  readonly #problems = new Map<string, string>();
  /** Stream-minutes with both sides of the money, with a reason only, and with the nearest pair. */
  readonly counts = { both: 0, informed: 0, pairs: 0 };

  constructor(week: OptionWeek, options: {
    readonly budget: number;
    readonly streams: readonly WeekStream[];
  }) {
    this.#week = week;
    this.#budget = options.budget;
    this.#streams = options.streams;
  }

  /** Checks a minute; in a session, everything, otherwise what always holds. */
  check(moment: Moment): void {
    const { carried, traded, named, reports } = moment;
    const week = this.#week;
    assert.ok(carried.size <= this.#budget, `${carried.size} slots of ${this.#budget}`);
    for (const symbol of named) {
      const { endsAt } = this.#contract(symbol);
      // Late data may arrive for a quarter of an hour.
      const isDue = endsAt > week.minute + 1;
      assert.ok(carried.has(symbol) || !isDue, `${symbol} was named and is not subscribed`);
    }
    const selected = new Set(reports.flatMap((report) => [...report.selected]));
    assert.deepEqual([...selected.symmetricDifference(traded)], [], "trades of the same contracts");
    if (!week.isOpenSince(1)) this.#streak.clear();
    for (const [at, stream] of this.#streams.entries()) {
      const report = reports[at] ?? assert.fail();
      const { name } = stream.underlying;
      assert.equal(report.underlying, name);
      this.#checkContracts(stream, report, moment);
      if (week.isOpenSince(1)) this.#checkSession(this.#judge(stream, report, moment));
    }
    if (week.isOpenSince(1)) this.#checkShares(reports, named);
  }

  /** No contract is chosen that does not trade, is not active, or is adjusted without request. */
  #checkContracts(
    { underlying, selection }: WeekStream,
    { selected }: ExpansionReport,
    { carried, named }: Moment,
  ): void {
    let adjusted: string | undefined;
    for (const symbol of selected) {
      const contract = underlying.bySymbol.get(symbol) ?? assert.fail(`${symbol} is unknown`);
      const { isActive, isAdjusted, endsAt } = contract;
      assert.ok(endsAt > this.#week.minute, `${symbol} does not trade any more`);
      assert.ok(carried.has(symbol), `${symbol} is chosen and not subscribed`);
      assert.ok(isActive, `${symbol} is not active`);
      assert.ok(!isAdjusted || selection.includeAdjusted, `${symbol} is adjusted`);
      if (isAdjusted) adjusted = symbol;
      const isAfter = adjusted !== undefined && !isAdjusted && !named.has(symbol);
      assert.ok(!isAfter, `${symbol} comes after ${adjusted}`);
    }
  }

  #judge(stream: WeekStream, report: ExpansionReport, moment: Moment): Judged {
    const { underlying, selection } = stream;
    const { minute } = this.#week;
    const { prices, pricedAt = minute, firstPricedAt = Infinity, events } = underlying;
    const known = KnownList.of(underlying.known);
    let [low, high] = [Infinity, 0];
    for (let at = Math.min(pricedAt, minute - SETTLE); at <= minute; at++) {
      low = Math.min(low, prices[at] ?? Infinity);
      high = Math.max(high, prices[at] ?? 0);
    }
    const isCalm = (["split", "jump"] as const).every((kind) => {
      const ago = minute - (events.get(kind) ?? -Infinity);
      return ago > SETTLE_EVENT && !(ago < 120 && this.#week.hadFault(SETTLE_EVENT));
    });
    return {
      ...stream,
      report,
      moment,
      known,
      live: known.live(selection, minute + 1),
      complete: this.#complete(underlying).live(selection, minute + 1),
      chosen: Array.from(report.selected, (symbol) => this.#contract(symbol)),
      low,
      high,
      // One contract has no pair, and no price of an index.
      isSettled: isCalm && known.reply.fault !== "cut" &&
        !underlying.isContradicted(SETTLE_EVENT) &&
        minute - Math.max(known.since, firstPricedAt) > SETTLE,
    };
  }

  #checkSession(judged: Judged): void {
    const { underlying: { name }, report, problem, noticed } = judged;
    const { reason, state } = report;
    const free = this.#budget - judged.moment.carried.size;
    this.#checkRenewal(judged);
    this.#checkFirst(judged);
    this.#checkPair(judged);
    this.#checkWanted(judged);
    const hasContracts = noticed.size === report.selected.size &&
      [...noticed].every((symbol) => report.selected.has(symbol));
    const unnoticed = this.#streak.note(`contracts ${name}`, !hasContracts);
    this.#expect(unnoticed <= 1, judged, `notices have ${[...noticed].join()}`);
    // Notices of a problem whose numbers change are rare; twice as many missing ones have one.
    const told = knownOf(problem);
    const known = knownOf(reason ?? "");
    const isOther = told.kinds !== known.kinds || told.missing > 2 * known.missing ||
      known.missing > 2 * told.missing;
    // A number that goes up and down has a notice every five minutes.
    const isNews = this.#problems.get(name) !== problem;
    this.#problems.set(name, problem);
    const isUntold = state !== "loading" && isOther && !isNews;
    const untold = this.#streak.note(`problem ${name}`, isUntold);
    this.#expect(untold <= NOTICED, judged, `notices have "${problem}", the report "${reason}"`);
    if (reason !== undefined) this.#checkReason(reason, judged, free);
    const missing = judged.live.filter((expiry) => !hasBothSides(expiry, judged));
    const isSilent = reason === undefined && missing.length > 0 && judged.isSettled;
    const silent = this.#streak.note(`silent ${name}`, isSilent);
    this.#expect(silent <= GRACE, judged, `${missing.length} expiries without a side, no reason`);
    if (missing.length === 0 && judged.live.length > 0) this.counts.both++;
    else this.counts.informed++;
  }

  /** The call and the put next to the price, of the nearest expiry that trades. */
  #checkPair(judged: Judged): void {
    const { live: [nearest], chosen, low, high, isSettled, report, underlying } = judged;
    if (!nearest || !isSettled) return;
    const [lowest, highest] = nearest.around(low, high);
    const rights = new Set(
      chosen.filter(({ day, strike, isAdjusted }) =>
        day === nearest.day && strike >= lowest && strike <= highest && !isAdjusted
      ).map(({ right }) => right),
    );
    const lacking = this.#streak.note(`pair ${underlying.name}`, rights.size < 2);
    this.#expect(lacking <= GRACE, judged, `no pair of strikes ${lowest} to ${highest}`);
    if (rights.size === 2) this.counts.pairs++;
    const { centre = 0, reason = "" } = report;
    const margin = (highest - lowest) * 0.1;
    // Beyond all strikes a price changes nothing.
    const isOff = nearest.straddles(low) && nearest.straddles(high) &&
      (centre < low - margin || centre > high + margin);
    const off = this.#streak.note(`price ${underlying.name}`, isOff && !/price/.test(reason));
    this.#expect(off <= GRACE, judged, `the centre ${centre} is not a price ${low} to ${high}`);
  }

  /**
   * The list has both sides of the price when they are listed, is of this morning, and an hour old
   * while options trade.
   */
  #checkRenewal(judged: Judged): void {
    const week = this.#week;
    const { underlying: { name, prices, pricedAt = week.minute }, known, live: [known0] } = judged;
    const wasFaulty = week.hadFault(AFTER_FAULT);
    // A stock that rarely trades has the price of its last trade or, by its options, the present
    // one; the list is outdated when it has both sides of neither.
    const hasSides = [pricedAt, week.minute].some((at) => known0?.straddles(prices[at] ?? NaN));
    const isOutdated = !hasSides && !wasFaulty && this.#areSidesListed(judged);
    const outdated = this.#streak.note(`list ${name}`, isOutdated);
    this.#expect(outdated <= RELOAD, judged, "strikes on the other side of the price are listed");
    const isMorning = minuteOfDay(week.minute) < 600;
    const morning = week.minute - minuteOfDay(week.minute) + 540;
    this.#expect(
      wasFaulty || isMorning || known.reply.minute >= Math.max(0, morning - 1),
      judged,
      `the list is of minute ${known.reply.minute}`,
    );
    const isOld = week.isOpenSince(OLDEST_LIST) && known.reply.minute < week.minute - OLDEST_LIST;
    this.#expect(wasFaulty || !isOld, judged, `the list is of minute ${known.reply.minute}`);
  }

  /** A first list with a fault is stated, and replaced when one of the later ones has none. */
  #checkFirst(judged: Judged): void {
    const { underlying: { name }, known: { reply }, live, complete, report: { reason } } = judged;
    const isCut = reply.fault === "tail" && live.length < complete.length;
    const isSilent = isCut && !/not confirmed yet|the chain is not renewed/.test(reason ?? "");
    const silent = this.#streak.note(`cut ${name}`, isSilent);
    this.#expect(
      silent <= GRACE,
      judged,
      `${live.length} of ${complete.length} expiries, no reason`,
    );
    const isDue = FIRST_READ_AGAIN.some((after) =>
      reply.minute + after + GRACE < this.#week.minute &&
      [-1, 0, 1].every((late) => this.#week.fault(reply.minute + after + late) === undefined)
    );
    const isOld = reply.fault !== undefined && isDue;
    const old = this.#streak.note(`first ${name}`, isOld);
    this.#expect(old <= SETTLE, judged, `the first list, of minute ${reply.minute}, is still used`);
  }

  /** A selection has both strikes next to the price of as many expiries as it may have. */
  #checkWanted(judged: Judged): void {
    const { underlying: { name }, selection, live, low, high, isSettled, report } = judged;
    const whole = live.filter((each) => each.straddles(low) && each.straddles(high)).length;
    const least = Math.min(4 * whole, selection.maxContracts - 3);
    const isLess = isSettled && report.wanted < least;
    const less = this.#streak.note(`count ${name}`, isLess);
    this.#expect(less <= GRACE, judged, `${report.wanted} contracts are selected, not ${least}`);
  }

  /** The contracts that were listed for some hours; made once an hour. */
  #complete(underlying: Underlying): KnownList {
    const { minute } = this.#week;
    const known = this.#completeLists.get(underlying);
    if (known && minute - known.since < 60) return known;
    const contracts = underlying.listed(minute)
      .filter(({ listedAt }) => listedAt === 0 || listedAt <= minute - LISTED_LONG);
    const list = new KnownList({ minute, contracts, fault: undefined });
    this.#completeLists.set(underlying, list);
    return list;
  }

  /** Whether strikes of the nearest expiry are listed on both sides of the price. */
  #areSidesListed({ underlying, selection, low, high }: Judged): boolean {
    const { minute } = this.#week;
    const list = { minute, contracts: underlying.listed(minute), fault: undefined };
    const [nearest] = new KnownList(list).live(selection, minute + 1);
    return nearest !== undefined && nearest.straddles(low) && nearest.straddles(high);
  }

  #checkReason(reason: string, judged: Judged, free: number): void {
    for (const { kind, text, values, isTrue } of parseReasons(reason)) {
      if (kind === undefined) this.#expect(false, judged, `unknown reason "${text}"`);
      const isWrong = !isTrue(values, judged, this.#week, free);
      const wrong = this.#streak.note(`${judged.underlying.name} ${kind}`, isWrong);
      this.#expect(wrong <= 1, judged, `"${text}" is not true, ${free} slots are free`);
    }
  }

  /** Every stream has its share of the slots, and none has more than that while one is short. */
  #checkShares(reports: readonly ExpansionReport[], named: ReadonlySet<string>): void {
    const counts = reports.map(({ selected, wanted, underlying }) => {
      const extra = [...selected].filter((symbol) => named.has(symbol)).length;
      return { underlying, wanted, has: selected.size, extra };
    });
    const share = Math.floor((this.#budget - named.size) / reports.length);
    const most = Math.max(...counts.map(({ has, extra }) => has - extra));
    for (const { underlying, has, wanted } of counts) {
      const least = Math.min(wanted, Math.max(share, most - 1));
      const isLess = this.#streak.note(`share ${underlying}`, has < least);
      assert.ok(
        isLess <= 1,
        `${underlying} has ${has} of ${wanted}, others ${most}; ${share} each`,
      );
    }
  }

  #contract(symbol: string): Listed {
    for (const { bySymbol } of this.#week.underlyings) {
      const found = bySymbol.get(symbol);
      if (found) return found;
    }
    assert.fail(`${symbol} was never listed`);
  }

  #expect(isTrue: boolean, { underlying, report, live, low, high }: Judged, text: string): void {
    if (isTrue) return;
    const { selected, wanted, centre, reason, state } = report;
    assert.fail(
      `${underlying.name} in minute ${this.#week.minute}: ${text}\n` +
        `${
          Deno.inspect({ low, high, centre, state, reason, wanted, events: underlying.events })
        }\n` +
        `expiries ${live.map(({ day }) => day).join()}\n${[...selected].join(" ")}`,
    );
  }
}

/** Whether calls and puts of an expiry are chosen on both sides of the price. */
function hasBothSides(expiry: LiveExpiry, { chosen, low, high }: Judged): boolean {
  const [lowest, highest] = expiry.around(low, high);
  const margin = (highest - lowest) * AT_STRIKE;
  const sides = new Set<string>();
  for (const { day, right, strike, isAdjusted } of chosen) {
    if (day !== expiry.day || isAdjusted) continue;
    if (strike <= high + margin) sides.add(`${right} below`);
    if (strike >= low - margin) sides.add(`${right} above`);
  }
  return sides.size === 4;
}
