/** Identities of gRPC-Web and Connect clients on the health port. */
import assert from "node:assert/strict";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createConnectTransport, createGrpcWebTransport } from "@connectrpc/connect-node";
import { StreamProxyService } from "../../../src/gen/cream/v1/stream_proxy_pb.ts";
import { ErrorInfoSchema } from "../../../src/gen/google/rpc/error_details_pb.ts";
import { digestOf } from "../../support/access.ts";
import { startHarness } from "../../support/harness.ts";
import { AUDIENCE, ISSUER, JwtIssuer } from "../../support/jwt_issuer.ts";

const TOKEN = `asp_${"W".repeat(43)}`;
const bearer = (token: string) => ({ headers: { authorization: `Bearer ${token}` } });

async function errorOf(call: AsyncIterable<unknown> | Promise<unknown>): Promise<string> {
  try {
    if (call instanceof Promise) await call;
    else for await (const _ of call);
    return "none";
  } catch (error) {
    const failure = ConnectError.from(error);
    const [info] = failure.findDetails(ErrorInfoSchema);
    return `${Code[failure.code]} ${info?.reason}`;
  }
}

function environment(issuer: JwtIssuer): Record<string, string> {
  return {
    STREAM_PROXY_GRPC_WEB: "true",
    STREAM_PROXY_ACCESS: JSON.stringify({
      roles: {
        reader: { symbols: ["AAPL"], rpcs: ["StreamQuotes", "GetConnectionStatus"] },
      },
      identities: [{ name: "page", role: "reader", tokens: [digestOf(TOKEN)] }],
      jwt: { jwksUrl: issuer.url, issuer: ISSUER, audience: AUDIENCE, roleClaim: "role" },
    }),
  };
}

const TRANSPORTS = { "gRPC-Web": createGrpcWebTransport, Connect: createConnectTransport };

for (const [name, createTransport] of Object.entries(TRANSPORTS)) {
  Deno.test(`${name} calls need an identity and its grants, and end with their JWT`, async () => {
    await using issuer = await JwtIssuer.start(() => Date.now());
    await using harness = await startHarness({ env: environment(issuer) });
    const transport = createTransport({ baseUrl: harness.health, httpVersion: "1.1" });
    const client = createClient(StreamProxyService, transport);
    assert.equal(await errorOf(client.getConnectionStatus({})), "Unauthenticated TOKEN_MISSING");
    assert.equal(
      await errorOf(client.streamQuotes({ symbols: ["AAPL"] }, bearer("wrong"))),
      "Unauthenticated TOKEN_INVALID",
    );
    assert.equal(await errorOf(client.getConnectionStatus({}, bearer(TOKEN))), "none");
    // As a browser sends it that has asked for the password of the status page.
    const stored = { headers: { authorization: `Basic ${btoa(`any:${TOKEN}`)}` } };
    assert.equal(
      await errorOf(client.getConnectionStatus({}, stored)),
      "Unauthenticated TOKEN_MISSING",
    );
    assert.equal(
      await errorOf(client.streamQuotes({ symbols: ["MSFT"] }, bearer(TOKEN))),
      "PermissionDenied SYMBOLS_NOT_GRANTED",
    );
    assert.equal(
      await errorOf(client.streamTrades({ symbols: ["AAPL"] }, bearer(TOKEN))),
      "PermissionDenied RPC_NOT_GRANTED",
    );
    // Within the clock tolerance of 30 s, which ends in a second.
    const expiresAt = Math.floor(Date.now() / 1_000) - 28;
    const jwt = await issuer.sign({ claims: { role: "reader" }, expiresAt });
    assert.equal(
      await errorOf(client.streamQuotes({ symbols: ["AAPL"] }, bearer(jwt))),
      "Unauthenticated TOKEN_EXPIRED",
    );
  });
}
