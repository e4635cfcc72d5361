/**
 * Compares the settings with how the runtime was started.
 *
 * The variable `OTEL_DENO` enables OpenTelemetry before the program runs.
 * `telemetry.env` derives it from `OTEL_ENABLED` for every shipped way of
 * starting. When the program is started differently and the two disagree, the
 * log says so; otherwise missing traces would go unnoticed.
 *
 * @module
 */

/** Describes a mismatch for the log; undefined when there is none. */
export function otelMismatch({ wanted, otelDeno }: {
  /** The setting `OTEL_ENABLED`. */
  readonly wanted: boolean;
  /** The variable `OTEL_DENO` of this process. */
  readonly otelDeno: string | undefined;
}): string | undefined {
  const running = otelDeno === "true";
  if (running === wanted) return undefined;
  if (wanted && otelDeno !== undefined && otelDeno !== "false") {
    return `OTEL_ENABLED is true, but OTEL_DENO=${otelDeno} is not a valid value: ` +
      "nothing is traced. Set OTEL_DENO=true, in lower case";
  }
  return wanted
    ? "OTEL_ENABLED is true, but Deno was started without OTEL_DENO=true: " +
      "nothing is traced. Start with `deno task start`, or set OTEL_DENO=true"
    : "OTEL_ENABLED is false, but Deno was started with OTEL_DENO=true: " +
      "Deno exports telemetry. Unset OTEL_DENO";
}

/**
 * What Deno's `console` does with a line: with OpenTelemetry enabled it exports
 * the line, and prints it as well unless `OTEL_DENO_CONSOLE` is `replace`.
 */
export function consoleRole({ otelDeno, otelDenoConsole }: {
  /** The variable `OTEL_DENO` of this process. */
  readonly otelDeno: string | undefined;
  /** The variable `OTEL_DENO_CONSOLE` of this process. */
  readonly otelDenoConsole: string | undefined;
}): "prints" | "exports" | "prints and exports" {
  if (otelDeno !== "true" || otelDenoConsole === "ignore") return "prints";
  return otelDenoConsole === "replace" ? "exports" : "prints and exports";
}
