/** Sessions of an edge with a hub, over a real nats-server. */
import assert from "node:assert/strict";
import type { Clock } from "../../../src/application/ports/clock.ts";
import type { FeedConnector, FeedSession } from "../../../src/application/ports/feed_connector.ts";
import { createCounters } from "../../../src/application/status/counters.ts";
import type { FeedId, FeedKind } from "../../../src/domain/connection/feed.ts";
import type { FeedFailure } from "../../../src/domain/connection/failure.ts";
import type { Pair, SymbolSets, UpstreamError } from "../../../src/domain/subscription/pairs.ts";
import { systemClock } from "../../../src/infrastructure/clock/system_clock.ts";
import {
  encodeBatch,
  frameEntries,
  NO_PAYLOAD,
} from "../../../src/infrastructure/nats/frame_batch.ts";
import { HubLink } from "../../../src/infrastructure/nats/hub_link.ts";
import { createHubConnector } from "../../../src/infrastructure/nats/hub_session.ts";
import { NatsClient } from "../../../src/infrastructure/nats/nats_client.ts";
import {
  retainedMessages,
  RetainedReader,
} from "../../../src/infrastructure/nats/retained_reader.ts";
import { FakeHub } from "../../support/fake_hub.ts";
import { ManualClock } from "../../support/manual_clock.ts";
import { NatsServer } from "../../support/nats_server.ts";
import { RecordingLog } from "../../support/recording_log.ts";
import { requires } from "../../support/requires.ts";
import { until } from "../../support/until.ts";

const AAPL: Pair = { channel: "quotes", symbol: "AAPL" };
const MSFT: Pair = { channel: "quotes", symbol: "MSFT" };
const STATE: SymbolSets = new Map([["quotes", new Set(["AAPL"])]]);

/** An edge of which a test sees everything. */
class Rig implements AsyncDisposable {
  readonly frames: { readonly text: string; readonly receivedAt: number }[] = [];
  /** Acknowledged states as lists, and errors, in the order of arrival. */
  readonly replies: (Record<string, string[]> | UpstreamError)[] = [];
  /** Since when what was acknowledged is carried, in wall clock ms. */
  readonly since: (number | undefined)[] = [];
  readonly counters = createCounters().edge;
  readonly log = new RecordingLog();
  readonly link: HubLink;
  readonly #client: NatsClient;
  readonly #clock: Clock;
  readonly #retained: RetainedReader;
  #sessions: FeedSession[] = [];
  readonly #connectors = new Map<FeedId, FeedConnector>();
  /** Called with every frame. */
  onFrame: () => void = () => {};

  constructor(url: string, clock: Clock = systemClock) {
    const { log, counters } = this;
    this.#clock = clock;
    this.#client = new NatsClient({
      name: "edge",
      access: { servers: [url] },
      clock: systemClock,
      log,
    });
    this.link = new HubLink({
      client: this.#client,
      prefix: "alpaca",
      edge: "e1",
      clock,
      log,
      counters,
    });
    const { subjects } = this.link;
    const messages = retainedMessages(() => this.#client.current, {
      stream: "ALPACA_FRAMES",
      subjects,
    });
    this.#retained = new RetainedReader(systemClock, messages);
  }

  connect(
    feed: FeedId = "sip",
    { kind = feed === "sip" ? "sip" : "trade_updates", maxWaitingBytes }: {
      readonly kind?: FeedKind;
      readonly maxWaitingBytes?: number;
    } = {},
  ): Promise<FeedSession> {
    const connector = this.#connectors.get(feed) ?? createHubConnector({
      feed,
      kind,
      link: this.link,
      receiver: {
        receive: (frame, receivedAt) => {
          this.frames.push({ text: new TextDecoder().decode(frame), receivedAt });
          this.onFrame();
        },
      },
      maxWaitingBytes,
      retained: this.#retained,
      counters: this.counters.feeds[feed],
      clock: this.#clock,
      log: this.log,
    });
    this.#connectors.set(feed, connector);
    const subscriptions = {
      acknowledged: (state: SymbolSets, since?: number) => {
        this.since.push(since);
        this.replies.push(Object.fromEntries(Array.from(state, ([k, v]) => [k, [...v]])));
      },
      rejected: (error: UpstreamError) => void this.replies.push(error),
    };
    const opening = connector.connect({
      onOpened() {},
      subscriptions,
      signal: new AbortController().signal,
    });
    return opening.then((session) => {
      this.#sessions.push(session);
      return session;
    });
  }

  get texts(): readonly string[] {
    return this.frames.map(({ text }) => text);
  }

  untilFrames(count: number): Promise<void> {
    return until(
      () => `${count} frames, not ${this.frames.length}`,
      () => this.frames.length >= count,
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const session of this.#sessions) await session.close();
    await this.#client[Symbol.asyncDispose]();
  }
}

function test(
  name: string,
  run: (rig: Rig, hub: FakeHub, server: NatsServer) => Promise<void>,
  clock?: () => Clock,
): void {
  Deno.test(requires(["nats-server"], {
    name,
    async fn() {
      await using server = await NatsServer.start();
      await using hub = await FakeHub.start(server.url);
      await using rig = new Rig(server.url, clock?.());
      await run(rig, hub, server);
    },
  }));
}

/** The hub sends a beacon, then a second passes. */
async function beaconAndSecond(rig: Rig, hub: FakeHub): Promise<void> {
  const before = rig.counters.feeds.sip.lastEntryAt;
  hub.beacon("sip");
  await until("the beacon arrives", () => rig.counters.feeds.sip.lastEntryAt !== before);
  await rigClock.advance(1_000);
}

async function failureOf(opening: Promise<FeedSession>): Promise<FeedFailure> {
  return await opening.then(() => assert.fail("It is open"), (error) => error);
}

test(
  "frames of the hub arrive in order, with the time at which it received them",
  async (rig, hub) => {
    await rig.connect();
    hub.frame("sip", "one", { receivedAt: 1_000.5 });
    hub.publish("sip", [
      { kind: "frame", payload: new TextEncoder().encode("two") },
      { kind: "frame", payload: new TextEncoder().encode("three") },
    ]);
    await rig.untilFrames(3);
    assert.deepEqual(rig.texts, ["one", "two", "three"]);
    assert.equal(rig.frames[0]?.receivedAt, 1_000.5);
    assert.equal(rig.counters.feeds.sip.term, 7);
  },
);

test("entries from before the session are ignored", async (rig, hub) => {
  hub.next = 5;
  await rig.connect();
  hub.publishRaw("sip", encodeBatch(7n, 3, entries("old", "older")));
  hub.frame("sip", "new");
  await rig.untilFrames(1);
  assert.deepEqual(rig.texts, ["new"]);
});

test("entries that arrive before the reply to the attachment are not lost", async (rig, hub) => {
  hub.onContinue = () => true;
  const opening = rig.connect();
  // The reply is sent when the request is handled; the batch follows in the same turn.
  await until("the edge attaches", () => {
    if (hub.attached.length === 0) return false;
    hub.frame("sip", "one");
    return true;
  });
  await opening;
  await rig.untilFrames(1);
});

test(
  "what upstream carries is acknowledged since the first message that arrives",
  async (rig, hub) => {
    hub.at = 2_000;
    const session = await rig.connect();
    // Another edge had these pairs before.
    hub.frame("sip", "one", { receivedAt: 2_001 });
    session.request({ action: "subscribe", pairs: [AAPL], probe: false });
    await rig.untilFrames(1);
    hub.since = 3_000;
    await session.close();
    const next = await rig.connect();
    hub.frame("sip", "in the gap", { receivedAt: 2_999 });
    hub.frame("sip", "two", { receivedAt: 3_000 });
    next.request({ action: "subscribe", pairs: [AAPL, MSFT], probe: false });
    await rig.untilFrames(2);
    assert.deepEqual(rig.texts, ["one", "two"]);
    assert.deepEqual(rig.since, [2_000, 3_000]);
  },
);

test("a frame from before the session is not its last one", async (rig, hub) => {
  hub.at = 2_000;
  const session = await rig.connect();
  hub.frame("sip", "old", { receivedAt: 1_000 });
  await until("it is handled", () => session.frames === 1);
  const lastAt = systemClock.now() - systemClock.monotonic() + session.lastFrameAt;
  assert(Math.abs(lastAt - 2_000) < 100, `${lastAt}`);
  assert.deepEqual(rig.texts, []);
});

test("a frame in parts is joined", async (rig, hub) => {
  await rig.connect();
  const frame = new TextEncoder().encode("abcdefgh");
  for (const entry of frameEntries(frame, 1_000, 3)) hub.publish("sip", [entry]);
  await rig.untilFrames(1);
  assert.deepEqual(rig.texts, ["abcdefgh"]);
});

test("a missing entry ends the session, and is counted", async (rig, hub) => {
  const session = await rig.connect();
  hub.frame("sip", "one");
  hub.frame("sip", "four", { skip: 2 });
  const { message, errorType } = await session.ended;
  assert.equal(message, "2 entries from the hub are missing");
  assert.equal(errorType, "closed");
  assert.equal(rig.counters.feeds.sip.missing, 2);
  assert.deepEqual(rig.texts, ["one"]);
});

test("a beacon shows that the last entry is missing", async (rig, hub) => {
  const session = await rig.connect();
  hub.beacon("sip");
  hub.next++;
  hub.beacon("sip");
  const { message } = await session.ended;
  assert.equal(message, "1 entries from the hub are missing");
});

test(
  "entries of an earlier term are ignored, those of a later one end the session",
  async (rig, hub) => {
    const session = await rig.connect();
    hub.publishRaw("sip", encodeBatch(6n, 1, entries("from the hub without the lease")));
    hub.frame("sip", "one");
    await rig.untilFrames(1);
    hub.publishRaw("sip", encodeBatch(8n, 1, entries("from the next hub")));
    assert.equal((await session.ended).message, "Another hub has taken over");
    assert.deepEqual(rig.texts, ["one"]);
  },
);

test("the session ends with that of the hub, and never with its type", async (rig, hub) => {
  const session = await rig.connect();
  hub.down("sip", "connection limit exceeded (code 406)");
  const { message, errorType } = await session.ended;
  assert.equal(message, "The hub has no session: connection limit exceeded (code 406)");
  assert.equal(errorType, "closed");
});

test("while the hub has no session, the edge waits for it", async (rig, hub) => {
  hub.isUp = false;
  const opening = rig.connect();
  await until("the edge attaches", () => hub.attached.length > 0);
  hub.up("sip");
  hub.frame("sip", "one");
  await opening;
  await rig.untilFrames(1);
});

test("a session continues with what the hub sent since its own was restored", async (rig, hub) => {
  const session = await rig.connect();
  hub.frame("sip", "one");
  hub.down("sip", "reset");
  await session.ended;
  await session.close();
  hub.up("sip");
  hub.frame("sip", "two");
  await settled(hub);
  const next = await rig.connect();
  next.request({ action: "subscribe", pairs: [AAPL], probe: false });
  hub.frame("sip", "three");
  await rig.untilFrames(3);
  assert.deepEqual(rig.texts, ["one", "two", "three"]);
});

test("after missing entries a session continues with the next one", async (rig, hub) => {
  const session = await rig.connect();
  hub.frame("sip", "one");
  hub.frame("sip", "three", { skip: 1 });
  hub.frame("sip", "four");
  await session.ended;
  await session.close();
  await settled(hub);
  await rig.connect();
  await rig.untilFrames(3);
  assert.deepEqual(rig.texts, ["one", "three", "four"]);
});

test("the rest of a frame whose beginning is missing is not decoded", async (rig, hub) => {
  const session = await rig.connect();
  await rigged(rig, hub);
  const [first, ...rest] = frameEntries(new TextEncoder().encode("abcdefgh"), 1_000, 3);
  assert.equal(first?.kind, "part");
  hub.next++;
  for (const entry of rest) hub.publish("sip", [entry]);
  assert.equal((await session.ended).message, "1 entries from the hub are missing");
  await session.close();
  await settled(hub);
  await rig.connect();
  hub.frame("sip", "whole");
  await rig.untilFrames(2);
  assert.deepEqual(rig.texts, ["rigged", "whole"]);
});

test("a hub that counts from 1 again under the same term is another one", async (rig, hub) => {
  hub.next = 5;
  const session = await rig.connect();
  await rigged(rig, hub);
  hub.next = 1;
  hub.up("sip");
  hub.next = 6;
  hub.frame("sip", "no continuation");
  assert.equal((await session.ended).message, "The hub counts from the beginning");
  assert.deepEqual(rig.texts, ["rigged"]);
});

test(
  "after the loss of the connection the hub confirms the session before its entries are handled",
  async (rig, hub, server) => {
    const session = await rig.connect();
    await rigged(rig, hub);
    await server.stop("SIGKILL");
    await server.run();
    // As after the loss of all that NATS had stored: the same term, other entries.
    hub.onContinue = () => false;
    const frames = setInterval(() => hub.publishRaw("sip", encodeBatch(7n, 2, entries("x"))), 20);
    const { message } = await session.ended;
    clearInterval(frames);
    assert.equal(message, "The hub does not know this edge any more");
    assert.deepEqual(rig.texts, ["rigged"]);
  },
);

test("the hub is asked again when its confirmation is lost", async (rig, hub, server) => {
  const session = await rig.connect();
  await rigged(rig, hub);
  let ended = false;
  session.ended.then(() => ended = true);
  await server.stop("SIGKILL");
  await server.run();
  let asked = 0;
  hub.onContinue = () => ++asked > 1 ? true : undefined;
  const beacons = setInterval(() => hub.beacon("sip"), 100);
  await until("the hub has confirmed the session", () => asked > 1);
  clearInterval(beacons);
  hub.frame("sip", "two");
  await rig.untilFrames(2);
  assert.equal(ended, false);
});

test("a session goes on after a short loss of the connection", async (rig, hub, server) => {
  const session = await rig.connect();
  await rigged(rig, hub);
  let ended = false;
  session.ended.then(() => ended = true);
  await server.stop("SIGKILL");
  await server.run();
  const beacons = setInterval(() => hub.beacon("sip"), 100);
  await until("the hub confirms the session", () => hub.attached.length > 1);
  clearInterval(beacons);
  hub.frame("sip", "two");
  await rig.untilFrames(2);
  assert.equal(ended, false);
});

test(
  "missing entries that NATS retains are handled once, in order and with their times",
  async (rig, hub) => {
    await hub.retain();
    const session = await rig.connect();
    let ended = false;
    session.ended.then(() => ended = true);
    const now = Date.now();
    hub.frame("sip", "one", { receivedAt: now });
    hub.frame("opra", "of another feed");
    hub.next = 2;
    for (const [i, text] of ["two", "three", "four"].entries()) {
      hub.frame("sip", text, { isLost: true, receivedAt: now + i });
    }
    hub.frame("sip", "five", { receivedAt: now + 5 });
    const whole = new TextEncoder().encode("a frame in parts");
    const [part, ...parts] = frameEntries(whole, now, 6);
    if (part) hub.publish("sip", [part], { receivedAt: now });
    for (const each of parts) hub.publish("sip", [each], { isLost: true, receivedAt: now });
    hub.beacon("sip", now);
    await rig.untilFrames(6);
    assert.deepEqual(rig.texts, ["one", "two", "three", "four", "five", "a frame in parts"]);
    assert.deepEqual(rig.frames.map(({ receivedAt }) => receivedAt - now), [0, 0, 1, 2, 5, 0]);
    assert.equal(ended, false);
    assert.equal(rig.counters.feeds.sip.missing, 0);
    assert.equal(rig.counters.feeds.sip.recovered, 3 + parts.length);
  },
);

test("the end of the hub's session among what is retained ends the session", async (rig, hub) => {
  await hub.retain();
  const session = await rig.connect();
  const receivedAt = Date.now();
  hub.frame("sip", "one", { receivedAt });
  hub.frame("sip", "two", { receivedAt, isLost: true });
  const down = new TextEncoder().encode(`{"errorType":"closed","message":"reset"}`);
  hub.publish("sip", [{ kind: "down", payload: down }], { receivedAt, isLost: true });
  hub.publish("sip", [{ kind: "up", payload: NO_PAYLOAD }], { receivedAt });
  hub.frame("sip", "three", { receivedAt });
  assert.equal((await session.ended).message, "The hub has no session: reset");
  await session.close();
  await rig.connect();
  await rig.untilFrames(3);
  assert.deepEqual(rig.texts, ["one", "two", "three"]);
});

test("missing entries that NATS does not retain any more end the session", async (rig, hub) => {
  await hub.retain(3);
  const session = await rig.connect();
  const receivedAt = Date.now();
  hub.frame("sip", "one", { receivedAt });
  await rig.untilFrames(1);
  for (const text of ["two", "three"]) hub.frame("sip", text, { isLost: true, receivedAt });
  hub.frame("sip", "four", { receivedAt });
  assert.equal((await session.ended).message, "2 entries from the hub are missing");
  assert.equal(rig.counters.feeds.sip.recovered, 0);
  assert.deepEqual(rig.log.records.flatMap(({ fields: { cause } }) => cause ?? []), [
    "The entry before them is not retained",
  ]);
});

test("entries that the hub could not publish are not retained either", async (rig, hub) => {
  await hub.retain();
  const session = await rig.connect();
  const receivedAt = Date.now();
  hub.frame("sip", "one", { receivedAt });
  hub.frame("sip", "three", { receivedAt, skip: 1 });
  assert.equal((await session.ended).message, "1 entries from the hub are missing");
});

test("entries that are missing for long, or of another term, are not read", async (rig, hub) => {
  await hub.retain();
  const session = await rig.connect();
  hub.frame("sip", "one", { receivedAt: Date.now() - 6_000 });
  hub.frame("sip", "two", { isLost: true });
  hub.frame("sip", "three", { receivedAt: Date.now() });
  assert.equal((await session.ended).message, "1 entries from the hub are missing");
  await session.close();
  const next = await rig.connect();
  hub.term = 8n;
  hub.next = 1;
  hub.frame("sip", "one of the next hub", { isLost: true, receivedAt: Date.now() });
  hub.frame("sip", "two of the next hub", { receivedAt: Date.now() });
  assert.equal((await next.ended).message, "Another hub has taken over");
  assert.equal(rig.counters.feeds.sip.recovered, 0);
});

test("what an edge has dropped because it was too slow is read again", async (rig, hub) => {
  await hub.retain();
  const session = await rig.connect("sip", { maxWaitingBytes: 300_000 });
  let ended = false;
  session.ended.then(() => ended = true);
  rig.onFrame = () => {
    const end = performance.now() + 5;
    while (performance.now() < end) continue;
  };
  const text = (i: number) => String(i).padEnd(50_000, "x");
  for (let i = 0; i < 40; i++) hub.frame("sip", text(i), { receivedAt: Date.now() });
  const beacons = setInterval(() => hub.beacon("sip", Date.now()), 50);
  await rig.untilFrames(40);
  clearInterval(beacons);
  assert.equal(ended, false);
  assert.deepEqual(rig.texts, Array.from({ length: 40 }, (_, i) => text(i)));
  const { dropped, recovered } = rig.counters.feeds.sip;
  assert(dropped > 0 && recovered > 0, `${dropped} batches dropped, ${recovered} recovered`);
});

test("without retained frames nothing is read", async (rig, hub) => {
  await hub.retain();
  hub.isRetained = false;
  const session = await rig.connect();
  const receivedAt = Date.now();
  hub.frame("sip", "one", { receivedAt });
  hub.frame("sip", "two", { receivedAt, isLost: true });
  hub.frame("sip", "three", { receivedAt });
  assert.equal((await session.ended).message, "1 entries from the hub are missing");
});

test("the end of the hub's session may be among missing entries", async (rig, hub) => {
  const session = await rig.connect();
  await rigged(rig, hub);
  hub.isUp = false;
  hub.publish("sip", [{ kind: "beacon", payload: NO_PAYLOAD }], { skip: 1 });
  assert.equal((await session.ended).message, "1 entries from the hub are missing");
  await session.close();
  let isOpen = false;
  const opening = rig.connect().then(() => isOpen = true);
  await until("the edge attaches again", () => hub.attached.length > 1);
  await settled(hub);
  assert.equal(isOpen, false);
  hub.up("sip");
  await opening;
});

test("a session with the next hub has everything from its first entry on", async (rig, hub) => {
  const session = await rig.connect();
  await rigged(rig, hub);
  hub.term = 8n;
  hub.next = 1;
  hub.up("sip");
  hub.frame("sip", "first of the next hub");
  await session.ended;
  await session.close();
  hub.frame("sip", "second");
  await settled(hub);
  await rig.connect();
  await rig.untilFrames(3);
  assert.deepEqual(rig.texts, ["rigged", "first of the next hub", "second"]);
});

test("frames wait for the first subscriptions of a session", async (rig, hub) => {
  const order: string[] = [];
  rig.onFrame = () => void order.push("frame");
  const { onSubscribe } = hub;
  hub.onSubscribe = (request) => {
    hub.frame("sip", "one");
    order.push("reply");
    return onSubscribe(request);
  };
  const session = await rig.connect();
  session.request({ action: "subscribe", pairs: [AAPL], probe: false });
  await rig.untilFrames(1);
  assert.deepEqual(order, ["reply", "frame"]);
  assert.equal(rig.replies.length, 1);
});

test("no frame is delivered before the first subscriptions are acknowledged", async (rig, hub) => {
  await hub.stopSubscribing();
  const session = await rig.connect();
  hub.frame("sip", "in the gap");
  session.request({ action: "subscribe", pairs: [AAPL], probe: false });
  const { message, errorType } = await session.ended;
  assert.match(message, /^No hub answers.* so that nothing is subscribed$/);
  assert.equal(errorType, "closed");
  hub.at = 2_000;
  hub.answerSubscriptions();
  const next = await rig.connect();
  next.request({ action: "subscribe", pairs: [AAPL], probe: false });
  hub.frame("sip", "one", { receivedAt: 2_001 });
  await rig.untilFrames(1);
  assert.deepEqual(rig.texts, ["one"]);
  assert.deepEqual(rig.since, [2_000]);
});

test("a session whose first subscriptions are not answered ends", async (rig, hub) => {
  hub.onSubscribe = () => undefined;
  const session = await rig.connect();
  session.request({ action: "subscribe", pairs: [AAPL], probe: false });
  await until("the hub has the request", () => hub.subscribed.length > 0);
  for (let i = 0; i < 5; i++) await beaconAndSecond(rig, hub);
  hub.frame("sip", "in the gap");
  await settled(hub);
  await rigClock.advance(1_000);
  const { message } = await session.ended;
  assert.equal(message, "The hub has not answered within 6000 ms, so that nothing is subscribed");
  assert.deepEqual(rig.texts, []);
}, manual);

test("a hub without a session for long is a failure with its reason", async (rig, hub) => {
  hub.isUp = false;
  hub.reason = "unauthorized";
  const opening = failureOf(rig.connect());
  await until("the edge attaches", () => hub.attached.length > 0);
  await settled(hub);
  await rigClock.advance(5_000);
  const { message, errorType } = await opening;
  assert.equal(message, "The hub has no session: unauthorized");
  assert.equal(errorType, "dial");
}, manual);

test("a hub with another product is a failure with a remedy", async (rig, hub) => {
  hub.kinds = { sip: "iex" };
  const { message, remedy } = await failureOf(rig.connect());
  assert.equal(message, "The hub has iex on the sip feed, this edge is configured for sip");
  assert.match(remedy ?? "", /STREAM_PROXY_FEEDS, ALPACA_FEED/);
  hub.kinds = {};
  assert.equal(
    (await failureOf(rig.connect())).message,
    "The hub does not have the sip feed",
  );
});

test("without a hub the failure is immediate", async (rig, hub) => {
  await hub.leave();
  const start = performance.now();
  const { message, errorType } = await failureOf(rig.connect());
  assert.equal(message, "No hub answers");
  assert.equal(errorType, "dial");
  assert.ok(performance.now() - start < 1_500);
});

test(
  "a session waits for the hub that takes over from one that has just stopped",
  async (rig, hub, server) => {
    const session = await rig.connect();
    await settled(hub);
    hub.down("sip", "closed");
    await session.ended;
    await hub.leave();
    const opening = rig.connect();
    await until("nothing takes the request", () => rig.counters.unanswered.attach > 0);
    await using other = await FakeHub.start(server.url);
    other.term = 8n;
    await opening;
    assert.equal(rig.counters.feeds.sip.term, 8);
  },
);

test("a session does not wait longer than four seconds for another hub", async (rig, hub) => {
  const session = await rig.connect();
  await hub.leave();
  await session.close();
  const opening = failureOf(rig.connect());
  const { unanswered } = rig.counters;
  // Each request is answered over the network before the clock moves on.
  for (let count = 1; count < 80; count++) {
    await until(`request ${count}`, () => unanswered.attach === count);
    await rigClock.advance(50);
  }
  await until("the last request", () => unanswered.attach === 80);
  assert.equal(await Promise.race([opening, "it still waits"]), "it still waits");
  await rigClock.advance(50);
  const { message, remedy } = await opening;
  assert.equal(message, "No hub answers");
  assert.match(remedy ?? "", /^Start a hub/);
}, manual);

test("without anything for three seconds the session ends", async (rig, hub) => {
  const session = await rig.connect();
  await settled(hub);
  for (let i = 0; i < 5; i++) await rigClock.advance(1_000);
  const { message, errorType } = await session.ended;
  assert.match(message, /^Nothing from the hub for \d+ ms$/);
  assert.equal(errorType, "heartbeat");
}, manual);

test("beacons keep a session open", async (rig, hub) => {
  const session = await rig.connect();
  let ended = false;
  session.ended.then(() => ended = true);
  for (let i = 0; i < 8; i++) await beaconAndSecond(rig, hub);
  assert.equal(ended, false);
  assert.equal(session.frames, 0);
}, manual);

test("subscriptions are answered as by Alpaca", async (rig, hub) => {
  const session = await rig.connect();
  session.request({ action: "subscribe", pairs: [AAPL, MSFT], probe: false });
  await until("a reply", () => rig.replies.length === 1);
  hub.onSubscribe = () => ({ error: { code: 405, message: "symbol limit exceeded" } });
  session.request({ action: "subscribe", pairs: [MSFT], probe: false });
  await until("a rejection", () => rig.replies.length === 2);
  assert.deepEqual(rig.replies, [
    { quotes: ["AAPL", "MSFT"] },
    { code: 405, message: "symbol limit exceeded" },
  ]);
  const [request] = hub.subscribed;
  assert.deepEqual(
    { ...request, pairs: [...request?.pairs ?? []] },
    { edge: "e1", feed: "sip", term: 7n, action: "subscribe", pairs: [AAPL, MSFT] },
  );
  assert.equal(rig.counters.requests.subscribe.counts.reduce((sum, n) => sum + n), 2);
});

test(
  "a state that was not asked for is taken, and during a request only after its reply",
  async (rig, hub) => {
    const session = await rig.connect();
    hub.pushState("e1", "sip", STATE);
    await until("the state", () => rig.replies.length === 1);
    hub.onSubscribe = () => {
      hub.pushState("e1", "sip", new Map());
      return { error: { code: 400, message: "invalid" } };
    };
    session.request({ action: "subscribe", pairs: [MSFT], probe: false });
    await until("both", () => rig.replies.length === 3);
    assert.deepEqual(rig.replies, [{ quotes: ["AAPL"] }, { code: 400, message: "invalid" }, {}]);
  },
);

test("a state that was lost ends the session", async (rig, hub) => {
  const session = await rig.connect();
  const keepAlive = async () => {
    const { lastEntryAt } = rig.counters.feeds.sip;
    hub.beacon("sip");
    await until("the beacon", () => rig.counters.feeds.sip.lastEntryAt !== lastEntryAt);
    await rigClock.advance(2_000);
  };
  hub.pushState("e1", "sip", STATE);
  await until("the state", () => rig.replies.length === 1);
  hub.states = 1;
  await keepAlive();
  await until("a second attachment", () => hub.attached.length === 2);
  await settled(hub);
  hub.states = 2;
  await keepAlive();
  assert.equal((await session.ended).message, "A state from the hub is missing");
  assert.equal(hub.attached.length, 3);
}, manual);

test("what the hub has of the edge is confirmed every two seconds", async (rig, hub) => {
  const session = await rig.connect();
  session.request({ action: "subscribe", pairs: [AAPL], probe: false });
  await until("a reply", () => rig.replies.length === 1);
  await rigClock.advance(2_000);
  await until("a second attachment", () => hub.attached.length === 2);
  const held = hub.attached[1]?.held;
  assert.equal(held?.term, 7n);
  assert.match(held?.digest ?? "", /^1-/);
  hub.onContinue = () => false;
  const { lastEntryAt } = rig.counters.feeds.sip;
  hub.beacon("sip");
  await until("the beacon", () => rig.counters.feeds.sip.lastEntryAt !== lastEntryAt);
  await rigClock.advance(2_000);
  assert.equal((await session.ended).message, "The hub does not know this edge any more");
}, manual);

test("a hub that does not answer three times has lost the edge", async (rig, hub) => {
  const session = await rig.connect();
  hub.onContinue = () => undefined;
  let ended = false;
  session.ended.then(() => ended = true);
  for (let i = 0; i < 12 && !ended; i++) {
    const before = rig.counters.feeds.sip.lastEntryAt;
    hub.beacon("sip");
    await until("a beacon", () => ended || rig.counters.feeds.sip.lastEntryAt !== before);
    await rigClock.advance(1_000);
  }
  assert.equal(
    (await session.ended).message,
    "The hub has not answered within 2000 ms",
  );
}, manual);

test("a hub that has another session of its own has other subscriptions", async (rig, hub) => {
  const session = await rig.connect();
  hub.onSubscribe = () => ({ unknown: true });
  session.request({ action: "subscribe", pairs: [AAPL], probe: false });
  assert.equal((await session.ended).message, "The hub does not know this edge any more");
});

test(
  "what is not handled in time is dropped above a bound, and ends the session",
  async (rig, hub) => {
    const session = await rig.connect("sip", { maxWaitingBytes: 300_000 });
    // The others wait while one frame is handled.
    rig.onFrame = () => {
      const end = performance.now() + 20;
      while (performance.now() < end) continue;
    };
    const text = "x".repeat(50_000);
    for (let i = 0; i < 40; i++) hub.frame("sip", text);
    const beacons = setInterval(() => hub.beacon("sip"), 50);
    const { message } = await session.ended;
    clearInterval(beacons);
    assert.match(message, /^\d+ entries from the hub are missing$/);
    assert.ok(rig.counters.feeds.sip.dropped > 0);
  },
);

test("a flood leaves the event loop to others", async (rig, hub) => {
  await rig.connect();
  rig.onFrame = () => {
    const end = performance.now() + 0.5;
    while (performance.now() < end) continue;
  };
  for (let i = 0; i < 400; i++) hub.frame("sip", "x");
  let turns = 0;
  const timer = setInterval(() => turns++, 0);
  await rig.untilFrames(400);
  clearInterval(timer);
  assert.ok(turns > 50, `${turns} turns`);
});

test("updates of orders need no subscription; its reply is the heartbeat", async (rig, hub) => {
  const session = await rig.connect("trading");
  // As with Alpaca, before the first update.
  assert.deepEqual(rig.replies, [{}]);
  hub.frame("trading", "{}");
  await rig.untilFrames(1);
  const { frames } = session;
  session.request({ action: "subscribe", pairs: [], probe: true });
  await until("a reply", () => session.frames > frames);
  assert.equal(hub.subscribed.length, 0);
});

test(
  "a lost connection to NATS ends the session; the next one continues",
  async (rig, hub, server) => {
    const session = await rig.connect();
    await server.stop("SIGKILL");
    const { message } = await session.ended;
    assert.match(message, /^Nothing from the hub for \d+ ms$/);
    await session.close();
    await server.run();
    let next: FeedSession | undefined;
    await until("another session", async () => {
      next = await rig.connect().catch(() => undefined);
      return next !== undefined;
    });
    hub.frame("sip", "one");
    await rig.untilFrames(1);
  },
);

test("no hub has answered for ten seconds", async (rig, hub) => {
  const session = await rig.connect();
  assert.equal(rig.link.absence, undefined);
  await session.close();
  await rigClock.advance(9_900);
  assert.equal(rig.link.absence, undefined);
  await rigClock.advance(200);
  assert.equal(rig.link.absence, "No hub answers; open streams continue as soon as one does");
  hub.isUp = true;
  await rig.connect();
  assert.equal(rig.link.absence, undefined);
}, manual);

function entries(...texts: readonly string[]) {
  return texts.map((text) => ({
    kind: "frame" as const,
    receivedAt: 1,
    payload: new TextEncoder().encode(text),
  }));
}

/** The clock of the test that runs. */
let rigClock: ManualClock;
function manual(): Clock {
  return rigClock = new ManualClock();
}

/** Waits until the session has handled a frame. */
async function rigged(rig: Rig, hub: FakeHub): Promise<void> {
  hub.frame("sip", "rigged");
  await rig.untilFrames(1);
}

/** Waits until what the hub has sent before has arrived. */
async function settled(hub: FakeHub): Promise<void> {
  await hub.flush();
  await new Promise((resolve) => setTimeout(resolve, 20));
}
