/**
 * Sends every message to every WebSocket client, beside gRPC clients, beside the WebSocket library
 * alone and beside a naive fan-out in Python.
 *
 * @module
 */
import { loadavg } from "node:os";
import type { FeedFormat } from "../feed/frame_pool.ts";
import { figure, type ScenarioResult } from "../report/result.ts";
import { Rig, type Window } from "../rig.ts";
import { ClientLane, findPython, startFloor, startNaive, startRelay } from "../websocket/lanes.ts";
import { cpuPerMessage, type Effort, measure, type Scenario, WARM_UP_MS } from "./scenario.ts";

/** Interval of upstream frames, in ms. */
const CADENCE_MS = 10;
/** Deliveries per second, for any number of clients. */
const DELIVERIES = 80_000;
const SYMBOLS = 1_000;
/** Upstream messages per second of one client at most, so that one client is not saturated. */
const MAX_RATE = 20_000;

type Load = Parameters<typeof measure>[0];

/** CPU µs per message that clients received. */
function cpuPerReceived({ server, reader }: Window): number {
  const perSecond = reader.messages / reader.seconds;
  return server.cpuMicros / server.seconds / Math.max(1, perSecond);
}

function perFrameOf({ reader }: Window): number {
  return reader.messages / Math.max(1, reader.frames);
}

function received({ reader }: Window): number {
  return reader.messages / reader.seconds;
}

async function websocket(
  clients: number,
  format: FeedFormat,
  effort: Effort,
): Promise<ScenarioResult> {
  const rate = Math.min(MAX_RATE, DELIVERIES / clients);
  const perFrame = Math.max(1, Math.round(rate * CADENCE_MS / 1000));
  const plan = { format, connections: clients };
  await using made = new AsyncDisposableStack();
  const rigOf = () => Rig.start({ format: "json", perFrame, symbols: SYMBOLS, websocket: true });
  const rig = made.use(await rigOf());
  const grpc = made.use(await rigOf());
  const lane = made.use(
    await ClientLane.connect(rig.proxy.server, rig.websocketPort, plan),
  ).lane;
  await grpc.proxy.open({ market: "stock", connections: clients, streamsPerConnection: 1 });
  const floor = await startFloor(format);
  made.use(floor.server);
  const floorLane = made.use(await ClientLane.connect(floor.server, floor.port, plan)).lane;
  const loads: Record<"proxy" | "floor" | "grpc", Load> = {
    proxy: { lane, start: () => rig.startFeed(rate), stop: () => rig.stopFeed() },
    floor: {
      lane: floorLane,
      start: (before) => {
        const batch = Math.max(1, Math.round(before ? perFrameOf(before) : perFrame));
        return floor.server.call("start", { batch, everyMs: 1000 * batch / rate });
      },
      stop: () => floor.server.call("stop"),
    },
    grpc: { lane: grpc.proxy, start: () => grpc.startFeed(rate), stop: () => grpc.stopFeed() },
  };
  const others = format === "json" ? await otherLoads(clients, { perFrame, rate }, made) : [];
  // Twice: the compiler needs more than one run.
  for (const load of [...Object.values(loads), ...others, ...Object.values(loads)]) {
    await measure(load, WARM_UP_MS);
  }
  const rounds = [];
  for (let i = 0; i < effort.repetitions; i++) {
    const proxy = await measure(loads.proxy, effort.windowMs);
    const bare = await measure(loads.floor, effort.windowMs, proxy);
    const beside = await measure(loads.grpc, effort.windowMs);
    const windows = [];
    for (const load of others) windows.push(await measure(load, effort.windowMs));
    const [relay, slow] = windows;
    rounds.push({ proxy, bare, beside, relay, slow, load: loadavg()[0] ?? 0 });
  }
  const relayed = rounds.flatMap(({ proxy, relay }) => relay ? [{ proxy, relay }] : []);
  const slow = rounds.flatMap(({ proxy, slow }) => slow ? [{ proxy, slow }] : []);
  return {
    scenario: `websocket-${format}-${clients}`,
    about: `${clients} WebSocket clients in ${format} × ${rate} messages/s of a JSON feed, a ` +
      `frame of ${perFrame} every ${CADENCE_MS} ms`,
    figures: [
      figure("CPU per delivered message", "µs", rounds.map(({ proxy }) => cpuPerReceived(proxy))),
      figure(
        "the library alone, same frames",
        "µs",
        rounds.map(({ bare }) => cpuPerReceived(bare)),
      ),
      figure(
        "ratio to the library",
        "×",
        rounds.map(({ proxy, bare }) => cpuPerReceived(proxy) / cpuPerReceived(bare)),
        { text: "≤ 1.5", met: (ratio) => ratio <= 1.5 },
      ),
      ...relayed.length === 0 ? [] : [
        figure("the library as a relay", "µs", relayed.map(({ relay }) => cpuPerReceived(relay))),
        figure(
          "ratio to the relay",
          "×",
          relayed.map(({ proxy, relay }) => cpuPerReceived(proxy) / cpuPerReceived(relay)),
        ),
      ],
      figure("gRPC, same feed", "µs", rounds.map(({ beside }) => cpuPerMessage(beside))),
      figure(
        "ratio to gRPC",
        "×",
        rounds.map(({ proxy, beside }) => cpuPerReceived(proxy) / cpuPerMessage(beside)),
      ),
      ...slow.length === 0 ? [] : [
        figure("naive fan-out in Python", "µs", slow.map(({ slow }) => cpuPerReceived(slow))),
        figure(
          "naive fan-out to the proxy",
          "×",
          slow.map(({ proxy, slow }) => cpuPerReceived(slow) / cpuPerReceived(proxy)),
        ),
        figure("naive fan-out delivered", "messages/s", slow.map(({ slow }) => received(slow))),
      ],
      figure("delivered", "messages/s", rounds.map(({ proxy }) => received(proxy))),
      figure("messages per frame", "", rounds.map(({ proxy }) => perFrameOf(proxy))),
      figure("library: messages per frame", "", rounds.map(({ bare }) => perFrameOf(bare))),
      figure("load average of the machine", "", rounds.map(({ load }) => load)),
    ],
  };
}

/** A relay that reads nothing, and the naive fan-out where there is a Python for it. */
async function otherLoads(
  clients: number,
  { perFrame, rate }: { readonly perFrame: number; readonly rate: number },
  made: AsyncDisposableStack,
): Promise<Load[]> {
  const python = await findPython();
  const servers = [await startRelay(perFrame)];
  if (python !== undefined) servers.push(await startNaive(python, perFrame));
  const loads: Load[] = [];
  for (const { server, feeder, port } of servers) {
    made.use(server);
    made.use(feeder);
    const plan = { format: "json", connections: clients } as const;
    const { lane } = made.use(await ClientLane.connect(server, port, plan));
    loads.push({
      lane,
      start: () => feeder.call("start", { rate }),
      stop: () => feeder.call("stop"),
    });
  }
  return loads;
}

/** JSON and MessagePack at all numbers of clients. */
export const websockets: readonly Scenario[] = (["json", "msgpack"] as const).flatMap((format) =>
  [1, 10, 100, 500].map((clients) => ({
    name: `websocket-${format}-${clients}`,
    run: async (effort: Effort) => [await websocket(clients, format, effort)],
  }))
);
