/**
 * Streams that are never read must cost the others nothing.
 *
 * @module
 */
import { figure } from "../report/result.ts";
import { pause, Rig } from "../rig.ts";
import type { Scenario } from "./scenario.ts";
import { WARM_UP_MS } from "./scenario.ts";

const CONNECTIONS = 20;
const READ = 900;
const NEVER_READ = 100;
const SYMBOLS = 900;
const RATE = 5_000;

const SHAPE = { format: "json", perFrame: 10, symbols: SYMBOLS } as const;

async function stage(neverRead: boolean): Promise<Rig> {
  const rig = await Rig.start(SHAPE);
  await rig.proxy.open({
    market: "stock",
    connections: CONNECTIONS,
    streamsPerConnection: READ / CONNECTIONS,
    symbolsPerStream: 1,
  });
  if (neverRead) {
    // All symbols each: they fall behind at once and stay there.
    await rig.proxy.open({
      market: "stock",
      connections: CONNECTIONS,
      streamsPerConnection: NEVER_READ / CONNECTIONS,
      read: false,
    });
  }
  await rig.subscribed(neverRead ? 1 : SYMBOLS);
  await rig.feed(RATE);
  await pause(WARM_UP_MS);
  await rig.proxy.latencies();
  return rig;
}

/** 100 of 1 000 streams never read. */
export const slowClients: Scenario = {
  name: "slow-clients",
  async run({ repetitions, windowMs, soakMinutes }) {
    await using alone = await stage(false);
    await alone.rest();
    await using beside = await stage(true);
    // Until the queues of those that never read are full.
    await pause(1000 * 12_000 / RATE);
    await beside.rest();
    const rounds: { with: number; without: number }[] = [];
    for (let i = 0; i < repetitions; i++) {
      const p99 = async (rig: Rig) => {
        await rig.feed(RATE);
        await pause(500);
        await rig.proxy.latencies();
        await pause(windowMs);
        const { p99 } = await rig.proxy.latencies();
        await rig.rest();
        return p99 / 1000;
      };
      rounds.push({ with: await p99(beside), without: await p99(alone) });
    }
    const start = await beside.proxy.use();
    await beside.feed(RATE);
    await pause(soakMinutes * 60_000);
    await beside.rest();
    const end = await beside.proxy.use();
    const { dropped } = await beside.counts();
    return [{
      scenario: "slow-clients",
      about: `${READ} streams of one symbol with and without ${NEVER_READ} ` +
        `of all symbols that are never read, ${RATE} messages/s`,
      figures: [
        figure("p99 with them", "ms", rounds.map((round) => round.with)),
        figure("p99 without", "ms", rounds.map(({ without }) => without)),
        figure(
          "ratio",
          "×",
          rounds.map((round) => round.with / round.without),
          { text: "≤ 1.2", met: (ratio) => ratio <= 1.2 },
        ),
        figure("lost by those never read", "messages", [dropped]),
        figure("RSS", "MiB", [end.rss / 2 ** 20]),
        figure(`RSS growth in ${soakMinutes} min`, "MiB", [
          (end.rss - start.rss) / 2 ** 20,
        ], {
          text: "≤ 10 % of RSS",
          met: (g) => g <= start.rss / 2 ** 20 / 10,
        }),
        figure("peak RSS", "MiB", [end.peakRss / 2 ** 20]),
      ],
    }];
  },
};
