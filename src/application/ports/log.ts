/** Values that a log line may carry; secrets are never passed to a log. */
export type LogFields = Readonly<Record<string, unknown>>;

/** Where parts report what an operator should know; never on the way of a tick. */
export interface Log {
  /** For whoever looks for a fault. */
  debug(message: string, fields?: LogFields): void;
  /** What happened as it should. */
  info(message: string, fields?: LogFields): void;
  /** What went wrong and is being dealt with. */
  warn(message: string, fields?: LogFields): void;
  /** What went wrong and needs a person. */
  error(message: string, fields?: LogFields): void;
  /** A log that adds `fields` to every line. */
  with(fields: LogFields): Log;
}
