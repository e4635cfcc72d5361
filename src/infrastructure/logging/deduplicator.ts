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

/** Lines of one kind: when the window ends, the latest suppressed one, and how many. */
interface Kind {
  readonly group: string;
  readonly until: number;
  latest: Line | undefined;
  count: number;
}

/** Time in which one line of a kind passes, in ms. */
const WINDOW_MS = 1_000;
/** Kinds that are tracked; one more ends the window of the oldest. */
const MAX_KINDS = 256;
/** Causes of one message that count as different in a window; texts from outside vary endlessly. */
const MAX_CAUSES = 8;
/** Characters of a cause that are compared. */
const MAX_TEXT = 200;
/** Causes of causes that are compared. */
const MAX_DEPTH = 4;
/** Fields that are compared; their values are from short lists. */
const LABELS = ["feed", "channel", "limit", "error_type"];

/**
 * Limits repeated lines to one per second. Lines of a kind have the same level,
 * message, cause and labels (feed, channel, limit, error type). The first line
 * of a kind passes; those within a second of it are suppressed, and the latest
 * of them is due after that second, with their number. So no line is held
 * longer than a second, and none is lost without being counted.
 *
 * If a message has more than 8 causes within a second, the others are one kind.
 */
export class Deduplicator {
  /** In the order of their ends. */
  readonly #kinds = new Map<string, Kind>();
  /** Kinds per group: level, message and labels. */
  readonly #groups = new Map<string, number>();

  /** Whether to suppress a line; keeps it then. `now` is monotonic ms. */
  suppress(line: Line, now: number): boolean {
    const { level, message, fields } = line;
    let group = `${level} ${message}`;
    for (const label of LABELS) {
      const value = fields[label];
      group += typeof value === "string" ? `\n${value}` : "\n";
    }
    const inGroup = this.#groups.get(group) ?? 0;
    let key = `${group} ${causeText(fields.cause)}`;
    if (inGroup >= MAX_CAUSES && !this.#kinds.has(key)) key = group;
    const kind = this.#kinds.get(key);
    if (kind === undefined) {
      this.#kinds.set(key, { group, until: now + WINDOW_MS, latest: undefined, count: 0 });
      this.#groups.set(group, inGroup + 1);
      return false;
    }
    kind.latest = line;
    kind.count++;
    return true;
  }

  /** Removes and returns what is due at `now`, oldest first. */
  *due(now: number): Generator<{ readonly line: Line; readonly count: number }> {
    for (const [key, { group, until, latest, count }] of this.#kinds) {
      if (until > now && this.#kinds.size <= MAX_KINDS) return;
      this.#kinds.delete(key);
      const others = (this.#groups.get(group) ?? 1) - 1;
      if (others > 0) this.#groups.set(group, others);
      else this.#groups.delete(group);
      if (latest !== undefined) yield { line: latest, count };
    }
  }

  /** Monotonic ms at which the next suppressed line is due; undefined when there is none. */
  nextDue(): number | undefined {
    for (const { until, latest } of this.#kinds.values()) {
      if (latest !== undefined) return until;
    }
    return undefined;
  }
}

/** A text by which causes are compared: errors with their codes and causes, and strings. */
function causeText(cause: unknown, depth = 0): string {
  if (typeof cause === "string") return cause.slice(0, MAX_TEXT);
  if (!(cause instanceof Error) || depth >= MAX_DEPTH) return "";
  const { code } = cause as { readonly code?: unknown };
  const own = `${cause.name} ${typeof code === "object" ? "" : String(code)} ${cause.message}`;
  return `${own.slice(0, MAX_TEXT)}\n${causeText(cause.cause, depth + 1)}`;
}
