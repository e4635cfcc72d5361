/** Identities by client certificates, from the handshake to the grants. */
import assert from "node:assert/strict";
import { Code, ConnectError } from "@connectrpc/connect";
import { digestOf } from "../../support/access.ts";
import { startHarness } from "../../support/harness.ts";
import { tlsEnvironment } from "../../support/proxy_certificates.ts";
import { secureClient } from "../../support/tls_clients.ts";

const TOKEN = `asp_${"T".repeat(43)}`;

function environment(certificates: readonly string[]): Record<string, string> {
  return {
    ...tlsEnvironment("request"),
    STREAM_PROXY_ACCESS: JSON.stringify({
      roles: { viewer: { rpcs: ["GetConnectionStatus"] }, none: { rpcs: [] } },
      identities: [
        { name: "dashboard", role: "viewer", certificates },
        { name: "robot", role: "none", tokens: [digestOf(TOKEN)] },
      ],
    }),
  };
}

/** The code of a call. */
async function codeOf(port: number, certificate?: string, token?: string): Promise<string> {
  using client = secureClient(port, certificate);
  const headers: Record<string, string> = token ? { authorization: `Bearer ${token}` } : {};
  try {
    await client.getConnectionStatus({}, { headers, timeoutMs: 10_000 });
    return "Ok";
  } catch (error) {
    return Code[ConnectError.from(error).code] ?? "";
  }
}

for (const name of ["spiffe://quant/dashboard", "CN=dashboard"]) {
  Deno.test(`a client certificate has the identity of ${name}; a token decides`, async () => {
    await using harness = await startHarness({ env: environment([name]) });
    const { grpc } = harness.proxy.ports;
    assert.equal(await codeOf(grpc, "client"), "Ok");
    assert.equal(await codeOf(grpc), "Unauthenticated");
    assert.equal(await codeOf(grpc, "client", TOKEN), "PermissionDenied");
    assert.equal(await codeOf(grpc, "client", "wrong"), "Unauthenticated");
    assert.equal(await codeOf(grpc, undefined, TOKEN), "PermissionDenied");
  });
}

Deno.test("a verified certificate of no identity is not authenticated", async () => {
  const names = ["spiffe://quant/other", "CN=dash", "CN=dashboard.example"];
  await using harness = await startHarness({ env: environment(names) });
  assert.equal(await codeOf(harness.proxy.ports.grpc, "client"), "Unauthenticated");
});
