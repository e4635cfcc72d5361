import assert from "node:assert/strict";
import { startSimulator } from "../../src/simulator.ts";
import { RawClient, refusal } from "./raw_client.ts";

async function started() {
  const simulator = await startSimulator({ messagesPerSecond: 0 });
  const order = async (name: string, body: unknown = {}) => {
    const response = await fetch(`${simulator.url}/_control/${name}`, {
      method: "POST",
      body: JSON.stringify(body),
    });
    return { status: response.status, body: await response.json() };
  };
  const question = async (name: string) =>
    await (await fetch(`${simulator.url}/_control/${name}`)).json();
  return { simulator, order, question };
}

Deno.test("sessions and requests are reported without secrets", async () => {
  const { simulator: made, question } = await started();
  await using simulator = made;
  await using client = await RawClient.open(simulator.streamUrls.stocks());
  await client.ask({ action: "subscribe", quotes: ["AAPL"] });
  const [session] = await question("sessions");
  assert.equal(session.state, "authenticated");
  assert.deepEqual(session.subscriptions.quotes, ["AAPL"]);
  const requests = await question("requests");
  assert.equal(requests.length, 2);
  assert.doesNotMatch(JSON.stringify(requests), /SIM_SECRET/);
});

Deno.test("messages are emitted, long ids as text", async () => {
  const { simulator: made, order } = await started();
  await using simulator = made;
  await using client = await RawClient.open(simulator.streamUrls.stocks());
  await client.ask({ action: "subscribe", trades: ["AAPL"] });
  const elements = [{ T: "t", S: "AAPL", i: "9007199254740993", p: 1.5 }];
  const reply = await order("emit", { endpoint: "sip", elements });
  assert.deepEqual(reply.body, { delivered: 1 });
  assert.match(String(await client.raw()), /"i":9007199254740993,/);
  await order("emit-raw", { endpoint: "sip", text: "raw" });
  assert.equal(await client.raw(), "raw");
});

Deno.test("articles are published with symbols and of a size, and emitted", async () => {
  const { simulator: made, order } = await started();
  await using simulator = made;
  await using client = await RawClient.open(simulator.streamUrls.news);
  await client.ask({ action: "subscribe", news: ["BTCUSD"] });
  const { body } = await order("news", { symbols: ["BTC/USD", "COIN"], bytes: 300_000 });
  const [article] = await client.frame();
  assert.deepEqual([article?.["id"], article?.["symbols"]], [body.id, ["BTCUSD", "COIN"]]);
  assert.ok(new TextEncoder().encode(String(article?.["content"])).length >= 300_000);
  const elements = [{ T: "n", id: 7, symbols: ["BTCUSD"] }];
  assert.deepEqual((await order("emit", { endpoint: "news", elements })).body, { delivered: 1 });
  assert.deepEqual(await client.frame(), elements);
});

Deno.test("malformed messages come in frames with valid ones", async () => {
  const { simulator: made, order } = await started();
  await using simulator = made;
  await using client = await RawClient.open(simulator.streamUrls.stocks());
  await order("malformed", { endpoint: "sip" });
  assert.ok((await client.frame()).length > 5);
  await order("unknown-type", { endpoint: "sip", symbol: "F" });
  assert.deepEqual((await client.frame()).map(({ T, S }) => [T, S]), [
    ["zz", "F"],
  ]);
  await order("mixed-frame", { endpoint: "sip", count: 5000 });
  const mixed = await client.frame();
  assert.equal(mixed.length, 5000);
  const good = mixed.filter((one) => one?.["T"] === "q" && one["c"]);
  assert.equal(good.length, 4500);
});

Deno.test("every action is accepted", async () => {
  const { simulator: made, order, question } = await started();
  await using simulator = made;
  const orders: [string, object][] = [
    ["market-event", { event: "halt", symbol: "AAPL" }],
    ["split", { symbol: "CSGP", ratio: 4 }],
    ["fail-rest", { kind: "cut", path: "/v2/orders*", count: 2 }],
    ["clear-rest", {}],
    ["mute-stream", { endpoint: "opra", replies: false }],
    ["unmute-stream", {}],
    ["slow-client", { connection: 99 }],
    ["malform-next", { endpoint: "sip", channel: "quotes", symbol: "F", count: 2 }],
    ["refuse-symbols", { symbols: ["F"], code: 405 }],
    ["accept-symbols", {}],
    ["mute-symbol", { symbol: "F", channel: "quotes" }],
    ["unmute-symbol", { symbol: "F" }],
    ["slow-ack", { ms: 5 }],
    ["delay-data", { endpoint: "sip", ms: 5 }],
    ["lose-ack", {}],
    ["duplicate-ack", { endpoint: "sip", count: 2 }],
    ["fail-next", { action: "subscribe", code: 405 }],
    ["late-trades", {}],
    ["correct-trades", {}],
    ["cancel-trades", { count: 3 }],
    ["copy-orders", { copies: 2 }],
    ["delay-orders", { ms: 1 }],
    ["clear-ghosts", {}],
    ["half-open", { connection: 99 }],
    ["mute", { endpoint: "opra" }],
    ["unmute", {}],
    ["drop", { connection: 99, clean: true }],
    ["reset", {}],
  ];
  for (const [name, body] of orders) {
    assert.equal((await order(name, body)).status, 200, name);
  }
  await order("rate", { messagesPerSecond: 7 });
  assert.deepEqual(await question("rate"), { messagesPerSecond: 7 });
  await order("reject-upgrades", { endpoint: "sip", status: 503 });
  assert.equal(await refusal(simulator.streamUrls.stocks()), 503);
});

Deno.test("an invalid action is answered with the expected value", async () => {
  const { simulator: made, order } = await started();
  await using _simulator = made;
  const cases: [string, unknown, RegExp][] = [
    ["rate", { messagesPerSecond: 1e9 }, /from 0 to 200000/],
    ["rate", { messagesPerSecond: "fast" }, /must be a number.*"fast"/],
    ["emit", { endpoint: "nope", elements: [] }, /unknown endpoint "nope"/],
    ["emit", { endpoint: "sip", elements: [{}] }, /T must be text/],
    ["fail-next", { action: "dance", code: 1 }, /"auth" or "subscribe"/],
    ["mute", { data: "yes" }, /data must be true or false/],
    ["drop", [], /must be a JSON object/],
    ["fail-rest", { kind: "slow" }, /kind must be one of status, timeout, cut, empty_page/],
    ["market-event", { event: "boom", symbol: "F" }, /no market event boom/],
    ["market-event", { event: "halt", symbol: "NOPE" }, /no stock NOPE/],
    ["market-event", { event: "halt", symbol: "F", endpoint: "opra" }, /opra has no market events/],
    ["news", { bytes: -1 }, /bytes must be from 0 to/],
    ["news", { symbols: "F" }, /symbols must be a list of text/],
    ["emit", { endpoint: "news", elements: [{ T: "n" }] }, /symbols must be a list of text/],
    ["split", { symbol: "AAPL", ratio: 0 }, /ratio must be from 0.01 to 100/],
    ["split", { symbol: "SPX", ratio: 2 }, /no stock SPX/],
    ["refuse-symbols", { symbols: "F" }, /symbols must be a list of text/],
  ];
  for (const [name, body, message] of cases) {
    const reply = await order(name, body);
    assert.equal(reply.status, 400);
    assert.match(reply.body.message, message);
  }
  assert.equal((await order("nonsense")).status, 404);
  assert.equal((await order("__proto__")).status, 404);
});
