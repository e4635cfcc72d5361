/**
 * Runs the image as the chart does with a certificate in a Secret and an access
 * policy: the files may be read by name only, probes and clients use TLS, and a
 * renewed certificate is used without a restart.
 *
 * @module
 */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { connect } from "node:tls";
import { once } from "node:events";
import { join } from "node:path";
import { startSimulator } from "@alpaca-stream-proxy/simulator";
import { keyPair, PROXY_CA } from "../../tests/support/proxy_certificates.ts";
import type { UnpackedImage } from "./build_image.ts";
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

/** Path of the mounted Secret in the container. */
const FOLDER = "/tls";
const CERTIFICATE = `${FOLDER}/tls.crt`;
const KEY = `${FOLDER}/tls.key`;
const TOKEN = "asp_token_of_the_image_check";
const GRPC = `https://${HOST}:${PORTS.grpc}`;

/** Runs the proxy and its clients with TLS and an access policy. */
export async function checkSecureRun(image: UnpackedImage): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "asp-secret-" });
  try {
    await Deno.chmod(folder, 0o755);
    await project(folder, "proxy");
    await Deno.mkdir(join(image.root, FOLDER)); // as a container engine does
    await using simulator = await startSimulator({ messagesPerSecond: 500 });
    const command = [`--allow-read=${CERTIFICATE},${KEY}`, ...proxyCommand(simulator)];
    const proxy = new Container(image, {
      command,
      mounts: { [FOLDER]: folder },
      env: {
        ...simulator.environment(),
        ...PORT_SETTINGS,
        OTEL_ENABLED: "false",
        STREAM_PROXY_TLS_CERT_FILE: CERTIFICATE,
        STREAM_PROXY_TLS_KEY_FILE: KEY,
        STREAM_PROXY_ACCESS: policyText(),
      },
    });
    const crashed = proxy.ended.then(({ code, stdout, stderr }) => {
      throw new Error(`the proxy exited with ${code}\n${stdout}${stderr}`);
    });
    crashed.catch(() => {}); // expected after the end of the check
    try {
      await Promise.race([crashed, checkProxy(image, folder)]);
    } finally {
      proxy.kill();
      await proxy.ended;
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function checkProxy(image: UnpackedImage, folder: string): Promise<void> {
  using client = Deno.createHttpClient({ caCerts: [PROXY_CA] });
  await fetchOk(`https://localhost:${PORTS.health}/readyz`, client);
  await checkHealthcheck(image);
  await checkClients(image);
  assert.equal(await presentedName(), "localhost");
  await project(folder, "renewed");
  await within30s(untilPresented("renewed"), "the renewed certificate");
  log("a renewed certificate is presented without a restart");
}

/** A policy with one token. */
function policyText(): string {
  const digest = createHash("sha256").update(TOKEN).digest("hex");
  return JSON.stringify({
    roles: { reader: {} },
    identities: [{ name: "check", role: "reader", tokens: [`sha256:${digest}`] }],
  });
}

/** Writes a certificate and its key as Kubernetes projects a Secret, by a link that is replaced. */
async function project(folder: string, name: string): Promise<void> {
  const { cert, key } = keyPair(name);
  const version = join(folder, `..${name}`);
  await Deno.mkdir(version);
  for (const [file, text] of [["tls.crt", cert], ["tls.key", key]] as const) {
    await Deno.writeTextFile(join(version, file), text);
    // Readable for the group of the container's user, as with fsGroup.
    await Deno.chown(join(version, file), 0, 65_532);
    await Deno.chmod(join(version, file), 0o440);
    const link = join(folder, file);
    if (!await isPresent(link)) await Deno.symlink(`..data/${file}`, link);
  }
  await Deno.symlink(`..${name}`, join(folder, "..next"));
  await Deno.rename(join(folder, "..next"), join(folder, "..data"));
}

async function isPresent(path: string): Promise<boolean> {
  return await Deno.lstat(path).then(() => true, () => false);
}

/** Common name of the certificate of the gRPC port. */
async function presentedName(): Promise<string> {
  const options = { host: HOST, port: PORTS.grpc, servername: "localhost", ca: PROXY_CA };
  const socket = connect({ ...options, ALPNProtocols: ["h2"] });
  try {
    await once(socket, "secureConnect");
    return String(socket.getPeerCertificate().subject.CN);
  } finally {
    socket.destroy();
  }
}

async function untilPresented(name: string): Promise<void> {
  while (await presentedName() !== name) await new Promise((resolve) => setTimeout(resolve, 500));
}

/** The health check uses HTTPS where the variables of the container say so. */
async function checkHealthcheck(image: UnpackedImage): Promise<void> {
  const health = { STREAM_PROXY_HEALTH_PORT: String(PORTS.health) };
  for (
    const [env, expected] of [
      [{ ...health, STREAM_PROXY_TLS_CERT_FILE: CERTIFICATE }, 0],
      [health, 1],
    ] as const
  ) {
    const { code, stderr } = await runToEnd(image, { entrypoint: image.health, command: [], env });
    assert.equal(code, expected, stderr);
  }
  log("HEALTHCHECK with TLS: 0 by HTTPS, 1 without");
}

/** The image's own clients are served with TLS, and streams need the token. */
async function checkClients(image: UnpackedImage): Promise<void> {
  const client = (args: readonly string[], env: Readonly<Record<string, string>>) =>
    runToEnd(image, {
      command: ["--allow-env", "--allow-net", ...args],
      env: { OTEL_ENABLED: "false", STREAM_PROXY_CLIENT_CA: PROXY_CA, ...env },
    });
  const health = await client(["/app/scripts/delivery/image/grpc_health.ts", GRPC], {});
  assert.equal(health.code, 0, health.stdout + health.stderr);
  const tail = ["/app/cli/tail.ts", "quotes", "AAPL", "--count", "5", "--json", "--address", GRPC];
  const quotes = await client(tail, { STREAM_PROXY_TOKEN: TOKEN });
  assert.equal(quotes.code, 0, quotes.stdout + quotes.stderr);
  assert.equal(quotes.stdout.trim().split("\n").length, 5);
  const refused = await client(tail, {});
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /STREAM_PROXY_TOKEN/);
  log("grpc_health by TLS: SERVING; tail: 5 quotes with the token, refused without it");
}
