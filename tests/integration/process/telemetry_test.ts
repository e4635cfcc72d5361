import assert from "node:assert/strict";
import { otlpCollector } from "../../support/otlp_collector.ts";
import manifest from "../../../deno.json" with { type: "json" };
import { Child, OFFLINE } from "./child.ts";

const TRACED = "tests/integration/process/traced.ts";
const { OTEL_ENABLED: _, ...DEFAULTS } = OFFLINE;

/** Starts, waits until it runs, stops. */
async function live(options: ConstructorParameters<typeof Child>[0]) {
  await using child = new Child(options);
  await child.logged("Started");
  const before = performance.now();
  child.signal("SIGTERM");
  const ended = await child.ended();
  return { ...ended, stopMs: performance.now() - before };
}

function exportTo(endpoint: string): Record<string, string> {
  return {
    ...DEFAULTS,
    OTEL_EXPORTER_OTLP_ENDPOINT: endpoint,
    OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
  };
}

Deno.test("spans reach a collector by default, with who sent them", async () => {
  await using collector = otlpCollector();
  const env = { ...exportTo(collector.endpoint), CREAM_ENV: "LIVE" };
  const { code, stderr } = await live({ script: TRACED, env });
  assert.equal(code, 0);
  assert.equal(stderr, "");
  const span = collector.spans.find(({ name }) => name === "feed.session");
  assert.ok(span, "no span arrived");
  const { resource, ...told } = span;
  assert.deepEqual(told, {
    name: "feed.session",
    scope: "alpaca-stream-proxy",
    parentSpanId: "",
    status: 2,
    attributes: { feed: "sip", attempt: told.attributes.attempt, late: true },
    events: ["connected", "exception"],
  });
  assert.equal(Number(told.attributes.attempt), 1);
  assert.equal(resource["service.name"], "alpaca-stream-proxy");
  assert.equal(resource["service.version"], manifest.version);
  assert.equal(resource["deployment.environment.name"], "LIVE");
});

Deno.test("the whole program sends spans of its sessions, and its log", async () => {
  await using collector = otlpCollector();
  const { log } = await live({ env: exportTo(collector.endpoint) });
  assert.ok(collector.requests.includes("/v1/logs"));
  assert.equal(log.filter(({ msg }) => msg === "Started").length, 1);
  const own = collector.spans.filter(({ scope }) => scope === "alpaca-stream-proxy");
  assert.ok(own.length > 0, `only ${JSON.stringify(collector.spans)}`);
  assert.doesNotMatch(JSON.stringify(collector.spans), /zq8[12]/);
});

Deno.test("a service name of the user's wins", async () => {
  await using collector = otlpCollector();
  const env = { ...exportTo(collector.endpoint), OTEL_SERVICE_NAME: "mine" };
  await live({ script: TRACED, env });
  assert.equal(collector.spans[0]?.resource["service.name"], "mine");
});

Deno.test("OTEL_ENABLED=false sends nothing at all", async () => {
  await using collector = otlpCollector();
  const env = { ...exportTo(collector.endpoint), OTEL_ENABLED: "false" };
  const { log } = await live({ script: TRACED, env });
  assert.deepEqual(collector.requests, []);
  assert.deepEqual(log.filter(({ level }) => level === "warn"), []);
});

Deno.test("OTEL_ENABLED=false in .env sends nothing either", async () => {
  await using collector = otlpCollector();
  const dotenv = await Deno.makeTempFile({ suffix: ".env" });
  try {
    await Deno.writeTextFile(dotenv, "OTEL_ENABLED=false\n");
    const env = exportTo(collector.endpoint);
    await live({ script: TRACED, env, dotenv });
    assert.deepEqual(collector.requests, []);
  } finally {
    await Deno.remove(dotenv);
  }
});

Deno.test("without a collector it is silent and stops as fast", async () => {
  const { code, log, stdout, stderr, stopMs } = await live({
    script: TRACED,
    env: exportTo("http://127.0.0.1:1"),
  });
  assert.equal(code, 0);
  assert.equal(stderr, "");
  assert.equal(log.length, stdout.trimEnd().split("\n").length);
  assert.deepEqual([...new Set(log.map(({ level }) => level))], ["info"]);
  assert.ok(stopMs < 5_000, `${stopMs} ms`);
});

Deno.test("a collector that never answers does not hold up the exit for long", async () => {
  await using collector = otlpCollector({ mute: true });
  const env = exportTo(collector.endpoint);
  const { code, stopMs } = await live({ script: TRACED, env });
  assert.equal(code, 0);
  assert.ok(stopMs < 15_000, `${stopMs} ms`);
});

Deno.test("a start that does not match OTEL_ENABLED is logged", async () => {
  await using child = new Child({
    script: TRACED,
    env: { ...DEFAULTS, OTEL_DENO: "false" },
  });
  const { level } = await child.logged(
    "OTEL_ENABLED is true, but Deno was started without OTEL_DENO=true: " +
      "nothing is traced. Start with `deno task start`, or set OTEL_DENO=true",
  );
  assert.equal(level, "warn");
});
