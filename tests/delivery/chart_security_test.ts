/** Helm tests and notes of the chart with TLS and an access policy. */
import assert from "node:assert/strict";
import { requires } from "../support/requires.ts";
import {
  type ContainerSpec,
  type Manifest,
  parseManifests,
  podSpec,
  renderChart,
  renderNotes,
} from "./chart_render.ts";

const credentials = { existingSecret: "alpaca" };
const policy = { ...credentials, secretNames: { STREAM_PROXY_ACCESS: "access-policy" } };
const tls = { existingSecret: "proxy-tls" };
const mutual = { ...tls, clientCaKey: "ca.crt" };
/** A symbol that the proxy's own feed has, so that the test streams from the proxy. */
const symbol = "AAPL";

/** The container of a Helm test; undefined where the test is left out. */
function testContainer(
  manifests: readonly Manifest[],
  test: "health" | "stream",
): ContainerSpec | undefined {
  const pod = manifests.find(({ kind, metadata }) =>
    kind === "Pod" && metadata.name.endsWith(`-test-${test}`)
  );
  return pod && podSpec(pod)?.containers[0];
}

/** The variables that a container reads from Secrets: `name=secret/key`. */
function secretsOf({ env = [] }: ContainerSpec): string[] {
  return env.flatMap(({ name, valueFrom }) => {
    const ref = valueFrom?.secretKeyRef;
    return ref ? [`${name}=${ref.name}/${ref.key}${ref.optional ? "?" : ""}`] : [];
  });
}

interface Expected {
  readonly name: string;
  readonly values: Readonly<Record<string, unknown>>;
  /** Address of the health test; undefined where it is left out. */
  readonly health: string | undefined;
  /** Address of the stream test, and its Secrets; undefined where it is left out. */
  readonly stream: { readonly address: string; readonly secrets: readonly string[] } | undefined;
  /** What the notes state. */
  readonly notes?: readonly RegExp[];
}

const PLAIN = "proxy-alpaca-stream-proxy:50052";
const SECURE = "https://proxy-alpaca-stream-proxy.trading.svc:50052";
const OWN = { address: "127.0.0.1:50052", secrets: [] };

const EXPECTED: readonly Expected[] = [
  {
    name: "neither",
    values: { credentials },
    health: PLAIN,
    stream: OWN,
    notes: [
      /\(gRPC without TLS\)/,
      /curl -s localhost:8082\/health/,
      /tail quotes AAPL --address localhost:50052/,
      /clients need a token: export STREAM_PROXY_TOKEN=/,
    ],
  },
  {
    name: "TLS",
    values: { credentials, tls, tests: { symbol } },
    health: SECURE,
    stream: { address: SECURE, secrets: ["STREAM_PROXY_CLIENT_CA=proxy-tls/ca.crt?"] },
    notes: [
      /\(gRPC with TLS\)\n.*\(status page and health, with TLS\)/,
      /curl -sk https:\/\/localhost:8082\/health/,
      /export STREAM_PROXY_CLIENT_CA=/,
      /tail quotes AAPL --address https:\/\/localhost:50052/,
    ],
  },
  {
    name: "TLS of the gRPC port only",
    values: { credentials, tls, config: { STREAM_PROXY_TLS_PORTS: "grpc" } },
    health: SECURE,
    stream: OWN,
    notes: [/\(gRPC with TLS\)/, /\(status page and health\)/, /curl -s localhost:8082\/health/],
  },
  {
    name: "TLS of the health port only",
    values: { credentials, tls, config: { STREAM_PROXY_TLS_PORTS: "health" } },
    health: PLAIN,
    stream: OWN,
    notes: [/\(gRPC without TLS\)/, /curl -sk https:/, /--address localhost:50052/],
  },
  {
    name: "TLS, a CA in another Secret and a name of the certificate",
    values: {
      credentials,
      tls,
      tests: { symbol, caSecret: "company-ca", caKey: "root.pem", host: "proxy.example.org" },
    },
    health: "https://proxy.example.org:50052",
    stream: {
      address: "https://proxy.example.org:50052",
      secrets: ["STREAM_PROXY_CLIENT_CA=company-ca/root.pem"],
    },
  },
  {
    name: "required client certificates, and tests without one",
    values: { credentials, tls: mutual, tests: { symbol } },
    health: undefined,
    stream: undefined,
    notes: [
      /export STREAM_PROXY_CLIENT_CERT=/,
      /Without the health test: .*requires a client certificate.*tests\.clientSecret/,
      /Without the stream test: .*requires a client certificate.*tests\.clientSecret/,
    ],
  },
  {
    name: "requested client certificates",
    values: {
      credentials,
      tls: mutual,
      config: { STREAM_PROXY_TLS_CLIENT_AUTH: "request" },
      tests: { symbol },
    },
    health: SECURE,
    stream: { address: SECURE, secrets: ["STREAM_PROXY_CLIENT_CA=proxy-tls/ca.crt?"] },
  },
  {
    name: "required client certificates, and tests with one",
    values: { credentials: policy, tls: mutual, tests: { symbol, clientSecret: "tester" } },
    health: SECURE,
    stream: {
      address: SECURE,
      secrets: [
        "STREAM_PROXY_CLIENT_CA=proxy-tls/ca.crt?",
        "STREAM_PROXY_CLIENT_CERT=tester/tls.crt",
        "STREAM_PROXY_CLIENT_KEY=tester/tls.key",
      ],
    },
  },
  {
    name: "an access policy, and a stream test without a token",
    values: { credentials: policy, tests: { symbol } },
    health: PLAIN,
    stream: undefined,
    notes: [
      /export STREAM_PROXY_TOKEN=… {3}\(deno task token/,
      /Without the stream test: .*access policy.*tests\.tokenSecret/,
    ],
  },
  {
    name: "an access policy in the values, and a stream test without a token",
    values: {
      credentials: { values: { ALPACA_KEY: "k", ALPACA_SECRET: "s", STREAM_PROXY_ACCESS: "{}" } },
      tests: { symbol },
    },
    health: PLAIN,
    stream: undefined,
  },
  {
    name: "an access policy, and a stream test from Alpaca's test feed",
    values: { credentials: policy },
    health: PLAIN,
    stream: OWN,
  },
  {
    name: "an access policy, TLS, and a stream test with a token",
    values: { credentials: policy, tls, tests: { symbol, tokenSecret: "tester" } },
    health: SECURE,
    stream: {
      address: SECURE,
      secrets: [
        "STREAM_PROXY_CLIENT_CA=proxy-tls/ca.crt?",
        "STREAM_PROXY_TOKEN=tester/token",
      ],
    },
  },
];

for (const { name, values, health, stream, notes = [] } of EXPECTED) {
  Deno.test(requires(["helm"], {
    name: `the chart's tests and notes with ${name}`,
    fn: async () => {
      const manifests = parseManifests(await renderChart(values));
      const healthTest = testContainer(manifests, "health");
      assert.equal(healthTest?.args?.[3], health);
      const secrets = healthTest ? secretsOf(healthTest) : [];
      assert.ok(!secrets.some((one) => one.includes("TOKEN")), "health checks need no token");
      const streamTest = testContainer(manifests, "stream");
      const found = streamTest && {
        address: streamTest.args?.find((arg) => arg.startsWith("--address="))?.slice(10),
        secrets: secretsOf(streamTest),
      };
      assert.deepEqual(found, stream);
      const text = await renderNotes(values);
      for (const note of notes) assert.match(text, note);
      const hasLeftOut = health === undefined || stream === undefined;
      assert.equal(/Without the \w+ test/.test(text), hasLeftOut, text);
    },
  }));
}

Deno.test(requires(["helm"], {
  name: "the second proxy of the chart's stream test has neither TLS nor an access policy",
  fn: async () => {
    const config = {
      STREAM_PROXY_TLS_CERT_FILE: "/tls/proxy.pem",
      STREAM_PROXY_TLS_KEY_FILE: "/tls/proxy.key",
      STREAM_PROXY_TLS_CLIENT_CA_FILE: "/tls/ca.pem",
    };
    const manifests = parseManifests(await renderChart({ credentials: policy, tls, config }));
    const pod = manifests.find(({ metadata }) => metadata.name.endsWith("-test-stream"));
    const proxy = pod && podSpec(pod)?.initContainers?.[0];
    assert.ok(proxy);
    const names = proxy.env?.map(({ name }) => name) ?? [];
    assert.ok(names.includes("ALPACA_KEY"));
    const secured = names.filter((name) => /ACCESS|TLS_(CERT|KEY|CLIENT)/.test(name));
    assert.deepEqual(secured, []);
  },
}));
