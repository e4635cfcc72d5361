import assert from "node:assert/strict";
import type { PlanName } from "../../../src/accounts.ts";
import { ERROR_TEXTS } from "../../../src/protocol/endpoints.ts";
import { SessionHarness } from "./session_harness.ts";

const ALL_STOCK_CHANNELS = {
  T: "subscription",
  trades: [],
  quotes: [],
  bars: [],
  updatedBars: [],
  dailyBars: [],
  statuses: [],
  lulds: [],
  corrections: [],
  cancelErrors: [],
  imbalances: [],
};

function error(code: keyof typeof ERROR_TEXTS) {
  return [[{ T: "error", code, msg: ERROR_TEXTS[code] }]];
}

function onPlan(plan: PlanName) {
  return { accounts: [{ key: "SIM_KEY", secret: "SIM_SECRET", plan }] };
}

Deno.test("a client is greeted, logs in and receives its full state", () => {
  const client = new SessionHarness().connect();
  assert.deepEqual(client.socket.read(), [[{
    T: "success",
    msg: "connected",
  }]]);
  assert.deepEqual(client.logIn(), [[{ T: "success", msg: "authenticated" }]]);
  const asked = { action: "subscribe", trades: ["AAPL"], bars: ["*"] };
  assert.deepEqual(client.ask(asked), [[{
    ...ALL_STOCK_CHANNELS,
    trades: ["AAPL"],
    bars: ["*"],
    corrections: ["AAPL"],
    cancelErrors: ["AAPL"],
  }]]);
});

Deno.test("acknowledgements contain the state after the request", () => {
  const client = new SessionHarness().open();
  client.ask({ action: "subscribe", quotes: ["F", "*"], trades: ["GE", "F"] });
  client.ask({ action: "subscribe", quotes: ["F", "T"] });
  const asked = { action: "unsubscribe", quotes: ["*", "ZZZ"], trades: ["F"] };
  assert.deepEqual(client.ask(asked), [[{
    ...ALL_STOCK_CHANNELS,
    quotes: ["F", "T"],
    trades: ["GE"],
    corrections: ["GE"],
    cancelErrors: ["GE"],
  }]]);
});

Deno.test("null and empty lists are ignored, also of unknown channels", () => {
  const client = new SessionHarness().open();
  const request = {
    action: "subscribe",
    quotes: null,
    orderbooks: [],
    news: null,
  };
  assert.deepEqual(client.ask(request), [[ALL_STOCK_CHANNELS]]);
});

Deno.test("option streams use MessagePack and have two channels", () => {
  const client = new SessionHarness().open("opra");
  const symbol = "SPY261218C00650000";
  const asked = { action: "subscribe", quotes: [symbol], trades: ["*"] };
  assert.deepEqual(client.ask(asked), [[
    { T: "subscription", trades: ["*"], quotes: [symbol] },
  ]]);
});

Deno.test("each mistake has its own code, and the session continues", async (t) => {
  const subscribe = (channels: object) => ({
    action: "subscribe",
    ...channels,
  });
  const login = { action: "auth", key: "SIM_KEY", secret: "SIM_SECRET" };
  const cases: [string, string, unknown, keyof typeof ERROR_TEXTS][] = [
    ["text that is no JSON", "sip", "{]", 400],
    ["two documents in one frame", "sip", "{}{}", 400],
    ["no action", "sip", {}, 400],
    ["a foreign action", "sip", { action: "listen" }, 400],
    ["no channel", "sip", subscribe({ shoes: ["AAPL"] }), 400],
    ["a channel that is no list", "sip", subscribe({ quotes: "AAPL" }), 400],
    ["a symbol that is no text", "sip", subscribe({ quotes: [7] }), 400],
    ["a malformed symbol", "sip", subscribe({ quotes: ["aa pl"] }), 400],
    ["a padded option symbol", "opra", subscribe({ quotes: ["SPY   1"] }), 400],
    ["a second login", "sip", login, 403],
    ["a foreign channel", "sip", subscribe({ news: ["AAPL"] }), 410],
    ["bars of options", "opra", subscribe({ bars: ["*"] }), 410],
    ["JSON to options", "opra", JSON.stringify(subscribe({ trades: [] })), 412],
    ["a star for option quotes", "opra", subscribe({ quotes: ["*"] }), 413],
  ];
  for (const [name, endpoint, request, code] of cases) {
    await t.step(`${name} is ${code}`, () => {
      const client = new SessionHarness().open(endpoint);
      assert.deepEqual(client.ask(request), error(code));
      assert.equal(client.socket.closed, undefined);
      const healthy = client.ask(subscribe({ trades: ["*"] }));
      assert.deepEqual(healthy[0]?.[0]?.["trades"], ["*"]);
    });
  }
});

Deno.test("a subscribe before the login is 401", () => {
  const client = new SessionHarness().connect();
  const asked = { action: "subscribe", quotes: ["AAPL"] };
  assert.deepEqual(client.ask(asked), error(401));
  assert.deepEqual(client.logIn(), [[{ T: "success", msg: "authenticated" }]]);
});

Deno.test("a wrong key is 402 and closes the socket", () => {
  const client = new SessionHarness().connect();
  const asked = { action: "auth", key: "SIM_KEY", secret: "wrong" };
  assert.deepEqual(client.ask(asked), error(402));
  assert.equal(client.socket.closed?.reason, "auth failed");
});

Deno.test("a client that does not log in in time receives 404 and is closed", () => {
  const harness = new SessionHarness();
  const client = harness.connect();
  harness.clock.advance(9_999);
  assert.equal(client.socket.read().length, 1);
  harness.clock.advance(1);
  assert.deepEqual(client.socket.read(), error(404));
  assert.equal(client.socket.closed?.reason, "auth timeout");
});

Deno.test("the login timer ends with the login and with the socket", () => {
  const harness = new SessionHarness();
  harness.open();
  harness.connect("iex").session.closed(true);
  assert.equal(harness.clock.pending, 0);
});

Deno.test("a feed outside the plan is 409 at the login", () => {
  const harness = new SessionHarness(onPlan("basic"));
  assert.deepEqual(harness.connect("sip").logIn(), error(409));
  assert.deepEqual(harness.connect("opra").logIn(), error(409));
  const iex = harness.connect("iex").logIn();
  assert.deepEqual(iex, [[{ T: "success", msg: "authenticated" }]]);
});

Deno.test("30 trades and quotes are the limit of the basic plan", () => {
  const client = new SessionHarness(onPlan("basic")).open("iex");
  const names = Array.from({ length: 16 }, (_, index) => `S${index}`);
  const fifteen = names.slice(0, 15);
  const full = client.ask({
    action: "subscribe",
    trades: fifteen,
    quotes: fifteen,
    bars: ["*"],
  });
  const over = { action: "subscribe", trades: fifteen, quotes: names };
  assert.deepEqual(client.ask(over), error(405));
  assert.deepEqual(client.ask({ action: "subscribe", bars: [] }), full);
});

Deno.test("counted by symbol, trades and quotes share a slot", () => {
  const options = { ...onPlan("basic"), symbolCounting: "distinct_symbols" };
  const client = new SessionHarness(options as never).open("iex");
  const names = Array.from({ length: 30 }, (_, index) => `S${index}`);
  const asked = { action: "subscribe", trades: names, quotes: names };
  assert.equal(client.ask(asked)[0]?.[0]?.["T"], "subscription");
  const more = { action: "subscribe", trades: ["ONE"] };
  assert.deepEqual(client.ask(more), error(405));
});

Deno.test("option quotes are limited by plan, option trades are not", () => {
  const contract = (index: number) => `SPY261218C${String(index * 1000).padStart(8, "0")}`;
  for (
    const [plan, feed, limit] of [
      ["basic", "indicative", 200],
      ["plus", "opra", 1000],
    ] as const
  ) {
    const client = new SessionHarness(onPlan(plan)).open(feed);
    const names = Array.from({ length: limit + 1 }, (_, at) => contract(at));
    const over = { action: "subscribe", quotes: names };
    assert.deepEqual(client.ask(over), error(405));
    const fits = { action: "subscribe", quotes: names.slice(1), trades: names };
    assert.equal(client.ask(fits)[0]?.[0]?.["T"], "subscription");
  }
});

Deno.test("the second session of an endpoint is 406 and may try again", () => {
  const harness = new SessionHarness();
  const first = harness.open();
  const second = harness.connect();
  assert.deepEqual(second.logIn(), error(406));
  assert.equal(second.socket.closed, undefined);
  assert.equal(
    harness.connect("iex").logIn()[0]?.[0]?.["msg"],
    "authenticated",
  );
  first.session.closed(true);
  assert.equal(second.logIn()[0]?.[0]?.["msg"], "authenticated");
});

Deno.test("a ghost session keeps its slot for 90 seconds", () => {
  const harness = new SessionHarness();
  harness.open().session.closed(false);
  assert.deepEqual(harness.connect().logIn(), error(406));
  harness.clock.advance(89_999);
  assert.deepEqual(harness.connect().logIn(), error(406));
  harness.clock.advance(1);
  assert.equal(harness.connect().logIn()[0]?.[0]?.["msg"], "authenticated");
});

Deno.test("tokens and upgrade headers log in too", () => {
  const token = {
    key: "K",
    secret: "S",
    plan: "plus" as const,
    token: "TOKEN",
  };
  const accounts = [token];
  const ways = [
    { "apca-api-key-id": "K", "apca-api-secret-key": "S" },
    { "authorization": "Bearer TOKEN" },
    { "authorization": `Basic ${btoa("K:S")}` },
  ];
  for (const headers of ways) {
    const { socket } = new SessionHarness({ accounts }).connect("sip", headers);
    assert.deepEqual(socket.read(), [
      [{ T: "success", msg: "connected" }],
      [{ T: "success", msg: "authenticated" }],
    ]);
  }
  for (const key of ["oauth", "access_token"]) {
    const client = new SessionHarness({ accounts }).connect();
    const reply = client.ask({ action: "auth", key, secret: "TOKEN" });
    assert.equal(reply[0]?.[0]?.["msg"], "authenticated");
  }
  const refused = new SessionHarness({ accounts }).connect("sip", {
    "authorization": "Basic %%%",
  });
  assert.deepEqual(refused.socket.read()[1], error(402)[0]);
});

Deno.test("a strict stream rejects the other encoding", () => {
  const headers = { "content-type": "application/msgpack" };
  const text = JSON.stringify({ action: "subscribe", quotes: ["F"] });
  const liberal = new SessionHarness().open("sip", headers);
  assert.equal(liberal.ask(text)[0]?.[0]?.["T"], "subscription");
  const strict = new SessionHarness({ strictEncoding: true }).open(
    "sip",
    headers,
  );
  assert.deepEqual(strict.ask(text), error(400));
});

Deno.test("data goes to subscribers only, in their own encoding", () => {
  const harness = new SessionHarness({
    accounts: [
      { key: "SIM_KEY", secret: "SIM_SECRET", plan: "broker_standard" },
    ],
  });
  const json = harness.open();
  const msgpack = harness.open("sip", {
    "content-type": "application/msgpack",
  });
  json.ask({ action: "subscribe", quotes: ["F"], trades: ["*"] });
  msgpack.ask({ action: "subscribe", quotes: ["*", "F"] });
  harness.publish(
    "sip",
    { T: "q", S: "F", bp: 1 },
    { T: "q", S: "GE", bp: 2 },
    { T: "t", S: "F", p: 1 },
    { T: "zz", S: "F" },
  );
  assert.deepEqual(json.socket.read(), [[
    { T: "q", S: "F", bp: 1 },
    { T: "t", S: "F", p: 1 },
  ]]);
  assert.deepEqual(msgpack.socket.read(), [[
    { T: "q", S: "F", bp: 1 },
    { T: "q", S: "GE", bp: 2 },
  ]]);
});

Deno.test("a closed session receives nothing", () => {
  const harness = new SessionHarness();
  const client = harness.open();
  client.ask({ action: "subscribe", quotes: ["*", "F"] });
  client.session.closed(true);
  harness.publish("sip", { T: "q", S: "F" });
  assert.deepEqual(client.socket.frames, []);
  assert.equal(harness.subscribers("sip").has("quotes", "F"), false);
});

Deno.test("every request is logged without its secrets", () => {
  const harness = new SessionHarness();
  const client = harness.open();
  client.ask({ action: "subscribe", quotes: ["F"] });
  client.ask({ action: "subscribe", news: ["F"] });
  const log = harness.requests.all();
  assert.deepEqual(
    log.map(({ connection, action, channels, error }) => [
      connection,
      action,
      channels,
      error,
    ]),
    [
      [1, "auth", {}, undefined],
      [1, "subscribe", { quotes: ["F"] }, undefined],
      [1, "subscribe", { news: ["F"] }, 410],
    ],
  );
  assert.doesNotMatch(JSON.stringify(log), /SIM_/);
});
