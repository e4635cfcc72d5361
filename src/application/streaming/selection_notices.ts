/**
 * The notices of a change of the selected contracts, which all streams of the selection share.
 *
 * @module
 */
import type { NoticeItem } from "./market_streams.ts";
import type { Problem } from "./problem_notices.ts";
import type { Notice, SubscriptionContent } from "./stream_options.ts";
import type { SymbolChange } from "./upstream_events.ts";

/** Contracts of one change that have a notice each; more of them are one notice. */
export const MAX_CONTRACT_NOTICES = 256;

const LISTED = "GetConnectionStatus lists all contracts";

/** A change of the selected contracts of an underlying. */
export interface ContractChange {
  readonly entered: readonly string[];
  readonly left: readonly string[];
  /** Why a contract has entered or left. */
  readonly reasonOf: (symbol: string) => string;
}

/** The notices of a change. */
export interface SelectionNotices {
  readonly underlying: string;
  /** Of each contract, those that have left first; none if they are too many. */
  readonly contracts: readonly NoticeItem[];
  /** In place of those of each contract. */
  readonly many: NoticeItem | undefined;
  /** Of a new problem, of the end of one, or of a limit of the selection. */
  readonly problem: NoticeItem | undefined;
}

/** What {@linkcode selectionNotices} reports. */
interface Reported {
  readonly underlying: string;
  /** Wall clock ms. */
  readonly at: number;
  readonly change: ContractChange;
  /** Returns the states of contracts that have entered. */
  readonly statesOf: (symbols: readonly string[]) => readonly SymbolChange[];
  /** Why the selection is short or inaccurate, if that is new; without reasons, that it ended. */
  readonly problem: Problem | undefined;
}

/** Makes the notices of a change. */
export function selectionNotices(reported: Reported): SelectionNotices {
  const { underlying, at, change: { entered, left, reasonOf }, statesOf, problem } = reported;
  const item = (content: Omit<SubscriptionContent, "underlying">): NoticeItem => ({
    notice: { at, type: "subscription", underlying, ...content },
  });
  const [first] = left.length > 0 ? left : entered;
  const many = first === undefined ? undefined : item({
    symbol: underlying,
    state: "acknowledged",
    reason: `${entered.length} contracts have entered and ${left.length} have left: ` +
      `${reasonOf(first)}; ${LISTED}`,
    selection: "many",
  });
  const isMany = entered.length + left.length > MAX_CONTRACT_NOTICES;
  return {
    underlying,
    many,
    contracts: isMany ? [] : [
      ...left.map((symbol) =>
        item({ symbol, state: "lingering", reason: reasonOf(symbol), selection: "left" })
      ),
      ...statesOf(entered).map(({ symbol, state }) =>
        item({ symbol, state, reason: reasonOf(symbol), selection: "entered" })
      ),
    ],
    problem: problem && item({
      symbol: underlying,
      state: problem.isShort ? "waiting" : "acknowledged",
      reason: problem.problem ?? "",
      selection: problem.isProblem ? "short" : "complete",
    }),
  };
}

/** Makes the notice in place of those of the states of contracts of an underlying. */
export function manyStates(underlying: string, contracts: number, at: number): SelectionNotices {
  const notice: Notice = {
    at,
    type: "subscription",
    underlying,
    symbol: underlying,
    state: "acknowledged",
    reason: `${contracts} contracts have a new state of their subscription; ${LISTED}`,
    selection: "many",
  };
  return { underlying, contracts: [], many: { notice }, problem: undefined };
}
