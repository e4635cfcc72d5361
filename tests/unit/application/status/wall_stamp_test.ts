import assert from "node:assert/strict";
import fc from "fast-check";
import type { FeedLink } from "../../../../src/application/feeds/feed_link.ts";
import { statusSource } from "../../../../src/application/status/status.ts";
import { RecentErrors } from "../../../../src/application/status/recent_errors.ts";
import { WallStamp } from "../../../../src/application/status/wall_stamp.ts";
import { healthBody } from "../../../../src/infrastructure/http/health_body.ts";
import { ManualClock } from "../../../support/manual_clock.ts";
import { RecordingLog } from "../../../support/recording_log.ts";
import { Followed } from "../feeds/followed_link.ts";

const HOUR = 3_600_000;

Deno.test("a stamp is constant while the wall clock runs with the monotonic one", async () => {
  const clock = new ManualClock();
  const stamp = new WallStamp(clock);
  const { at } = stamp;
  assert.equal(at, clock.now());
  await clock.advance(86_400_000);
  assert.equal(stamp.at, at);
  clock.setWall(999);
  assert.equal(stamp.at, at, "less than a second is not followed");
});

Deno.test("the age of a stamp is the time that has passed when the wall clock jumps", async () => {
  const step = fc.record({
    jump: fc.oneof(
      fc.constant(0),
      fc.integer({ min: -24 * HOUR, max: 24 * HOUR }),
    ),
    pass: fc.integer({ min: 0, max: HOUR }),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(step), async (steps) => {
      const clock = new ManualClock();
      const stamp = new WallStamp(clock);
      for (const { jump, pass } of steps) {
        clock.setWall(jump);
        await clock.advance(pass);
        const age = clock.now() - stamp.at;
        assert.ok(Math.abs(age - clock.monotonic()) < 1_000, `${age} ms`);
      }
    }),
    { numRuns: 200 },
  );
});

Deno.test("uptime and ages of sessions and errors survive a wall clock set back", async () => {
  await using feed = new Followed(["accept"]);
  const { clock, link } = feed;
  const errors = new RecentErrors(clock, (text) => text);
  errors.listen(new RecordingLog()).warn("It broke");
  const source = statusSource({
    version: "1",
    environment: "PAPER",
    clock,
    links: { sip: link satisfies FeedLink },
    kinds: {
      sip: "iex",
      opra: "indicative",
      trading: "trade_updates",
      crypto: "crypto",
      news: "news",
    },
    streams: { count: 0 },
    draining: () => false,
  });
  await clock.advance(20_000);
  for (const jump of [-HOUR, 2 * HOUR, -HOUR]) {
    clock.setWall(jump);
    const status = source();
    assert.equal(
      status.now,
      clock.now(),
      "the time of day is the wall clock's",
    );
    assert.equal(healthBody(status, new Set(["sip"])).uptime_secs, 20);
    assert.equal(status.now - (status.feeds[0]?.lastConnectedAt ?? 0), 20_000);
    assert.equal(status.now - (errors.report()[0]?.at ?? 0), 20_000);
  }
});
