/** The writes of a connection in one turn become one socket write. */
import assert from "node:assert/strict";
import { setImmediate } from "node:timers";
import { WriteCorker } from "../../../../../src/infrastructure/grpc/http2_workarounds/cork_writes.ts";

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

function corked(corker = new WriteCorker()): NotedSocket {
  const socket = new NotedSocket();
  corker.attach(socket);
  return socket;
}

Deno.test("the writes of one turn go out together after the first, in order", async () => {
  const socket = corked();
  for (const text of ["a", "b", "c"]) assert.equal(socket.write(text), true);
  assert.deepEqual(socket.notes, ["a", "cork", "b", "c"]);
  await nextTurn();
  assert.deepEqual(socket.notes, ["a", "cork", "b", "c", "uncork"]);
});

Deno.test("a socket with several writes in the last turn is corked from the first on", async () => {
  const socket = corked();
  for (const text of ["a", "b"]) socket.write(text);
  await nextTurn();
  socket.notes.length = 0;
  for (const text of ["c", "d"]) socket.write(text);
  await nextTurn();
  assert.deepEqual(socket.notes, ["cork", "c", "d", "uncork"]);
});

Deno.test("a socket with one write per turn is never corked", async () => {
  const socket = corked();
  for (const text of ["a", "b", "c"]) {
    socket.write(text);
    await nextTurn();
  }
  assert.deepEqual(socket.notes, ["a", "b", "c"]);
});

Deno.test("a socket with fewer writes than before is no longer corked", async () => {
  const socket = corked();
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

Deno.test("each connection is corked by itself", async () => {
  const corker = new WriteCorker();
  const [busy, calm, quiet] = [
    corked(corker),
    corked(corker),
    corked(corker),
  ];
  for (const text of ["a", "b"]) busy.write(text);
  calm.write("c");
  await nextTurn();
  assert.deepEqual(busy.notes, ["a", "cork", "b", "uncork"]);
  assert.deepEqual(calm.notes, ["c"]);
  assert.deepEqual(quiet.notes, []);
});

Deno.test("writes made while a turn ends are uncorked in the next one", async () => {
  const socket = corked();
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
