/** Commands of the image and of the chart's tests, run with their own permissions. */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { ROOT } from "../../../scripts/delivery/generate.ts";
import { runProgram, type RunResult } from "../../../scripts/delivery/run_program.ts";
import { startHarness } from "../../support/harness.ts";
import { keyPair, PROXY_CA, tlsEnvironment } from "../../support/proxy_certificates.ts";

const dockerfile = Deno.readTextFileSync(new URL("Dockerfile", ROOT));

/** A command of the Dockerfile; programs and modules are those of this machine. */
function imageCommand(instruction: RegExp): string[] {
  const words: string[] = JSON.parse(instruction.exec(dockerfile)?.[1] ?? "[]");
  assert.ok(words.length > 0, String(instruction));
  return words.map((word) =>
    word.replace(/^\/bin\/deno$/, Deno.execPath()).replace(
      /(^|=)\/app\//,
      `$1${fileURLToPath(ROOT)}`,
    )
  );
}

/** Runs a command to its end with these variables only. */
async function run(
  words: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<RunResult> {
  const variables = Object.entries(env).map(([name, value]) => `${name}=${value}`);
  const deno = Object.entries(Deno.env.toObject()).filter(([name]) => /^DENO_DIR|^HOME$/.test(name))
    .map(([name, value]) => `${name}=${value}`);
  return await runProgram("env", ["-i", ...deno, ...variables, ...words], { accept: [0, 1] });
}

const healthCheck = imageCommand(/HEALTHCHECK [\s\S]*?CMD (\[.+\])$/m);
const healthTest = [
  ...imageCommand(/^ENTRYPOINT (\[.+\])$/m),
  ...["--allow-env", "--allow-net"],
  fileURLToPath(new URL("scripts/delivery/image/grpc_health.ts", ROOT)),
];

Deno.test("the image's health check follows the TLS of the health port", async () => {
  const { cert = "" } = keyPair("proxy");
  for (const ports of ["grpc,health,metrics", "grpc"]) {
    const tls = { ...tlsEnvironment(), STREAM_PROXY_TLS_PORTS: ports };
    await using harness = await startHarness({ env: tls });
    const env = {
      STREAM_PROXY_HEALTH_PORT: String(harness.proxy.ports.health),
      STREAM_PROXY_TLS_CERT: cert,
      STREAM_PROXY_TLS_PORTS: ports,
    };
    assert.equal((await run(healthCheck, env)).code, 0, ports);
    const { STREAM_PROXY_TLS_CERT: _, ...file } = env;
    const byFile = { ...file, STREAM_PROXY_TLS_CERT_FILE: "/tls/tls.crt" };
    assert.equal((await run(healthCheck, byFile)).code, 0, ports);
    const other = { ...env, STREAM_PROXY_TLS_PORTS: ports === "grpc" ? "health" : "grpc" };
    assert.equal((await run(healthCheck, other)).code, 1, ports);
  }
});

Deno.test("the chart's health test reaches a proxy that requires client certificates", async () => {
  await using harness = await startHarness({ env: tlsEnvironment("require") });
  const words = [...healthTest, `https://localhost:${harness.proxy.ports.grpc}`];
  const client = keyPair("client");
  const env = {
    STREAM_PROXY_CLIENT_CA: PROXY_CA,
    STREAM_PROXY_CLIENT_CERT: client.cert,
    STREAM_PROXY_CLIENT_KEY: client.key,
  };
  const { code, stdout } = await run([...words, "--seconds=20"], env);
  assert.equal(code, 0, stdout);
  assert.match(stdout, /: SERVING\n$/);
  const { STREAM_PROXY_CLIENT_CA } = env;
  assert.equal((await run(words, { STREAM_PROXY_CLIENT_CA })).code, 1);
  assert.equal((await run(words, {})).code, 1);
});
