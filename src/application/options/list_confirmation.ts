/**
 * Decides when the list of one chain is read again to confirm it.
 *
 * A list may be cut, and shows it in part only: by fewer expiries or strikes than requested, or by
 * an expiry that it had before. So the first one is always read again once.
 *
 * @module
 */
import type { ExpiryChanges } from "../../domain/options/expiry_changes.ts";
import { LOAD_CAUSES } from "./load_causes.ts";

const { firstMs: FIRST_MS, longestMs: LONGEST_MS } = LOAD_CAUSES.unconfirmed;
/** Times after a change of a list at which it is read again, in ms: 3, 9, 21 and 45 min. */
const CONFIRMING_MS = timesFrom(FIRST_MS, LONGEST_MS);
/** The same after an expiry has vanished: from 45 min to 381 min, as long as it is missing. */
const VANISHED_MS = timesFrom(FIRST_MS, 8 * LONGEST_MS).slice(CONFIRMING_MS.length - 1);
/** The same after the price has moved to where few strikes are listed, in ms: 3 to 381 min. */
const MOVED_MS = timesFrom(FIRST_MS, 8 * LONGEST_MS);
/** Spread of the times at which first lists are read again, in ms. */
const SPREAD_MS = FIRST_MS;

/** What an accepted or supplemented list has changed in the chain. */
interface ListChanges {
  /** Contracts that it has. */
  readonly contracts: number;
  readonly added: number;
  readonly expiries: ExpiryChanges;
}

/** The expiries that have vanished, as series, and the monotonic ms of the last one. */
interface Vanished {
  readonly since: number;
  readonly series: ReadonlySet<string>;
}

/** The confirmation of the list of one chain; all times are monotonic ms. */
export class ListConfirmation {
  readonly #firstMs: number;
  #loadedAt = -Infinity;
  /** When the first list with contracts was read, until it is confirmed. */
  #firstAt: number | undefined;
  #isFirstConfirmed = false;
  /** When contracts were added last, and when standard expiries have changed last. */
  readonly #changedAt = { contracts: -Infinity, expiries: -Infinity };
  #vanished: Vanished | undefined;
  /** When the price has moved to where few strikes are listed. */
  #movedAt = -Infinity;

  /** @param random in [0, 1), the position in the spread */
  constructor(random: number) {
    this.#firstMs = FIRST_MS + random * SPREAD_MS;
  }

  /** Notes a list that was read at `now`. */
  noteList({ contracts, added, expiries }: ListChanges, now: number): void {
    this.#loadedAt = now;
    if (contracts > 0) this.#firstAt ??= now;
    if (this.#firstAt !== undefined && now - this.#firstAt >= FIRST_MS) {
      this.#isFirstConfirmed = true;
    }
    if (added > 0) this.#changedAt.contracts = now;
    if (expiries.haveChanged) this.#changedAt.expiries = now;
    const { gone, listed } = expiries;
    const missing = (this.#vanished?.series ?? new Set<string>()).union(gone).difference(listed);
    const since = gone.size > 0 ? now : this.#vanished?.since ?? now;
    this.#vanished = missing.size > 0 && nextOf(VANISHED_MS, since, now) !== undefined
      ? { since, series: missing }
      : undefined;
  }

  /** Notes that the price has moved to where few strikes are listed: more may be added there. */
  notePriceMoved(now: number): void {
    this.#movedAt = now;
  }

  /** Whether the list had had the same standard expiries for 45 minutes when it was read last. */
  get areExpiriesConfirmed(): boolean {
    return this.nextOf("expiries") === undefined;
  }

  /**
   * When a list that lacks some of these is read again; `undefined` once they are confirmed. A
   * `range` of strikes that is not listed completely is usual: only a move of the price adds some.
   */
  nextOf(what: "contracts" | "expiries" | "range"): number | undefined {
    const moved = nextOf(MOVED_MS, this.#movedAt, this.#loadedAt);
    if (what === "range") return moved;
    const changed = nextOf(CONFIRMING_MS, this.#changedAt[what], this.#loadedAt);
    if (what === "expiries") return changed;
    return moved === undefined ? changed : Math.min(moved, changed ?? Infinity);
  }

  /** When the list is always read again; `undefined` when it need not be. */
  get next(): number | undefined {
    const first = this.#firstAt !== undefined && !this.#isFirstConfirmed
      ? this.#firstAt + this.#firstMs
      : undefined;
    const vanished = this.#vanished &&
      nextOf(VANISHED_MS, this.#vanished.since, this.#loadedAt);
    return vanished === undefined ? first : Math.min(vanished, first ?? Infinity);
  }
}

/** The first of the times after `since` that is later than `now`. */
function nextOf(times: readonly number[], since: number, now: number): number | undefined {
  const afterMs = times.find((ms) => ms > now - since);
  return afterMs === undefined ? undefined : since + afterMs;
}

/** The ends of pauses that double, one after the other. */
function timesFrom(firstMs: number, longestMs: number): readonly number[] {
  const times: number[] = [];
  for (let [ms, at] = [firstMs, firstMs]; ms <= longestMs; ms *= 2, at += ms) times.push(at);
  return times;
}
