import assert from "node:assert/strict";
import { EventEmitter } from "node:events";
import type { IncomingHttpHeaders, ServerHttp2Stream } from "node:http2";
import { Metadata } from "@grpc/grpc-js";
import type { Access } from "../../../../src/application/access/access.ts";
import { ANONYMOUS, type Identity } from "../../../../src/domain/access/grants.ts";
import { CallIdentities } from "../../../../src/infrastructure/grpc/call_identities.ts";

const ALICE: Identity = { name: "alice", grants: ANONYMOUS.grants };
const CALLER = { peer: "192.0.2.1:9", address: "192.0.2.1", certificate: undefined };

/** The part of a stream that is used here. */
class FakeStream extends EventEmitter {
  closed = false;
  destroyed = false;
}

function setup(verified?: Promise<Identity>) {
  const access: Access = {
    isOn: true,
    authenticate: () => verified ?? ALICE,
    isBlocked: () => false,
    denied: () => {},
  };
  const identities = new CallIdentities(access);
  const stream = new FakeStream();
  const headers: IncomingHttpHeaders = {
    ":path": "/cream.v1.StreamProxyService/StreamQuotes",
    authorization: "Bearer secret",
    "x-stream-proxy-identity": "1, 2",
  };
  const admitted = identities.admit(stream as unknown as ServerHttp2Stream, headers, CALLER);
  return { identities, stream, headers, admitted };
}

function metadataOf(headers: IncomingHttpHeaders): { readonly metadata: Metadata } {
  return { metadata: Metadata.fromHttp2Headers(headers) };
}

Deno.test("the identity of a call is kept while its stream is open, its token is not", () => {
  const { identities, stream, headers, admitted } = setup();
  assert.equal(admitted, undefined);
  assert.equal(headers.authorization, undefined);
  assert.equal(identities.of(metadataOf(headers)), ALICE);
  assert.equal(identities.size, 1);
  stream.emit("close");
  assert.equal(identities.size, 0);
  assert.throws(() => identities.of(metadataOf(headers)), /needs a bearer token/);
});

Deno.test("a stream that closes while its token is verified leaves nothing", async () => {
  const verified = Promise.withResolvers<Identity>();
  const { identities, stream, headers, admitted } = setup(verified.promise);
  stream.destroyed = true;
  stream.emit("close");
  verified.resolve(ALICE);
  assert.equal(await admitted, undefined);
  assert.equal(identities.size, 0);
  assert.throws(() => identities.of(metadataOf(headers)), /needs a bearer token/);
});
