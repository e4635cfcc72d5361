/**
 * Builds the image and runs it as the chart does: a read-only root, a numeric
 * user, no capabilities. Streams quotes from the simulator through it, reads
 * metrics and a trace, and stops it with SIGTERM; the same with TLS and tokens.
 *
 * Needs root, buildah, bubblewrap and a Debian mirror; without them it exits
 * with 3 and names what is missing.
 *
 * ```sh
 * deno run -A scripts/delivery/check_image.ts
 * ```
 *
 * @module
 */
import assert from "node:assert/strict";
import { startSimulator } from "@alpaca-stream-proxy/simulator";
import { buildImage, type UnpackedImage } from "./build_image.ts";
import { checkSecureRun } from "./check_secure_image.ts";
import { Container } from "./container.ts";
import {
  fetchOk,
  HOST,
  log,
  PORT_SETTINGS,
  PORTS,
  proxyCommand,
  runToEnd,
  within30s,
} from "./image_checks.ts";
import { findProgram, runProgram } from "./run_program.ts";

const GRPC = `${HOST}:${PORTS.grpc}`;

/** Why the image cannot be built or run here; undefined when it can. */
async function findObstacle(): Promise<string | undefined> {
  if (Deno.uid() !== 0) return "not root";
  for (const name of ["buildah", "bwrap", "apt-get"]) {
    if (findProgram(name) === undefined) return `no ${name} on the PATH`;
  }
  const { code, stderr } = await runProgram("setpriv", [
    ...["--reuid", "65532", "--regid", "65532", "--clear-groups"],
    ...["bwrap", "--unshare-user", "--ro-bind", "/", "/", "true"],
  ], { accept: [0, 1, 127] });
  return code === 0 ? undefined : stderr.trim();
}

async function main(): Promise<number> {
  const obstacle = await findObstacle();
  if (obstacle !== undefined) {
    log(`skipped: the image: ${obstacle}`);
    return 3;
  }
  const folder = await Deno.makeTempDir({ prefix: "asp-image-" });
  try {
    const image = await buildImage(folder);
    await checkFiles(image);
    await checkRun(image);
    await checkSecureRun(image);
    return 0;
  } finally {
    await runProgram("rm", ["-rf", folder]);
  }
}

/** Checks files, user and labels of the image. */
async function checkFiles({ root, ...image }: UnpackedImage): Promise<void> {
  const find = async (...args: string[]) => (await runProgram("find", args)).stdout;
  assert.match(image.user, /^\d+:\d+$/, "the user is numeric");
  for (const shell of ["sh", "bash", "dash", "busybox"]) {
    assert.equal(await find(root, "-name", shell), "", "a shell");
  }
  const writable = await find(
    ...[`${root}/app`, `${root}/deno-dir`, `${root}/bin/deno`],
    ...["(", "-perm", "/0022", "-o", "-perm", "/6000", ")", "!", "-type", "l"],
  );
  assert.equal(writable, "", `writable or set-id files: ${writable}`);
  for (const name of ["fast-check", "@alpacahq/alpaca-trade-api"]) {
    const path = `${root}/deno-dir/npm/*/${name}/*/package.json`;
    const found = await find(`${root}/deno-dir/npm`, "-path", path);
    assert.equal(found, "", `${name} is for tests only`);
  }
  for (const cache of ["dep_analysis", "node_analysis", "v8_code"]) {
    for (const log of ["wal", "shm"]) {
      const name = `${cache}_cache_v2-${log}`;
      assert.notEqual(await find(`${root}/deno-dir`, "-name", name), "", `${name} for its cache`);
    }
  }
  for (const label of ["title", "licenses", "version", "revision", "source"]) {
    assert.ok(`org.opencontainers.image.${label}` in image.labels, label);
  }
  const mb = (bytes: number) => `${(bytes / 1e6).toFixed(0)} MB`;
  log(`image size ${mb(image.bytes)}, compressed ${mb(image.packedBytes)}`);
  assert.ok(image.packedBytes < 60e6, "the README states less than 60 MB");
}

/** Runs the proxy and its clients from the image, then stops it. */
async function checkRun(image: UnpackedImage): Promise<void> {
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
  const proxy = new Container(image, {
    command: proxyCommand(simulator),
    env: {
      ...simulator.environment(),
      ...PORT_SETTINGS,
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://${HOST}:${collector.addr.port}`,
      OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
    },
  });
  const crashed = proxy.ended.then(({ code, stdout, stderr }) => {
    throw new Error(`the proxy exited with ${code}\n${stdout}${stderr}`);
  });
  crashed.catch(() => {}); // expected after SIGTERM
  try {
    await Promise.race([crashed, checkProxy(image, proxy)]);
    await Promise.race([crashed, within30s(traces.promise, "a trace")]);
    log("a trace reached the collector");
    const start = performance.now();
    Deno.kill(await proxy.innerPid(), "SIGTERM");
    const { code, stdout } = await within30s(proxy.ended, "SIGTERM");
    assert.equal(code, 0, stdout);
    log(
      `SIGTERM: exit code 0 after ${Math.round(performance.now() - start)} ms`,
    );
  } finally {
    proxy.kill();
    await proxy.ended;
  }
}

async function checkProxy(
  image: UnpackedImage,
  proxy: Container,
): Promise<void> {
  const sinceStart = () => Math.round(performance.now() - proxy.startedAt);
  await fetchOk(`http://${HOST}:${PORTS.health}/healthz`);
  const alive = sinceStart();
  await fetchOk(`http://${HOST}:${PORTS.health}/readyz`);
  log(
    `cold start: /healthz after ${alive} ms, /readyz after ${sinceStart()} ms`,
  );
  await checkConfinement(proxy);
  await checkHealthcheck(image);
  await checkClients(image);
  const metrics = await fetchOk(`http://${HOST}:${PORTS.metrics}/metrics`);
  assert.match(metrics, /alpaca_proxy_messages_sent_total\{[^}]+\} [1-9]/);
}

/** Checks capabilities, user and mounts of the process. */
async function checkConfinement(proxy: Container): Promise<void> {
  const pid = await proxy.innerPid();
  const status = await Deno.readTextFile(`/proc/${pid}/status`);
  const field = (name: string) => new RegExp(`^${name}:\\s+(.+)$`, "m").exec(status)?.[1] ?? "";
  assert.equal(field("CapEff"), "0000000000000000", "effective capabilities");
  assert.equal(field("CapBnd"), "0000000000000000", "bounding set");
  assert.equal(field("NoNewPrivs"), "1");
  assert.match(field("Uid"), /^65532\b/);
  const mounts = await Deno.readTextFile(`/proc/${pid}/mounts`);
  const root = mounts.split("\n").find((line) => line.split(" ")[1] === "/");
  assert.match(root?.split(" ")[3] ?? "", /^ro,/, "the root is read-only");
  log(
    "confined: uid 65532, no capabilities, no new privileges, read-only root",
  );
}

/** The health check exits with 0 for this proxy and with 1 for a closed port. */
async function checkHealthcheck(image: UnpackedImage): Promise<void> {
  for (const [port, expected] of [[PORTS.health, 0], [1, 1]] as const) {
    const { code, stderr } = await runToEnd(image, {
      entrypoint: image.health,
      command: [],
      env: { STREAM_PROXY_HEALTH_PORT: String(port) },
    });
    assert.equal(code, expected, stderr);
  }
  log("HEALTHCHECK: 0 for a healthy proxy, 1 for a closed port");
}

/** The image's own clients are served by the proxy. */
async function checkClients(image: UnpackedImage): Promise<void> {
  const client = async (...args: string[]) => {
    const { code, stdout, stderr } = await runToEnd(image, {
      command: ["--allow-env", "--allow-net", ...args],
      env: { OTEL_ENABLED: "false" },
    });
    assert.equal(code, 0, stdout + stderr);
    return stdout;
  };
  await client("/app/scripts/delivery/image/grpc_health.ts", GRPC);
  const quotes = await client(
    ...["/app/cli/tail.ts", "quotes", "AAPL", "--count", "5", "--json"],
    ...["--address", GRPC],
  );
  const lines = quotes.trim().split("\n");
  assert.equal(lines.length, 5);
  for (const line of lines) assert.match(line, /AAPL/);
  log("grpc_health: SERVING; tail: 5 quotes from the simulator");
}

if (import.meta.main) Deno.exit(await main());
