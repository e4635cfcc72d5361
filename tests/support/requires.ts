/**
 * Tests that need programs or variables of the machine.
 *
 * @module
 */
import { findProgram } from "../../scripts/delivery/run_program.ts";

/**
 * Skips a test, with the reason in its name, where a program is not on the
 * `PATH` or a variable (in capitals) is not set.
 */
export function requires(
  needs: readonly string[],
  { name, fn }: Pick<Deno.TestDefinition, "name" | "fn">,
): Deno.TestDefinition {
  const missing = needs.find((need) => !isAvailable(need));
  if (missing === undefined) return { name, fn };
  const reason = isVariable(missing) ? `${missing} is not set` : `no ${missing} on the PATH`;
  return { name: `${name} (skipped: ${reason})`, ignore: true, fn };
}

function isVariable(need: string): boolean {
  return need === need.toUpperCase();
}

function isAvailable(need: string): boolean {
  return isVariable(need) ? Deno.env.get(need) !== undefined : findProgram(need) !== undefined;
}
