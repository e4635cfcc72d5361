import assert from "node:assert/strict";
import { status } from "@grpc/grpc-js";
import { RpcError } from "../../../client/rpc_client.ts";
import { describeFailure } from "../../../cli/describe_failure.ts";
import { isWorthRetrying, retryDelay } from "../../../client/retry.ts";

const address = { host: "localhost", port: 50052, tls: false };

Deno.test("the bound of the delay doubles from half a second to ten, with full jitter", () => {
  assert.deepEqual([1, 2, 3, 6, 100].map((n) => retryDelay(n, 0.5)), [
    250,
    500,
    1000,
    5000,
    5000,
  ]);
  assert.equal(retryDelay(100, 0), 0);
  assert.ok(retryDelay(100, 0.999_999) <= 10_000);
});

Deno.test("every status is retried but those that name an error in the request", () => {
  const permanent = [
    "INVALID_ARGUMENT",
    "UNAUTHENTICATED",
    "PERMISSION_DENIED",
    "UNIMPLEMENTED",
    "NOT_FOUND",
    "FAILED_PRECONDITION",
  ];
  const all = Object.keys(status).filter((name) => isNaN(Number(name)));
  assert.equal(all.length, 17);
  for (const code of all) {
    const retried = isWorthRetrying(new RpcError(code, ""));
    assert.equal(retried, !permanent.includes(code), code);
  }
});

Deno.test("a server that is not the proxy is recognized", () => {
  const strangers: readonly [string, string, RegExp][] = [
    [
      "UNIMPLEMENTED",
      "HTTP 404",
      /not a gRPC port \(HTTP 404\).* 50052 by default/,
    ],
    ["UNKNOWN", "unsupported content type text/html", /is not a gRPC port/],
    ["INTERNAL", "write EPIPE", /localhost:50052 is not a gRPC port/],
    ["INTERNAL", "wrong version number", /does not use TLS; omit https:\/\//],
  ];
  for (const [code, details, told] of strangers) {
    const error = new RpcError(code, details);
    assert.match(describeFailure(error, { address, opened: false }), told);
  }
});

Deno.test("a port that may require TLS or a client certificate is named", () => {
  const closed: readonly [string, string][] = [
    ["INTERNAL", "write EPIPE"],
    ["CANCELLED", "http/2 stream closed with error code CANCEL (0x8)"],
  ];
  const needed = /requires a client certificate: set STREAM_PROXY_CLIENT_CERT and .*_CLIENT_KEY/;
  const secure = { ...address, tls: true };
  for (const [code, details] of closed) {
    const error = new RpcError(code, details);
    assert.match(describeFailure(error, { address: secure, opened: false }), needed);
    const plain = describeFailure(error, { address, opened: false });
    assert.match(plain, /, or it uses TLS \(https:\/\/\); /);
    assert.doesNotMatch(plain, needed);
  }
  const alert = new RpcError("INTERNAL", "SSL routines: tlsv13 alert certificate required");
  assert.equal(
    describeFailure(alert, { address: secure, opened: false }),
    "localhost:50052 requires a client certificate: set STREAM_PROXY_CLIENT_CERT and " +
      "STREAM_PROXY_CLIENT_KEY",
  );
});

const UNREACHABLE: readonly [string, string, string][] = [
  ["INTERNAL", "connect ENETUNREACH 255.255.255.255:80", "network unreachable"],
  ["INTERNAL", "connect EHOSTUNREACH 2001:db8::1:80", "host unreachable"],
  ["UNAVAILABLE", "connect ETIMEDOUT 192.0.2.1:80", "connection timed out"],
];

for (const [code, details, reason] of UNREACHABLE) {
  Deno.test(`no proxy answers: ${reason}`, () => {
    const error = new RpcError(code, details);
    assert.equal(isWorthRetrying(error), true);
    assert.equal(
      describeFailure(error, { address, opened: false }),
      `no proxy answers at localhost:50052 (${reason})`,
    );
  });
}

Deno.test("the end of a stream is described with its cause", () => {
  const refused = new RpcError(
    "UNAVAILABLE",
    "No connection established. Last error: connect ECONNREFUSED 127.0.0.1:1",
  );
  assert.equal(
    describeFailure(refused, { address, opened: false }),
    "no proxy answers at localhost:50052 (connection refused)",
  );
  assert.equal(
    describeFailure(new RpcError("UNAVAILABLE", "stopping"), {
      address,
      opened: true,
    }),
    "the proxy at localhost:50052 ended the stream (UNAVAILABLE: stopping)",
  );
  assert.equal(
    describeFailure(new RpcError("UNAVAILABLE", "HTTP 502"), {
      address,
      opened: false,
    }),
    "the load balancer at localhost:50052 has no backend (HTTP 502)",
  );
  assert.equal(
    describeFailure(new RpcError("UNIMPLEMENTED", ""), {
      address,
      opened: false,
    }),
    "the proxy at localhost:50052 refused the request (UNIMPLEMENTED)",
  );
  assert.equal(
    describeFailure(
      new RpcError("UNAUTHENTICATED", "The request needs a bearer token"),
      { address, opened: false },
    ),
    "the proxy at localhost:50052 refused the client (UNAUTHENTICATED: The request needs a " +
      "bearer token); set STREAM_PROXY_TOKEN to a valid token",
  );
  assert.equal(
    describeFailure(
      new RpcError("RESOURCE_EXHAUSTED", "The symbol budget is full; wait"),
      { address, opened: false },
    ),
    "the proxy at localhost:50052 is at a limit: the symbol budget is full; wait",
  );
});
