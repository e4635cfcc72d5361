/** Values that a log line may carry; secrets are never passed to a log. */
export type LogFields = Readonly<Record<string, unknown>>;

/** Where parts report what an operator should know; never on the way of a tick. */
export interface Log {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  /** A log that adds `fields` to every line. */
  with(fields: LogFields): Log;
}
