import assert from "node:assert/strict";
import { type FailureType, FeedFailure } from "../../../../src/domain/connection/failure.ts";
import { settle } from "../../../support/manual_clock.ts";
import { Followed, SECRET } from "./followed_link.ts";
import { type Attempt, RecordingSubscriptions } from "./scripted_feed.ts";

function failing(
  errorType: FailureType,
  options: { readonly opened?: boolean } = {},
): Attempt {
  return {
    failure: new FeedFailure(`${errorType} it is`, { errorType }),
    opened: options.opened ?? true,
  };
}

Deno.test("a session passes through the states of the state machine", async () => {
  await using feed = new Followed(["accept"]);
  assert.equal(feed.link.status.state, "connecting");
  await settle();
  assert.deepEqual(feed.states, ["connecting", "authenticating", "connected"]);
  assert.deepEqual(feed.link.status, {
    feed: "sip",
    kind: "iex",
    state: "connected",
    stateMs: { disconnected: 0, connecting: 0, authenticating: 0, connected: 0 },
    lastConnectedAt: feed.clock.now(),
    downSince: undefined,
    lastOutageMs: undefined,
    errorMessage: undefined,
    remedy: undefined,
    nextAttemptAt: undefined,
    subscriptionCount: 0,
    reconnectAttempts: 0,
    messagesReceived: 0,
  });
});

Deno.test("a dropped session is replaced, with counters and the reason", async () => {
  const subscriptions = new RecordingSubscriptions();
  await using feed = new Followed(["accept"], { subscriptions });
  await feed.clock.advance(60_000);
  feed.connector.last.hear();
  feed.connector.last.drop("Connection closed with code 1006");
  await settle();
  assert.equal(feed.link.status.state, "reconnecting");
  assert.equal(
    feed.link.status.errorMessage,
    "Connection closed with code 1006",
  );
  assert.equal(feed.counters.errors.closed, 1);
  assert.equal(feed.counters.reconnects, 0);
  await feed.clock.advance(250);
  assert.equal(feed.link.status.state, "connected");
  assert.equal(feed.link.status.errorMessage, undefined);
  assert.equal(feed.counters.reconnects, 1);
  assert.deepEqual(subscriptions.calls.filter((call) => call !== "probe"), [
    "attach",
    "detach",
    "attach",
  ]);
  assert.deepEqual(feed.states.slice(-4), [
    "reconnecting",
    "connecting",
    "authenticating",
    "connected",
  ]);
});

Deno.test("an outage has a start, a next attempt and, when it is over, a length", async () => {
  await using feed = new Followed(["accept", failing("dial"), "accept"]);
  const started = feed.clock.now();
  assert.equal(feed.link.status.downSince, started);
  await feed.clock.advance(60_000);
  assert.equal(feed.link.status.downSince, undefined);
  assert.equal(feed.link.status.lastOutageMs, undefined, "the start is no outage");
  feed.connector.last.drop("Connection closed with code 1006");
  await settle();
  const lost = feed.clock.now();
  assert.equal(feed.link.status.downSince, lost);
  assert.equal(feed.link.status.nextAttemptAt, lost + 250);
  await feed.clock.advance(250);
  assert.equal(feed.link.status.nextAttemptAt, lost + 750);
  feed.clock.setWall(-3_600_000);
  assert.equal(feed.link.status.downSince, lost - 3_600_000);
  assert.equal(feed.link.status.nextAttemptAt, lost + 750 - 3_600_000);
  await feed.clock.advance(500);
  assert.equal(feed.link.status.state, "connected");
  assert.equal(feed.link.status.lastOutageMs, 750);
  assert.equal(feed.link.status.nextAttemptAt, undefined);
});

Deno.test("the time in each state is added up, also while the wall clock is set", async () => {
  await using feed = new Followed(["accept", failing("dial"), "accept"]);
  await feed.clock.advance(60_000);
  feed.connector.last.drop("Connection closed with code 1006");
  await settle();
  feed.clock.setWall(3_600_000);
  await feed.clock.advance(1_000);
  const { stateMs } = feed.link.status;
  assert.deepEqual(stateMs, {
    disconnected: 0,
    connecting: 0,
    authenticating: 0,
    connected: 60_250,
    reconnecting: 750,
  });
});

Deno.test("failed connection attempts back off exponentially and are counted", async () => {
  await using feed = new Followed([failing("dial", { opened: false })]);
  await feed.dials(9);
  assert.deepEqual(feed.waits, [
    250,
    500,
    1_000,
    2_000,
    4_000,
    8_000,
    15_000,
    15_000,
  ]);
  assert.equal(feed.link.status.reconnectAttempts, 8);
  assert.equal(feed.counters.reconnects, 8);
  assert.equal(feed.counters.errors.dial, 9);
  assert.deepEqual(
    new Set(feed.states),
    new Set(["connecting", "reconnecting"]),
  );
});

Deno.test("rejected credentials are state `error`, retried once a minute", async () => {
  await using feed = new Followed([failing("auth"), "accept"], {
    random: 0,
  });
  await settle();
  assert.equal(feed.link.status.state, "error");
  assert.equal(feed.link.status.errorMessage, "auth it is");
  assert.equal(feed.link.status.remedy, "Check the key");
  await feed.clock.advance(59_999);
  assert.equal(feed.link.status.state, "error");
  await feed.clock.advance(1);
  assert.equal(feed.link.status.state, "connected");
  assert.equal(feed.link.status.errorMessage, undefined);
  assert.equal(feed.link.status.remedy, undefined);
  assert.deepEqual(feed.states, [
    "connecting",
    "authenticating",
    "error",
    "reconnecting",
    "connecting",
    "authenticating",
    "connected",
  ]);
});

Deno.test("a login rejected after a session is retried within seconds", async () => {
  await using feed = new Followed(["accept", failing("auth"), "accept"]);
  await feed.clock.advance(60_000);
  feed.connector.last.drop();
  await feed.dials(2);
  assert.equal(feed.link.status.state, "reconnecting");
  assert.equal(feed.link.status.errorMessage, "auth it is");
  const [, second] = feed.log.records.filter(({ message }) =>
    message === "Feed connection failed, retrying"
  );
  assert.equal(second?.fields.remedy, undefined, "the key is not to be blamed");
  await feed.dials(3);
  assert.equal(feed.link.status.state, "connected");
  assert.deepEqual(feed.waits, [60_250, 375]);
  assert.ok(!feed.states.includes("error"));
});

Deno.test("a key that is no longer accepted is state `error` within two minutes", async () => {
  await using feed = new Followed(["accept", failing("auth")], {
    random: 0,
  });
  await feed.clock.advance(60_000);
  feed.connector.last.drop();
  await feed.dials(9);
  assert.deepEqual(
    feed.waits.slice(1),
    [250, 500, 1_000, 2_000, 4_000, 8_000, 16_000],
  );
  assert.equal(feed.states.at(-1), "error");
  await feed.dials(11);
  assert.deepEqual(feed.waits.slice(-2), [60_000, 60_000]);
  assert.equal(feed.link.status.state, "error");
});

Deno.test("an auth failure long after the last login is not doubted", async () => {
  const down: Attempt[] = Array(7_000).fill(
    failing("dial", { opened: false }),
  );
  await using feed = new Followed(["accept", ...down, failing("auth")]);
  await feed.clock.advance(60_000);
  feed.connector.last.drop();
  await feed.dials(7_002);
  assert.equal(feed.link.status.state, "error");
});

Deno.test("retries after 406 last longer than a ghost session of 90 s", async () => {
  await using feed = new Followed([failing("connection_limit")], { random: 0 });
  await feed.dials(8);
  assert.deepEqual(feed.waits, [
    5_000,
    10_000,
    15_000,
    20_000,
    25_000,
    30_000,
    30_000,
  ]);
  assert.ok(!feed.states.includes("error"), "406 is not shown as an error");
});

Deno.test("a rate limit has a minimum delay", async () => {
  await using feed = new Followed(
    [failing("rate_limited", { opened: false })],
    {
      random: 0,
    },
  );
  await feed.dials(4);
  assert.deepEqual(feed.waits, [1_000, 2_000, 4_000]);
});

Deno.test("short sessions exhaust the attempts too", async () => {
  await using feed = new Followed(["accept"], { maxAttempts: 3 });
  await feed.clock.advance(60_000);
  for (let drops = 0; drops < 4; drops++) {
    assert.equal(feed.link.status.state, "connected");
    feed.connector.last.drop("Connection closed with code 1000");
    await feed.clock.advance(5_000);
  }
  assert.equal(feed.link.status.state, "error");
  assert.equal(feed.connector.dialedAt.length, 4, "one dial and three retries");
});

Deno.test("Retry-After is followed", async () => {
  const failure = new FeedFailure("HTTP 429", {
    errorType: "rate_limited",
    retryAfterMs: 40_000,
  });
  await using feed = new Followed([{ failure, opened: false }], { random: 0 });
  await feed.dials(3);
  assert.deepEqual(feed.waits, [40_000, 40_000]);
});

Deno.test("a feed without attempts left stays in state `error`", async () => {
  await using feed = new Followed([failing("dial", { opened: false })], {
    maxAttempts: 3,
  });
  await feed.clock.advance(3_600_000);
  assert.equal(feed.connector.dialedAt.length, 4, "one dial and three retries");
  assert.equal(feed.link.status.state, "error");
  assert.equal(feed.link.status.errorMessage, "dial it is");
  assert.equal(feed.clock.sleepers, 0);
  assert.deepEqual(feed.log.messages("error"), [
    "Feed failed: no reconnect attempts left",
  ]);
  assert.equal(feed.counters.reconnects, 3);
});

Deno.test("rejected credentials exhaust the attempts too", async () => {
  await using feed = new Followed([failing("auth")], { maxAttempts: 1 });
  await feed.clock.advance(3_600_000);
  assert.equal(feed.connector.dialedAt.length, 2);
  assert.deepEqual(feed.states.slice(-4), [
    "authenticating",
    "error",
    "reconnecting",
    "error",
  ]);
  assert.equal(feed.link.status.state, "error");
});

Deno.test("sessions that end immediately keep backing off", async () => {
  await using feed = new Followed(["accept"]);
  feed.connector.onSession = (session) => session.drop();
  await feed.dials(7);
  assert.deepEqual(feed.waits, [250, 500, 1_000, 2_000, 4_000, 8_000]);
});

Deno.test("a stable session resets the backoff", async () => {
  await using feed = new Followed([
    failing("dial"),
    failing("dial"),
    failing("dial"),
    "accept",
    failing("dial"),
    "accept",
  ]);
  await feed.dials(4);
  await feed.clock.advance(10_000);
  feed.connector.last.drop();
  await feed.dials(6);
  assert.deepEqual(feed.waits.slice(-2), [10_000 + 250, 500]);
});

Deno.test("a silent session is failed, closed and replaced", async () => {
  const subscriptions = new RecordingSubscriptions();
  await using feed = new Followed(["accept"], { subscriptions });
  await feed.clock.advance(89_999);
  assert.equal(feed.connector.sessions.length, 1);
  await feed.clock.advance(1);
  assert.equal(feed.counters.errors.heartbeat, 1);
  assert.equal(feed.connector.sessions[0]?.open, false);
  await feed.clock.advance(250);
  assert.equal(feed.connector.sessions.length, 2);
  assert.ok(subscriptions.calls.includes("probe"));
});

Deno.test("a session is replaced on request, cleanly and without a failure", async () => {
  await using feed = new Followed(["accept", "accept"]);
  assert.equal(feed.link.reconnect(), false, "there is no session yet");
  await feed.clock.advance(60_000);
  const first = feed.connector.last;
  assert.equal(feed.link.reconnect(), true);
  assert.equal(first.closes, 1);
  await settle();
  assert.equal(feed.link.status.state, "reconnecting");
  assert.equal(feed.link.status.errorMessage, "The session was closed on request");
  assert.equal(feed.link.reconnect(), false, "it waits for the next attempt");
  await feed.clock.advance(499);
  assert.equal(feed.connector.last, first);
  await feed.clock.advance(1);
  assert.notEqual(feed.connector.last, first);
  assert.equal(feed.link.status.state, "connected");
  assert.equal(feed.link.status.lastOutageMs, 500);
  assert.equal(feed.counters.errors.closed, 0);
  assert.equal(feed.counters.reconnects, 1);
  assert.deepEqual(feed.log.messages("warn"), []);
});

Deno.test("shutting down closes the session once and leaves nothing", async () => {
  const subscriptions = new RecordingSubscriptions();
  const feed = new Followed(["accept"], { subscriptions });
  await settle();
  const session = feed.connector.last;
  feed.stop.abort();
  await feed.done;
  assert.ok(session.closes >= 1);
  assert.deepEqual(subscriptions.calls, ["attach", "detach"]);
  assert.deepEqual(feed.tracing.failed, [], "a shutdown is not a failure");
  assert.equal(feed.counters.errors.closed, 0, "a shutdown is not an error");
  assert.equal(feed.states.at(-1), "disconnected");
  await feed[Symbol.asyncDispose]();
});

Deno.test("previous sessions have no listener on the shutdown signal", async () => {
  const feed = new Followed(["accept"]);
  await feed.dials(1);
  feed.connector.last.drop();
  await feed.dials(2);
  const [past] = feed.connector.sessions;
  assert.equal(past?.closes, 1);
  await feed[Symbol.asyncDispose]();
  assert.equal(past?.closes, 1, "no listener was left on the signal");
});

Deno.test("shutting down while connecting aborts the attempt", async () => {
  const feed = new Followed(["hang"]);
  await settle();
  assert.equal(feed.link.status.state, "connecting");
  await feed[Symbol.asyncDispose]();
  assert.equal(feed.connector.dialedAt.length, 1);
  assert.deepEqual(feed.tracing.failed, []);
});

Deno.test("shutting down during the backoff makes no further attempt", async () => {
  const feed = new Followed([failing("auth")]);
  await settle();
  await feed[Symbol.asyncDispose]();
  assert.equal(feed.connector.dialedAt.length, 1);
  assert.equal(feed.counters.reconnects, 0);
});

Deno.test("a session that opens after the shutdown is closed", async () => {
  const feed = new Followed(["accept"]);
  feed.connector.onSession = () => feed.stop.abort();
  await feed.done;
  assert.equal(feed.connector.last.open, false);
  await feed[Symbol.asyncDispose]();
});

Deno.test("a link that is stopped before it starts does not connect", async () => {
  const feed = new Followed(["accept"], { start: false });
  feed.stop.abort();
  await feed.link.run(feed.stop.signal);
  assert.equal(feed.connector.dialedAt.length, 0);
  assert.equal(feed.link.status.state, "disconnected");
});

Deno.test("subscriptions that throw cost a session, closed before the next dial", async () => {
  class FaultySubscriptions extends RecordingSubscriptions {
    override attach(): void {
      super.attach();
      if (this.calls.length === 1) throw new Error("a mistake in attach");
    }
    override probe(): void {
      throw new Error("a mistake in probe");
    }
  }
  const subscriptions = new FaultySubscriptions();
  await using feed = new Followed(["accept"], { subscriptions });
  await settle();
  assert.equal(feed.link.status.errorMessage, "a mistake in attach");
  assert.equal(feed.connector.sessions[0]?.open, false);
  await feed.dials(2);
  assert.equal(feed.link.status.state, "connected");
  await feed.clock.advance(30_000);
  assert.equal(feed.link.status.errorMessage, "a mistake in probe");
  assert.equal(feed.connector.sessions[1]?.open, false);
});

Deno.test("any error of a connector is a dial failure", async () => {
  await using feed = new Followed(["accept"]);
  feed.connector.onSession = () => {
    feed.connector.last.open = false;
    throw new TypeError("not a failure of ours");
  };
  await settle();
  assert.equal(feed.link.status.state, "reconnecting");
  assert.equal(feed.link.status.errorMessage, "not a failure of ours");
  assert.equal(feed.counters.errors.dial, 1);
});

Deno.test("a rejected symbol is shown in the status and the session continues", async () => {
  const subscriptions = new RecordingSubscriptions();
  await using feed = new Followed(["accept"], { subscriptions });
  await settle();
  subscriptions.problem = "invalid syntax (code 400): quotes BAD";
  assert.equal(feed.link.status.state, "connected");
  assert.match(feed.link.status.errorMessage ?? "", /quotes BAD/);
  subscriptions.problem = undefined;
  assert.equal(feed.link.status.errorMessage, undefined, "it is over");
});

Deno.test("answers of upstream reach the subscriptions", async () => {
  const subscriptions = new RecordingSubscriptions();
  await using feed = new Followed(["accept"], { subscriptions });
  await settle();
  feed.connector.subscriptions?.acknowledged(new Map());
  feed.connector.subscriptions?.rejected({ code: 400, message: "no" });
  assert.deepEqual(subscriptions.calls.slice(-2), ["acknowledged", "rejected"]);
});

Deno.test("a link can run again after it was stopped", async () => {
  await using feed = new Followed(["accept"], { start: false });
  const first = new AbortController();
  const run = feed.link.run(first.signal);
  await settle();
  first.abort();
  await run;
  const again = feed.link.run(feed.stop.signal);
  await settle();
  assert.equal(feed.link.status.state, "connected");
  feed.stop.abort();
  await again;
});

Deno.test("a secret that Alpaca quotes reaches no status, log or span", async () => {
  const failure = new FeedFailure(`bad secret ${SECRET}`, {
    errorType: "auth",
    cause: new Error(SECRET),
  });
  await using followed = new Followed([{ failure, opened: true }, "accept"]);
  await followed.dials(1);
  assert.equal(followed.link.status.errorMessage, "bad secret <secret>");

  await followed.dials(2);
  followed.connector.last.drop(`closed by ${SECRET}`);
  await settle();
  assert.equal(followed.link.status.errorMessage, "closed by <secret>");
  const spans = followed.tracing.causes.join();
  assert.match(spans, /bad secret <secret>/);
  assert.equal(spans.includes(SECRET), false);
  const log = JSON.stringify(followed.log.records);
  assert.equal(log.includes(SECRET), false);
});

Deno.test("a tap is notified of each session and failed attempt, without secrets", async () => {
  const calls: string[] = [];
  const tap = {
    up: () => calls.push("up"),
    down: ({ errorType, message }: FeedFailure) => calls.push(`${errorType} ${message}`),
  };
  {
    await using feed = new Followed(["accept", failing("dial"), "accept"], { tap });
    await settle();
    feed.connector.last.drop(`closed because of ${SECRET}`);
    await settle();
    assert.deepEqual(calls, ["up", "closed closed because of <secret>"]);
    await feed.clock.advance(10_000);
  }
  assert.deepEqual(calls.slice(2, 4), ["dial dial it is", "up"]);
  assert.match(calls[4] ?? "", /^closed /, "the end of the process");
  assert.equal(calls.length, 5);
});
