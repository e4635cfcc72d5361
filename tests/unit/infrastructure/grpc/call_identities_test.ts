import assert from "node:assert/strict";
import type { IncomingHttpHeaders } from "node:http2";
import type { Access } from "../../../../src/application/access/access.ts";
import { ANONYMOUS, type Identity } from "../../../../src/domain/access/grants.ts";
import { CallIdentities } from "../../../../src/infrastructure/grpc/call_identities.ts";

const ALICE: Identity = { name: "alice", grants: ANONYMOUS.grants };
const CALLER = { peer: "192.0.2.1:9", address: "192.0.2.1", certificate: undefined };

function setup(verified?: Promise<Identity>) {
  const access: Access = {
    isOn: true,
    authenticate: () => verified ?? ALICE,
    isBlocked: () => false,
    denied: () => {},
  };
  const identities = new CallIdentities(access);
  const stream = {};
  const headers: IncomingHttpHeaders = {
    ":path": "/cream.v1.StreamProxyService/StreamQuotes",
    authorization: "Bearer secret",
  };
  const admitted = identities.admit(stream, headers, CALLER);
  return { identities, stream, headers, admitted };
}

Deno.test("a stream has its identity, and not its token", () => {
  const { identities, stream, headers, admitted } = setup();
  assert.equal(admitted, undefined);
  assert.equal(headers.authorization, undefined);
  assert.equal(identities.of(stream), ALICE);
  assert.equal(identities.nameOf(stream), "alice");
});

Deno.test("a stream has no identity until its token is verified", async () => {
  const verified = Promise.withResolvers<Identity>();
  const { identities, stream, admitted } = setup(verified.promise);
  assert.throws(() => identities.of(stream), /needs a bearer token/);
  verified.resolve(ALICE);
  assert.equal(await admitted, undefined);
  assert.equal(identities.of(stream), ALICE);
});
