/**
 * Keeps a repeating complaint from flooding the log.
 *
 * The first of its kind is written at once. Those that follow within a second
 * are held back and counted; the next line of any kind after that second, or
 * closing the log, first writes the latest of them with `repeated`, the number
 * of held-back lines that it stands for, itself included: nothing is lost uncounted.
 *
 * @module
 */

/** What is held back: the time of its window, the latest line, a count. */
interface Held<T> {
  readonly until: number;
  latest: T | undefined;
  count: number;
}

/** One line that stands for `count` lines. */
export interface Repeated<T> {
  readonly line: T;
  readonly count: number;
}

const WINDOW_MS = 1_000;
/** Kinds that are watched at once; one more lets the oldest go. */
const MOST_KINDS = 256;

/** Holds back lines that repeat within a second. */
export class Repetition<T> {
  readonly #held = new Map<string, Held<T>>();

  /** True when the line of this kind is to be written now. */
  admit(kind: string, line: T, now: number): boolean {
    const held = this.#held.get(kind);
    if (held === undefined) {
      this.#held.set(kind, {
        until: now + WINDOW_MS,
        latest: undefined,
        count: 0,
      });
      return true;
    }
    held.latest = line;
    held.count++;
    return false;
  }

  /** Takes out what is due at `now`, oldest first; Infinity takes everything. */
  *due(now: number): Generator<Repeated<T>> {
    for (const [kind, held] of this.#held) {
      if (held.until > now && this.#held.size <= MOST_KINDS) continue;
      this.#held.delete(kind);
      if (held.latest === undefined) continue;
      yield { line: held.latest, count: held.count };
    }
  }
}
