/** A server in a process of its own, so that its heap has nothing of its clients. */
import { answerCommands } from "../../../bench/control.ts";
import { systemClock } from "../../../src/infrastructure/clock/system_clock.ts";
import { administered } from "../../support/administered.ts";
import { DEFAULT_ADMISSION, startGrpcHarness } from "../../support/grpc_client.ts";

const harness = await startGrpcHarness({
  ...administered(systemClock),
  admin: undefined,
  admission: { ...DEFAULT_ADMISSION, maxStreams: 10_000 },
});

await answerCommands({
  port: () => harness.server.port,
  /** Bytes of the heap, and how many streams are open. */
  async measure() {
    for (let i = 0; i < 3; i++) {
      (globalThis as { gc?: () => void }).gc?.();
      await new Promise((resolve) => setTimeout(resolve));
    }
    return { heap: Deno.memoryUsage().heapUsed, streams: harness.server.openCalls };
  },
});
