/**
 * Configuration errors, all of them together.
 *
 * @module
 */
import { SETTINGS } from "./settings.ts";

/** One thing that is wrong with one variable. */
export interface Problem {
  /** The environment variable. */
  readonly variable: string;
  /** The value; undefined when it is unset or must not be shown. */
  readonly received: string | undefined;
  /** What is wrong, without a full stop: "is required". */
  readonly message: string;
  /** What to do about it, as an imperative sentence without a full stop. */
  readonly remedy: string;
  /** True when the variable is not set and must be. */
  readonly isMissing?: boolean;
}

/** Thrown by `parseConfig`: carries every problem, never a secret. */
export class ConfigError extends Error {
  /** Always `ConfigError`. */
  override readonly name = "ConfigError";
  /** In the order in which the settings were read; never empty. */
  readonly problems: readonly Problem[];
  /** Probable mistakes, such as unknown variables, as sentences without a full stop. */
  readonly warnings: readonly string[];

  /** Takes every problem that was found. */
  constructor(problems: readonly Problem[], warnings: readonly string[] = []) {
    super(
      `Invalid configuration: ${problems.length} ${
        problems.length === 1 ? "problem" : "problems"
      }\n${problems.map((problem) => `  ${formatProblem(problem)}`).join("\n")}`,
    );
    this.problems = problems;
    this.warnings = warnings;
  }
}

/** One line of text: variable, value, what is wrong, remedy. */
export function formatProblem(problem: Problem): string {
  return `${subject(problem)} ${problem.message}. ${problem.remedy}.`;
}

/** Formats the errors for a terminal: every problem with its remedy, then warnings. */
export function formatErrors({ problems, warnings }: ConfigError): string {
  const count = problems.length === 1 ? "1 invalid setting" : `${problems.length} invalid settings`;
  const lines = problems.flatMap((
    problem,
  ) => [`  ${subject(problem)} ${problem.message}.`, `    ${problem.remedy}.`]);
  const needsAccount = problems.some(({ variable, isMissing }) =>
    isMissing && variable === SETTINGS.ALPACA_KEY.name
  );
  return [
    `alpaca-stream-proxy cannot start: ${count}.`,
    "",
    ...lines,
    "",
    ...warnings.map((warning) => `Warning: ${warning}`),
    ...warnings.length > 0 ? [""] : [],
    ...needsAccount ? ["To try it without an account: deno task demo"] : [],
    "docs/configuration.md lists every setting.",
    "",
  ].join("\n");
}

function subject({ variable, received }: Problem): string {
  return received === undefined ? variable : `${variable}=${JSON.stringify(received)}`;
}
