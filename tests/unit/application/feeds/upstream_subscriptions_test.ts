import assert from "node:assert/strict";
import { TradeUpdatesSubscription } from "../../../../src/application/feeds/upstream_subscriptions.ts";
import { ManualClock } from "../../../support/manual_clock.ts";
import { ScriptedSession } from "./scripted_feed.ts";

Deno.test("trade updates are one subscription while their session is up", () => {
  const subscriptions = new TradeUpdatesSubscription();
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
