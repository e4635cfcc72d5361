/** Severity of a line. */
export type LineLevel = "debug" | "info" | "warn" | "error";

/** Gives a line to `console`; all but `debug` as one stream, which keeps their order. */
export function toConsole(line: string, level: LineLevel): void {
  // deno-lint-ignore no-console -- the one door for log lines
  if (level === "debug") console.debug(line);
  // deno-lint-ignore no-console -- the one door for log lines
  else console.log(line);
}
