/**
 * Decides when the streams of a selection are sent its problem again.
 *
 * The text of a problem has counts that change with every symbol that another stream requests. A
 * notice is due when the kinds of its reasons change, when the last contract leaves or the first
 * one enters, and when at least twice or at most half as many contracts are missing.
 *
 * @module
 */
import type { SelectionView } from "../options/expansion.ts";
import { RequestBudget } from "../options/request_budget.ts";

/** Least ms between two notices that differ in the number of missing contracts only. */
const RECOUNT_MS = 300_000;
/** Notices of one selection. */
const NOTICES = { perMinute: 0.2, burst: 4 };

/** A problem, or none. */
export type Problem = Pick<
  SelectionView,
  "problem" | "kinds" | "isProblem" | "isShort" | "missing" | "contracts"
>;

/** The problem that streams know. */
export class ProblemNotices {
  #known = { state: "", missing: 0 };
  #at = -Infinity;
  readonly #budget = new RequestBudget(NOTICES);

  /**
   * Whether streams are to be sent a problem now.
   *
   * @param now monotonic ms
   */
  isDue(problem: Problem, now: number): boolean {
    const { state, missing } = this.#known;
    if (state === stateOf(problem)) {
      const isRecounted = problem.missing >= 2 * missing || problem.missing <= missing / 2;
      if (problem.missing === missing || !isRecounted || now < this.#at + RECOUNT_MS) return false;
    }
    return this.#budget.untilReady(now) === 0;
  }

  /** Whether streams know another problem; the number of missing contracts is ignored. */
  isOutdated(problem: Problem): boolean {
    return this.#known.state !== stateOf(problem);
  }

  /** Streams have been sent a problem. */
  sent(problem: Problem, now: number): void {
    this.#budget.spend(1, now);
    this.#at = now;
    this.learned(problem);
  }

  /** The streams that follow will be sent a problem first: there are none now. */
  learned(problem: Problem): void {
    this.#known = { state: stateOf(problem), missing: problem.missing };
  }
}

/** Equal for problems of the same kinds. */
function stateOf({ kinds, isShort, contracts }: Problem): string {
  return kinds === "" ? "" : `${kinds} ${isShort} ${contracts.size === 0}`;
}
