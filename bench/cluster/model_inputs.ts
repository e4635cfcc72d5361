/**
 * Values for the inputs of the capacity model (`scripts/docs/capacity_model.ts`).
 *
 * @module
 */
import type { INPUTS } from "../../scripts/docs/capacity_model.ts";
import { short } from "../report/spread.ts";

/** A table of measured values, by the name of the input. */
export function inputsTable(values: Readonly<Partial<Record<keyof typeof INPUTS, number>>>) {
  return {
    title: "Inputs of the capacity model",
    head: ["Input", "Value"],
    rows: Object.entries(values).map(([name, value]) => [name, short(value)]),
  };
}
