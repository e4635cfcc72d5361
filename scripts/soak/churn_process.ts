/**
 * One client process of a soak run; the driver replaces it from time to time.
 *
 * @module
 */
import { answerCommands } from "../../bench/control.ts";
import { Random } from "../rig/random.ts";
import { Churn, type ChurnPlan } from "./churn.ts";

let churn: Churn | undefined;

await answerCommands({
  start(plan: ChurnPlan): void {
    churn = new Churn(plan, new Random(plan.seed));
    churn.start();
  },
  steps: () => churn?.steps ?? 0,
});
