/**
 * Builds the image, runs it with a read-only root, a numeric user and no
 * capability, streams through it from the simulator, and stops it.
 *
 * ```sh
 * deno run -A scripts/delivery/check_image.ts [--install]
 * ```
 *
 * @module
 */
import assert from "node:assert/strict";
import { type Simulator, startSimulator } from "@alpaca-stream-proxy/simulator";
import { buildImage, type BuiltImage } from "./build_image.ts";
import {
  type Container,
  type ContainerOptions,
  startContainer,
} from "./container.ts";
import { network, variables } from "./permissions.ts";
import { say } from "./say.ts";
import { findTool, run, withTools } from "./tools.ts";

/** Ports of the containers, away from the defaults of a proxy that runs here. */
const PORTS = { grpc: 45_052, health: 45_082, metrics: 45_090 } as const;
const HOST = "127.0.0.1";

/** Builds the image and proves what the Dockerfile promises. */
export async function checkImage(): Promise<void> {
  const { mayRun, why } = await canRunContainers();
  await withTools("Dockerfile by hadolint", {
    tools: ["hadolint"],
    check: async ({ hadolint = "" }) => {
      await run(hadolint, ["--failure-threshold", "info", "Dockerfile"]);
    },
  });
  const what = "image: built, run read-only, streamed, stopped";
  if (Deno.uid() !== 0) {
    say(`LEFT OUT  ${what}: chroot isolation wants root`);
    return;
  }
  await withTools(what, {
    tools: ["buildah", "bwrap"],
    check: async ({ buildah = "" }) => {
      const folder = await Deno.makeTempDir({ prefix: "asp-image-" });
      try {
        const image = await buildImage(buildah, folder);
        await checkContent(image);
        if (mayRun) await checkRunning(image);
        else say(`LEFT OUT  running the image: ${why}`);
      } finally {
        await run("rm", ["-rf", folder]);
      }
    },
  });
}

async function canRunContainers(): Promise<{ mayRun: boolean; why: string }> {
  const bwrap = await findTool("bwrap");
  if (bwrap === undefined) return { mayRun: false, why: "no bwrap" };
  const words = ["--unshare-user", "--ro-bind", "/", "/", "true"];
  const { code, stderr } = await run("setpriv", [
    ...["--reuid", "65532", "--regid", "65532", "--clear-groups", bwrap],
    ...words,
  ], { accept: [0, 1, 127] });
  return { mayRun: code === 0, why: stderr.trim() };
}

/** What is in the image, without running it. */
async function checkContent(image: BuiltImage): Promise<void> {
  assert.match(image.user, /^\d+:\d+$/, "the user is a number");
  for (const shell of ["sh", "bash", "dash", "busybox"]) {
    const { stdout } = await run("find", [image.root, "-name", shell]);
    assert.equal(stdout, "", `the image has a shell: ${stdout}`);
  }
  const { stdout: writable } = await run("find", [
    ...[
      `${image.root}/app`,
      `${image.root}/deno-dir`,
      `${image.root}/bin/deno`,
    ],
    ...["(", "-perm", "/0022", "-o", "-perm", "/6000", ")"],
    ...["!", "-type", "l"],
  ]);
  assert.equal(writable, "", `writable or set-id in the image: ${writable}`);
  for (const name of ["fast-check", "@alpacahq/alpaca-trade-api"]) {
    const { stdout } = await run("sh", [
      "-c",
      `find ${image.root}/deno-dir/npm/*/${name} -name package.json`,
    ]);
    assert.equal(stdout, "", `only tests need ${name}`);
  }
  for (const label of ["title", "licenses", "version", "revision", "source"]) {
    assert.ok(`org.opencontainers.image.${label}` in image.labels, label);
  }
  const mega = (bytes: number) => `${(bytes / 1e6).toFixed(0)} MB`;
  say(
    `image size ${mega(image.bytes)} on disk, ` +
      `${mega(image.packedBytes)} to download`,
  );
  assert.ok(image.packedBytes < 60e6, "the README promises less than 60 MB");
}

/** Every container of the check, so that none survives it. */
async function checkRunning(image: BuiltImage): Promise<void> {
  await using simulator = await startSimulator({ messagesPerSecond: 500 });
  const traces = Promise.withResolvers<void>();
  await using collector = Deno.serve(
    { hostname: HOST, port: 0, onListen: () => {} },
    async (request) => {
      await request.body?.cancel();
      traces.resolve();
      return new Response();
    },
  );
  const proxy = startContainer(image, {
    args: proxyArgs(simulator),
    env: {
      ...simulator.environment(),
      STREAM_PROXY_HOST: HOST,
      STREAM_PROXY_GRPC_PORT: String(PORTS.grpc),
      STREAM_PROXY_HEALTH_PORT: String(PORTS.health),
      STREAM_PROXY_METRICS_PORT: String(PORTS.metrics),
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://${HOST}:${collector.addr.port}`,
      OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
    },
  });
  const ended = proxy.ended();
  const died = ended.then(({ code, stdout, stderr }) => {
    throw new Error(`the proxy ended with ${code}\n${stdout}${stderr}`);
  });
  died.catch(() => {}); // it ends in the end
  try {
    await Promise.race([died, meetProxy(image, proxy)]);
    await Promise.race([died, deadline(traces.promise, "a trace")]);
    say("traces reach a collector (OTEL_ENABLED decides before the start)");
    const before = performance.now();
    Deno.kill(await proxy.innerPid(), "SIGTERM");
    const { code, stdout } = await ended;
    const ms = Math.round(performance.now() - before);
    assert.equal(code, 0, stdout);
    say(`SIGTERM: exit code ${code} after ${ms} ms`);
  } finally {
    kill(proxy);
    await ended;
  }
}

/** Ends what is left of a container. */
function kill({ process }: Container): void {
  try {
    process.kill("SIGKILL");
  } catch (error) {
    if (!(error instanceof TypeError)) throw error; // it has ended already
  }
}

async function meetProxy(image: BuiltImage, proxy: Container): Promise<void> {
  await answers(`http://${HOST}:${PORTS.health}/healthz`);
  const alive = performance.now() - proxy.startedAt;
  await answers(`http://${HOST}:${PORTS.health}/readyz`);
  const ready = performance.now() - proxy.startedAt;
  say(
    `cold start: answers after ${alive.toFixed(0)} ms, ` +
      `ready (a feed is logged in) after ${ready.toFixed(0)} ms`,
  );
  await checkConfinement(proxy);
  const health = await inImage(image, {
    whole: image.health,
    env: { STREAM_PROXY_HEALTH_PORT: String(PORTS.health) },
  });
  assert.equal(health.code, 0, health.stderr);
  const unhealthy = await inImage(image, {
    whole: image.health,
    env: { STREAM_PROXY_HEALTH_PORT: "1" },
  });
  assert.equal(unhealthy.code, 1, "a dead port is unhealthy");
  say("HEALTHCHECK: 0 for a living proxy, 1 for a dead port");
  const open = ["--allow-env", "--allow-net"];
  const address = `${HOST}:${PORTS.grpc}`;
  const serving = await inImage(image, {
    args: [...open, "/app/scripts/delivery/image/grpc_health.ts", address],
    env: { OTEL_ENABLED: "false" },
  });
  assert.equal(serving.code, 0, serving.stdout + serving.stderr);
  const quotes = await inImage(image, {
    args: [
      ...[...open, "/app/src/cli/tail.ts", "quotes", "AAPL"],
      ...["--count", "5", "--json", "--address", address],
    ],
    env: { OTEL_ENABLED: "false" },
  });
  assert.equal(quotes.code, 0, quotes.stderr);
  const lines = quotes.stdout.trim().split("\n");
  assert.equal(lines.length, 5);
  for (const line of lines) assert.match(line, /AAPL/);
  say("5 quotes of AAPL from the simulator, through the image, to the image");
  const metrics = await answers(`http://${HOST}:${PORTS.metrics}/metrics`);
  assert.match(metrics, /alpaca_proxy_messages_sent_total\{[^}]+\} [1-9]/);
}

/** What the kernel says of the process. */
async function checkConfinement(proxy: Container): Promise<void> {
  const pid = await proxy.innerPid();
  const status = await Deno.readTextFile(`/proc/${pid}/status`);
  const field = (name: string) =>
    new RegExp(`^${name}:\\s+(.+)$`, "m").exec(status)?.[1] ?? "";
  assert.equal(field("CapEff"), "0000000000000000", "no capability");
  assert.equal(field("CapBnd"), "0000000000000000", "none to be had");
  assert.equal(field("NoNewPrivs"), "1");
  assert.match(field("Uid"), /^65532\b/);
  const mounts = await Deno.readTextFile(`/proc/${pid}/mounts`);
  const root = mounts.split("\n").find((line) => line.split(" ")[1] === "/");
  assert.match(root?.split(" ")[3] ?? "", /^ro,/, "the root is read-only");
  say("confined: uid 65532, no capability, no new privileges, root read-only");
}

/** Runs a container to its end; one that takes 30 s is ended and told of. */
async function inImage(image: BuiltImage, options: ContainerOptions) {
  const container = startContainer(image, options);
  const result = container.ended();
  try {
    return await deadline(result, "a container");
  } catch (error) {
    kill(container);
    const { stdout, stderr } = await result;
    const words = (options.whole ?? options.args ?? []).join(" ");
    throw new Error(`${words}\n${stdout}${stderr}`, { cause: error });
  }
}

/** The arguments that a chart would work out for these ports and addresses. */
function proxyArgs(simulator: Simulator): string[] {
  const ports = Object.values(PORTS).map((port) => `${HOST}:${port}`);
  const alpaca = network().filter((one) => one.endsWith(":443"));
  const net = [...ports, new URL(simulator.url).host, ...alpaca];
  return [
    `--allow-env=${variables().join(",")}`,
    `--allow-net=${net.join(",")}`,
    "--v8-flags=--max-old-space-size=682",
    "/app/src/start.ts",
  ];
}

/** The body of the first 200 that a URL answers with. */
async function answers(url: string): Promise<string> {
  const end = performance.now() + 20_000;
  for (;;) {
    try {
      const response = await fetch(url);
      const text = await response.text();
      if (response.ok) return text;
    } catch (error) {
      if (!(error instanceof TypeError)) throw error; // nobody listens yet
    }
    if (performance.now() > end) throw new Error(`${url} does not answer`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

async function deadline<T>(promise: Promise<T>, what: string): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} took 30 s`)), 30_000);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

if (import.meta.main) await checkImage();
