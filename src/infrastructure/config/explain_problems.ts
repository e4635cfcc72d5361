/**
 * Wrong settings, as a person reads them on a terminal.
 *
 * @module
 */
import type { ConfigError } from "./config_error.ts";
import { SETTINGS } from "./settings.ts";

/** A block of text: every problem, its remedy, and where to go from here. */
export function explainProblems(error: ConfigError): string {
  const { problems } = error;
  const count = problems.length === 1
    ? "one setting is wrong"
    : `${problems.length} settings are wrong`;
  const lines = problems.flatMap(({ variable, received, message, remedy }) => {
    const value = received === undefined ? "" : `=${JSON.stringify(received)}`;
    return [`  ${variable}${value} ${message}.`, `    ${remedy}.`];
  });
  return [
    `alpaca-stream-proxy cannot start: ${count}.`,
    "",
    ...lines,
    "",
    ...withoutAccount(error),
    "README.md lists every setting.",
    "",
  ].join("\n");
}

/** Who has no credentials may not have an account. */
function withoutAccount({ problems }: ConfigError): string[] {
  const missing = problems.some(({ variable, received, message }) =>
    variable === SETTINGS.key.name && received === undefined &&
    message.startsWith("is required")
  );
  return missing ? ["To try it without an account: deno task demo"] : [];
}
