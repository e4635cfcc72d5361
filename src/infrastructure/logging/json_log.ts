/**
 * The program's log: one JSON object a line, on standard output.
 *
 * Every line has `ts` (RFC 3339, UTC, milliseconds), `level` and `msg`, then
 * the fields it was given; errors show name, message, code and causes, and on
 * `error` lines where they were thrown. Texts that are known to be secret are
 * replaced by `<secret>` wherever they stand. Warnings and errors that repeat
 * (same message, same feed) are written at most once a second, with the number
 * of lines that were held back in `repeated`.
 *
 * A line leaves by one door, which gets it redacted; see `process_output.ts`.
 *
 * @module
 */
import type { Clock } from "../../application/ports/clock.ts";
import type { Log, LogFields } from "../../application/ports/log.ts";
import { type Printable, printable } from "./printable.ts";
import { type LineLevel, toConsole } from "./to_console.ts";
import { redact } from "./redaction.ts";
import { Repetition } from "./repetition.ts";

/** Least severe lines that are written; `trace` says no more than `debug`. */
export type LogThreshold = LineLevel | "trace" | "off";

/** How a log is made. */
export interface JsonLogOptions {
  /** Least severe lines to write. */
  readonly level: LogThreshold;
  /** Texts that must never be shown. */
  readonly secrets?: readonly string[];
  /** @default the machine's own clock */
  readonly clock?: Pick<Clock, "now" | "monotonic">;
  /**
   * Takes one finished line.
   * @default console
   */
  readonly write?: (line: string, level: LineLevel) => void;
}

/** A log that writes JSON lines; disposing it writes what was held back. */
export interface JsonLog extends Log, Disposable {
  with(fields: LogFields): JsonLog;
}

/** Makes the root log of a process. */
export function createJsonLog(options: JsonLogOptions): JsonLog {
  return new Lines(new Writer(options), {});
}

const SEVERITY: Readonly<Record<LogThreshold, number>> = {
  trace: 0,
  debug: 1,
  info: 2,
  warn: 3,
  error: 4,
  off: 5,
};

const MACHINE_CLOCK = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
};

interface Line {
  readonly at: number;
  readonly level: LineLevel;
  readonly message: string;
  readonly fields: LogFields;
}

/** Shared by a log and all its children: one order of lines, one limit. */
class Writer {
  readonly #threshold: number;
  readonly #clock: NonNullable<JsonLogOptions["clock"]>;
  readonly #clean: (text: string) => string;
  readonly #write: NonNullable<JsonLogOptions["write"]>;
  readonly #repetition = new Repetition<Line>();

  constructor(options: JsonLogOptions) {
    this.#threshold = SEVERITY[options.level];
    this.#clock = options.clock ?? MACHINE_CLOCK;
    this.#clean = redact(options.secrets ?? []);
    this.#write = options.write ?? toConsole;
  }

  log(level: LineLevel, message: string, fields: LogFields): void {
    if (SEVERITY[level] < this.#threshold) return;
    this.flush(this.#clock.monotonic());
    const line: Line = { at: this.#clock.now(), level, message, fields };
    if (SEVERITY[level] >= SEVERITY.warn) {
      const kind = `${level} ${String(fields.feed)} ${message}`;
      const now = this.#clock.monotonic();
      if (!this.#repetition.admit(kind, line, now)) return;
    }
    this.#put(line, {});
  }

  /** Writes what has been held back long enough. */
  flush(now: number): void {
    for (const { line, count } of this.#repetition.due(now)) {
      this.#put(line, { repeated: count });
    }
  }

  #put(line: Line, extra: LogFields): void {
    const options = { clean: this.#clean, stacks: line.level === "error" };
    const record: Record<string, Printable> = {
      ts: new Date(line.at).toISOString(),
      level: line.level,
      msg: printable(line.message, options),
    };
    for (const [key, value] of Object.entries({ ...line.fields, ...extra })) {
      if (value === undefined) continue;
      record[key in record ? `${key}_` : key] = printable(value, options);
    }
    this.#write(JSON.stringify(record), line.level);
  }
}

class Lines implements JsonLog {
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
    return new Lines(this.#writer, { ...this.#fields, ...fields });
  }
  [Symbol.dispose](): void {
    this.#writer.flush(Infinity);
  }
}
