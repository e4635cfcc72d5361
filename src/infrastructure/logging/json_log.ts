/**
 * The program's log: one JSON object per line, on standard output.
 *
 * Every line has `ts` (RFC 3339, UTC, milliseconds), `level` and `msg`, then
 * its fields. Errors show name, message, code and causes, on `error` lines also
 * the stack. Known secrets are replaced by `<secret>`. Repeated warnings and
 * errors (same message, same feed) are written at most once a second, with the
 * number of suppressed lines in `repeated`.
 *
 * All lines pass through one function, which redacts them; see `output.ts`.
 *
 * @module
 */
import type { Clock } from "../../application/ports/clock.ts";
import type { Log, LogFields } from "../../application/ports/log.ts";
import { type LineLevel, toConsole } from "./output.ts";
import { redact } from "./redaction.ts";
import { type Json, serialize } from "./serialize.ts";

/** Least severe lines that are written; `trace` writes no more than `debug`. */
export type LogThreshold = LineLevel | "trace" | "off";

/** How a log is made. */
export interface JsonLogOptions {
  /** Least severe lines to write. */
  readonly level: LogThreshold;
  /** Texts that must not be written. */
  readonly secrets?: readonly string[];
  /** @default the system clock */
  readonly clock?: Pick<Clock, "now" | "monotonic">;
  /**
   * Writes one finished line.
   * @default console
   */
  readonly write?: (line: string, level: LineLevel) => void;
}

/** A log that writes JSON lines; disposing it writes suppressed lines. */
export interface JsonLog extends Log, Disposable {
  with(fields: LogFields): JsonLog;
}

/** Makes the root log of a process. */
export function createJsonLog(options: JsonLogOptions): JsonLog {
  return new ChildLog(new Writer(options), {});
}

const SEVERITY: Readonly<Record<LogThreshold, number>> = {
  trace: 0,
  debug: 1,
  info: 2,
  warn: 3,
  error: 4,
  off: 5,
};

const SYSTEM_CLOCK = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
};

interface Line {
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
 * Limits repeated lines to one per second. The first line of a kind passes;
 * those within a second of it are suppressed, and the latest of them is due
 * after that second, with their number. No line is lost without being counted.
 */
class Deduplicator {
  readonly #kinds = new Map<string, Suppressed>();

  /** Whether to suppress a line of the kind `key`; keeps it then. */
  suppress(key: string, line: Line, now: number): boolean {
    const kind = this.#kinds.get(key);
    if (kind === undefined) {
      const until = now + WINDOW_MS;
      this.#kinds.set(key, { until, latest: undefined, count: 0 });
      return false;
    }
    kind.latest = line;
    kind.count++;
    return true;
  }

  /** Removes and returns what is due at `now`, oldest first. */
  *due(
    now: number,
  ): Generator<{ readonly line: Line; readonly count: number }> {
    for (const [key, { until, latest, count }] of this.#kinds) {
      if (until > now && this.#kinds.size <= MAX_KINDS) continue;
      this.#kinds.delete(key);
      if (latest !== undefined) yield { line: latest, count };
    }
  }
}

/** Writes the lines of a log and all its children, in order. */
class Writer {
  readonly #threshold: number;
  readonly #clock: NonNullable<JsonLogOptions["clock"]>;
  readonly #redact: (text: string) => string;
  readonly #write: NonNullable<JsonLogOptions["write"]>;
  readonly #deduplicator = new Deduplicator();

  constructor(options: JsonLogOptions) {
    this.#threshold = SEVERITY[options.level];
    this.#clock = options.clock ?? SYSTEM_CLOCK;
    this.#redact = redact(options.secrets ?? []);
    this.#write = options.write ?? toConsole;
  }

  log(level: LineLevel, message: string, fields: LogFields): void {
    if (SEVERITY[level] < this.#threshold) return;
    this.flush(this.#clock.monotonic());
    const line: Line = { at: this.#clock.now(), level, message, fields };
    if (SEVERITY[level] >= SEVERITY.warn) {
      const key = `${level} ${String(fields.feed)} ${message}`;
      if (this.#deduplicator.suppress(key, line, this.#clock.monotonic())) {
        return;
      }
    }
    this.#put(line, {});
  }

  /** Writes the suppressed lines that are due. */
  flush(now: number): void {
    for (const { line, count } of this.#deduplicator.due(now)) {
      this.#put(line, { repeated: count });
    }
  }

  #put(line: Line, extra: LogFields): void {
    const options = { redact: this.#redact, stacks: line.level === "error" };
    const record: Record<string, Json> = {
      ts: new Date(line.at).toISOString(),
      level: line.level,
      msg: serialize(line.message, options),
    };
    for (const [key, value] of Object.entries({ ...line.fields, ...extra })) {
      if (value === undefined) continue;
      record[key in record ? `${key}_` : key] = serialize(value, options);
    }
    this.#write(JSON.stringify(record), line.level);
  }
}

class ChildLog implements JsonLog {
  readonly #writer: Writer;
  readonly #fields: LogFields;

  constructor(writer: Writer, fields: LogFields) {
    this.#writer = writer;
    this.#fields = fields;
  }

  debug(message: string, fields?: LogFields): void {
    this.#writer.log("debug", message, { ...this.#fields, ...fields });
  }
  info(message: string, fields?: LogFields): void {
    this.#writer.log("info", message, { ...this.#fields, ...fields });
  }
  warn(message: string, fields?: LogFields): void {
    this.#writer.log("warn", message, { ...this.#fields, ...fields });
  }
  error(message: string, fields?: LogFields): void {
    this.#writer.log("error", message, { ...this.#fields, ...fields });
  }
  with(fields: LogFields): JsonLog {
    return new ChildLog(this.#writer, { ...this.#fields, ...fields });
  }
  [Symbol.dispose](): void {
    this.#writer.flush(Infinity);
  }
}
