/**
 * The reasons that streams of an option week are sent, and when they are true.
 *
 * @module
 */
import type { ExpansionReport } from "../../src/application/status/reports.ts";
import type { OptionSelection } from "../../src/domain/options/selection.ts";
import { hasActiveStatus, type Listed, type OptionWeek, type Underlying } from "./option_week.ts";
import type { FaultKind } from "./option_week_faults.ts";
import { KnownList, type LiveExpiry } from "./option_week_lists.ts";

/** Minutes until a stream has what is near the money after its chain and price are known. */
export const SETTLE = 5;
/** The same after a split or a jump, with the load of the new strikes. */
export const SETTLE_EVENT = 20;
/** Minutes in which a list has the same expiries until their number is stated as a limit. */
const CONFIRMED = 45;
/** Minutes in which a moved price or a new expiry is followed. */
export const GRACE = 3;

/** One stream, and what its notices add up to. */
export interface WeekStream {
  readonly underlying: Underlying;
  readonly selection: OptionSelection;
  readonly noticed: ReadonlySet<string>;
  readonly problem: string;
}

/** What the streams have at the end of a minute. */
export interface Moment {
  /** In the order of the streams. */
  readonly reports: readonly ExpansionReport[];
  /** Symbols that upstream has subscribed. */
  readonly carried: ReadonlySet<string>;
  /** Symbols of which upstream has subscribed the trades, which use no slots. */
  readonly traded: ReadonlySet<string>;
  readonly named: ReadonlySet<string>;
}

/** Everything about one stream in a minute. */
export interface Judged extends WeekStream {
  readonly report: ExpansionReport;
  readonly moment: Moment;
  readonly known: KnownList;
  readonly live: readonly LiveExpiry[];
  /** The same of all contracts that have been listed for some hours. */
  readonly complete: readonly LiveExpiry[];
  readonly chosen: readonly Listed[];
  /** Lowest and highest price since the last one that was sent. */
  readonly low: number;
  readonly high: number;
  /** Whether list and price are known for some minutes. */
  readonly isSettled: boolean;
}

/** Whether the reason that a pattern matches is true. */
type Proof = (groups: readonly string[], judged: Judged, week: OptionWeek, free: number) => boolean;

/** Kinds of reasons. */
const REASONS: readonly (readonly [kind: string, RegExp, Proof])[] = [
  [
    "quota",
    /^the symbol quota has slots for (\d+) of (\d+) contracts/,
    ([had, wanted], { report: { selected, wanted: all } }, _week, free) =>
      Number(had) === selected.size && Number(wanted) === all && selected.size < all && free === 0,
  ],
  [
    "chain",
    new RegExp(
      "^the chain is not renewed: contracts listed: (\\d+); kept although not listed: (\\d+)" +
        "(?:; kept although not tradable: (\\d+))?",
    ),
    ([listed, kept, untradable = 0], { underlying: { last, known }, live }) =>
      isShorter(last?.fault) && Number(listed) === active(last?.contracts ?? []) &&
      live.length > 0 && Number(kept) <= active(known?.contracts ?? []) &&
      (last?.fault === "untradable" ? Number(untradable) : Number(kept)) > 0,
  ],
  [
    "chain",
    /^the chain is not renewed: no contracts are listed any more/,
    (_, { underlying: { last } }) => last?.fault === "empty",
  ],
  [
    "chain",
    /^the chain is not renewed: .*HTTP 503/,
    (_, { underlying: { last } }) => last?.fault === "down",
  ],
  [
    "unlisted",
    /^no option contracts of \w+ are listed/,
    (_, { underlying: { known } }) => known?.contracts.length === 0,
  ],
  [
    "few",
    /^(\d+) expir(?:y is|ies are) listed, max_expiries is (\d+)(, which is not confirmed yet)?/,
    ([count, max, unconfirmed], judged, { minute }) => {
      const { live, complete, selection: { maxExpiries } } = judged;
      return Number(max) === maxExpiries && live.length < Number(max) &&
        (Number(count) === (unconfirmed ? live : complete).length ||
          !unconfirmed && Number(count) === listedSinceSplit(judged, minute));
    },
  ],
  [
    "few",
    /^(\d{4}-\d\d-\d\d) is the only listed expiry, which is not confirmed yet/,
    ([date], { known: { days } }) =>
      days.size === 1 && days.has(Date.parse(date ?? "") / 86_400_000),
  ],
  [
    "few",
    /^(\d{4}-\d\d-\d\d) is the last listed expiry, which is not confirmed yet/,
    ([date], { known: { days }, selection: { maxDays } }, { today }) => {
      const last = Math.max(...days);
      return days.size > 1 && last === Date.parse(date ?? "") / 86_400_000 &&
        last < today + Math.min(maxDays, 90);
    },
  ],
  [
    "few",
    /^(\d+) of (\d+) expiries are not tradable, which is not confirmed yet/,
    ([count, all], { underlying: { last }, known, selection }, { minute }) => {
      const listed = KnownList.of(last).live(selection, minute + 1);
      const added = listed.filter(({ day }) => !known.days.has(day)).length;
      return last?.fault === "untradable" && Number(all) === listed.length && added > 0 &&
        Number(count) === added;
    },
  ],
  [
    "few",
    /^(\d+) of (\d+) expiries lack strikes around ([\d.]+), which is not confirmed yet/,
    ([count, _all, price], { underlying: { last }, report: { centre } }) =>
      last?.fault === "range" && Number(count) === 1 && Number(price) === centre,
  ],
  [
    "few-strikes",
    /^(\d+) of (\d+) expiries list fewer strikes on a side of the price [\d.]+ than strikes_each/,
    ([few, all], { known: { reply }, live }, { minute }) =>
      (reply.fault === "cut" || minute - reply.minute <= GRACE) && Number(few) > 0 &&
      Number(few) <= live.length && Number(all) === live.length,
  ],
  ["empty", /^no contract is within the selection/, (_, { live }) => live.length === 0],
  [
    "one-sided",
    /^(\d+) expir(?:y has|ies have) strikes on one side of the price ([\d.]+) only/,
    ([count, price], { report: { centre }, live }) =>
      Number(price) === centre &&
      Number(count) === live.filter((each) => !each.straddles(Number(price))).length,
  ],
  [
    "one-sided",
    /^(\d+) of (\d+) expiries list no calls or no puts/,
    ([count, all], { known, live, selection }, { minute }) =>
      Number(all) === live.length && Number(count) > 0 &&
      Number(count) === known.unpaired(selection, minute),
  ],
  [
    "incomplete",
    /^max_contracts (\d+) leaves (\d+) of (\d+) expiries without some of the strikes next/,
    ([max, cut, all], judged) => isCut(judged, [max, cut, all]),
  ],
  [
    "unreached",
    /^max_contracts (\d+)(?:, the default,)? leaves (\d+) of (\d+) expiries without contracts/,
    ([max, cut, all], judged) => {
      const { chosen, live, report: { selected, wanted } } = judged;
      const days = new Set(chosen.map(({ day }) => day));
      const missing = live.filter(({ day }) => !days.has(day)).length;
      return isCut(judged, [max, cut, all]) &&
        (selected.size === wanted ? Number(cut) === missing : Number(cut) <= missing);
    },
  ],
  [
    "price",
    /^the price is not renewed: .* is not confirmed/,
    (_, { underlying: { events, firstPricedAt = Infinity } }, { minute }) =>
      minute - firstPricedAt <= SETTLE ||
      [...events.values()].some((at) => minute - at <= SETTLE_EVENT),
  ],
  [
    "price",
    /^the price is not certain: trades at .* contradict the options/,
    (_, { underlying }, week) =>
      [...underlying.events.values()].some((at) => week.minute - at <= SETTLE_EVENT) ||
      underlying.isContradicted(SETTLE_EVENT),
  ],
  ["price", /^the price is not renewed: .*HTTP 503/, (_, _judged, week) => week.hadFault(2)],
  [
    "price",
    /^the price is not renewed: the (?:last trade is|option quotes are) old/,
    (_, { underlying: { tradedAt, isIndex } }, week) => isIndex || week.minute - tradedAt > 25,
  ],
  [
    "price",
    /^no price is known, strikes are centred on the open interest/,
    (_, { underlying: { firstPricedAt = Infinity }, known }, week) =>
      week.minute - firstPricedAt <= 1 || week.hadFault(2) || known.reply.fault === "cut" ||
      week.minute - known.since <= GRACE,
  ],
  [
    "loading",
    /^the option chain is not loaded yet/,
    (_, { underlying: { known } }, { minute }) => (known?.minute ?? minute) >= minute - 1,
  ],
  [
    "loading",
    /^the price is not known yet/,
    (_, { underlying: { firstPricedAt = Infinity } }, { minute }) => minute - firstPricedAt <= 1,
  ],
  ["off", /^.*HTTP 503/, (_, { underlying: { known, last } }) => !known && last?.fault === "down"],
];

/**
 * The number of expiries that are listed, if a split has replaced all contracts a while ago: these
 * have not been listed for hours, but the list has been read several times since.
 */
function listedSinceSplit(
  { underlying, selection }: Judged,
  minute: number,
): number | undefined {
  if (minute - (underlying.events.get("split") ?? minute) < CONFIRMED) return undefined;
  const list = { minute, contracts: underlying.listed(minute), fault: undefined };
  return new KnownList(list).live(selection, minute + 1).length;
}

/** Whether a selection is as large as it may be and the counted expiries are plausible. */
function isCut(
  { live, selection: { maxContracts }, report: { wanted } }: Judged,
  [max, cut, all]: readonly (string | undefined)[],
): boolean {
  return Number(max) === maxContracts && Number(all) === live.length && Number(cut) > 0 &&
    Number(cut) <= live.length && wanted <= maxContracts && wanted > maxContracts - 4;
}

/** Whether a list with a fault lacks some of the contracts, or has them as not tradable. */
function isShorter(fault: FaultKind | undefined): boolean {
  return fault !== undefined && fault !== "down" && fault !== "empty";
}

/** Contracts of a list that have the status `active`, also those that are not tradable. */
function active(contracts: readonly Listed[]): number {
  return contracts.filter(hasActiveStatus).length;
}

/** The reasons of a text; one of no known kind is the last. */
export function parseReasons(text: string) {
  const reasons = [];
  for (let rest = text; rest !== "";) {
    const [kind, pattern, isTrue] = REASONS.find(([, each]) => each.test(rest)) ?? [];
    const [matched = rest, ...values] = pattern?.exec(rest) ?? [];
    reasons.push({ kind, text: matched, values, isTrue: isTrue ?? (() => false) });
    rest = rest.slice(matched.length).replace(/^[^;]*;? */, "");
  }
  return reasons;
}

/** What a stream knows from a text: the kinds of its reasons, and how many contracts it lacks. */
export function knownOf(text: string): { readonly kinds: string; readonly missing: number } {
  const reasons = parseReasons(text);
  const [had, wanted] = reasons.find(({ kind }) => kind === "quota")?.values ?? [];
  const missing = Number(wanted ?? 0) - Number(had ?? 0);
  return { kinds: [...new Set(reasons.map(({ kind }) => kind))].sort().join(), missing };
}
