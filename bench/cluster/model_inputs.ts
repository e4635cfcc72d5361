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

/** Costs of a write and of a message in it, from deliveries in writes of two sizes. */
export function writeCosts(
  small: { readonly micros: number; readonly perWrite: number },
  large: { readonly micros: number; readonly perWrite: number },
): { readonly writeMicros: number; readonly messageMicros: number } {
  const writeMicros = (small.micros - large.micros) / (1 / small.perWrite - 1 / large.perWrite);
  // Noise can make it negative.
  return { writeMicros, messageMicros: Math.max(0, large.micros - writeMicros / large.perWrite) };
}
