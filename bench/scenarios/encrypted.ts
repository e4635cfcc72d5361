/**
 * The same streams in clear text and through TLS, one after the other in each round.
 *
 * @module
 */
import { makePortCertificate } from "../../cli/certificate.ts";
import { figure, type ScenarioResult } from "../report/result.ts";
import { Rig, type Window } from "../rig.ts";
import {
  alternate,
  batchSize,
  cpuPerMessage,
  type Effort,
  measure,
  perSecond,
  type Scenario,
  WARM_UP_MS,
} from "./scenario.ts";

/** Interval of upstream frames, in ms. */
const CADENCE_MS = 10;

/** What is streamed. */
interface Load {
  readonly name: string;
  readonly connections: number;
  /** Messages of an upstream frame; every connection receives all. */
  readonly perFrame: number;
}

const LOADS: readonly Load[] = [
  { name: "one-stream", connections: 1, perFrame: 1_000 },
  { name: "fan-out-50", connections: 50, perFrame: 16 },
];

/** CPU ms per MB of messages. */
function cpuPerMegabyte({ server, reader }: Window): number {
  return server.cpuMicros / 1e3 / (Math.max(1, reader.bytes) / 1e6);
}

async function compare(
  { name, connections, perFrame }: Load,
  effort: Effort,
): Promise<ScenarioResult> {
  const { ca, cert, key } = await makePortCertificate(["127.0.0.1"]);
  const shape = { format: "json", perFrame, symbols: 1_000 } as const;
  const env = { STREAM_PROXY_MAX_BATCH_DELAY_MS: "0" };
  const tls = {
    STREAM_PROXY_TLS_CERT: cert,
    STREAM_PROXY_TLS_KEY: key,
    STREAM_PROXY_TLS_PORTS: "grpc",
  };
  await using clear = await Rig.start({ ...shape, env });
  await using secure = await Rig.start({ ...shape, env: { ...env, ...tls } });
  const streams = { market: "stock", connections, streamsPerConnection: 1 } as const;
  await clear.proxy.open(streams);
  await secure.proxy.open({ ...streams, ca });
  const rate = perFrame * 1000 / CADENCE_MS;
  const loadOf = (rig: Rig) => ({
    lane: rig.proxy,
    start: () => rig.startFeed(rate),
    stop: () => rig.stopFeed(),
  });
  const loads = [loadOf(clear), loadOf(secure)] as const;
  for (const load of loads) await measure(load, WARM_UP_MS);
  const rounds = await alternate(loads, effort);
  const both = (unit: string, what: string, of: (window: Window) => number) => [
    figure(`${what}, clear text`, unit, rounds.map(({ first }) => of(first))),
    figure(`${what}, TLS`, unit, rounds.map(({ second }) => of(second))),
  ];
  const use = await secure.proxy.usage();
  return {
    scenario: `encrypted-${name}`,
    about: `${connections} connections × ${rate} messages/s, with TLS and without`,
    figures: [
      ...both("µs", "CPU per delivered message", cpuPerMessage),
      figure(
        "ratio of TLS to clear text",
        "×",
        rounds.map(({ first, second }) => cpuPerMessage(second) / cpuPerMessage(first)),
      ),
      ...both("ms", "CPU per MB of messages", cpuPerMegabyte),
      ...both("messages/s", "delivered", perSecond),
      ...both("", "messages per write", batchSize),
      figure("peak RSS, TLS", "MiB", [use.peakRss / 2 ** 20]),
    ],
  };
}

/** One busy stream, and fifty clients. */
export const encrypted: Scenario = {
  name: "encrypted",
  run: async (effort) => {
    const results: ScenarioResult[] = [];
    for (const load of LOADS) results.push(await compare(load, effort));
    return results;
  },
};
