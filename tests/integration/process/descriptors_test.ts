/** A proxy that runs out of file descriptors, as a process of its own. */
import assert from "node:assert/strict";
import { METHODS } from "../../support/streams.ts";
import { RpcClient } from "../../../client/rpc_client.ts";
import { type Simulator, startSimulator } from "@alpaca-stream-proxy/simulator";
import { descriptorsInUse } from "../../../src/infrastructure/process/descriptor_shortage.ts";
import { FREE_PORTS } from "../../support/harness.ts";
import { until } from "../../support/until.ts";
import { Child } from "./child.ts";

const MISSING = await hasPrlimit() ? "" : " (skipped: no prlimit on this machine)";

/** Enough for Deno, three sessions and some forty clients. */
const MAX_DESCRIPTORS = 96;

function shortageTest(name: string, fn: () => Promise<void>): void {
  Deno.test({ name: `${name}${MISSING}`, fn, ignore: MISSING !== "" });
}

async function hasPrlimit(): Promise<boolean> {
  try {
    const command = new Deno.Command("prlimit", {
      args: ["--version"],
      stdout: "null",
    });
    return (await command.output()).success;
  } catch {
    return false;
  }
}

/** A proxy in a process with few descriptors, all its feeds connected. */
async function startPoorProxy(simulator: Simulator) {
  const child = new Child({
    maxDescriptors: MAX_DESCRIPTORS,
    env: {
      ...simulator.environment(),
      ...FREE_PORTS,
      STREAM_PROXY_RECONNECT_DELAY_INITIAL_MS: "10",
      OTEL_ENABLED: "false",
    },
  });
  const { ports } = await child.logged("Started");
  const { grpc, health } = ports as { grpc: number; health: number };
  await until("all feeds are connected", () => simulator.sessions().length === 3);
  return { child, grpc, health };
}

/** Sockets that are opened and then say nothing. */
class IdleSockets implements Disposable {
  readonly #open: Deno.TcpConn[] = [];

  async open(port: number, count: number): Promise<void> {
    for (let made = 0; made < count; made++) {
      this.#open.push(await Deno.connect({ hostname: "127.0.0.1", port }));
    }
  }

  [Symbol.dispose](): void {
    for (const socket of this.#open.splice(0)) socket.close();
  }
}

async function fetchText(url: string): Promise<string> {
  const response = await fetch(url, {
    signal: AbortSignal.timeout(10_000),
    headers: { connection: "close" },
  });
  return await response.text();
}

/** The value of a metric's only series, or of the one with this label. */
function metric(page: string, series: string): number {
  const line = page.split("\n").find((line) => line.startsWith(`${series} `));
  return Number(line?.split(" ").at(-1) ?? NaN);
}

shortageTest(
  "out of descriptors, feeds stay connected and reconnect, and both ports recover",
  async () => {
    await using simulator = await startSimulator({ messagesPerSecond: 0 });
    const { child, grpc, health } = await startPoorProxy(simulator);
    await using _ = child;
    {
      using flood = new IdleSockets();
      await flood.open(grpc, 150);
      await flood.open(health, 150);
      await child.logged(
        "Out of file descriptors; closed connections to keep some for the feeds. " +
          "Raise the limit (ulimit -n)",
      );
      assert.equal(await fetchText(`http://127.0.0.1:${health}/healthz`), "OK");
      assert.equal(simulator.sessions().length, 3);

      const { accepted } = simulator.connections;
      simulator.connections.drop();
      await until(
        "all feeds are connected again",
        () => simulator.connections.accepted >= accepted + 3 && simulator.sessions().length === 3,
      );
      const page = await fetchText(`http://127.0.0.1:${health}/metrics`);
      assert.ok(metric(page, "alpaca_proxy_descriptor_limit") <= MAX_DESCRIPTORS);
      assert.ok(metric(page, "alpaca_proxy_open_descriptors") > 20);
      assert.ok(metric(page, 'alpaca_proxy_refusals_total{limit="descriptors"}') > 0);
      assert.ok(metric(page, "process_resident_memory_bytes") > 0);
    }
    await until("the gRPC port answers", async () => {
      try {
        using client = new RpcClient({
          host: "127.0.0.1",
          port: grpc,
          tls: false,
        });
        await client.call(METHODS.getConnectionStatus, {});
        return true;
      } catch {
        return false;
      }
    });
    child.signal("SIGTERM");
    assert.equal((await child.ended()).code, 0);
  },
);

Deno.test("descriptors in use are counted by the number of a new socket", async () => {
  const before = await descriptorsInUse() ?? NaN;
  using sockets = new DisposableStack();
  for (let opened = 0; opened < 40; opened++) {
    sockets.use(Deno.listen({ hostname: "127.0.0.1", port: 0 }));
  }
  const after = await descriptorsInUse() ?? NaN;
  assert.ok(after >= 40 && after > before, `${before}, then ${after}`);
});

shortageTest(
  "Deno 2.9.6 still needs the workarounds for accepting out of descriptors",
  async () => {
    await using child = new Child({
      maxDescriptors: MAX_DESCRIPTORS,
      script: "tests/integration/process/deno_shortage.ts",
    });
    const { port, rss } = await child.logged("listening");
    assert.ok(Number(rss) > 0);
    {
      using flood = new IdleSockets();
      await flood.open(Number(port), 150);
      await child.logged("exhausted"); // no error event, and 0 bytes of memory
    }
    const { accepted } = await child.logged("released");
    assert.ok(Number(accepted) < 150, "the rest of the queue is not accepted");
    using _late = await Deno.connect({
      hostname: "127.0.0.1",
      port: Number(port),
    });
    await new Promise((resolve) => setTimeout(resolve, 500));
    child.signal("SIGKILL");
    const { log } = await child.ended();
    assert.ok(!log.some(({ msg }) => msg === "accept failed"));
    assert.equal(log.at(-1)?.accepted, accepted, "nor is a new connection");
  },
);
