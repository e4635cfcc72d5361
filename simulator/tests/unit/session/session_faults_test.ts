import assert from "node:assert/strict";
import { Faults } from "../../../src/faults.ts";
import { SessionHarness } from "./session_harness.ts";

const SUBSCRIBE = { action: "subscribe", quotes: ["F"] };

Deno.test("a slow acknowledgement delays the change and what follows it", () => {
  const harness = new SessionHarness();
  const client = harness.open();
  harness.faults.slowAcks("sip", 500);
  assert.deepEqual(client.ask(SUBSCRIBE), []);
  assert.deepEqual(client.ask({ action: "subscribe", quotes: ["GE"] }), []);
  harness.publish("sip", { T: "q", S: "F" });
  assert.equal(harness.requests.all().length, 3);
  harness.clock.advance(500);
  harness.publish("sip", { T: "q", S: "F" });
  const [first, data, ...rest] = client.socket.read();
  assert.deepEqual(first?.[0]?.["quotes"], ["F"]);
  assert.deepEqual(data, [{ T: "q", S: "F" }]);
  assert.deepEqual(rest, []);
  harness.clock.advance(500);
  assert.deepEqual(client.socket.read()[0]?.[0]?.["quotes"], ["F", "GE"]);
});

Deno.test("delayed data keeps its order and timestamps, also when the delay ends", () => {
  const harness = new SessionHarness();
  const client = harness.open();
  client.ask(SUBSCRIBE);
  const publish = (bp: number) => harness.publish("sip", { T: "q", S: "F", bp });
  const arrived = () => client.socket.read().flatMap((frame) => frame.map(({ bp }) => bp));
  harness.faults.delayData("sip", 500);
  publish(1);
  harness.clock.advance(200);
  publish(2);
  assert.deepEqual(arrived(), []);
  harness.clock.advance(300);
  assert.deepEqual(arrived(), [1]);
  harness.faults.delayData("sip", 0);
  publish(3);
  assert.deepEqual(arrived(), [], "nothing overtakes what is late");
  harness.clock.advance(200);
  assert.deepEqual(arrived(), [2, 3]);
  publish(4);
  assert.deepEqual(arrived(), [4]);
});

Deno.test("delayed data is bounded: the oldest is sent early", () => {
  const harness = new SessionHarness({ slowClientBytes: 150 });
  const client = harness.open();
  client.ask(SUBSCRIBE);
  harness.faults.delayData("*", 60_000);
  for (let bp = 1; bp <= 9; bp++) {
    harness.publish("sip", { T: "q", S: "F", bp });
  }
  const early = client.socket.read().flat().map(({ bp }) => bp);
  assert.ok(early.length > 0 && early.length < 9, `${early.length} of 9`);
  assert.deepEqual(early, Array.from(early, (_, index) => index + 1));
});

Deno.test("delayed data of a closed connection is dropped", () => {
  const harness = new SessionHarness();
  const client = harness.open();
  client.ask(SUBSCRIBE);
  harness.faults.delayData("sip", 500);
  harness.publish("sip", { T: "q", S: "F" });
  client.session.closed(true);
  assert.equal(harness.clock.pending, 0);
});

Deno.test("a lost acknowledgement still subscribes", () => {
  const harness = new SessionHarness();
  const client = harness.open();
  harness.faults.loseAcks("*");
  assert.deepEqual(client.ask(SUBSCRIBE), []);
  harness.publish("sip", { T: "q", S: "F" });
  assert.deepEqual(client.socket.read(), [[{ T: "q", S: "F" }]]);
});

Deno.test("a duplicated acknowledgement is sent twice, the next one once", () => {
  const harness = new SessionHarness();
  const client = harness.open();
  harness.faults.duplicateAcks("sip");
  assert.equal(client.ask(SUBSCRIBE).length, 2);
  assert.equal(client.ask(SUBSCRIBE).length, 1);
});

Deno.test("planned errors answer logins and subscribes, then end", () => {
  const harness = new SessionHarness();
  harness.faults.failNext("sip", "auth", { code: 500 });
  const client = harness.connect();
  assert.equal(client.logIn()[0]?.[0]?.["code"], 500);
  assert.equal(client.logIn()[0]?.[0]?.["msg"], "authenticated");
  harness.faults.failNext("sip", "subscribe", { code: 405, count: 2 });
  assert.equal(client.ask(SUBSCRIBE)[0]?.[0]?.["code"], 405);
  assert.equal(client.ask(SUBSCRIBE)[0]?.[0]?.["code"], 405);
  assert.deepEqual(client.ask(SUBSCRIBE)[0]?.[0]?.["quotes"], ["F"]);
});

Deno.test("a muted session sends no data and no acknowledgements", () => {
  const harness = new SessionHarness();
  const client = harness.open();
  client.ask(SUBSCRIBE);
  client.session.mute({ data: true, acks: false });
  harness.publish("sip", { T: "q", S: "F" });
  assert.deepEqual(client.socket.read(), []);
  assert.equal(client.ask(SUBSCRIBE).length, 1);
  client.session.mute({ data: true, acks: true });
  assert.deepEqual(client.ask(SUBSCRIBE), []);
  client.session.mute({ data: false, acks: false });
  harness.publish("sip", { T: "q", S: "F" });
  assert.deepEqual(client.socket.read(), [[{ T: "q", S: "F" }]]);
});

Deno.test("a planned fault of one endpoint does not affect the others", () => {
  const faults = new Faults();
  faults.rejectUpgrades("sip", 429, 2);
  faults.rejectUpgrades("*", 503);
  assert.equal(faults.takeUpgradeStatus("sip"), 429);
  assert.equal(faults.takeUpgradeStatus("opra"), 503);
  assert.equal(faults.takeUpgradeStatus("opra"), undefined);
  assert.equal(faults.takeUpgradeStatus("sip"), 429);
  assert.equal(faults.takeUpgradeStatus("sip"), undefined);
});

Deno.test("reset ends every fault", () => {
  const faults = new Faults();
  faults.rejectUpgrades("sip", 502);
  faults.failNext("*", "auth", { code: 402 });
  faults.slowAcks("*", 10);
  faults.loseAcks("sip");
  faults.muteSymbol("F");
  faults.copyOrderEvents(0);
  faults.delayOrderEvents(5);
  faults.lateTrades(3);
  faults.correctTrades();
  faults.reset();
  assert.equal(faults.takeUpgradeStatus("sip"), undefined);
  assert.equal(faults.takeError("sip", "auth"), undefined);
  assert.equal(faults.ackDelayMs("sip"), 0);
  assert.equal(faults.takeAckCopies("sip"), 1);
  assert.equal(faults.isSymbolMuted("F"), false);
  assert.equal(faults.takeOrderEventCopies(), 1);
  assert.equal(faults.orderEventDelayMs(), 0);
  assert.equal(faults.takeLateTrade(), false);
  assert.equal(faults.takeTradeCorrection(), undefined);
});

Deno.test("an invalid fault is rejected with its value", () => {
  const faults = new Faults();
  assert.throws(() => faults.rejectUpgrades("sip", 200), /400–599, not 200/);
  assert.throws(() => faults.loseAcks("sip", 0), /1 or more, not 0/);
  assert.throws(() => faults.slowAcks("sip", -1), /0 ms or more, not -1/);
});
