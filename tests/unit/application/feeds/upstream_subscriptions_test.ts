import assert from "node:assert/strict";
import { TradeUpdatesSubscription } from "../../../../src/application/feeds/upstream_subscriptions.ts";
import { RecordingEvents } from "../../../support/recording_events.ts";
import { ManualClock } from "../../../support/manual_clock.ts";
import { ScriptedSession } from "./scripted_feed.ts";

Deno.test("trade updates are one subscription while their session is up", () => {
  const subscriptions = new TradeUpdatesSubscription(new RecordingEvents());
  const session = new ScriptedSession(new ManualClock());
  assert.equal(subscriptions.subscriptionCount, 0);
  subscriptions.probe();
  subscriptions.attach(session);
  assert.equal(subscriptions.subscriptionCount, 1);
  subscriptions.probe();
  assert.deepEqual(session.requests, [{
    action: "subscribe",
    pairs: [],
    probe: true,
  }]);
  subscriptions.detach();
  subscriptions.probe();
  assert.equal(session.requests.length, 1);
  assert.equal(subscriptions.subscriptionCount, 0);
});

Deno.test("trade updates are carried from the login until the session ends, once each", () => {
  const events = new RecordingEvents();
  const subscriptions = new TradeUpdatesSubscription(events);
  const session = new ScriptedSession(new ManualClock());
  subscriptions.acknowledged();
  assert.deepEqual(events.take(), ["carried updates *"]);
  assert.equal(subscriptions.isComplete, false);
  subscriptions.attach(session);
  subscriptions.acknowledged();
  assert.equal(subscriptions.isComplete, true);
  assert.deepEqual(events.take(), []);
  subscriptions.detach();
  subscriptions.detach();
  assert.deepEqual(events.take(), ["upstream_lost updates *"]);
  assert.equal(subscriptions.isComplete, false);
  subscriptions.attach(session);
  assert.deepEqual(events.take(), ["carried updates *"]);
});

Deno.test("a login that fails after its acknowledgement ends what it carried", () => {
  const events = new RecordingEvents();
  const subscriptions = new TradeUpdatesSubscription(events);
  subscriptions.acknowledged();
  subscriptions.detach();
  assert.deepEqual(events.take(), ["carried updates *", "upstream_lost updates *"]);
});
