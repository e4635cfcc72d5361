/** What an identity may have open, from the registry to the subscriptions of a feed. */
import assert from "node:assert/strict";
import { createChannels } from "../../../../src/application/broadcast/channels.ts";
import { QuotaExceeded } from "../../../../src/application/feeds/quota_check.ts";
import { IdentityLimitExceeded } from "../../../../src/application/limits/identity_usage.ts";
import { OpenedTooOften, OpeningRate } from "../../../../src/application/limits/opening_rate.ts";
import { createCounters } from "../../../../src/application/status/counters.ts";
import { StreamRegistry } from "../../../../src/application/streaming/stream_registry.ts";
import type { IdentityLimits } from "../../../../src/domain/access/grants.ts";
import { FEEDS } from "../../../../src/domain/connection/feed.ts";
import { CHANNELS } from "../../../../src/domain/market/channels.ts";
import { UnderlyingDirectory } from "../../../../src/domain/options/underlying_directory.ts";
import { STREAM_PORTS } from "../../../support/live_feed.ts";
import { ManualClock } from "../../../support/manual_clock.ts";
import { ManagerHarness } from "../feeds/manager_harness.ts";

function setup(reserved: Readonly<Record<string, number>> = {}, openingsPerSec = 0) {
  const clock = new ManualClock();
  const counters = createCounters();
  const { manager } = new ManagerHarness({
    plan: {
      pairs: 10,
      counts: new Set(["trades", "quotes"]),
      wildcards: new Set(),
      isOpen: false,
    },
    reserved: new Map(Object.entries(reserved)),
  });
  const capacities = Object.fromEntries(CHANNELS.map((channel) => [channel, 10]));
  const streams = new StreamRegistry({
    channels: createChannels({
      capacities: capacities as Record<typeof CHANNELS[number], number>,
      counters,
      directory: new UnderlyingDirectory(),
    }),
    feeds: new Set(FEEDS),
    sinks: { sip: manager },
    clock,
    counters,
    openings: new OpeningRate(openingsPerSec, clock),
    ...STREAM_PORTS,
  });
  const open = (identity: string, limits: IdentityLimits, ...symbols: string[]) =>
    streams.open("stockQuotes", { symbols }, { identity, limits });
  return { streams, open, manager, clock, refusals: counters.refusals };
}

Deno.test("a stream above a limit of its identity is refused, counted and opened later", () => {
  const { streams, open, refusals } = setup();
  const limits = { streams: 2, symbols: 3, symbolsPerStream: 2 };
  const first = open("page", limits, "A", "B");
  assert.throws(() => open("page", limits, "A", "B", "C"), IdentityLimitExceeded);
  assert.throws(() => open("page", limits, "C", "D"), IdentityLimitExceeded);
  open("page", limits, "C");
  assert.throws(() => open("page", limits, "D"), IdentityLimitExceeded);
  assert.equal(refusals.identity, 3);
  assert.equal(streams.clients.count, 2);
  open("other", limits, "A", "B");
  first[Symbol.dispose]();
  first[Symbol.dispose]();
  open("page", limits, "C", "D");
  assert.throws(() => open("page", limits), IdentityLimitExceeded);
});

Deno.test("a stream above the share of its identity is refused, counted and opened later", () => {
  const { open, refusals, manager } = setup({ page: 0, bot: 4 });
  const limits = { maxShare: 0.3 };
  const first = open("page", limits, "A", "B", "C");
  assert.throws(() => open("page", limits, "D"), QuotaExceeded);
  open("bot", {}, "A", "B", "C", "D");
  open("bot", {}, "E", "F", "G");
  assert.throws(() => open("jwt", {}, "X"), QuotaExceeded);
  assert.equal(refusals.share, 2);
  assert.deepEqual(manager.reportQuota().shares, [
    { identity: "page", used: 3, reserved: 0 },
    { identity: "bot", used: 7, reserved: 4 },
    { identity: "_other", used: 0, reserved: 0 },
  ]);
  first[Symbol.dispose]();
  open("page", limits, "X", "Y", "Z");
});

Deno.test("10 000 refused and opened streams of one identity leave nothing behind", () => {
  const { streams, open, manager } = setup({ bot: 4 });
  const limits = { streams: 1, maxShare: 0.5 };
  for (let i = 0; i < 10_000; i++) {
    const stream = open("page", limits, "A", "B");
    assert.throws(() => open("page", limits, "C"));
    stream[Symbol.dispose]();
    assert.throws(() => open("page", limits, "A", "B", "C", "D", "E", "F"));
  }
  assert.equal(streams.clients.count, 0);
  assert.equal(manager.reportQuota().used, 0);
  assert.deepEqual(manager.reportQuota().shares?.map(({ used }) => used), [0, 0]);
  open("bot", {}, ..."ABCDEFGHIJ");
});

Deno.test("an identity that opens streams in a loop is refused, others are not", async () => {
  const { open, refusals, clock } = setup({}, 4);
  for (let i = 0; i < 200; i++) open("loop", {}, "A")[Symbol.dispose]();
  assert.throws(() => open("loop", {}, "A"), OpenedTooOften);
  assert.equal(refusals.stream_openings, 1);
  open("page", {}, "A");
  await clock.advance(1_000);
  open("loop", {}, "A");
});
