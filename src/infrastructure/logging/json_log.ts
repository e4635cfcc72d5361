/**
 * The program's log: one JSON object per line, on standard output.
 *
 * Every line has `ts` (RFC 3339, UTC, milliseconds), `level` and `msg`, then
 * its fields. Errors show name, message, code and causes, on `error` lines also
 * the stack. Known secrets are replaced by `<secret>`. Repeated warnings and
 * errors (same message, cause and feed) are written at most once a second; the
 * last of those that are suppressed follows within a second, with their number
 * in `repeated`.
 *
 * All lines pass through one function, which redacts them; see `output.ts`.
 *
 * @module
 */
import type { Clock } from "../../application/ports/clock.ts";
import type { Log, LogControl, LogFields, LogLevel } from "../../application/ports/log.ts";
import { Deduplicator, type Line } from "./deduplicator.ts";
import { type LineLevel, toConsole } from "./output.ts";
import { redact } from "./redaction.ts";
import { type Json, serialize } from "./serialize.ts";

/** How a log is made. */
export interface JsonLogOptions {
  /** Least severe lines to write. */
  readonly level: LogLevel;
  /** Texts that must not be written. */
  readonly secrets?: readonly string[];
  readonly clock: Clock;
  /** Writes one finished line. @default to `console` */
  readonly write?: (line: string, level: LineLevel) => void;
}

/** A log that writes JSON lines; disposing it writes suppressed lines. */
export interface JsonLog extends Log, Disposable {
  with(fields: LogFields): JsonLog;
  /** Changes the level of this log and of all that were made of it. */
  readonly control: LogControl;
}

const SEVERITY: Readonly<Record<LogLevel, number>> = {
  trace: 0,
  debug: 1,
  info: 2,
  warn: 3,
  error: 4,
  off: 5,
};

/** Makes the root log of a process. */
export function createJsonLog(options: JsonLogOptions): JsonLog {
  const { secrets = [], clock, write = toConsole } = options;
  let { level: threshold } = options;
  const redactSecrets = redact(secrets);
  const deduplicator = new Deduplicator();
  const disposed = new AbortController();
  let isWaiting = false;

  const put = (line: Line, extra: LogFields = {}): void => {
    const { at, level, message, fields } = line;
    const options = { redact: redactSecrets, stacks: level === "error" };
    const record: Record<string, Json> = {
      ts: new Date(at).toISOString(),
      level,
      msg: serialize(message, options),
    };
    for (const [key, value] of Object.entries({ ...fields, ...extra })) {
      if (value === undefined) continue;
      record[key in record ? `${key}_` : key] = serialize(value, options);
    }
    write(JSON.stringify(record), level);
  };

  /** Writes the suppressed lines that are due. */
  const flush = (now: number): void => {
    for (const { line, count } of deduplicator.due(now)) put(line, { repeated: count });
  };

  /** Writes suppressed lines as they become due, until there are none. */
  const flushInTime = async (): Promise<void> => {
    if (isWaiting) return;
    isWaiting = true;
    let due = deduplicator.nextDue();
    while (due !== undefined) {
      await clock.sleep(due - clock.monotonic(), disposed.signal);
      flush(clock.monotonic());
      due = deduplicator.nextDue();
    }
    isWaiting = false;
  };

  const log = (level: LineLevel, message: string, fields: LogFields, isAlways: boolean): void => {
    if (!isAlways && SEVERITY[level] < SEVERITY[threshold]) return;
    const now = clock.monotonic();
    flush(now);
    const line: Line = { at: clock.now(), level, message, fields };
    const isLimited = SEVERITY[level] >= SEVERITY.warn && !disposed.signal.aborted;
    if (isLimited && deduplicator.suppress(line, now)) flushInTime();
    else put(line);
  };

  const child = (base: LogFields, isAlways = false): JsonLog => {
    const at = (level: LineLevel) => (message: string, fields?: LogFields) =>
      log(level, message, { ...base, ...fields }, isAlways);
    return {
      control,
      debug: at("debug"),
      info: at("info"),
      warn: at("warn"),
      error: at("error"),
      with: (fields) => child({ ...base, ...fields }, isAlways),
      [Symbol.dispose]: () => {
        flush(Infinity);
        disposed.abort();
      },
    };
  };
  const control: LogControl = {
    get level() {
      return threshold;
    },
    set level(level) {
      threshold = level;
    },
    get always() {
      return child({}, true);
    },
  };
  return child({});
}
