/**
 * Secrets are planted wherever the program takes them, and searched in everything that it puts out:
 * logs, health, metrics, errors, spans, answers to operators, the status page and its arguments.
 */
import assert from "node:assert/strict";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createGrpcTransport, Http2SessionManager } from "@connectrpc/connect-node";
import { DEMO_ACCOUNT, startSimulator } from "@alpaca-stream-proxy/simulator";
import { AdminService } from "../../../src/gen/cream/v1/admin_pb.ts";
import { StreamProxyService } from "../../../src/gen/cream/v1/stream_proxy_pb.ts";
import { digestOf } from "../../support/access.ts";
import { AUDIENCE, ISSUER, JwtIssuer } from "../../support/jwt_issuer.ts";
import { otlpCollector } from "../../support/otlp_collector.ts";
import { keyPair, PROXY_CA, tlsEnvironment } from "../../support/proxy_certificates.ts";
import { credentialsOf } from "../../support/tls_clients.ts";
import { until } from "../../support/until.ts";
import { Child, OFFLINE } from "./child.ts";

const KEY = "KEY-planted-1";
const SECRET = "SECRET-planted-2";
const OPERATOR = `asp_${"0perator".repeat(5)}abc`;
/** Tokens that no identity has, as clients may send them by mistake. */
const WRONG = [`asp_${"Wr0ng".repeat(8)}abc`, "hunter2-planted", `Bearer-${SECRET}`];
const PROXY_PASSWORD = "proxy-password-planted";
const NATS_PASSWORD = "nats-password-planted";

/** Connects a client with a token. */
function clientsOf(port: number, token: string) {
  const baseUrl = `https://localhost:${port}`;
  const sessionManager = new Http2SessionManager(baseUrl, {}, credentialsOf("client"));
  const transport = createGrpcTransport({
    baseUrl,
    sessionManager,
    interceptors: [(next) => (request) => {
      request.header.set("authorization", `Bearer ${token}`);
      return next(request);
    }],
  });
  return {
    admin: createClient(AdminService, transport),
    streams: createClient(StreamProxyService, transport),
    [Symbol.dispose]: () => sessionManager.abort(),
  };
}

/** Everything that a call puts out: its answer, or its error with metadata and details. */
async function outputOf(call: Promise<unknown>): Promise<string> {
  try {
    return Deno.inspect(await call, { depth: 20, strAbbreviateSize: 1e6, iterableLimit: 1e6 });
  } catch (cause) {
    const { code, message, metadata, details } = ConnectError.from(cause);
    assert.notEqual(code, Code.Internal);
    return Deno.inspect([code, message, [...metadata], details], { depth: 20 });
  }
}

Deno.test("secrets are in no log, page, metric, error, span, answer, argument", async () => {
  await using simulator = await startSimulator({
    accounts: [{ ...DEMO_ACCOUNT, key: KEY, secret: SECRET }],
  });
  await using collector = otlpCollector();
  await using issuer = await JwtIssuer.start(() => Date.now());
  const jwt = await issuer.sign();
  const forged = `${jwt.slice(0, -8)}AAAAAAAA`;
  const policy = {
    roles: { all: { orders: true, admin: true }, reader: { symbols: ["AAPL"] } },
    identities: [{ name: "operator", role: "all", tokens: [digestOf(OPERATOR)] }],
    jwt: {
      jwksUrl: issuer.url,
      issuer: ISSUER,
      audience: AUDIENCE,
      algorithms: ["ES256", "RS256", "EdDSA"],
      roleClaim: "role",
    },
  };
  const { OTEL_ENABLED: _, ...offline } = OFFLINE;
  await using child = new Child({
    env: {
      ...offline,
      ...simulator.environment(),
      ALPACA_KEY: KEY,
      ALPACA_SECRET: SECRET,
      ...tlsEnvironment("request"),
      STREAM_PROXY_ACCESS: JSON.stringify(policy),
      HTTPS_PROXY: `http://operator:${PROXY_PASSWORD}@127.0.0.1:9`,
      NO_PROXY: "*",
      // Nothing listens there, which is logged.
      STREAM_PROXY_NATS_URL: "nats://127.0.0.1:9",
      STREAM_PROXY_NATS_USER: "proxy",
      STREAM_PROXY_NATS_PASSWORD: NATS_PASSWORD,
      LOG_LEVEL: "debug",
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.endpoint,
      OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
    },
  });
  const { ports } = await child.logged("Started") as unknown as {
    readonly ports: { readonly grpc: number; readonly health: number };
  };
  const outputs: Record<string, string> = { arguments: child.commandLine };

  for (const token of [OPERATOR, jwt, forged, ...WRONG]) {
    using clients = clientsOf(ports.grpc, token);
    const name = token.slice(0, 8);
    outputs[`status ${name}`] = await outputOf(
      clients.streams.getConnectionStatus({ includeSubscriptions: true }),
    );
    const leave = new AbortController();
    const stream = clients.streams.streamQuotes({ symbols: ["AAPL"] }, leave)
      [Symbol.asyncIterator]();
    outputs[`quotes ${name}`] = await outputOf(stream.next());
    leave.abort();
    await stream.next().catch(() => undefined); // ended by the client, or refused
    outputs[`settings ${name}`] = await outputOf(clients.admin.getSettings({}));
    outputs[`streams ${name}`] = await outputOf(clients.admin.listStreams({}));
    outputs[`connections ${name}`] = await outputOf(clients.admin.listConnections({}));
    if (WRONG.includes(token)) continue;
    // A token in a wrong field.
    outputs[`log level ${name}`] = await outputOf(clients.admin.setLogLevel({ level: token }));
    outputs[`end ${name}`] = await outputOf(clients.admin.endStream({ id: token, reason: "test" }));
  }
  // Otherwise a test that reaches nothing would find no secret.
  assert.match(outputs[`settings ${OPERATOR.slice(0, 8)}`] ?? "", /STREAM_PROXY_ACCESS/);
  assert.match(outputs[`quotes ${OPERATOR.slice(0, 8)}`] ?? "", /AAPL/);

  using https = Deno.createHttpClient({ caCerts: [PROXY_CA] });
  const base = `https://localhost:${ports.health}`;
  for (const token of ["", OPERATOR, jwt, ...WRONG]) {
    for (
      const path of ["/", "/health", "/healthz", "/readyz", "/metrics", "/none"]
    ) {
      for (
        const header of [
          { authorization: `Bearer ${token}` },
          { authorization: `Basic ${btoa(`:${token}`)}` },
        ]
      ) {
        const headers = { ...header, connection: "close" };
        const response = await fetch(base + path, { client: https, headers });
        const text = await response.text();
        outputs[`${path} ${token.slice(0, 8)} ${header.authorization.slice(0, 5)}`] = [
          ...[...response.headers].map(String),
          text,
        ].join("\n");
      }
    }
  }
  assert.match(outputs["/metrics  Beare"] ?? "", /alpaca_proxy_/);

  await until("spans", () => collector.spans.length > 0);
  child.signal("SIGTERM");
  const { code, stdout, stderr } = await child.ended();
  assert.equal(code, 0);
  outputs.stdout = stdout;
  outputs.stderr = stderr;
  outputs.spans = JSON.stringify(collector.spans);
  assert.match(stdout, /Authentication|authenticat/i);
  assert.match(stdout, /Cannot connect to NATS/);

  const privateKey = keyPair("proxy").key.split("\n").filter((line) => line.length > 20);
  const secrets = [KEY, SECRET, OPERATOR, jwt, jwt.split(".")[2] ?? "", ...WRONG];
  secrets.push(PROXY_PASSWORD, NATS_PASSWORD);
  for (const [place, output] of Object.entries(outputs)) {
    for (const secret of [...secrets, ...privateKey, btoa(`:${OPERATOR}`)]) {
      const at = output.indexOf(secret);
      assert.ok(at < 0, `${place} has ${secret}: ${output.slice(Math.max(0, at - 300), at + 60)}`);
    }
  }
});
