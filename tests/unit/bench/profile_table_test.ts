/** How the time of a CPU profile is divided between layers. */
import assert from "node:assert/strict";
import { type CpuProfile, layersOf, tableOf } from "../../../bench/profile_table.ts";

const PROFILE: CpuProfile = {
  nodes: [
    { id: 1, callFrame: { functionName: "(root)", url: "" }, children: [2, 3, 4, 5, 8] },
    { id: 2, callFrame: { functionName: "(idle)", url: "" } },
    { id: 3, callFrame: { functionName: "(garbage collector)", url: "" } },
    {
      id: 4,
      callFrame: {
        functionName: "run",
        url: "file:///proxy/src/infrastructure/grpc/stream_pump.ts",
      },
    },
    {
      id: 5,
      callFrame: {
        functionName: "handleWriteReq",
        url: "ext:deno_node/internal/stream_base_commons.ts",
      },
      children: [6],
    },
    { id: 6, callFrame: { functionName: "writeBuffer", url: "" } },
    {
      id: 8,
      callFrame: { functionName: "sendPending", url: "ext:deno_node/http2.ts" },
      children: [9],
    },
    { id: 9, callFrame: { functionName: "getOutgoingChunk", url: "" } },
  ],
  samples: [4, 2, 6, 6, 5, 9, 8, 3, 4],
  timeDeltas: [5_000, 9_000, 30, 30, 10, 6, 4, 15, 5],
};

Deno.test("busy time is divided by modules, native functions by their callers", () => {
  const layers = layersOf(PROFILE, 10).map(({ name, micros }) => [name, micros]);
  assert.deepEqual(layers, [
    ["Kernel's socket write", 60],
    ["Garbage collection", 15],
    ["Runtime's sockets", 10],
    ["Runtime's HTTP/2", 10],
    ["Ours: streams and pump", 5],
  ]);
});

Deno.test("each layer has its share and its µs per message", () => {
  const [first = ""] = tableOf(layersOf(PROFILE, 10), 7).split("\n");
  assert.match(first, /^Kernel's socket write +60\.0 % +4\.20 µs {2}writeBuffer 60\.0$/);
});
