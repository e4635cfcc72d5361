/**
 * Figures of the reference in Go beside those of the proxy.
 *
 * @module
 */
import { buildReference, type Reference } from "../reference.ts";
import { figure, type ScenarioResult } from "../report/result.ts";
import { cpuPerMessage, type Load, perSecond, type Round } from "./scenario.ts";

/** The reference as a load; undefined without it. */
export function referenceLoad(reference: Reference | undefined, rate: number): Load | undefined {
  return reference && {
    lane: reference.lane,
    start: () => reference.startFeed(rate),
    stop: () => reference.stopFeed(),
  };
}

/** The cost of a message and its ratio to the proxy's, from rounds whose third load it was. */
export function referenceFigures(rounds: readonly Round[]): ScenarioResult["figures"] {
  const both = rounds.flatMap(({ first, third }) => third ? [{ first, third }] : []);
  if (both.length === 0) return [];
  return [
    figure("Go", "µs", both.map(({ third }) => cpuPerMessage(third))),
    figure(
      "ratio to Go",
      "×",
      both.map(({ first, third }) => cpuPerMessage(first) / cpuPerMessage(third)),
    ),
    figure("Go delivered", "messages/s", both.map(({ third }) => perSecond(third))),
  ];
}

/** The note of a result about the reference. */
export async function referenceNote(): Promise<string> {
  return `reference in Go: ${(await buildReference()).about}`;
}
