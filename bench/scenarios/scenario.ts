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
  /** @param before what the other load of the same round did, if there is one */
  start(before?: Window): Promise<unknown>;
  stop(): Promise<unknown>;
}

/** One window of a load, settled. */
export async function measure(
  load: Load,
  ms: number,
  before?: Window,
): Promise<Window> {
  await load.start(before);
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
    const window = await measure(first, windowMs);
    rounds.push({
      first: window,
      second: await measure(second, windowMs, window),
    });
  }
  return rounds;
}

/** CPU µs per message that the server wrote to a stream. */
export function cpuPerMessage({ server }: Window): number {
  return server.cpuMicros / Math.max(1, server.written);
}

/** Messages that readers got, per second. */
export function perSecond({ reader }: Window): number {
  return reader.messages / reader.seconds;
}

/** Messages per batch; at least one. */
export function batchSize({ server }: Window): number {
  return Math.max(1, server.written / Math.max(1, server.writes));
}

/** Cores that the process used. */
export function cores({ server }: Window): number {
  return server.cpuMicros / 1e6 / server.seconds;
}

/** Upstream frames that were taken in, per second. */
export function framesPerSecond({ server }: Window): number {
  return server.frames / server.seconds;
}
