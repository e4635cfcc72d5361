/** What scenarios compute from two looks at the processes. */
import assert from "node:assert/strict";
import type { Window } from "../../../bench/rig.ts";
import {
  batchSize,
  cores,
  cpuPerMessage,
  framesPerSecond,
  perSecond,
} from "../../../bench/scenarios/scenario.ts";

const WINDOW: Window = {
  server: {
    seconds: 2,
    cpuMicros: 500_000,
    writes: 50,
    written: 1_000,
    frames: 400,
  },
  reader: { seconds: 4, messages: 1_200, frames: 0, bytes: 60_000 },
};

Deno.test("each process is divided by its own time", () => {
  assert.equal(cpuPerMessage(WINDOW), 500);
  assert.equal(perSecond(WINDOW), 300);
  assert.equal(batchSize(WINDOW), 20);
  assert.equal(cores(WINDOW), 0.25);
  assert.equal(framesPerSecond(WINDOW), 200);
});

Deno.test("a window in which nothing was written is costly, not free", () => {
  const server = { ...WINDOW.server, writes: 0, written: 0 };
  const silent = { ...WINDOW, server };
  assert.equal(cpuPerMessage(silent), 500_000);
  assert.equal(batchSize(silent), 1);
});
