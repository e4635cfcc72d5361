/** What the status answer says of feeds. */
import assert from "node:assert/strict";
import { fromBinary } from "@bufbuild/protobuf";
import type {
  FeedStatus,
  ProxyStatus,
} from "../../../../../src/application/status/proxy_status.ts";
import {
  ConnectionState,
  FeedType,
  GetConnectionStatusResponseSchema,
} from "../../../../../src/gen/cream/v1/stream_proxy_pb.ts";
import { Environment } from "../../../../../src/gen/cream/v1/common_pb.ts";
import {
  encodeStatus,
  FEED_TYPES,
  STATES,
} from "../../../../../src/infrastructure/grpc/encoding/status_response.ts";

const FEED: FeedStatus = {
  feed: "sip",
  kind: "sip",
  state: "connected",
  lastConnectedAt: undefined,
  errorMessage: undefined,
  subscriptionCount: 0,
  reconnectAttempts: 0,
  messagesReceived: 0,
};

function read(feeds: FeedStatus[], change: Partial<ProxyStatus> = {}) {
  const { status } = fromBinary(
    GetConnectionStatusResponseSchema,
    encodeStatus({
      version: "1.2.3",
      startedAt: 1_705_312_800_001,
      now: 1_705_312_801_999.75,
      environment: "LIVE",
      feeds,
      clientCount: 0,
      draining: false,
      ...change,
    }),
  );
  assert(status);
  return status;
}

Deno.test("every upstream product has the feed type of the contract", () => {
  assert.deepEqual(FEED_TYPES, {
    sip: FeedType.SIP,
    iex: FeedType.IEX,
    opra: FeedType.OPRA,
    indicative: FeedType.INDICATIVE,
    trade_updates: FeedType.TRADE_UPDATES,
    delayed_sip: 6,
    boats: 7,
    overnight: 8,
    test: 9,
  });
});

Deno.test("every session state has the number of the contract", () => {
  const states = Object.keys(STATES) as (keyof typeof STATES)[];
  const status = read(states.map((state) => ({ ...FEED, state })));
  assert.deepEqual(status.feeds.map(({ state }) => state), [
    ConnectionState.DISCONNECTED,
    ConnectionState.CONNECTING,
    ConnectionState.AUTHENTICATING,
    ConnectionState.CONNECTED,
    ConnectionState.RECONNECTING,
    ConnectionState.ERROR,
  ]);
});

Deno.test("times keep milliseconds and never leave the nanosecond range", () => {
  const status = read([{ ...FEED, lastConnectedAt: 1_705_312_800_500 }]);
  assert.equal(status.startedAt?.nanos, 1_000_000);
  assert.equal(status.currentTime?.seconds, 1_705_312_801n);
  assert.equal(status.currentTime?.nanos, 999_000_000);
  assert.equal(status.feeds[0]?.lastConnectedAt?.nanos, 500_000_000);
});

Deno.test("what a feed cannot tell is unset", () => {
  const [feed] = read([FEED]).feeds;
  assert.equal(feed?.lastConnectedAt, undefined);
  assert.equal(feed?.errorMessage, undefined);
});

Deno.test("counts and the environment are told", () => {
  const status = read(
    [{ ...FEED, messagesReceived: 2 ** 40, subscriptionCount: 7 }],
    { clientCount: 12 },
  );
  assert.equal(status.environment, Environment.LIVE);
  assert.equal(status.clientCount, 12);
  assert.equal(status.feeds[0]?.messagesReceived, 2n ** 40n);
  assert.equal(status.feeds[0]?.subscriptionCount, 7);
});
