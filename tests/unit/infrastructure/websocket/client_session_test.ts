import assert from "node:assert/strict";
import type {
  SessionClient,
  SessionContext,
} from "../../../../src/infrastructure/websocket/client_session.ts";
import { OrderSession } from "../../../../src/infrastructure/websocket/order_session.ts";

Deno.test("a session ends with the certificate of its client, without a policy", () => {
  const closes: unknown[] = [];
  const socket = { close: (...args: unknown[]) => closes.push(args) };
  const span = { set: () => {}, end: () => {} };
  const certificate = { subject: "CN=robot", uris: [], expiresAt: 1_000 };
  const client = { socket, span, certificate } as unknown as SessionClient;
  const path = { isCarried: true, opcode: "text" } as const;
  const session = new OrderSession({} as SessionContext, client, path);
  session.tick(2_999);
  assert.deepEqual(closes, [], "two seconds after it, as on the gRPC port");
  session.tick(3_000);
  const reason =
    "The client certificate of the connection has expired; connect again with a new one";
  assert.deepEqual(closes, [[1008, reason]]);
});
