/**
 * Limits repeated log lines.
 *
 * @module
 */
import type { LogFields } from "../../application/ports/log.ts";
import type { LineLevel } from "./output.ts";

/** One line before it is formatted. */
export interface Line {
  /** Wall clock ms. */
  readonly at: number;
  readonly level: LineLevel;
  readonly message: string;
  readonly fields: LogFields;
}

/** Suppressed lines of one kind: the latest, and how many. */
interface Suppressed {
  readonly until: number;
  latest: Line | undefined;
  count: number;
}

const WINDOW_MS = 1_000;
/** Kinds that are tracked; one more evicts the oldest. */
const MAX_KINDS = 256;

/**
 * Limits repeated lines (same level, feed and message) to one per second. The
 * first line of a kind passes; those within a second of it are suppressed, and
 * the latest of them is due after that second, with their number. No line is
 * lost without being counted.
 */
export class Deduplicator {
  readonly #kinds = new Map<string, Suppressed>();

  /** Whether to suppress a line; keeps it then. `now` is monotonic ms. */
  suppress(line: Line, now: number): boolean {
    const key = `${line.level} ${String(line.fields.feed)} ${line.message}`;
    const kind = this.#kinds.get(key);
    if (kind === undefined) {
      this.#kinds.set(key, { until: now + WINDOW_MS, latest: undefined, count: 0 });
      return false;
    }
    kind.latest = line;
    kind.count++;
    return true;
  }

  /** Removes and returns what is due at `now`, oldest first. */
  *due(now: number): Generator<{ readonly line: Line; readonly count: number }> {
    for (const [key, { until, latest, count }] of this.#kinds) {
      if (until > now && this.#kinds.size <= MAX_KINDS) continue;
      this.#kinds.delete(key);
      if (latest !== undefined) yield { line: latest, count };
    }
  }
}
