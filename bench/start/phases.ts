/**
 * The phases of a start, from the moments that were seen of it.
 *
 * @module
 */

/** Moments of a start, in ms since the process was spawned. */
export interface StartMoments {
  /** The first line of a script runs. Seen only by the process itself. */
  readonly script?: number;
  /** The modules are loaded. Seen only by the process itself. */
  readonly modules?: number;
  /** The settings are parsed: the first line of the log. */
  readonly configured?: number;
  /** All ports listen. */
  readonly listening: number;
  /** `/readyz` succeeds. */
  readonly ready: number;
}

const PHASES = [
  ["script", "process start until a script runs"],
  ["modules", "modules are loaded"],
  ["configured", "configuration is parsed"],
  ["listening", "ports listen"],
  ["ready", "feeds are connected: ready"],
] as const;

/** Length of each phase in ms, by name; a phase whose end was not seen is part of the next one. */
export function phasesOf(moments: StartMoments): Map<string, number> {
  const phases = new Map<string, number>();
  let last = 0;
  for (const [moment, name] of PHASES) {
    const at = moments[moment];
    if (at === undefined) continue;
    phases.set(name, at - last);
    last = at;
  }
  return phases;
}
