/** The status of a stream that exceeds the symbol quota. */
import assert from "node:assert/strict";
import { fromBinary } from "@bufbuild/protobuf";
import { anyUnpack } from "@bufbuild/protobuf/wkt";
import { status } from "@grpc/grpc-js";
import { QuotaExceeded } from "../../../../src/application/feeds/quota_check.ts";
import {
  QuotaFailureSchema,
  RetryInfoSchema,
} from "../../../../src/gen/google/rpc/error_details_pb.ts";
import { StatusSchema } from "../../../../src/gen/google/rpc/status_pb.ts";
import { refusalOf, toStatus } from "../../../../src/infrastructure/grpc/call_error.ts";

const OVER = new QuotaExceeded({
  feed: "sip",
  limit: 30,
  used: 28,
  requested: 7,
});

Deno.test("an exceeded quota is reported with its numbers and a fix", () => {
  const { code, message } = toStatus(refusalOf(OVER));
  assert.equal(code, status.RESOURCE_EXHAUSTED);
  assert.equal(
    message,
    "The symbol quota of feed sip is exceeded by 5: 30 allowed, 28 used, " +
      "7 more requested; request fewer symbols, close other streams, or use a " +
      "larger plan and set ALPACA_PLAN to it",
  );
});

Deno.test("an exceeded quota is sent as a google.rpc.QuotaFailure and RetryInfo", () => {
  const { details: bytes } = toStatus(refusalOf(OVER));
  assert(bytes instanceof Uint8Array);
  const { details } = fromBinary(StatusSchema, bytes);
  assert.equal(details.length, 2);
  const retry = details[1] && anyUnpack(details[1], RetryInfoSchema);
  assert.equal(retry?.retryDelay?.seconds, 5n);
  const quota = details[0] && anyUnpack(details[0], QuotaFailureSchema);
  assert.deepEqual(
    quota?.violations.map(({ subject, description }) => [subject, description]),
    [[
      "feed:sip symbols",
      "The symbol quota of feed sip is exceeded by 5: 30 allowed, 28 used, 7 more requested",
    ]],
  );
});
