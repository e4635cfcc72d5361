import assert from "node:assert/strict";
import { createCounters } from "../../../../src/application/status/counters.ts";
import { CallCounts } from "../../../../src/infrastructure/grpc/limits/call_counts.ts";
import { RefusalLog } from "../../../../src/infrastructure/grpc/limits/refusals.ts";
import { ManualClock } from "../../../support/manual_clock.ts";
import { RecordingLog } from "../../../support/recording_log.ts";

function start(maxStreams: number) {
  const { refusals } = createCounters();
  const counts = new CallCounts(
    maxStreams,
    new RefusalLog(refusals, new RecordingLog(), new ManualClock()),
  );
  const open: (() => void)[] = [];
  /** How many of `count` calls without an identity are accepted. */
  const withoutIdentity = (kind: "unary" | "server_streaming", address: string, count: number) => {
    let accepted = 0;
    for (let i = 0; i < count; i++) {
      const excess = counts.openWithoutIdentity(kind, "peer", address, (end) => open.push(end));
      if (excess === undefined) accepted++;
    }
    return accepted;
  };
  return { counts, open, withoutIdentity, refusals };
}

Deno.test("calls without an identity are limited per address block and in all", () => {
  const { withoutIdentity, open, refusals } = start(10);
  assert.equal(withoutIdentity("server_streaming", "192.0.2.1", 120), 100);
  assert.equal(withoutIdentity("server_streaming", "2001:db8::1", 60), 60);
  assert.equal(withoutIdentity("server_streaming", "2001:db8::2", 60), 40, "one /64");
  assert.equal(withoutIdentity("server_streaming", "192.0.2.2", 100), 100);
  assert.equal(withoutIdentity("server_streaming", "192.0.2.3", 99), 99);
  assert.equal(withoutIdentity("server_streaming", "192.0.2.4", 2), 1, "400 in all");
  assert.equal(withoutIdentity("unary", "192.0.2.1", 51), 50);
  for (let i = 0; i < 5; i++) withoutIdentity("unary", `198.51.100.${i}`, 50);
  assert.equal(open.length, 600);
  assert.equal(refusals.streams, 20 + 20 + 1 + 1 + 100);
  for (const end of open.splice(0)) end();
  assert.equal(withoutIdentity("server_streaming", "192.0.2.1", 120), 100, "all have ended");
});

Deno.test("calls whose token is verified are as many as streams, and not counted as open", () => {
  const { counts } = start(4);
  const ends = ["192.0.2.1", "192.0.2.1", "192.0.2.2"]
    .map((address) => counts.beginVerifying("a", address));
  const excess = counts.beginVerifying("b", "192.0.2.1");
  assert.match(String(excess), /verifies the tokens of 2 calls of the address, half of STREAM_/);
  ends.push(counts.beginVerifying("c", "192.0.2.3"));
  assert.match(String(counts.beginVerifying("d", "192.0.2.4")), /verifies the tokens of 4 calls,/);
  assert.equal(counts.open("bidi_streaming", "e", () => {}), undefined);
  for (const end of ends) if (typeof end === "function") end();
  assert.equal(typeof counts.beginVerifying("d", "192.0.2.1"), "function");
});

Deno.test("an identity has a part of the unary calls, and none has a part without a policy", () => {
  const { counts } = start(1);
  const ends: (() => void)[] = [];
  const open = (identity: string, count: number) => {
    let accepted = 0;
    for (let i = 0; i < count; i++) {
      const excess = counts.open("unary", "peer", (end) => ends.push(end), identity);
      if (excess === undefined) accepted++;
    }
    return accepted;
  };
  assert.equal(open("a", 300), 250);
  for (const identity of ["b", "c"]) open(identity, 250);
  assert.equal(open("d", 250), 250);
  assert.equal(open("e", 1), 0, "1,000 in all");
  for (const end of ends.splice(0)) end();
  assert.equal(open("", 1_100), 1_000);
});
