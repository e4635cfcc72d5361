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
  session.tick(999);
  assert.deepEqual(closes, []);
  session.tick(1_000);
  assert.deepEqual(closes, [[1008, "The client certificate has expired"]]);
});
