import assert from "node:assert/strict";
import { StreamAudit } from "../../../../src/application/admin/stream_audit.ts";
import type { StreamReport } from "../../../../src/application/status/reports.ts";
import { ManualClock } from "../../../support/manual_clock.ts";
import { RecordingLog } from "../../../support/recording_log.ts";

function audited() {
  const clock = new ManualClock();
  const log = new RecordingLog();
  const stream: StreamReport = {
    id: "3f2a91-7",
    channel: "stockQuotes",
    identity: "dashboard",
    credential: "certificate",
    rpc: "StreamQuotes",
    peer: "10.0.0.9:4711",
    userAgent: "grpc-python/1.60",
    filter: "AAPL, MSFT and 8 more",
    filterSize: 10,
    openedAt: clock.now(),
    sent: 1_000,
    bytes: 84_000,
    queued: 3,
    dropped: 2,
    options: {
      streamId: "id",
      delivery: "latest",
      names: ["meta", "delivery"],
      conflated: 5,
      unacknowledged: undefined,
    },
  };
  return { clock, log, stream, audit: new StreamAudit(log, clock) };
}

const REFUSED = {
  identity: "dashboard",
  peer: "10.0.0.9:4711",
  rpc: "StreamQuotes",
  status: "INVALID_ARGUMENT",
  reason: "symbols[0]: is empty",
};

Deno.test("an ended stream is one line: who, what, how long, how much and why", async () => {
  const { clock, log, stream, audit } = audited();
  audit.opened(stream);
  await clock.advance(90_500);
  audit.ended(stream, { by: "proxy", status: "UNAVAILABLE: restart" });
  assert.deepEqual(log.messages("debug"), ["Stream opened"]);
  const [, line] = log.records;
  assert.deepEqual(line, {
    level: "info",
    message: "Stream ended",
    fields: {
      audit: "stream",
      stream: "3f2a91-7",
      identity: "dashboard",
      credential: "certificate",
      peer: "10.0.0.9:4711",
      user_agent: "grpc-python/1.60",
      rpc: "StreamQuotes",
      filter: "AAPL, MSFT and 8 more",
      symbols: 10,
      options: "meta,delivery",
      delivery: "latest",
      duration_ms: 90_500,
      messages: 1_000,
      bytes: 84_000,
      dropped: 2,
      conflated: 5,
      ended_by: "proxy",
      status: "UNAVAILABLE: restart",
      omitted: undefined,
    },
  });
});

Deno.test("a client that opens and ends streams in a loop does not flood the log", async () => {
  const { clock, log, stream, audit } = audited();
  for (let i = 0; i < 5_000; i++) audit.ended(stream, { by: "client" });
  assert.equal(log.records.length, 2_000);
  await clock.advance(1_000);
  for (let i = 0; i < 5_000; i++) audit.ended(stream, { by: "client" });
  assert.equal(log.records.length, 2_100);
  assert.equal(log.records[2_000]?.fields["omitted"], 3_000);
  assert.equal(log.records[2_001]?.fields["omitted"], undefined);
});

Deno.test("refused openings of a client have a line in ten seconds, with a number", async () => {
  const { clock, log, audit } = audited();
  for (let port = 1; port <= 50; port++) audit.refused({ ...REFUSED, peer: `10.0.0.9:${port}` });
  audit.refused({ ...REFUSED, peer: "10.0.0.10:1" });
  assert.deepEqual(log.records.map(({ fields }) => fields["peer"]), ["10.0.0.9:1", "10.0.0.10:1"]);
  await clock.advance(10_000);
  audit.refused(REFUSED);
  assert.deepEqual(log.records.at(-1), {
    level: "info",
    message: "Stream refused",
    fields: { audit: "stream", ...REFUSED, repeated: 49 },
  });
});

Deno.test("many refused clients do not grow what is remembered of them", () => {
  const { log, audit } = audited();
  for (let i = 0; i < 1_500; i++) audit.refused({ ...REFUSED, identity: `identity${i}` });
  audit.refused({ ...REFUSED, identity: "identity1499" });
  assert.equal(log.records.length, 1_500, "the newest are remembered");
  audit.refused({ ...REFUSED, identity: "identity0" });
  assert.equal(log.records.length, 1_501, "the oldest are not");
});
