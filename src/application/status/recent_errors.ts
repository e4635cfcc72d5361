/**
 * Keeps the last warnings and errors for the status page.
 *
 * `listen` wraps a log: lines are recorded and passed on. A new entry evicts the oldest of
 * {@linkcode MAX_ENTRIES}. An entry that repeats the one before it (same feed, same text)
 * increments its count instead, so that one failing feed does not evict everything else.
 *
 * @module
 */
import type { Clock } from "../ports/clock.ts";
import type { Log, LogFields } from "../ports/log.ts";
import { WallStamp } from "./wall_stamp.ts";

/** Entries that are kept. */
const MAX_ENTRIES = 30;

/** Longest text that is kept of a message or of a cause, in characters. */
const MAX_TEXT = 300;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** One warning or error, once or several times in a row. */
export interface RecentError {
  readonly level: "warn" | "error";
  /** Wall clock ms of the last time. */
  readonly at: number;
  /** The feed it belongs to, where it belongs to one. */
  readonly feed: string | undefined;
  readonly message: string;
  /** The cause, if one was logged. */
  readonly cause: string | undefined;
  /** How often in a row. */
  readonly times: number;
}

/** An entry as it is kept. */
type Entry = Omit<RecentError, "at"> & { readonly stamp: WallStamp };

/** Records the last warnings and errors of a log. */
export class RecentErrors {
  readonly #clock: Pick<Clock, "now" | "monotonic">;
  readonly #redact: (text: string) => string;
  #entries: readonly Entry[] = [];

  /** @param redact replaces secrets in a text */
  constructor(clock: Pick<Clock, "now" | "monotonic">, redact: (text: string) => string) {
    this.#clock = clock;
    this.#redact = redact;
  }

  /** The entries, newest first. */
  readonly report = (): readonly RecentError[] =>
    this.#entries.map(({ stamp, ...entry }) => ({ ...entry, at: stamp.at }));

  /** A log that passes every line on to `log` and records it. */
  listen(log: Log): Log {
    return this.#wrap(log, undefined);
  }

  #wrap(log: Log, feed: string | undefined): Log {
    const record = (level: RecentError["level"]) => (message: string, fields: LogFields = {}) => {
      log[level](message, fields);
      this.#keep({
        level,
        feed: feedOf(fields) ?? feed,
        message: this.#clean(message),
        cause: this.#cause(fields["cause"]),
      });
    };
    return {
      debug: (message, fields) => log.debug(message, fields),
      info: (message, fields) => log.info(message, fields),
      warn: record("warn"),
      error: record("error"),
      with: (fields) => this.#wrap(log.with(fields), feedOf(fields) ?? feed),
    };
  }

  #keep(entry: Omit<RecentError, "at" | "times">): void {
    const stamp = new WallStamp(this.#clock);
    const [last, ...older] = this.#entries;
    this.#entries = last && isRepeated(last, entry)
      ? [{ ...last, stamp, times: last.times + 1 }, ...older]
      : [{ ...entry, stamp, times: 1 }, ...this.#entries].slice(0, MAX_ENTRIES);
  }

  #cause(cause: unknown): string | undefined {
    if (cause instanceof Error) return this.#clean(cause.message);
    return typeof cause === "string" ? this.#clean(cause) : undefined;
  }

  #clean(text: string): string {
    // Redacted first: half a secret would not be found.
    return truncate(this.#redact(text), MAX_TEXT);
  }
}

/** The first `most` characters of a text, as a copy: a slice would keep all of it in memory. */
export function truncate(text: string, most: number): string {
  if (text.length <= most) return text;
  return `${decoder.decode(encoder.encode(text.slice(0, most)))}…`;
}

function feedOf(fields: LogFields): string | undefined {
  const feed = fields["feed"];
  return typeof feed === "string" ? feed : undefined;
}

function isRepeated(last: Entry, entry: Omit<RecentError, "at" | "times">): boolean {
  return last.level === entry.level && last.feed === entry.feed &&
    last.message === entry.message && last.cause === entry.cause;
}
