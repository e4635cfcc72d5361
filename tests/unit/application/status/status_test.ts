import assert from "node:assert/strict";
import { type FeedStatus, statusSource } from "../../../../src/application/status/status.ts";
import { MANUAL_EPOCH, ManualClock } from "../../../support/manual_clock.ts";

const CONNECTED: FeedStatus = {
  feed: "opra",
  kind: "indicative",
  state: "connected",
  lastConnectedAt: 5,
  errorMessage: undefined,
  subscriptionCount: 3,
  reconnectAttempts: 0,
  messagesReceived: 42,
};

function source() {
  const clock = new ManualClock();
  const streams = { count: 0 };
  const live = { draining: false, opra: CONNECTED };
  const status = statusSource({
    version: "1.2.3",
    environment: "PAPER",
    clock,
    links: {
      opra: {
        get status() {
          return live.opra;
        },
      },
    },
    kinds: {
      sip: "iex",
      opra: "indicative",
      trading: "trade_updates",
      crypto: "crypto",
      news: "news",
    },
    streams,
    draining: () => live.draining,
  });
  return { clock, streams, live, status };
}

Deno.test("there are always three feeds, in order, and one not enabled is disconnected", () => {
  const { feeds } = source().status();
  assert.deepEqual(feeds.map(({ feed, kind, state }) => [feed, kind, state]), [
    ["sip", "iex", "disconnected"],
    ["opra", "indicative", "connected"],
    ["trading", "trade_updates", "disconnected"],
  ]);
  assert.deepEqual(feeds[0], {
    feed: "sip",
    kind: "iex",
    state: "disconnected",
    lastConnectedAt: undefined,
    errorMessage: undefined,
    subscriptionCount: 0,
    reconnectAttempts: 0,
    messagesReceived: 0,
  });
});

Deno.test("every snapshot is read again, the start stays", async () => {
  const { clock, streams, live, status } = source();
  const first = status();
  assert.equal(first.startedAt, MANUAL_EPOCH);
  await clock.advance(1_500);
  streams.count = 7;
  live.draining = true;
  live.opra = { ...CONNECTED, state: "reconnecting" };
  const second = status();
  assert.equal(second.startedAt, MANUAL_EPOCH);
  assert.equal(second.now, MANUAL_EPOCH + 1_500);
  assert.equal(second.clientCount, 7);
  assert.equal(second.draining, true);
  assert.equal(second.feeds[1]?.state, "reconnecting");
  assert.equal(first.draining, false, "an old snapshot does not change");
  assert.equal(first.clientCount, 0);
});
