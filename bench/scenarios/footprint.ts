/**
 * What a stream costs that nothing happens on.
 *
 * @module
 */
import { figure } from "../report/result.ts";
import { pause, Rig } from "../rig.ts";
import type { Scenario } from "./scenario.ts";

const STREAMS = 10_000;
const CONNECTIONS = 20;

async function memory(rig: Rig) {
  for (let i = 0; i < 3; i++) {
    await rig.proxy.server.call("collect");
    await pause(200);
  }
  return await rig.proxy.use();
}

/** 10 000 idle streams. */
export const footprint: Scenario = {
  name: "footprint",
  async run() {
    await using rig = await Rig.start({
      format: "json",
      perFrame: 20,
      symbols: 1_000,
      v8: ["--v8-flags=--expose-gc"],
    });
    const open = (streamsPerConnection: number, connections: number) =>
      rig.proxy.open({
        market: "quiet",
        connections,
        streamsPerConnection,
        symbolsPerStream: 1,
      });
    await open(1, 1);
    const before = await memory(rig);
    const start = performance.now();
    await open(STREAMS / CONNECTIONS, CONNECTIONS);
    const ms = performance.now() - start;
    await rig.subscribed(STREAMS);
    const after = await memory(rig);
    const each = (bytes: number) => bytes / STREAMS / 1024;
    return [{
      scenario: "footprint",
      about: `${STREAMS} idle streams on ${CONNECTIONS} connections, each ` +
        `with a symbol of its own`,
      figures: [
        figure("RSS per stream", "KiB", [each(after.rss - before.rss)]),
        figure("JavaScript heap per stream", "KiB", [
          each(after.heapUsed - before.heapUsed),
        ]),
        figure("RSS with them", "MiB", [after.rss / 2 ** 20]),
        figure("RSS before", "MiB", [before.rss / 2 ** 20]),
        figure("to open them all", "ms", [ms]),
      ],
    }];
  },
};
