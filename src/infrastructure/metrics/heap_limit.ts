import { getHeapStatistics } from "node:v8";

/** Bytes of JavaScript heap at which the runtime ends the process. */
export function heapLimit(): number {
  return getHeapStatistics().heap_size_limit;
}
