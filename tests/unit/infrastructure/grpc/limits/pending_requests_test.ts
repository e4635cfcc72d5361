/** Budget and deadline of requests that are not complete. */
import assert from "node:assert/strict";
import fc from "fast-check";
import {
  type PendingRequest,
  PendingRequests,
  type RequestFault,
} from "../../../../../src/infrastructure/grpc/limits/pending_requests.ts";
import { ManualClock } from "../../../../support/manual_clock.ts";

const BOUNDS = {
  maxRequestBytes: 1_000,
  maxPendingRequestBytes: 2_000,
  requestTimeoutMs: 10_000,
};

function rig() {
  const clock = new ManualClock();
  const requests = new PendingRequests(BOUNDS, clock);
  const faults: [string, RequestFault][] = [];
  const open = (name: string) => requests.open((fault) => void faults.push([name, fault]));
  return { clock, requests, faults, open };
}

Deno.test("when the budget is exceeded the largest unfinished request is refused", () => {
  const { requests, faults, open } = rig();
  const [a, b, small] = [open("a"), open("b"), open("small")];
  requests.receive(a, 900);
  requests.receive(b, 999);
  requests.receive(small, 102);
  assert.deepEqual(faults, [["b", "over_budget"]]);
  assert.equal(requests.bytes, 1_002);
  for (const one of [a, b, small]) requests.release(one);
});

Deno.test("a request above its own bound is refused", () => {
  const { requests, faults, open } = rig();
  requests.receive(open("a"), 1_001);
  assert.deepEqual(faults, [["a", "too_large"]]);
  assert.equal(requests.bytes, 0);
});

Deno.test("a compressed request counts what it can grow to", () => {
  const { requests, faults, open } = rig();
  for (const name of ["a", "b", "c"]) {
    const bomb = open(name);
    bomb.isCompressed = true;
    requests.receive(bomb, 4);
    requests.complete(bomb);
  }
  assert.equal(faults.length, 2, "one fits into the budget at a time");
});

Deno.test("a request has to arrive in time, its response may take longer", async () => {
  const { clock, requests, faults, open } = rig();
  const complete = open("complete");
  open("slow");
  const duplex = open("duplex");
  requests.receive(complete, 10);
  requests.complete(complete);
  requests.stopDeadline(duplex);
  await clock.advance(9_000);
  assert.deepEqual(faults, []);
  await clock.advance(2_000);
  assert.deepEqual(faults, [["slow", "too_slow"]]);
  assert.equal(clock.sleepers, 0, "no timer while nothing arrives");
  assert.equal(requests.bytes, 10);
  requests.answer(complete);
  assert.equal(requests.bytes, 0);
});

Deno.test("the account is exact after any sequence of events", () => {
  const step = fc.record({
    at: fc.nat(9),
    action: fc.constantFrom("receive", "complete", "answer", "release"),
    bytes: fc.nat(600),
  });
  fc.assert(fc.property(fc.array(step), (steps) => {
    const requests = new PendingRequests(BOUNDS, new ManualClock());
    const open: PendingRequest[] = [];
    for (let i = 0; i < 10; i++) open.push(requests.open(() => {}));
    const released = new Set<PendingRequest>();
    for (const { at, action, bytes } of steps) {
      const request = open[at] as PendingRequest;
      if (released.has(request)) continue;
      if (action === "receive") requests.receive(request, bytes);
      else requests[action](request);
      for (const one of open) if (one.charge === 0) continue;
      if (action === "release") released.add(request);
      const sum = open.reduce((total, one) => total + one.charge, 0);
      assert.equal(requests.bytes, sum);
      assert(sum <= BOUNDS.maxPendingRequestBytes);
    }
    for (const request of open) requests.release(request);
    assert.equal(requests.bytes, 0);
  }));
});
