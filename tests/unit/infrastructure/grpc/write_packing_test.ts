/** What a connection says in one turn goes out in one piece. */
import assert from "node:assert/strict";
import { setImmediate } from "node:timers";
import { WritePacking } from "../../../../src/infrastructure/grpc/write_packing.ts";

const nextTurn = () => new Promise<void>((done) => setImmediate(done));

/** A socket that notes what is done to it. */
class NotedSocket {
  readonly notes: string[] = [];

  write(text: string): boolean {
    this.notes.push(text);
    return true;
  }

  cork(): void {
    this.notes.push("cork");
  }

  uncork(): void {
    this.notes.push("uncork");
  }
}

function packed(packing = new WritePacking()): NotedSocket {
  const socket = new NotedSocket();
  packing.pack(socket);
  return socket;
}

Deno.test("the writes of one turn go out together, in order", async () => {
  const socket = packed();
  for (const text of ["a", "b", "c"]) assert.equal(socket.write(text), true);
  assert.deepEqual(socket.notes, ["cork", "a", "b", "c"]);
  await nextTurn();
  assert.deepEqual(socket.notes, ["cork", "a", "b", "c", "uncork"]);
});

Deno.test("each turn is packed by itself", async () => {
  const socket = packed();
  socket.write("a");
  await nextTurn();
  socket.write("b");
  await nextTurn();
  assert.deepEqual(socket.notes, [
    "cork",
    "a",
    "uncork",
    "cork",
    "b",
    "uncork",
  ]);
});

Deno.test("a socket that is quiet is left alone", async () => {
  const packing = new WritePacking();
  const [busy, quiet] = [packed(packing), packed(packing)];
  busy.write("a");
  await nextTurn();
  assert.deepEqual(busy.notes, ["cork", "a", "uncork"]);
  assert.deepEqual(quiet.notes, []);
});

Deno.test("what is written while a turn ends waits for the next one", async () => {
  const socket = packed();
  const { uncork } = socket;
  let answered = false;
  socket.uncork = function () {
    uncork.call(this);
    if (!answered) socket.write("answer");
    answered = true;
  };
  socket.write("a");
  await nextTurn();
  assert.deepEqual(
    socket.notes,
    ["cork", "a", "uncork", "cork", "answer", "uncork"],
  );
});
