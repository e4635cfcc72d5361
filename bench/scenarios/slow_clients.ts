/**
 * Streams that are never read must not affect the others.
 *
 * @module
 */
import { figure } from "../report/result.ts";
import type { Latency } from "../reader_plan.ts";
import { pause, Rig } from "../rig.ts";
import type { Scenario } from "./scenario.ts";
import { WARM_UP_MS } from "./scenario.ts";

const CONNECTIONS = 20;
const READ = 900;
const NEVER_READ = 100;
const SYMBOLS = 900;
const RATE = 5_000;

const SHAPE = { format: "json", perFrame: 10, symbols: SYMBOLS } as const;

async function startRig(neverRead: boolean): Promise<Rig> {
  const rig = await Rig.start(SHAPE);
  await rig.proxy.open({
    market: "stock",
    connections: CONNECTIONS,
    streamsPerConnection: READ / CONNECTIONS,
    symbolsPerStream: 1,
  });
  if (neverRead) {
    // All symbols each: they fall behind immediately.
    await rig.proxy.open({
      market: "stock",
      connections: CONNECTIONS,
      streamsPerConnection: NEVER_READ / CONNECTIONS,
      read: false,
    });
  }
  await rig.untilSubscribed(neverRead ? 1 : SYMBOLS);
  await rig.startFeed(RATE);
  await pause(WARM_UP_MS);
  await rig.proxy.latencies();
  return rig;
}

/** 100 of 1 000 streams never read. */
export const slowClients: Scenario = {
  name: "slow-clients",
  async run({ repetitions, windowMs, soakMinutes }) {
    await using alone = await startRig(false);
    await alone.stopFeed();
    await using beside = await startRig(true);
    // Until the queues of the unread streams are full.
    await pause(1000 * 12_000 / RATE);
    await beside.stopFeed();
    const rounds: { with: Latency; without: Latency }[] = [];
    const sample = async (rig: Rig) => {
      await rig.startFeed(RATE);
      await pause(500);
      await rig.proxy.latencies();
      await pause(2 * windowMs);
      const latency = await rig.proxy.latencies();
      await rig.stopFeed();
      return latency;
    };
    for (let i = 0; i < repetitions; i++) {
      // Alternately, in changing order, so that other load affects both equally.
      const [first, second] = i % 2 === 0 ? [beside, alone] : [alone, beside];
      const seen = [await sample(first), await sample(second)] as const;
      const [one, other] = i % 2 === 0 ? seen : [seen[1], seen[0]] as const;
      rounds.push({ with: one, without: other });
    }
    const start = await beside.proxy.usage();
    await beside.startFeed(RATE);
    await pause(soakMinutes * 60_000);
    await beside.stopFeed();
    const end = await beside.proxy.usage();
    const { dropped } = await beside.counts();
    return [{
      scenario: "slow-clients",
      about: `${READ} streams of one symbol with and without ${NEVER_READ} ` +
        `of all symbols that are never read, ${RATE} messages/s`,
      figures: [
        figure("p50 with them", "ms", rounds.map((r) => r.with.p50 / 1000)),
        figure("p50 without", "ms", rounds.map((r) => r.without.p50 / 1000)),
        figure("p99 with them", "ms", rounds.map((r) => r.with.p99 / 1000)),
        figure("p99 without", "ms", rounds.map((r) => r.without.p99 / 1000)),
        figure(
          "ratio of p99",
          "×",
          rounds.map((round) => round.with.p99 / round.without.p99),
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
