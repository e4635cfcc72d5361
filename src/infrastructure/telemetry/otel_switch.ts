/**
 * Whether the runtime was started the way the settings want it.
 *
 * OpenTelemetry is decided before the first line of the program runs, by the
 * variable `OTEL_DENO`. `telemetry.env` derives that from `OTEL_ENABLED` for
 * every way of starting that is shipped; whoever starts the program otherwise
 * is told when the two disagree, instead of missing traces in silence.
 *
 * @module
 */

/** What disagrees, as a sentence for the log; undefined when nothing does. */
export function otelMismatch(
  { wanted, otelDeno }: {
    /** The setting `OTEL_ENABLED`. */
    readonly wanted: boolean;
    /** The variable `OTEL_DENO` of this process. */
    readonly otelDeno: string | undefined;
  },
): string | undefined {
  const running = otelDeno === "true";
  if (running === wanted) return undefined;
  if (wanted && otelDeno !== undefined && otelDeno !== "false") {
    return `OTEL_ENABLED is true, but Deno does not know OTEL_DENO=${otelDeno}: ` +
      "nothing is traced. Write true, in full and in small letters";
  }
  return wanted
    ? "OTEL_ENABLED is true, but Deno was started without OTEL_DENO=true: " +
      "nothing is traced. Start with `deno task start`, or set OTEL_DENO=true"
    : "OTEL_ENABLED is false, but Deno was started with OTEL_DENO=true: " +
      "Deno exports telemetry. Unset OTEL_DENO";
}

/**
 * What Deno's `console` does with a line: with OpenTelemetry on it exports what
 * it is given, and prints it as well unless it was told to `replace`.
 */
export function consoleRole(
  { otelDeno, otelDenoConsole }: {
    /** The variable `OTEL_DENO` of this process. */
    readonly otelDeno: string | undefined;
    /** The variable `OTEL_DENO_CONSOLE` of this process. */
    readonly otelDenoConsole: string | undefined;
  },
): "prints" | "exports" | "prints and exports" {
  if (otelDeno !== "true" || otelDenoConsole === "ignore") return "prints";
  return otelDenoConsole === "replace" ? "exports" : "prints and exports";
}
