/**
 * The documented clients and `tail` print quotes and survive faults between them
 * and the proxy, directly and behind balancers.
 *
 * `deno task clients:matrix` runs the same events with their real durations.
 *
 * @module
 */
import assert from "node:assert/strict";
import { StreamProxyService } from "../../src/gen/cream/v1/stream_proxy_pb.ts";
import { ScriptedProxy } from "../support/scripted_proxy.ts";
import { until } from "../support/until.ts";
import {
  Balancer,
  type BalancerKind,
  envoy,
  haproxy,
  missingBalancer,
  nginx,
} from "./balancers.ts";
import { ClientPath, type Recovery } from "./client_path.ts";
import { ClientBuilds, startClient, TAIL } from "./client_process.ts";
import { freePort } from "./loopback.ts";
import { lagOf, slowReader } from "./slow_readers.ts";

/** Seconds until a client has to be back; keepalive alone takes up to 30. */
const LIMIT_S = 35;

const { projects, missing } = await ClientBuilds.available();
const builds = new ClientBuilds();

for (const [language, reason] of missing) {
  Deno.test({
    name: `the ${language} client survives what happens on its way to the ` +
      `proxy (skipped: ${reason})`,
    ignore: true,
    fn: () => {},
  });
}

async function setUp(kind?: BalancerKind): Promise<ClientPath> {
  const built = await Promise.all(projects.map((one) => builds.build(one)));
  return await ClientPath.start([...built, TAIL], kind);
}

/** Every client was back in time. */
function allBack(event: string, recovery: Recovery): void {
  assert.equal(recovery.size, projects.length + 1);
  for (const [client, state] of recovery) {
    const back = typeof state === "number" && state <= LIMIT_S;
    assert(back, `${client} after ${event}: ${state}`);
  }
}

Deno.test("the documented clients survive restarts, broken connections and pauses", async () => {
  await using path = await setUp();
  allBack("a restart", await path.killProxy());
  allBack("a broken connection", await path.breakConnections());
  allBack("a pause", await path.pauseClients(1_000));
});

Deno.test("tail survives repeated restarts of the proxy", async () => {
  const tails = [1, 2, 3, 4].map((number) => ({ ...TAIL, name: `tail ${number}` }));
  await using path = await ClientPath.start(tails);
  for (let restart = 1; restart <= 3; restart++) {
    for (const [name, state] of await path.killProxy()) {
      assert.equal(typeof state, "number", `${name} after restart ${restart}: ${state}`);
    }
  }
});

Deno.test("the documented clients detect a vanished machine within 35 s", async () => {
  await using path = await setUp();
  allBack("the machine vanished", await path.goDark(0));
});

const SLOW =
  "a documented client that reads slowly holds at most 1,400 messages that it has not read";

for (const project of projects) {
  Deno.test(`${SLOW}: ${project.language}`, async () => {
    const client = await builds.build(slowReader(project, { hasDefaults: false }));
    const { messages } = await lagOf(client, { capacity: 200, quotes: 25_000 });
    assert(messages <= 1_400, `${messages} messages are sent and not read`);
  });
}

const typescript = projects.find(({ language }) => language === "TypeScript");
Deno.test({
  name: typescript
    ? "the quickstart of the README prints quotes"
    : `the quickstart of the README (skipped: ${missing.get("TypeScript")})`,
  ignore: !typescript,
  fn: async () => {
    assert(typescript);
    const { cwd } = await builds.build(typescript);
    await using proxy = await ScriptedProxy.start();
    const command = { words: ["node", "out/quickstart.js"] };
    const client = { name: "quickstart", cwd, command };
    await using running = startClient(client, proxy.address);
    const hello = { notice: { kind: { case: "hello", value: { epoch: "1" } } } } as const;
    const quote = { symbol: "AAPL", bidPrice: 1, askPrice: 2 };
    await proxy.send(StreamProxyService.method.streamQuotes, hello, { quote });
    await until("it prints a quote", () => running.lines.includes("AAPL 1 2"));
  },
});

/** Runs each client until a refusal ends it. */
async function refuseAll(kind?: BalancerKind): Promise<void> {
  await using proxy = await ScriptedProxy.start();
  await using ports = new AsyncDisposableStack();
  let { port } = proxy;
  if (kind) {
    port = freePort();
    ports.use(await Balancer.start(kind, { listen: port, proxy: proxy.port }));
  }
  const built = await Promise.all(projects.map((one) => builds.build(one)));
  for (const client of [...built, TAIL]) {
    await using running = startClient(client, `127.0.0.1:${port}`);
    const { streamQuotes } = StreamProxyService.method;
    await proxy.refuse(streamQuotes, "INVALID_ARGUMENT", "symbols[0]: empty");
    await until(`${client.name} ends`, () => running.ended !== undefined);
    assert.match(running.ended ?? "", /^code 1, [^]*symbols\[0\]: empty/);
  }
}

Deno.test("a refused request ends the documented clients", () => refuseAll());

const BEHIND = "the documented clients survive restarts, timeouts and broken connections behind";

for (const kind of [nginx("2s"), haproxy("2s"), envoy("15s")]) {
  const reason = await missingBalancer(kind);
  const skipped = reason ? ` (skipped: ${reason})` : "";
  Deno.test({
    name: `${BEHIND} ${kind.program}${skipped}`,
    ignore: reason !== undefined,
    fn: async () => {
      await using path = await setUp(kind);
      allBack("a restart of the proxy", await path.killProxy());
      allBack("a restart of the balancer", await path.killBalancer());
      allBack("a timeout", await path.beQuiet(3_000));
      allBack("a broken connection", await path.breakConnections());
    },
  });
  Deno.test({
    name: `a refused request ends the documented clients behind ${kind.program}${skipped}`,
    ignore: reason !== undefined,
    fn: () => refuseAll(kind),
  });
}
