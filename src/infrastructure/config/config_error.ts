/**
 * What is wrong with the settings, all of it at once.
 *
 * @module
 */

/** One thing that is wrong with one variable. */
export interface Problem {
  /** The environment variable. */
  readonly variable: string;
  /** The value as it may be shown; undefined when unset or not to be shown. */
  readonly received: string | undefined;
  /** What is wrong, without a full stop: "is required". */
  readonly message: string;
  /** What to do about it, as an imperative sentence without a full stop. */
  readonly remedy: string;
}

/** Thrown by `parseConfig`: carries every problem, never a secret. */
export class ConfigError extends Error {
  /** Always `ConfigError`. */
  override readonly name = "ConfigError";
  /** In the order in which the settings were read; never empty. */
  readonly problems: readonly Problem[];

  /** Takes every problem that was found. */
  constructor(problems: readonly Problem[]) {
    super(
      `Cannot use the settings: ${problems.length} ${
        problems.length === 1 ? "problem" : "problems"
      }\n${
        problems.map((problem) => `  ${describeProblem(problem)}`).join("\n")
      }`,
    );
    this.problems = problems;
  }
}

/** One line of text per problem: variable, value, what is wrong, remedy. */
export function describeProblem(problem: Problem): string {
  const value = problem.received === undefined
    ? ""
    : `=${JSON.stringify(problem.received)}`;
  return `${problem.variable}${value} ${problem.message}. ${problem.remedy}.`;
}
