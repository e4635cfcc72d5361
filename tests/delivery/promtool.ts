/**
 * Validates rules with promtool.
 *
 * @module
 */
import { type Rule, ruleFile } from "../../scripts/delivery/alert_rules.ts";
import { runProgram } from "../../scripts/delivery/run_program.ts";

/** @throws Error with promtool's message when it rejects a rule */
export async function checkRules(rules: readonly Rule[]): Promise<void> {
  const file = await Deno.makeTempFile({ suffix: ".yaml" });
  try {
    await Deno.writeTextFile(file, ruleFile(rules));
    await runProgram("promtool", ["check", "rules", file]);
  } finally {
    await Deno.remove(file);
  }
}
