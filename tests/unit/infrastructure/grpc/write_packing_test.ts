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

Deno.test("the writes of one turn go out together after the first, in order", async () => {
  const socket = packed();
  for (const text of ["a", "b", "c"]) assert.equal(socket.write(text), true);
  assert.deepEqual(socket.notes, ["a", "cork", "b", "c"]);
  await nextTurn();
  assert.deepEqual(socket.notes, ["a", "cork", "b", "c", "uncork"]);
});

Deno.test("who had more to say the last time is corked from the first write on", async () => {
  const socket = packed();
  for (const text of ["a", "b"]) socket.write(text);
  await nextTurn();
  socket.notes.length = 0;
  for (const text of ["c", "d"]) socket.write(text);
  await nextTurn();
  assert.deepEqual(socket.notes, ["cork", "c", "d", "uncork"]);
});

Deno.test("who says one thing at a time is never corked", async () => {
  const socket = packed();
  for (const text of ["a", "b", "c"]) {
    socket.write(text);
    await nextTurn();
  }
  assert.deepEqual(socket.notes, ["a", "b", "c"]);
});

Deno.test("who has become quieter is corked no more", async () => {
  const socket = packed();
  for (const text of ["a", "b"]) socket.write(text);
  await nextTurn();
  for (const text of ["c", "d"]) {
    socket.write(text);
    await nextTurn();
  }
  assert.deepEqual(
    socket.notes,
    ["a", "cork", "b", "uncork", "cork", "c", "uncork", "d"],
  );
});

Deno.test("each connection is packed by itself", async () => {
  const packing = new WritePacking();
  const [busy, calm, quiet] = [
    packed(packing),
    packed(packing),
    packed(packing),
  ];
  for (const text of ["a", "b"]) busy.write(text);
  calm.write("c");
  await nextTurn();
  assert.deepEqual(busy.notes, ["a", "cork", "b", "uncork"]);
  assert.deepEqual(calm.notes, ["c"]);
  assert.deepEqual(quiet.notes, []);
});

Deno.test("what is written while a turn ends is uncorked in the next one", async () => {
  const socket = packed();
  const { uncork } = socket;
  let answered = false;
  socket.uncork = function () {
    uncork.call(this);
    if (!answered) socket.write("answer");
    answered = true;
  };
  for (const text of ["a", "b"]) socket.write(text);
  await nextTurn();
  assert.deepEqual(
    socket.notes,
    ["a", "cork", "b", "uncork", "cork", "answer", "uncork"],
  );
});
