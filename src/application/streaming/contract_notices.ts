/**
 * Notices about many contracts of a stream: one per underlying in place of one per contract, and
 * only the newest while the client does not read. With `latest`, that a contract has left is sent
 * after the last event of it.
 *
 * @module
 */
import type { Clock } from "../ports/clock.ts";
import type { Interlude, Interludes } from "./interludes.ts";
import type { NoticeItem } from "./market_streams.ts";
import { manyStates, MAX_CONTRACT_NOTICES, type SelectionNotices } from "./selection_notices.ts";

/** What the notices need. */
interface ContractNoticesOptions<T> {
  readonly interludes: Interludes<T>;
  /** Notices that may wait before those of many contracts become one. */
  readonly maxWaiting: number;
  /** Sends notices at the present position of the stream. */
  readonly send: (items: readonly NoticeItem[]) => void;
  /** The underlying of a contract. */
  readonly underlyingOf: (symbol: string) => string | undefined;
  readonly clock: Pick<Clock, "now">;
  /** Whether an event of a contract waits that a notice does not follow by its position. */
  readonly isQueued: (symbol: string) => boolean;
}

/** The last notice of many contracts about one subject. */
type Newest<T> = Pick<SelectionNotices, "many" | "problem"> & { readonly interlude: Interlude<T> };

/** Sends the notices of contracts of one stream. */
export class ContractNotices<T> {
  readonly #options: ContractNoticesOptions<T>;
  readonly #newest = new Map<string, Newest<T>>();
  /** Notices that contracts have left, until their last event is taken. */
  readonly #leaving = new Map<string, NoticeItem>();

  constructor(options: ContractNoticesOptions<T>) {
    this.#options = options;
  }

  /** Sends what has changed in a selection. */
  selectionChanged(change: SelectionNotices): void {
    const { contracts, problem } = change;
    const all = [...contracts, ...problem ? [problem] : []];
    if (contracts.length > 0 && this.#hasRoomFor(all)) this.#options.send(this.#withoutQueued(all));
    else this.#sendMany(change, change.underlying);
  }

  /** Sends the states of contracts, or of too many of them one notice per underlying. */
  states(items: readonly NoticeItem[]): void {
    const { send, underlyingOf, clock } = this.#options;
    if (items.length <= MAX_CONTRACT_NOTICES && this.#hasRoomFor(items)) return send(items);
    const counts = new Map<string, number>();
    for (const { notice } of items) {
      const symbol = notice.type === "subscription" ? notice.symbol : "";
      const underlying = underlyingOf(symbol) ?? "";
      counts.set(underlying, (counts.get(underlying) ?? 0) + 1);
    }
    for (const [underlying, count] of counts) {
      this.#sendMany(manyStates(underlying, count, clock.now()), `states of ${underlying}`);
    }
  }

  /** Whether {@linkcode ContractNotices.takeLeft} has any. */
  get hasLeft(): boolean {
    return this.#leaving.size > 0 && this.#leaving.keys().some((symbol) => this.#isTaken(symbol));
  }

  /** Takes the notices of contracts that have left whose last event was taken. */
  takeLeft(): readonly NoticeItem[] {
    const items: NoticeItem[] = [];
    for (const [symbol, item] of this.#leaving) {
      if (!this.#isTaken(symbol)) continue;
      this.#leaving.delete(symbol);
      items.push(item);
    }
    return items;
  }

  #isTaken(symbol: string): boolean {
    return !this.#options.isQueued(symbol);
  }

  /** Keeps those of contracts that have left of which an event is queued. */
  #withoutQueued(items: readonly NoticeItem[]): readonly NoticeItem[] {
    const others: NoticeItem[] = [];
    for (const item of items) {
      const { notice } = item;
      if (notice.type !== "subscription") others.push(item);
      else if (notice.selection === "left" && this.#options.isQueued(notice.symbol)) {
        this.#leaving.set(notice.symbol, item);
      } else {
        // It has entered again before its last event was taken.
        const left = this.#leaving.get(notice.symbol);
        if (left) others.push(left);
        this.#leaving.delete(notice.symbol);
        others.push(item);
      }
    }
    return others;
  }

  #hasRoomFor(items: readonly NoticeItem[]): boolean {
    const { interludes, maxWaiting } = this.#options;
    return interludes.notices + items.length <= maxWaiting;
  }

  /**
   * Sends one notice of many contracts, in place of an earlier one if that waits.
   *
   * @param key the same for notices that replace each other
   */
  #sendMany({ many, problem }: SelectionNotices, key: string): void {
    const { interludes, send } = this.#options;
    const before = this.#newest.get(key);
    const waiting = before?.interlude.taken === 0 ? before : undefined;
    if (waiting) interludes.remove(waiting.interlude);
    const newest = { many: many ?? waiting?.many, problem: problem ?? waiting?.problem };
    send([newest.many, newest.problem].filter((item) => item !== undefined));
    const interlude = interludes.atPresent;
    if (interlude) this.#newest.set(key, { interlude, ...newest });
  }
}
