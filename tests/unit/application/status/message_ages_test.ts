import assert from "node:assert/strict";
import { createCounters } from "../../../../src/application/status/counters.ts";
import { MessageAges } from "../../../../src/application/status/message_ages.ts";
import { ManualClock } from "../../../support/manual_clock.ts";

Deno.test("the moment of a feed's last data is known within a second, whoever watches", async () => {
  const clock = new ManualClock();
  const counters = createCounters();
  const ages = new MessageAges(counters, clock);
  const ending = new AbortController();
  const running = ages.run(ending.signal);
  assert.equal(ages.lastMessageAt("sip"), undefined);
  counters.feeds.sip.received.quote++;
  counters.feeds.opra.received.control++;
  await clock.advance(1_000);
  const seen = clock.now();
  assert.equal(ages.lastMessageAt("sip"), seen);
  assert.equal(ages.lastMessageAt("opra"), undefined, "control is no data");
  await clock.advance(60_000);
  assert.equal(ages.lastMessageAt("sip"), seen);
  counters.feeds.sip.received.trade++;
  await clock.advance(1_000);
  assert.equal(ages.lastMessageAt("sip"), seen + 61_000);
  ending.abort();
  await running;
});
