/**
 * States why the contracts of a selection differ from what was requested, or can be inaccurate.
 *
 * All reasons that hold are stated, the most severe first. What the request or the default maximum
 * excludes is a limit of the selection, and no shortage.
 *
 * @module
 */
import { dateOfDay, exchangeDay } from "../../domain/calendar/exchange_time.ts";
import type { MarketCalendar } from "../../domain/calendar/market_calendar.ts";
import { hasTradable, seriesOf, standardExpiries } from "../../domain/options/chain_index.ts";
import type { OptionContract } from "../../domain/options/contract.ts";
import { isByDelta } from "../../domain/options/delta_range.ts";
import { lastTradingMoment } from "../../domain/options/last_trading.ts";
import {
  countUntradable,
  hasFewExpiries,
  missingParts,
} from "../../domain/options/listing_outlook.ts";
import type { Selected } from "../../domain/options/select_contracts.ts";
import type { OptionSelection } from "../../domain/options/selection.ts";
import type { UnderlyingPrice } from "../../domain/options/tracked_price.ts";
import type { ChainState } from "./option_chain_cache.ts";

/** Characters that reasons may have together; a longer one is cut. */
const MAX_REASON_LENGTH = 500;
/** Roots or expiries that a reason names. */
const MAX_ROOTS = 5;

/** Kinds of reasons, the most severe first. */
type ReasonKind =
  | "off"
  | "loading"
  | "unlisted"
  | "quota"
  | "room"
  | "empty"
  | "old_chain"
  | "not_listed"
  | "few_expiries"
  | "price"
  | "deltas"
  | "expiry_deltas"
  | "one_sided"
  | "few_strikes"
  | "maximum"
  | "limit";

/** What a selection without contracts waits for. */
export type PendingPart = "option chain" | "price" | "deltas";

/** One reason. */
interface SelectionReason {
  readonly kind: ReasonKind;
  readonly text: string;
}

/** All reasons of a selection. */
export interface SelectionReasons {
  /** The texts of all reasons, the most severe first; `undefined` without any. */
  readonly text: string | undefined;
  /** Their kinds as text, equal for equal kinds; empty without any. */
  readonly kinds: string;
  /** Whether something is missing or inaccurate, beside what is a limit of the selection. */
  readonly isProblem: boolean;
}

type ReadyChain = Extract<ChainState, { readonly at: "ready" }>;

/** What the reasons depend on. */
interface SelectionFacts {
  readonly underlying: string;
  readonly selection: OptionSelection;
  readonly chain: ChainState;
  /** What has not been known for too long. */
  readonly overdue: PendingPart | undefined;
  readonly price: UnderlyingPrice | undefined;
  /** Why deltas cannot be renewed. */
  readonly deltasProblem: string | undefined;
  /** The last selection; `undefined` before the first. */
  readonly selected: Omit<Selected, "contracts"> | undefined;
  /** Contracts that it has; those of them that may be desired; those that have slots. */
  readonly counts: {
    readonly selected: number;
    readonly desired: number;
    readonly assigned: number;
  };
  /** Slots of the symbol quota that the identity may hold, if that leaves out contracts. */
  readonly mayHold?: number | undefined;
  /** `max_contracts` of requests that do not set it. */
  readonly defaultMaximum: number;
  /** Ms since the Unix epoch. */
  readonly now: number;
  readonly calendar: MarketCalendar;
}

const PENDING: Readonly<Record<PendingPart, string>> = {
  "option chain": "the option chain is not loaded yet",
  price: "the price is not known yet",
  deltas: "the deltas are not known yet",
};

/** Returns all reasons. */
export function selectionReasons(facts: SelectionFacts): SelectionReasons {
  const reasons = [...reasonsOf(facts)];
  return {
    text: reasons.length === 0 ? undefined : joined(reasons.map(({ text }) => text)),
    kinds: reasons.map(({ kind }) => kind).join(),
    isProblem: reasons.some(({ kind }) => kind !== "limit"),
  };
}

/** Joins texts as far as there is room; at least the beginning of the first one. */
function joined(texts: readonly string[]): string {
  let all = "";
  for (const [at, text] of texts.entries()) {
    if (at > 0 && all.length + text.length > MAX_REASON_LENGTH) {
      return `${all}; ${texts.length - at} more`;
    }
    const part = text.length > MAX_REASON_LENGTH ? `${text.slice(0, MAX_REASON_LENGTH)}...` : text;
    all += at > 0 ? `; ${part}` : part;
  }
  return all;
}

function* reasonsOf(facts: SelectionFacts): Generator<SelectionReason> {
  const { underlying, chain, overdue, counts: { selected, desired, assigned } } = facts;
  if (chain.at === "off") return yield { kind: "off", text: chain.reason };
  if (overdue !== undefined) yield { kind: "loading", text: PENDING[overdue] };
  if (chain.at !== "ready") return;
  const { contracts } = chain.chain;
  if (contracts.length === 0) {
    yield { kind: "unlisted", text: `no option contracts of ${underlying} are listed` };
  } else if (facts.selected !== undefined) {
    if (assigned < desired) {
      const text = `the symbol quota has slots for ${assigned} of ${desired} contracts`;
      const { mayHold } = facts;
      const share = mayHold === undefined ? "" : `: the identity may hold ${mayHold} slots`;
      yield { kind: "quota", text: text + share };
    }
    if (desired < selected) {
      const text = `STREAM_PROXY_MAX_SYMBOLS leaves room for ${desired} contracts`;
      yield { kind: "room", text };
    }
    if (selected === 0) yield { kind: "empty", text: emptyText(contracts, facts) };
  }
  if (chain.reason) yield { kind: "old_chain", text: `the chain is not renewed: ${chain.reason}` };
  if (selected > 0) yield* missingReasons(contracts, facts);
  if (contracts.length === 0 || !facts.selected) return;
  const moment = { now: facts.now, calendar: facts.calendar };
  const { untradable, expiries } = countUntradable(facts.selection, { chain: contracts, moment });
  if (selected > 0) yield* fewExpiries(chain, facts, facts.selected.expiries + untradable);
  if (untradable > 0) {
    yield ofExpiries(`${untradable} of ${expiries} expiries are not tradable`, chain);
  }
  const { gaps, price } = facts.selected;
  // A list that is confirmed has no others.
  if (gaps > 0 && !chain.areExpiriesConfirmed) {
    const text = `${gaps} of ${facts.selected.expiries} expiries lack strikes around ${price}`;
    yield ofExpiries(text, chain);
  }
  yield* accuracyReasons(facts, facts.selected);
  if (selected > 0 && !hasTradable(contracts)) {
    const text = `Alpaca trades no option contract of ${underlying}: they are selected for their ` +
      "market data";
    yield { kind: "limit", text };
  }
}

/**
 * That a chain has fewer expiries than requested, or ends sooner than chains do.
 *
 * @param expiries number of those of the selection that are listed, tradable or not
 */
function* fewExpiries(
  ready: ReadyChain,
  { underlying, selection, now, calendar }: SelectionFacts,
  expiries: number,
): Generator<SelectionReason> {
  const { chain } = ready;
  const listed = { underlying, chain: chain.contracts, moment: { now, calendar } };
  const { maxExpiries } = selection;
  if (!hasFewExpiries(selection, listed, expiries)) return;
  if (maxExpiries === undefined) {
    // Without a number that is requested the end of the list is suspicious until it is confirmed.
    const days = standardExpiries(chain.contracts);
    const last = days.at(-1);
    if (ready.areExpiriesConfirmed || last === undefined) return;
    const which = days.length === 1 ? "only" : "last";
    return yield ofExpiries(`${dateOfDay(last)} is the ${which} listed expiry`, ready);
  }
  const are = expiries === 1 ? "expiry is" : "expiries are";
  yield ofExpiries(`${expiries} ${are} listed, max_expiries is ${maxExpiries}`, ready);
}

/** A reason about the expiries of a list: a limit once these are confirmed. */
function ofExpiries(text: string, { areExpiriesConfirmed }: ReadyChain): SelectionReason {
  return areExpiriesConfirmed
    ? { kind: "limit", text }
    : { kind: "few_expiries", text: `${text}, which is not confirmed yet` };
}

/** Which named expiries and roots a chain lacks. */
function* missingReasons(
  chain: readonly OptionContract[],
  { underlying, selection, now, calendar }: SelectionFacts,
): Generator<SelectionReason> {
  const missing = missingParts(selection, { underlying, chain, moment: { now, calendar } });
  const { expiries = [], roots = [] } = selection;
  for (
    const [what, all, names] of [
      ["expiries", expiries, missing.days.map(dateOfDay)],
      ["roots", roots, missing.roots],
    ] as const
  ) {
    if (names.length === 0) continue;
    const text = `not listed: ${names.length} of ${all.length} requested ${what}: ${list(names)}`;
    yield { kind: "not_listed", text };
  }
}

/** Why contracts are other ones than requested. */
function* accuracyReasons(
  { selection, price, deltasProblem, defaultMaximum }: SelectionFacts,
  selected: Omit<Selected, "contracts">,
): Generator<SelectionReason> {
  const { expiries, oneSided, unpaired, fewStrikes, withoutDeltas, unreached } = selected;
  const { incomplete } = selected;
  if (price?.problem !== undefined) {
    const renewal = price.isContradicted ? "the price is not certain" : "the price is not renewed";
    const what = price.source === "guess"
      ? "no price is known, strikes are centred on the open interest"
      : renewal;
    yield { kind: "price", text: `${what}: ${price.problem}` };
  }
  if (deltasProblem !== undefined && isByDelta(selection)) {
    yield { kind: "deltas", text: `the deltas are not renewed: ${deltasProblem}` };
  }
  if (withoutDeltas > 0 && (deltasProblem === undefined || withoutDeltas < expiries)) {
    const text = `deltas of ${withoutDeltas} of ${expiries} expiries are not known`;
    yield { kind: "expiry_deltas", text };
  }
  if (oneSided.length > 0) {
    const count = oneSided.length === 1 ? "1 expiry has" : `${oneSided.length} expiries have`;
    const text = `${count} strikes on one side of the price ${selected.price} only`;
    yield { kind: "one_sided", text };
  }
  if (unpaired > 0) {
    const text = `${unpaired} of ${expiries} expiries list no calls or no puts`;
    yield { kind: "one_sided", text };
  }
  if (fewStrikes > 0) {
    const text = `${fewStrikes} of ${expiries} expiries list fewer strikes on a side of the ` +
      `price ${selected.price} than strikes_each_side ${selection.strikesEachSide}`;
    yield { kind: "few_strikes", text };
  }
  const { maxContracts } = selection;
  if (incomplete > 0) {
    const text = `max_contracts ${maxContracts} leaves ${incomplete} of ${expiries} expiries ` +
      "without some of the strikes next to the price";
    yield { kind: "maximum", text };
  }
  if (unreached > 0) {
    const isDefault = maxContracts === defaultMaximum && incomplete === 0;
    const text = `max_contracts ${maxContracts}${isDefault ? ", the default," : ""} leaves ` +
      `${unreached} of ${expiries} expiries without contracts`;
    yield { kind: isDefault ? "limit" : "maximum", text };
  }
}

/** Why no contract of a chain is selected. */
function emptyText(
  contracts: readonly OptionContract[],
  { underlying, selection: { roots = [], maxDays }, now, calendar }: SelectionFacts,
): string {
  const none = "no contract is within the selection";
  const series = seriesOf(contracts);
  const listed = new Set(series.map(({ root }) => root));
  if (roots.length > 0 && !roots.some((root) => listed.has(root))) {
    return `${none}: the roots of ${underlying} are ${list(listed)}, not ${list(roots)}`;
  }
  const next = series.find((one) =>
    (roots.length === 0 || roots.includes(one.root)) && lastTradingMoment(one, calendar) > now
  );
  if (next === undefined || next.expiryDay - exchangeDay(now) <= maxDays) return none;
  return `${none}: the next expiry is ${dateOfDay(next.expiryDay)}, max_days is ${maxDays}`;
}

function list(names: Iterable<string>): string {
  const all = [...names];
  const more = all.length > MAX_ROOTS ? ` and ${all.length - MAX_ROOTS} more` : "";
  return all.slice(0, MAX_ROOTS).join(", ") + more;
}
