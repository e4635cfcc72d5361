/** Administration of a whole proxy, from the setting to Alpaca's side. */
import assert from "node:assert/strict";
import { admin } from "../../cli/admin.ts";
import { requireCredentials } from "../../src/infrastructure/config/config.ts";
import { connectTo } from "../support/grpc_client.ts";
import {
  Health,
  HealthCheckResponse_ServingStatus as Serving,
} from "../../src/gen/grpc/health/v1/health_pb.ts";
import { digestOf } from "../support/access.ts";
import { type Harness, type HarnessOptions, startHarness } from "../support/harness.ts";
import { RecordingTerminal } from "../support/recording_terminal.ts";
import { until } from "../support/until.ts";

const OPERATOR = `asp_${"O".repeat(43)}`;
const POLICY = JSON.stringify({
  roles: { operators: { admin: true } },
  identities: [{ name: "operator", role: "operators", tokens: [digestOf(OPERATOR)] }],
});

function start(options: HarnessOptions = {}): Promise<Harness> {
  return startHarness({ ...options, env: { STREAM_PROXY_ACCESS: POLICY, ...options.env } });
}

async function run({ address }: Harness, ...args: readonly string[]) {
  const terminal = new RecordingTerminal({ env: { STREAM_PROXY_TOKEN: OPERATOR } });
  const code = await admin([...args, "--address", address], terminal);
  return { code, output: terminal.output, errors: terminal.errorLines.join("\n") };
}

async function stateOf({ health }: Harness, feed: string): Promise<string> {
  const answer = await fetch(`${health}/health`);
  return (await answer.json()).feeds[feed].state;
}

Deno.test("a feed that is reconnected has a new session, without a refused login", async () => {
  await using harness = await start();
  const { simulator } = harness;
  await until("the feed", async () => await stateOf(harness, "sip") === "connected");
  const logins = () =>
    simulator.requests().filter(({ endpoint, action }) => endpoint === "sip" && action === "auth");
  assert.equal((await run(harness, "reconnect", "sip")).code, 0);
  await until("the next session", () => logins().length === 2);
  await until("the feed", async () => await stateOf(harness, "sip") === "connected");
  const sessions = simulator.sessions().filter(({ endpoint }) => endpoint === "sip");
  assert.equal(sessions.length, 1);
  assert.deepEqual(simulator.requests().filter(({ error }) => error !== undefined), []);
  const again = await run(harness, "reconnect", "sip");
  assert.match(again.errors, /less than 30 s ago/);
  assert.deepEqual(harness.log.messages("warn"), []);
});

Deno.test("a draining proxy is not ready on both ports, until that is undone", async () => {
  await using harness = await start();
  await until("the feed", async () => await stateOf(harness, "sip") === "connected");
  using health = connectTo({ url: `http://${harness.address}` }, Health);
  const states = async () => {
    const ready = await fetch(`${harness.health}/readyz`);
    await ready.body?.cancel();
    return [ready.status, (await health.check({})).status];
  };
  assert.deepEqual(await states(), [200, Serving.SERVING]);
  await run(harness, "drain", "--reason", "upgrade");
  assert.deepEqual(await states(), [503, Serving.NOT_SERVING]);
  await run(harness, "undrain");
  assert.deepEqual(await states(), [200, Serving.SERVING]);
});

Deno.test("settings have the variables that set them; no answer or line has a secret", async () => {
  const password = "hunter2-proxy";
  await using harness = await start({
    env: {
      HTTPS_PROXY: `http://user:${password}@127.0.0.1:1`,
      NO_PROXY: "127.0.0.1,localhost",
      RUST_LOG: "warn",
    },
  });
  const settings = await run(harness, "settings", "--all", "--json");
  assert.equal(settings.code, 0);
  const list = JSON.parse(settings.output).settings as readonly Record<string, string>[];
  const find = (name: string) => list.find((each) => each["name"] === name);
  assert.deepEqual(find("LOG_LEVEL"), {
    name: "LOG_LEVEL",
    value: "warn",
    source: "SOURCE_ENVIRONMENT",
    variable: "RUST_LOG",
  });
  assert.equal(find("STREAM_PROXY_MAX_STREAMS")?.["source"], "SOURCE_DEFAULT");
  const all = [
    settings.output,
    (await run(harness, "list", "--json")).output,
    (await run(harness, "connections", "--json")).output,
    (await run(harness, "end", "none", "--reason", "no such stream")).errors,
    JSON.stringify(harness.log.records),
  ].join("\n");
  const { key, secret } = requireCredentials(harness.proxy.config).trading;
  const digest = digestOf(OPERATOR).slice("sha256:".length);
  for (const planted of [OPERATOR, digest, password, key.reveal(), secret.reveal()]) {
    assert.ok(!all.includes(planted), `${planted.slice(0, 6)}…`);
  }
  assert.ok(all.includes("operator"), "the audit log has the identity");
});
