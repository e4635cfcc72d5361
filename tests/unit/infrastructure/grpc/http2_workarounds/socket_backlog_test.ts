/** When a connection has room again. */
import assert from "node:assert/strict";
import type { Socket } from "node:net";
import { Writable } from "node:stream";
import { setImmediate as nextTurn } from "node:timers/promises";
import {
  BacklogShare,
  SocketBacklog,
} from "../../../../../src/infrastructure/grpc/http2_workarounds/socket_backlog.ts";

/** Bytes at which a socket reports that it is full, and later that it has drained. */
const SOCKET_BYTES = 64 * 1024;

/** A socket whose network takes a write when `take` is called. */
function slowSocket() {
  const taken: (() => void)[] = [];
  const socket = new Writable({
    highWaterMark: SOCKET_BYTES,
    write: (_chunk, _encoding, done) => void taken.push(done),
  });
  return { socket: socket as unknown as Socket, take: () => taken.shift()?.() };
}

for (const [clients, bytes] of [[1, 256 * 1024], [4_096, 20_000]] as const) {
  Deno.test(`a socket has room once it is read, beside ${clients} full clients`, async () => {
    const share = new BacklogShare();
    for (let others = 1; others < clients; others++) share.update(1);
    const { socket, take } = slowSocket();
    socket.write(new Uint8Array(bytes));
    const backlog = new SocketBacklog(socket, share);
    assert(backlog.isFull);
    let hasRoom = false;
    backlog.wait(() => hasRoom = true);
    await nextTurn();
    assert(!hasRoom);
    for (let writes = 0; writes < 2; writes++) {
      take();
      await nextTurn();
    }
    assert(hasRoom);
  });
}
