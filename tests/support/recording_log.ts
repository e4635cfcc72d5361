/**
 * A log that records its lines.
 *
 * @module
 */
import type { Log, LogFields } from "../../src/application/ports/log.ts";

/** One recorded line. */
export interface LogRecord {
  readonly level: "debug" | "info" | "warn" | "error";
  readonly message: string;
  readonly fields: LogFields;
}

/** A `Log` that records every line, those of its children included. */
export class RecordingLog implements Log {
  /** All records so far, oldest first; shared with every child. */
  readonly records: LogRecord[];
  readonly #fields: LogFields;

  constructor(records: LogRecord[] = [], fields: LogFields = {}) {
    this.records = records;
    this.#fields = fields;
  }

  debug(message: string, fields?: LogFields): void {
    this.#keep("debug", message, fields);
  }
  info(message: string, fields?: LogFields): void {
    this.#keep("info", message, fields);
  }
  warn(message: string, fields?: LogFields): void {
    this.#keep("warn", message, fields);
  }
  error(message: string, fields?: LogFields): void {
    this.#keep("error", message, fields);
  }
  with(fields: LogFields): RecordingLog {
    return new RecordingLog(this.records, { ...this.#fields, ...fields });
  }

  /** Messages of one level, oldest first. */
  messages(level: LogRecord["level"]): string[] {
    return this.records.filter((record) => record.level === level)
      .map((record) => record.message);
  }

  #keep(level: LogRecord["level"], message: string, fields?: LogFields): void {
    this.records.push({
      level,
      message,
      fields: { ...this.#fields, ...fields },
    });
  }
}
