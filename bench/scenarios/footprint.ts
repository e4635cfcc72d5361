/**
 * Memory of idle streams.
 *
 * @module
 */
import { figure } from "../report/result.ts";
import { Floor, type Lane, pause, Rig } from "../rig.ts";
import type { Scenario } from "./scenario.ts";

const STREAMS = 10_000;
const CONNECTIONS = 20;
const V8 = ["--v8-flags=--expose-gc"];

async function memory(lane: Lane) {
  for (let i = 0; i < 3; i++) {
    await lane.server.call("collect");
    await pause(200);
  }
  return await lane.usage();
}

/** Opens the streams; measures memory before and after, and the time. */
async function openAll(lane: Lane) {
  const open = (streamsPerConnection: number, connections: number) =>
    lane.open({
      market: "quiet",
      connections,
      streamsPerConnection,
      symbolsPerStream: 1,
    });
  await open(1, 1);
  const before = await memory(lane);
  const start = performance.now();
  await open(STREAMS / CONNECTIONS, CONNECTIONS);
  const ms = performance.now() - start;
  return { before, ms, after: () => memory(lane) };
}

/** 10 000 idle streams, of the proxy and of raw HTTP/2. */
export const footprint: Scenario = {
  name: "footprint",
  async run() {
    await using rig = await Rig.start({
      format: "json",
      perFrame: 20,
      symbols: 1_000,
      v8: V8,
    });
    const proxy = await openAll(rig.proxy);
    await rig.untilSubscribed(STREAMS);
    const after = await proxy.after();
    await using floor = await Floor.start(V8);
    const raw = await openAll(floor.lane);
    const rawAfter = await raw.after();
    const each = (bytes: number) => [bytes / STREAMS / 1024];
    return [{
      scenario: "footprint",
      about: `${STREAMS} idle streams on ${CONNECTIONS} connections, each ` +
        `with a symbol of its own`,
      figures: [
        figure("RSS per stream", "KiB", each(after.rss - proxy.before.rss)),
        figure(
          "JavaScript heap per stream",
          "KiB",
          each(after.heapUsed - proxy.before.heapUsed),
        ),
        figure(
          "floor: RSS per stream",
          "KiB",
          each(rawAfter.rss - raw.before.rss),
        ),
        figure(
          "floor: JavaScript heap per stream",
          "KiB",
          each(rawAfter.heapUsed - raw.before.heapUsed),
        ),
        figure("RSS with them", "MiB", [after.rss / 2 ** 20]),
        figure("RSS before", "MiB", [proxy.before.rss / 2 ** 20]),
        figure("to open them all", "ms", [proxy.ms]),
        figure("floor: to open them all", "ms", [raw.ms]),
      ],
    }];
  },
};
