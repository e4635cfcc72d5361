/**
 * The last warnings and errors, kept for people who look.
 *
 * It listens at the log: whoever is given the log that `listen` returns is
 * heard, and the lines go on to where they went before. At most `capacity`
 * entries are kept; the oldest makes room. An entry that repeats the one
 * before it (same feed, same words) is counted there instead of standing
 * twice, so that a feed in trouble does not push out everything else.
 *
 * @module
 */
import type { Clock } from "../ports/clock.ts";
import type { Log, LogFields } from "../ports/log.ts";
import { WallStamp } from "./wall_stamp.ts";

/** Longest text that is kept of a message or of a cause, in characters. */
const LONGEST = 300;

const encoder = new TextEncoder();
const decoder = new TextDecoder();
/** UTF-8 of the longest text. */
const start = new Uint8Array(3 * LONGEST);

/** One thing that went wrong, once or several times in a row. */
export interface RecentError {
  readonly level: "warn" | "error";
  /** Wall clock ms of the last time. */
  readonly at: number;
  /** The feed it belongs to, where it belongs to one. */
  readonly feed: string | undefined;
  readonly message: string;
  /** Why, where that was said. */
  readonly cause: string | undefined;
  /** How often in a row. */
  readonly times: number;
}

/** An entry as it is kept. */
type Entry = Omit<RecentError, "at"> & { readonly stamp: WallStamp };

/** How recent errors are kept. */
export interface RecentErrorsOptions {
  readonly clock: Pick<Clock, "now" | "monotonic">;
  /** Entries that are kept. @default 30 */
  readonly capacity?: number;
  /** Takes secrets out of a text. @default the text as it is */
  readonly redact?: (text: string) => string;
}

/** Keeps the last warnings and errors that were logged. */
export class RecentErrors {
  readonly #options: Required<RecentErrorsOptions>;
  #entries: readonly Entry[] = [];

  constructor(options: RecentErrorsOptions) {
    this.#options = { capacity: 30, redact: (text) => text, ...options };
  }

  /** What is kept, the newest first. */
  readonly report = (): readonly RecentError[] =>
    this.#entries.map(({ stamp, ...entry }) => ({ ...entry, at: stamp.at }));

  /** A log that does what `log` does, and is heard here. */
  listen(log: Log): Log {
    return this.#over(log, undefined);
  }

  #over(log: Log, feed: string | undefined): Log {
    const note = (level: RecentError["level"]) =>
    (
      message: string,
      fields: LogFields = {},
    ) => {
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
      warn: note("warn"),
      error: note("error"),
      with: (fields) => this.#over(log.with(fields), feedOf(fields) ?? feed),
    };
  }

  #keep(news: Omit<RecentError, "at" | "times">): void {
    const stamp = new WallStamp(this.#options.clock);
    const [last, ...older] = this.#entries;
    this.#entries = last && isRepeated(last, news)
      ? [{ ...last, stamp, times: last.times + 1 }, ...older]
      : [{ ...news, stamp, times: 1 }, ...this.#entries]
        .slice(0, this.#options.capacity);
  }

  #cause(cause: unknown): string | undefined {
    if (cause instanceof Error) return this.#clean(cause.message);
    return typeof cause === "string" ? this.#clean(cause) : undefined;
  }

  #clean(text: string): string {
    // Redacted first: half a secret would not be recognized.
    const clean = this.#options.redact(text);
    if (clean.length <= LONGEST) return clean;
    // A copy: a slice would keep the whole text in memory.
    const { written } = encoder.encodeInto(clean.slice(0, LONGEST), start);
    return `${decoder.decode(start.subarray(0, written))}…`;
  }
}

function feedOf(fields: LogFields): string | undefined {
  const feed = fields["feed"];
  return typeof feed === "string" ? feed : undefined;
}

function isRepeated(
  last: Entry,
  news: Omit<RecentError, "at" | "times">,
): boolean {
  return last.level === news.level && last.feed === news.feed &&
    last.message === news.message && last.cause === news.cause;
}
