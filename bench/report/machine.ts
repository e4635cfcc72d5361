/**
 * Describes the machine of a run.
 *
 * @module
 */
import { availableParallelism, cpus, loadavg, totalmem } from "node:os";

/** Hardware, versions and load. */
interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGiB: number;
  readonly deno: string;
  readonly v8: string;
  /** Load average of the minute before the run. */
  readonly load: number;
  readonly date: string;
}

/** Describes this machine. */
export function describeMachine(): Machine {
  return {
    cpu: cpus()[0]?.model.trim() ?? "unknown",
    cores: availableParallelism(),
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    deno: Deno.version.deno,
    v8: Deno.version.v8,
    load: loadavg()[0] ?? 0,
    date: new Date().toISOString().slice(0, 10),
  };
}

/** Formats it in one line. */
export function machineText(machine: Machine): string {
  const { cpu, cores, memoryGiB, deno, v8, load, date } = machine;
  return `${cores} cores of ${cpu}, ${memoryGiB} GiB, Deno ${deno}, V8 ${v8}, ` +
    `load ${load.toFixed(1)} at the start, ${date}`;
}
