import assert from "node:assert/strict";
import {
  type Config,
  requireCredentials,
  secretsOf,
} from "../../../../src/infrastructure/config/config.ts";
import { ConfigError } from "../../../../src/infrastructure/config/config_error.ts";
import { parseConfig } from "../../../../src/infrastructure/config/parse_config.ts";

const KEYS = { ALPACA_KEY: "k-123", ALPACA_SECRET: "s-123" };
const NATS = { STREAM_PROXY_NATS_URL: "nats://127.0.0.1:4222" };

/** Every problem of the settings as one line. */
function problems(env: Readonly<Record<string, string>>): string[] {
  try {
    parseConfig(env);
  } catch (error) {
    assert.ok(error instanceof ConfigError);
    return error.problems.map(({ variable, message }) => `${variable} ${message}`);
  }
  return [];
}

function edge(env: Readonly<Record<string, string>> = {}): Config {
  return parseConfig({ STREAM_PROXY_ROLE: "edge", ...NATS, ...env });
}

Deno.test("a process is single, and needs no NATS, unless it has another role", () => {
  const { cluster, nats, warnings } = parseConfig(KEYS);
  assert.deepEqual(cluster, { role: "single", leaseMs: 5_000 });
  assert.equal(nats.servers, undefined);
  assert.deepEqual(warnings, []);
});

Deno.test("hubs and edges need the servers of NATS", () => {
  const missing = (role: string) => [
    `STREAM_PROXY_NATS_URL is not set, but STREAM_PROXY_ROLE=${role} needs it`,
  ];
  assert.deepEqual(problems({ ...KEYS, STREAM_PROXY_ROLE: "hub" }), missing("hub"));
  assert.deepEqual(problems({ STREAM_PROXY_ROLE: "edge" }), missing("edge"));
  assert.deepEqual(problems({ ...KEYS, ...NATS, STREAM_PROXY_ROLE: "hub" }), []);
});

Deno.test("a hub needs keys of Alpaca like a single process", () => {
  assert.deepEqual(problems({ ...NATS, STREAM_PROXY_ROLE: "hub" }), [
    "ALPACA_KEY is required and not set",
    "ALPACA_SECRET is required and not set",
  ]);
});

Deno.test("an edge has no keys of Alpaca, and what would use them fails", () => {
  const config = edge();
  assert.equal(config.credentials, undefined);
  assert.deepEqual(secretsOf(config), []);
  assert.throws(() => requireCredentials(config), /role edge does not connect to Alpaca/);
});

Deno.test("each variable with a key of Alpaca is an error on an edge", () => {
  const set = {
    ALPACA_KEY: "k-123",
    APCA_API_SECRET_KEY: "s-123",
    ALPACA_DATA_KEY: "d-123",
    ALPACA_DATA_SECRET: "e-123",
  };
  assert.deepEqual(
    problems({ STREAM_PROXY_ROLE: "edge", ...NATS, ...set }),
    Object.keys(set).map((name) => `${name} is set, but an edge does not connect to Alpaca`),
  );
});

Deno.test("NATS has an effect without the trading feed where it connects processes", () => {
  const feeds = { STREAM_PROXY_FEEDS: "sip" };
  assert.deepEqual(edge(feeds).warnings, []);
  assert.deepEqual(
    parseConfig({ ...KEYS, ...NATS, ...feeds, STREAM_PROXY_ROLE: "hub" }).warnings,
    [],
  );
});
