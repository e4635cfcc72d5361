import assert from "node:assert/strict";
import { ConfigError } from "../../../../src/infrastructure/config/config_error.ts";
import { type Config, secretsOf } from "../../../../src/infrastructure/config/config.ts";
import { describeSettings } from "../../../../src/infrastructure/config/describe_settings.ts";
import { parseConfig } from "../../../../src/infrastructure/config/parse_config.ts";
import { keyPair, PROXY_CA } from "../../../support/proxy_certificates.ts";

const PREFIX = "STREAM_PROXY_NATS_";
const CREDENTIALS = "-----BEGIN NATS USER JWT-----\\neyJ0\\n------END NATS USER JWT------";

/** Reads settings of NATS, named without their prefix. */
function parse(env: Readonly<Record<string, string>>, others = {}): Config {
  const named = Object.entries(env).map(([name, value]) => [`${PREFIX}${name}`, value]);
  const keys = { ALPACA_KEY: "k-123", ALPACA_SECRET: "s-123" };
  return parseConfig({ ...keys, ...others, ...Object.fromEntries(named) });
}

/** Every problem as one line, without the prefix. */
function problems(env: Readonly<Record<string, string>>): string[] {
  try {
    parse(env);
  } catch (error) {
    assert.ok(error instanceof ConfigError);
    return error.problems.map(({ variable, received, message }) =>
      `${variable} ${message} (${received})`.replaceAll(PREFIX, "")
    );
  }
  return [];
}

Deno.test("without servers NATS is not used, and settings of NATS are reported", () => {
  const { nats, warnings } = parse({ TOKEN: "t0ken" });
  assert.equal(nats.servers, undefined);
  assert.deepEqual(warnings, [
    "STREAM_PROXY_NATS_TOKEN has no effect without STREAM_PROXY_NATS_URL",
  ]);
});

Deno.test("servers of NATS without the trading feed, which they are for, are reported", () => {
  const { warnings } = parse({ URL: "tls://a" }, { STREAM_PROXY_FEEDS: "sip" });
  assert.deepEqual(warnings, [
    "STREAM_PROXY_NATS_URL has no effect without trading in STREAM_PROXY_FEEDS",
  ]);
});

Deno.test("servers and credentials of NATS are read", () => {
  const { cert, key } = keyPair("client");
  const { nats } = parse({
    URL: "tls://a.example.org:4222/, tls://b.example.org",
    CREDS: CREDENTIALS,
    CA: PROXY_CA,
    CERT: cert,
    KEY: key,
    PREFIX: "desk.one",
    REPLICAS: "3",
  });
  assert.deepEqual(nats.servers, ["tls://a.example.org:4222", "tls://b.example.org"]);
  assert.match(nats.credentials?.reveal() ?? "", /^-----BEGIN NATS USER JWT-----\neyJ0\n-/);
  assert.equal(nats.key?.reveal(), key);
  assert.equal(nats.prefix, "desk.one");
  assert.equal(nats.replicas, 3);
});

Deno.test("order updates leave this machine in clear text only if that is allowed", () => {
  const url = { URL: "nats://nats.svc:4222" };
  assert.deepEqual(problems(url), [
    "URL would send order updates unencrypted to another machine (nats://nats.svc:4222)",
  ]);
  assert.deepEqual(problems({ URL: "nats://127.0.0.1:4222,nats://[::1]:4222" }), []);
  assert.deepEqual(problems({ ...url, CA: PROXY_CA }), []);
  const { nats } = parse(url, { STREAM_PROXY_ALLOW_PLAINTEXT_UPSTREAM: "true" });
  assert.deepEqual(nats.servers, [url.URL]);
});

Deno.test("wrong settings of NATS are errors that name what is wrong and show no secret", () => {
  const URL = "tls://nats.example.org";
  const cases: readonly [Readonly<Record<string, string>>, readonly string[]][] = [
    [{ URL: "nats.example.org" }, ['URL contains "nats.example.org" (nats.example.org)']],
    [{ URL: "http://a" }, ['URL contains "http://a" (http://a)']],
    [{ URL: "tls://a/path" }, ['URL contains "tls://a/path" (tls://a/path)']],
    [{ URL: "tls://user:secret@a" }, [
      "URL contains a user name or a password; they have settings of their own (undefined)",
    ]],
    [{ URL: "tls://a,nats://127.0.0.1" }, [
      "URL mixes servers with and without TLS (tls://a,nats://127.0.0.1)",
    ]],
    [{ URL, USER: "proxy" }, ["PASSWORD is not set, but USER is (undefined)"]],
    [{ URL, PASSWORD: "secret" }, ["USER is not set, but PASSWORD is (undefined)"]],
    [{ URL, USER: "proxy", PASSWORD: "secret", TOKEN: "t0ken" }, [
      "TOKEN is set, and so is USER (undefined)",
    ]],
    [{ URL, CREDS: "secret" }, ["CREDS is not the text of a .creds file (undefined)"]],
    [{ URL, PREFIX: "a.*" }, ["PREFIX is not accepted (a.*)"]],
    [{ URL, REPLICAS: "6" }, ["REPLICAS is not accepted (6)"]],
  ];
  for (const [env, expected] of cases) {
    assert.deepEqual(problems(env), expected, JSON.stringify(env));
  }
});

Deno.test("secrets of NATS are redacted and never shown", () => {
  const config = parse({ URL: "tls://a", USER: "proxy", PASSWORD: "pass-123" });
  assert.ok(secretsOf(config).some((secret) => secret.reveal() === "pass-123"));
  const shown = describeSettings(config);
  assert.equal(shown.STREAM_PROXY_NATS_PASSWORD, "<set>");
  assert.equal(shown.STREAM_PROXY_NATS_USER, "proxy");
  assert.equal(shown.STREAM_PROXY_NATS_URL, "tls://a");
});
