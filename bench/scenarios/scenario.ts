/**
 * What all scenarios share.
 *
 * @module
 */
import type { ScenarioResult } from "../report/result.ts";
import type { Lane, Window } from "../rig.ts";
import { pause } from "../rig.ts";

/** How long and how often to measure. */
export interface Effort {
  /** Repetitions of each measurement. */
  readonly repetitions: number;
  /** Length of one, in ms. */
  readonly windowMs: number;
  /** Minutes of the runs that look for growth. */
  readonly soakMinutes: number;
}

/** One row of the bench's list. */
export interface Scenario {
  readonly name: string;
  run(effort: Effort): Promise<ScenarioResult[]>;
}

/** Time for a changed load to become a steady one, in ms. */
export const SETTLE_MS = 500;
/** Time for the optimizing compiler, once per process, in ms. */
export const WARM_UP_MS = 2_500;

/** Something that can be set going and stopped. */
export interface Load {
  readonly lane: Lane;
  start(): Promise<unknown>;
  stop(): Promise<unknown>;
}

/** One window of a load, settled. */
export async function measure(load: Load, ms: number): Promise<Window> {
  await load.start();
  await pause(SETTLE_MS);
  const window = await load.lane.window(ms);
  await load.stop();
  // What is still under way belongs to nobody's next window.
  await pause(SETTLE_MS / 2);
  return window;
}

/**
 * Windows of two loads in turns, so that whatever else the machine does hits
 * both alike.
 */
export async function inTurns(
  [first, second]: readonly [Load, Load],
  { repetitions, windowMs }: Effort,
): Promise<{ first: Window; second: Window }[]> {
  const rounds = [];
  for (let i = 0; i < repetitions; i++) {
    rounds.push({
      first: await measure(first, windowMs),
      second: await measure(second, windowMs),
    });
  }
  return rounds;
}

/** CPU µs per message that readers got. */
export function cpuPerMessage({ cpuMicros, delivered }: Window): number {
  return cpuMicros / Math.max(1, delivered);
}

/** Messages that readers got, per second. */
export function perSecond({ delivered, seconds }: Window): number {
  return delivered / seconds;
}

/** Messages per batch. */
export function batchSize({ delivered, writes }: Window): number {
  return delivered / Math.max(1, writes);
}

/** Share of one core that the process used. */
export function cores({ cpuMicros, seconds }: Window): number {
  return cpuMicros / 1e6 / seconds;
}
