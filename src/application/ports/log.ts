/** Values that a log line may carry; secrets are never passed to a log. */
export type LogFields = Readonly<Record<string, unknown>>;

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
