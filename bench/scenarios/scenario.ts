/**
 * Interface and helpers of the scenarios.
 *
 * @module
 */
import type { ScenarioResult } from "../report/result.ts";
import type { Lane, Window } from "../rig.ts";
import { pause } from "../rig.ts";

/** Number and length of measurements. */
export interface Effort {
  /** Repetitions of each measurement. */
  readonly repetitions: number;
  /** Length of one, in ms. */
  readonly windowMs: number;
  /** Minutes of the runs that measure memory growth. */
  readonly soakMinutes: number;
}

/** A scenario of the bench. */
export interface Scenario {
  readonly name: string;
  run(effort: Effort): Promise<ScenarioResult[]>;
}

/** Time for a changed load to become a steady one, in ms. */
export const SETTLE_MS = 500;
/** Time for the optimizing compiler, once per process, in ms. */
export const WARM_UP_MS = 2_500;

/** A load that can be started and stopped. */
export interface Load {
  readonly lane: Lane;
  /** @param before window of the other load of the same round, if any */
  start(before?: Window): Promise<unknown>;
  stop(): Promise<unknown>;
}

/** Starts a load, waits until it is steady, measures it and stops it. */
export async function measure(
  load: Load,
  ms: number,
  before?: Window,
): Promise<Window> {
  await load.start(before);
  await pause(SETTLE_MS);
  const window = await load.lane.window(ms);
  await load.stop();
  // Messages in flight must not count in the next window.
  await pause(SETTLE_MS / 2);
  return window;
}

/** One round of loads that were measured one after the other. */
export interface Round {
  readonly first: Window;
  readonly second: Window;
  /** Window of the third load, if there is one. */
  readonly third: Window | undefined;
}

/** Measures loads alternately, so that other load affects all equally. */
export async function alternate(
  [first, second, third]: readonly [Load, Load, (Load | undefined)?],
  { repetitions, windowMs }: Effort,
): Promise<Round[]> {
  const rounds: Round[] = [];
  for (let i = 0; i < repetitions; i++) {
    const window = await measure(first, windowMs);
    rounds.push({
      first: window,
      second: await measure(second, windowMs, window),
      third: third && await measure(third, windowMs, window),
    });
  }
  return rounds;
}

/** CPU µs per message written to a stream. */
export function cpuPerMessage({ server }: Window): number {
  return server.cpuMicros / Math.max(1, server.written);
}

/** Messages received by readers, per second. */
export function perSecond({ reader }: Window): number {
  return reader.messages / reader.seconds;
}

/** Messages per batch; at least one. */
export function batchSize({ server }: Window): number {
  return Math.max(1, server.written / Math.max(1, server.writes));
}

/** Cores used by the process. */
export function cores({ server }: Window): number {
  return server.cpuMicros / 1e6 / server.seconds;
}

/** Upstream frames received, per second. */
export function framesPerSecond({ server }: Window): number {
  return server.frames / server.seconds;
}
