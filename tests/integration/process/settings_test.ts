import assert from "node:assert/strict";
import { ALL_SETTINGS } from "../../../src/infrastructure/config/settings.ts";
import { Child, OFFLINE, startArguments } from "./child.ts";

Deno.test("start needs permission for network and environment only", () => {
  const permissions = startArguments().filter((word) =>
    /^(--allow|--deny|-A|-P|-R|-W|-N|-E|-S|-I)/.test(word)
  );
  assert.deepEqual(permissions, ["--allow-net", "--allow-env"]);
});

Deno.test("invalid settings are reported together on standard error, code 78", async () => {
  await using child = new Child({
    env: {
      ALPACA_KEY: "KEY-zq81",
      ALPACA_SECRET: "SECRET-zq82",
      CREAM_ENV: "prod",
      ALPACA_FEED: "nyse",
      STREAM_PROXY_GRPC_PORT: "70000",
      STREAM_PROXY_HEALTH_PORT: "9090",
      ALPACA_STOCK_STREAM_URL: "ws://simulator/v2/sip",
      LOG_LEVEL: "loud",
    },
  });
  const { code, stdout, stderr } = await child.ended();
  assert.equal(code, 78);
  assert.equal(stdout, "");
  assert.match(stderr, /^alpaca-stream-proxy cannot start: 6 invalid settings/);
  for (
    const variable of [
      'CREAM_ENV="prod"',
      'ALPACA_FEED="nyse"',
      'STREAM_PROXY_GRPC_PORT="70000"',
      'STREAM_PROXY_METRICS_PORT="9090"',
      'ALPACA_STOCK_STREAM_URL="ws://simulator/v2/sip"',
      'LOG_LEVEL="loud"',
    ]
  ) assert.ok(stderr.includes(`\n  ${variable} `), `${variable}\n${stderr}`);
  assert.doesNotMatch(stderr, /zq8|at file:|task demo/);
});

Deno.test("without credentials it names the missing variables and the demo", async () => {
  await using child = new Child();
  const { code, stdout, stderr } = await child.ended();
  assert.equal(code, 78);
  assert.equal(stdout, "");
  assert.equal(
    stderr,
    `alpaca-stream-proxy cannot start: 2 invalid settings.

  ALPACA_KEY is required and not set.
    Set it, or its alias APCA_API_KEY_ID.
  ALPACA_SECRET is required and not set.
    Set it, or its alias APCA_API_SECRET_KEY.

To try it without an account: deno task demo
docs/configuration.md lists every setting.
`,
  );
});

Deno.test("it starts against a dead upstream, serves its health and stops with 0", async () => {
  await using child = new Child({ env: OFFLINE });
  const { ports } = await child.logged("Started") as { ports: { health: number } };
  const base = `http://127.0.0.1:${ports.health}`;
  const live = await fetch(`${base}/healthz`);
  assert.deepEqual([live.status, await live.text()], [200, "OK"]);
  const health = await fetch(`${base}/health`);
  assert.equal(health.status, 503);
  assert.equal((await health.json()).status, "unhealthy");
  const metrics = await (await fetch(`${base}/metrics`)).text();
  assert.match(metrics, /^alpaca_proxy_grpc_clients 0$/m);
  const before = performance.now();
  child.signal("SIGTERM");
  const { code, stdout, stderr } = await child.ended();
  assert.equal(code, 0);
  assert.ok(performance.now() - before < 10_000);
  assert.equal(stderr, "");
  assert.doesNotMatch(stdout, /zq8[12]/);
});

Deno.test("the settings in force are logged at the start, secrets as set", async () => {
  await using child = new Child({
    env: { ...OFFLINE, STREAM_PROXY_GRCP_PORT: "1" },
  });
  const { settings } = await child.logged("Starting") as { settings: Record<string, unknown> };
  assert.equal(settings.ALPACA_KEY, "<set>");
  assert.equal(settings.ALPACA_SECRET, "<set>");
  assert.equal(settings.CREAM_ENV, "PAPER");
  await child.logged(
    "STREAM_PROXY_GRCP_PORT is not a known setting and is ignored; " +
      "did you mean STREAM_PROXY_GRPC_PORT?",
  );
});

for (
  const [variable, purpose] of [["STREAM_PROXY_HEALTH_PORT", "health checks"], [
    "STREAM_PROXY_METRICS_PORT",
    "metrics",
  ], ["STREAM_PROXY_GRPC_PORT", "gRPC"]] as const
) {
  Deno.test(`a taken ${variable} ends the start with a message`, async () => {
    using taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const port = String(taken.addr.port);
    await using child = new Child({ env: { ...OFFLINE, [variable]: port } });
    const { code, stderr } = await child.ended();
    assert.equal(code, 1);
    assert.ok(stderr.includes(`127.0.0.1:${port}`), stderr);
    assert.ok(stderr.includes(variable), stderr);
    assert.ok(stderr.includes(purpose), stderr);
  });
}

Deno.test("a .env file is honoured and real variables win over it", async () => {
  const file = await Deno.makeTempFile({ suffix: ".env" });
  try {
    const { ALPACA_KEY, ALPACA_SECRET, ...rest } = OFFLINE;
    await Deno.writeTextFile(
      file,
      `ALPACA_KEY=${ALPACA_KEY}\nALPACA_SECRET=${ALPACA_SECRET}\n` +
        "ALPACA_FEED=iex\nSTREAM_PROXY_FEEDS=sip\nCREAM_ENV=LIVE\n",
    );
    await using child = new Child({
      dotenv: file,
      env: {
        ...rest,
        ALPACA_FEED: "test",
        ALPACA_STOCK_STREAM_URL: "ws://127.0.0.1:1/v2/test",
      },
    });
    const { settings } = await child.logged("Starting") as { settings: Record<string, unknown> };
    assert.equal(settings.STREAM_PROXY_FEEDS, "sip");
    assert.equal(settings.ALPACA_FEED, "test");
    assert.equal(settings.CREAM_ENV, "LIVE");
  } finally {
    await Deno.remove(file);
  }
});

Deno.test("it runs where --allow-env names the variables one by one", async () => {
  await using child = new Child({
    script: "tests/integration/process/scripted.ts",
    allowEnv: ["ALPACA_*", "STREAM_PROXY_*", "CREAM_ENV", "SCRIPTED"],
    env: {
      ...OFFLINE,
      OTEL_DENO: "false",
      ALPACA_FEED: "iex",
      ALPACA_STOCK_STREAM_URL: "ws://127.0.0.1:1/v2/iex",
    },
  });
  const { settings } = await child.logged("Starting") as { settings: Record<string, unknown> };
  assert.equal(settings.ALPACA_FEED, "iex");
  assert.equal(settings.OTEL_ENABLED, true); // not readable: as if unset
  assert.deepEqual(Object.keys(settings), ALL_SETTINGS.map(({ name }) => name));
  await child.logged("Started");
});

Deno.test("it logs also where it may not read how its console was set", async () => {
  await using child = new Child({
    script: "tests/integration/process/scripted.ts",
    allowEnv: ["ALPACA_*", "STREAM_PROXY_*", "OTEL_DENO", "SCRIPTED"],
    env: {
      ...OFFLINE,
      OTEL_ENABLED: "true",
      OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:1",
    },
  });
  await child.logged("Started");
});

Deno.test("importing the module does nothing", async () => {
  const found = await import("../../../mod.ts");
  assert.equal(typeof found.startProxy, "function");
  assert.equal(typeof found.parseConfig, "function");
});
