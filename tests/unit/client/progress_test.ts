/** Positions of order updates, which continue by the id of an event. */
import assert from "node:assert/strict";
import { create } from "@bufbuild/protobuf";
import { Progress } from "../../../client/progress.ts";
import {
  HelloSchema,
  MessageMetaSchema,
  Origin,
} from "../../../src/gen/cream/v1/stream_proxy_pb.ts";

const orders = () => new Progress({ isEvery: true, hasWholeSymbols: true, wantsSnapshot: false });

const hello = (epoch: string, sequence: bigint, resumed: boolean) =>
  create(HelloSchema, { epoch, sequence, resumed });

const meta = (sequence: bigint, symbolSequence: bigint) =>
  create(MessageMetaSchema, { sequence, symbolSequence, origin: Origin.LIVE });

Deno.test("before the first event an order stream continues by its position", () => {
  const progress = orders();
  assert.equal(progress.position, undefined);
  progress.connect(false);
  progress.hello(hello("e1", 7n, false), false);
  assert.deepEqual(progress.position, { epoch: "e1", sequence: 7n });
});

Deno.test("an order stream continues by the id of an event, also in another process", () => {
  const progress = orders();
  progress.connect(false);
  progress.hello(hello("e1", 7n, false), false);
  progress.message("AAPL", meta(8n, 3n));
  progress.processed(8n, "event-8");
  assert.deepEqual(progress.position, { eventId: "event-8" });
  progress.connect(true);
  assert.equal(progress.hello(hello("e2", 0n, true), false).isExact, true);
  assert.equal(progress.takeOwedGap(), undefined);
  // Sequences start again; the first one of a symbol is no hole.
  assert.deepEqual(progress.message("AAPL", meta(5n, 5n)), { isDuplicate: false });
});

Deno.test("an inexact resume of an order stream has to be followed by a gap", () => {
  const progress = orders();
  progress.connect(false);
  progress.hello(hello("e1", 7n, false), false);
  progress.processed(8n, "event-8");
  progress.connect(true);
  assert.equal(progress.hello(hello("e1", 90n, false), false).isExact, false);
  const owed = progress.takeOwedGap();
  assert.deepEqual([owed?.reason, owed?.firstSequence, owed?.lastSequence], [
    "undetected",
    9n,
    90n,
  ]);
});

Deno.test("a stream of some orders has no holes in the sequence of a symbol", () => {
  const options = { isEvery: true, hasWholeSymbols: false, wantsSnapshot: false };
  const progress = new Progress(options);
  progress.connect(false);
  progress.hello(hello("e1", 0n, false), false);
  assert.equal(progress.message("AAPL", meta(1n, 1n)).gap, undefined);
  assert.equal(progress.message("AAPL", meta(9n, 9n)).gap, undefined);
  assert.equal(progress.message("AAPL", meta(9n, 9n)).isDuplicate, true);
});
