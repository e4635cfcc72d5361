/** Tracking, rejecting and ending calls. */
import assert from "node:assert/strict";
import { EventEmitter } from "node:events";
import { ClientGone, unavailable } from "../../../../src/infrastructure/grpc/call_error.ts";
import { OpenCalls } from "../../../../src/infrastructure/grpc/open_calls.ts";

Deno.test("a call is open until its end is reported", () => {
  const calls = new OpenCalls();
  const call = new EventEmitter();
  const { signal } = calls.track(call);
  assert.equal(calls.size, 1);
  call.emit("cancelled");
  assert.equal(calls.size, 0);
  assert(signal.reason instanceof ClientGone);
});

Deno.test("a call that has to end is open until it has ended", () => {
  const calls = new OpenCalls();
  const call = new EventEmitter();
  const { signal } = calls.track(call);
  const reason = unavailable("bye");
  calls.endAll(reason);
  assert.equal(signal.reason, reason);
  assert.equal(calls.size, 1);
  call.emit("cancelled");
  assert.equal(signal.reason, reason, "the first reason stays");
  assert.equal(calls.size, 0);
});

Deno.test("rejected calls are counted until their status is sent", () => {
  const calls = new OpenCalls();
  const first = unavailable("first");
  calls.refuseNew(first);
  calls.refuseNew(unavailable("second"));
  assert.equal(calls.isRefusing, true);
  const call = new EventEmitter();
  assert.throws(() => calls.track(call), first);
  assert.equal(calls.size, 1);
  call.emit("cancelled");
  assert.equal(calls.size, 0);
});

Deno.test("all waiters are notified when no call is open", async () => {
  const calls = new OpenCalls();
  await calls.whenEmpty();
  const call = new EventEmitter();
  calls.track(call);
  const waiting = [calls.whenEmpty(), calls.whenEmpty()];
  call.emit("cancelled");
  await Promise.all(waiting);
});
