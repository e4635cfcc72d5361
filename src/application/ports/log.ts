/** Values that a log line may carry; secrets are never passed to a log. */
export type LogFields = Readonly<Record<string, unknown>>;

/** Least severe lines that are written; `trace` writes no more than `debug`. */
export type LogLevel = "trace" | "debug" | "info" | "warn" | "error" | "off";

/** All levels, from everything to nothing. */
export const LOG_LEVELS: readonly LogLevel[] = ["trace", "debug", "info", "warn", "error", "off"];

/** Changes which lines of a log are written. */
export interface LogControl {
  /** Least severe lines that are written; may be set. */
  level: LogLevel;
  /** The same log at every level: what has to be written always. */
  readonly always: Log;
}

/** The log; never called per message. */
export interface Log {
  /** Details for troubleshooting. */
  debug(message: string, fields?: LogFields): void;
  /** Normal events. */
  info(message: string, fields?: LogFields): void;
  /** Failures that the program handles. */
  warn(message: string, fields?: LogFields): void;
  /** Failures that need an operator. */
  error(message: string, fields?: LogFields): void;
  /** A log that adds `fields` to every line. */
  with(fields: LogFields): Log;
}
