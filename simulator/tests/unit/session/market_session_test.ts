import assert from "node:assert/strict";
import type { PlanName } from "../../../src/accounts.ts";
import { ERROR_TEXTS } from "../../../src/protocol/endpoints.ts";
import { SessionRig } from "./session_rig.ts";

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

Deno.test("a client is greeted, logs in and hears of its full state", () => {
  const client = new SessionRig().connect();
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

Deno.test("acknowledgements add up and take away", () => {
  const client = new SessionRig().open();
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

Deno.test("null and empty lists are passed over, also foreign ones", () => {
  const client = new SessionRig().open();
  const request = {
    action: "subscribe",
    quotes: null,
    orderbooks: [],
    news: null,
  };
  assert.deepEqual(client.ask(request), [[ALL_STOCK_CHANNELS]]);
});

Deno.test("option streams speak MessagePack with two channels", () => {
  const client = new SessionRig().open("opra");
  const symbol = "SPY261218C00650000";
  const asked = { action: "subscribe", quotes: [symbol], trades: ["*"] };
  assert.deepEqual(client.ask(asked), [[
    { T: "subscription", trades: ["*"], quotes: [symbol] },
  ]]);
});

Deno.test("each mistake meets its own code, and the session goes on", async (t) => {
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
      const client = new SessionRig().open(endpoint);
      assert.deepEqual(client.ask(request), error(code));
      assert.equal(client.socket.closed, undefined);
      const healthy = client.ask(subscribe({ trades: ["*"] }));
      assert.deepEqual(healthy[0]?.[0]?.["trades"], ["*"]);
    });
  }
});

Deno.test("a subscribe before the login is 401", () => {
  const client = new SessionRig().connect();
  const asked = { action: "subscribe", quotes: ["AAPL"] };
  assert.deepEqual(client.ask(asked), error(401));
  assert.deepEqual(client.logIn(), [[{ T: "success", msg: "authenticated" }]]);
});

Deno.test("a wrong key is 402 and closes the socket", () => {
  const client = new SessionRig().connect();
  const asked = { action: "auth", key: "SIM_KEY", secret: "wrong" };
  assert.deepEqual(client.ask(asked), error(402));
  assert.equal(client.socket.closed?.reason, "auth failed");
});

Deno.test("a client that does not log in in time is told 404 and closed", () => {
  const rig = new SessionRig();
  const client = rig.connect();
  rig.clock.advance(9_999);
  assert.equal(client.socket.read().length, 1);
  rig.clock.advance(1);
  assert.deepEqual(client.socket.read(), error(404));
  assert.equal(client.socket.closed?.reason, "auth timeout");
});

Deno.test("the login timer ends with the login and with the socket", () => {
  const rig = new SessionRig();
  rig.open();
  rig.connect("iex").session.closed(true);
  assert.equal(rig.clock.pending, 0);
});

Deno.test("a feed outside the plan is 409 at the login", () => {
  const rig = new SessionRig(onPlan("basic"));
  assert.deepEqual(rig.connect("sip").logIn(), error(409));
  assert.deepEqual(rig.connect("opra").logIn(), error(409));
  const iex = rig.connect("iex").logIn();
  assert.deepEqual(iex, [[{ T: "success", msg: "authenticated" }]]);
});

Deno.test("30 trades and quotes are the limit of the basic plan", () => {
  const client = new SessionRig(onPlan("basic")).open("iex");
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

Deno.test("counted by symbol, trades and quotes share a place", () => {
  const options = { ...onPlan("basic"), symbolCounting: "distinct_symbols" };
  const client = new SessionRig(options as never).open("iex");
  const names = Array.from({ length: 30 }, (_, index) => `S${index}`);
  const asked = { action: "subscribe", trades: names, quotes: names };
  assert.equal(client.ask(asked)[0]?.[0]?.["T"], "subscription");
  const more = { action: "subscribe", trades: ["ONE"] };
  assert.deepEqual(client.ask(more), error(405));
});

Deno.test("option quotes are limited by plan, option trades are not", () => {
  const contract = (index: number) =>
    `SPY261218C${String(index * 1000).padStart(8, "0")}`;
  for (
    const [plan, feed, limit] of [
      ["basic", "indicative", 200],
      ["plus", "opra", 1000],
    ] as const
  ) {
    const client = new SessionRig(onPlan(plan)).open(feed);
    const names = Array.from({ length: limit + 1 }, (_, at) => contract(at));
    const over = { action: "subscribe", quotes: names };
    assert.deepEqual(client.ask(over), error(405));
    const fits = { action: "subscribe", quotes: names.slice(1), trades: names };
    assert.equal(client.ask(fits)[0]?.[0]?.["T"], "subscription");
  }
});

Deno.test("the second session of an endpoint is 406 and may try again", () => {
  const rig = new SessionRig();
  const first = rig.open();
  const second = rig.connect();
  assert.deepEqual(second.logIn(), error(406));
  assert.equal(second.socket.closed, undefined);
  assert.equal(rig.connect("iex").logIn()[0]?.[0]?.["msg"], "authenticated");
  first.session.closed(true);
  assert.equal(second.logIn()[0]?.[0]?.["msg"], "authenticated");
});

Deno.test("a ghost keeps its place for 90 seconds", () => {
  const rig = new SessionRig();
  rig.open().session.closed(false);
  assert.deepEqual(rig.connect().logIn(), error(406));
  rig.clock.advance(89_999);
  assert.deepEqual(rig.connect().logIn(), error(406));
  rig.clock.advance(1);
  assert.equal(rig.connect().logIn()[0]?.[0]?.["msg"], "authenticated");
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
    const { socket } = new SessionRig({ accounts }).connect("sip", headers);
    assert.deepEqual(socket.read(), [
      [{ T: "success", msg: "connected" }],
      [{ T: "success", msg: "authenticated" }],
    ]);
  }
  for (const key of ["oauth", "access_token"]) {
    const client = new SessionRig({ accounts }).connect();
    const reply = client.ask({ action: "auth", key, secret: "TOKEN" });
    assert.equal(reply[0]?.[0]?.["msg"], "authenticated");
  }
  const refused = new SessionRig({ accounts }).connect("sip", {
    "authorization": "Basic %%%",
  });
  assert.deepEqual(refused.socket.read()[1], error(402)[0]);
});

Deno.test("a strict stream refuses the other encoding", () => {
  const headers = { "content-type": "application/msgpack" };
  const text = JSON.stringify({ action: "subscribe", quotes: ["F"] });
  const liberal = new SessionRig().open("sip", headers);
  assert.equal(liberal.ask(text)[0]?.[0]?.["T"], "subscription");
  const strict = new SessionRig({ strictEncoding: true }).open(
    "sip",
    headers,
  );
  assert.deepEqual(strict.ask(text), error(400));
});

Deno.test("data goes to subscribers only, in their own encoding", () => {
  const rig = new SessionRig({
    accounts: [
      { key: "SIM_KEY", secret: "SIM_SECRET", plan: "broker_standard" },
    ],
  });
  const json = rig.open();
  const msgpack = rig.open("sip", { "content-type": "application/msgpack" });
  json.ask({ action: "subscribe", quotes: ["F"], trades: ["*"] });
  msgpack.ask({ action: "subscribe", quotes: ["*", "F"] });
  rig.publish(
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

Deno.test("a session that is gone receives nothing", () => {
  const rig = new SessionRig();
  const client = rig.open();
  client.ask({ action: "subscribe", quotes: ["*", "F"] });
  client.session.closed(true);
  rig.publish("sip", { T: "q", S: "F" });
  assert.deepEqual(client.socket.frames, []);
  assert.equal(rig.subscribers("sip").has("quotes", "F"), false);
});

Deno.test("every request is logged without its secrets", () => {
  const rig = new SessionRig();
  const client = rig.open();
  client.ask({ action: "subscribe", quotes: ["F"] });
  client.ask({ action: "subscribe", news: ["F"] });
  const log = rig.requests.all();
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
