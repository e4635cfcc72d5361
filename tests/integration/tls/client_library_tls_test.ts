import assert from "node:assert/strict";
import { connect } from "../../../client/mod.ts";
import { RpcError } from "../../../client/rpc_client.ts";
import { tail } from "../../../cli/tail.ts";
import { startHarness } from "../../support/harness.ts";
import { keyPair, PROXY_CA, tlsEnvironment } from "../../support/proxy_certificates.ts";
import { RecordingTerminal } from "../../support/recording_terminal.ts";

const TOKEN = "client-library-token";

async function policy(): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(TOKEN));
  return JSON.stringify({
    roles: { reader: {} },
    identities: [
      {
        name: "by-token",
        role: "reader",
        tokens: [`sha256:${new Uint8Array(digest).toHex()}`],
      },
      { name: "by-certificate", role: "reader", certificates: ["spiffe://quant/dashboard"] },
    ],
  });
}

/** The code of the failed call; `OK` when it succeeds. */
async function statusOf(options: Parameters<typeof connect>[0]): Promise<string> {
  using client = connect(options);
  try {
    const status = await client.status();
    return status === undefined ? "no status" : "OK";
  } catch (error) {
    assert.ok(error instanceof RpcError);
    return error.code;
  }
}

Deno.test("the client library uses TLS, its own CA and a token", async () => {
  await using harness = await startHarness({
    env: { ...tlsEnvironment(), STREAM_PROXY_ACCESS: await policy() },
  });
  const address = `https://localhost:${harness.proxy.ports.grpc}`;
  const tls = { ca: PROXY_CA };
  assert.equal(await statusOf({ address, tls, token: TOKEN }), "OK");
  assert.equal(await statusOf({ address, tls, token: () => Promise.resolve(TOKEN) }), "OK");
  assert.equal(await statusOf({ address, tls }), "UNAUTHENTICATED");
  assert.equal(await statusOf({ address, tls, token: "another" }), "UNAUTHENTICATED");
  // The CA of the test is not one of the system's.
  assert.equal(await statusOf({ address, token: TOKEN }), "UNAVAILABLE");
});

Deno.test("a client certificate is an identity", async () => {
  await using harness = await startHarness({
    env: { ...tlsEnvironment("request"), STREAM_PROXY_ACCESS: await policy() },
  });
  const address = `https://localhost:${harness.proxy.ports.grpc}`;
  const tls = { ca: PROXY_CA, ...keyPair("client") };
  assert.equal(await statusOf({ address, tls }), "OK");
  assert.equal(await statusOf({ address, tls: { ca: PROXY_CA } }), "UNAUTHENTICATED");
});

Deno.test("the client library survives a proxy that requires a certificate", async () => {
  await using harness = await startHarness({ env: tlsEnvironment("require") });
  const address = `https://localhost:${harness.proxy.ports.grpc}`;
  assert.equal(await statusOf({ address, tls: { ca: PROXY_CA, ...keyPair("client") } }), "OK");
  const tls = { ca: PROXY_CA };
  // With TLS 1.3 the client learns of the refusal after its call has begun.
  for (let i = 0; i < 5; i++) assert.notEqual(await statusOf({ address, tls }), "OK");
});

Deno.test("tail takes certificates and a token from variables", async () => {
  await using harness = await startHarness({
    env: { ...tlsEnvironment(), STREAM_PROXY_ACCESS: await policy() },
  });
  const address = `https://localhost:${harness.proxy.ports.grpc}`;
  const env = {
    STREAM_PROXY_CLIENT_CA: PROXY_CA.replaceAll("\n", "\\n"),
    STREAM_PROXY_TOKEN: TOKEN,
  };
  const run = async (env: Record<string, string>) => {
    const terminal = new RecordingTerminal({ env });
    return await tail(["status", "--no-reconnect", "--address", address], terminal);
  };
  assert.equal(await run(env), 0);
  assert.equal(await run({ STREAM_PROXY_CLIENT_CA: PROXY_CA }), 1);
});
