/**
 * Runs the proxy as the image does, and answers commands about its ports and
 * memory.
 *
 * @module
 */
import { getHeapSpaceStatistics, getHeapStatistics } from "node:v8";
import { answerCommands } from "../../../bench/control.ts";
import { main } from "../../../src/main.ts";
import { type ProxyPorts, startProxy } from "../../../src/composition/proxy.ts";
import type { HeapUse } from "../process_stats.ts";

const ports = Promise.withResolvers<ProxyPorts>();

answerCommands({
  ports: () => ports.promise,
  /** The JavaScript heap and what it holds outside of itself, in bytes. */
  heap(): HeapUse {
    const { heapUsed, heapTotal, external } = Deno.memoryUsage();
    const { malloced_memory: malloced } = getHeapStatistics();
    return { heapUsed, heapTotal, external, malloced };
  },
  /** Committed and used bytes of each heap space, by name. */
  spaces: () =>
    getHeapSpaceStatistics().map((space) => ({
      name: space.space_name,
      size: space.space_size,
      used: space.space_used_size,
    })),
  /** Collects garbage where the process was started with `--expose-gc`. */
  collect(): void {
    (globalThis as { gc?: () => void }).gc?.();
  },
});

await main(async (config, parts) => {
  const proxy = await startProxy(config, parts);
  ports.resolve(proxy.ports);
  return proxy;
});
