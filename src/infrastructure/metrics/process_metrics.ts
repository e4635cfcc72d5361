/**
 * Metrics of the process; reading them needs no permission beyond the proxy's.
 *
 * @module
 */
import process from "node:process";
import { getHeapStatistics } from "node:v8";

/** Resident memory as last reported, in bytes. */
let resident = 0;

/** Metrics of the process, as rows of `METRICS`. */
export const PROCESS_METRICS = {
  residentMemory: {
    name: "process_resident_memory_bytes",
    type: "gauge",
    help: "Resident memory size in bytes",
    // Out of descriptors, Deno 2.9.6 reports 0 bytes.
    read: () => resident = Deno.memoryUsage().rss || resident,
  },
  heapUsed: {
    name: "process_heap_used_bytes",
    type: "gauge",
    help: "JavaScript heap in use in bytes",
    read: () => Deno.memoryUsage().heapUsed,
  },
  heapTotal: {
    name: "process_heap_total_bytes",
    type: "gauge",
    help: "JavaScript heap reserved in bytes",
    read: () => Deno.memoryUsage().heapTotal,
  },
  heapLimit: {
    name: "process_heap_limit_bytes",
    type: "gauge",
    help: "JavaScript heap at which the runtime ends the process in bytes",
    read: heapLimit,
  },
  cpu: {
    name: "process_cpu_seconds_total",
    type: "counter",
    help: "User and system CPU time spent in seconds",
    read: () => (process.cpuUsage().user + process.cpuUsage().system) / 1e6,
  },
  startTime: {
    name: "process_start_time_seconds",
    type: "gauge",
    help: "Start time of the process since the Unix epoch in seconds",
    read: () => performance.timeOrigin / 1000,
  },
} as const;

/** Bytes of JavaScript heap at which the runtime ends the process. */
export function heapLimit(): number {
  return getHeapStatistics().heap_size_limit;
}
