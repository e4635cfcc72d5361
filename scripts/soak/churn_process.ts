/**
 * One client process of a soak; the driver ends it and starts the next one.
 *
 * @module
 */
import { answerCommands } from "../../bench/control.ts";
import { SeededRandom } from "@alpaca-stream-proxy/simulator";
import { Churn, type ChurnPlan } from "./churn.ts";

let churn: Churn | undefined;

await answerCommands({
  start(plan: ChurnPlan): void {
    churn = new Churn(plan, new SeededRandom(plan.seed));
    churn.start();
  },
  steps: () => churn?.steps ?? 0,
});
