/** Crypto and news over a hub, with the documented permissions of NATS. */
import assert from "node:assert/strict";
import type { NewsArticle, Orderbook } from "../../../src/gen/cream/v1/stream_proxy_pb.ts";
import { connect } from "../../../src/infrastructure/nats/connect.ts";
import { encodeEdgeState } from "../../../src/infrastructure/nats/hub_protocol.ts";
import { startCluster } from "../../support/cluster.ts";
import { areSubscribed } from "../../support/harness.ts";
import { requires } from "../../support/requires.ts";
import { clientOf, collect, messageOf, METHODS } from "../../support/streams.ts";
import { until } from "../../support/until.ts";

const t = "2026-09-13T12:00:02.118450321Z";
const FEEDS = { STREAM_PROXY_FEEDS: "sip,trading,crypto,news" };
const BOOKS = { endpoint: "crypto/us", channel: "orderbooks" };

function test(name: string, fn: () => Promise<void>): void {
  Deno.test(requires(["nats-server"], { name, fn }));
}

/** Changes of an order book, or with `r` the whole of it. */
function book(
  bids: readonly (readonly [number, number])[],
  asks: readonly (readonly [number, number])[],
  r?: true,
) {
  const levels = (side: readonly (readonly [number, number])[]) => side.map(([p, s]) => ({ p, s }));
  const message = { T: "o", S: "BTC/USD", t, b: levels(bids), a: levels(asks) };
  return r ? { ...message, r } : message;
}

test("trades of crypto and articles reach clients of two edges", async () => {
  await using cluster = await startCluster({ env: FEEDS, edges: 2 });
  const { simulator, edges: [one, other] } = cluster;
  assert.ok(one && other);
  using client = clientOf(one);
  using otherClient = clientOf(other);
  const symbols = ["BTC/USD"];
  await using trades = collect(client, METHODS.streamCryptoTrades, { symbols });
  await using others = collect(otherClient, METHODS.streamCryptoTrades, { symbols });
  await using news = collect(otherClient, METHODS.streamNews, { symbols: ["AAPL"] });
  const places = [["crypto/us", "trades", "BTC/USD"], ["news", "news", "AAPL"]] as const;
  for (const [endpoint, channel, symbol] of places) {
    await until(channel, () => areSubscribed(simulator, { endpoint, channel }, [symbol]));
  }
  const article = {
    T: "n",
    S: "AAPL",
    id: 7,
    headline: "H",
    symbols: ["AAPL"],
    created_at: t,
    updated_at: t,
  };
  await until("all of it arrives", async () => {
    simulator.emit("crypto/us", [{ T: "t", S: "BTC/USD", p: 1, s: 2, t, i: 3, tks: "S" }]);
    simulator.emit("news", [article]);
    await new Promise((resolve) => setTimeout(resolve, 50));
    return [trades, others, news].every(({ messages }) => messages.length > 0);
  });
  assert.equal((messageOf(news.messages[0]) as NewsArticle).headline, "H");
});

test("a stream of an edge that starts later begins with the whole order book", async () => {
  await using cluster = await startCluster({ env: FEEDS });
  const { simulator, edges: [one] } = cluster;
  assert.ok(one);
  using client = clientOf(one);
  const request = { symbols: ["BTC/USD"] };
  await using first = collect(client, METHODS.streamOrderbooks, request);
  const books = ({ messages }: typeof first) =>
    messages.map((each) => messageOf(each) as Orderbook);
  await until("it is subscribed", () => areSubscribed(simulator, BOOKS, ["BTC/USD"]));
  await until("the whole order book", () => books(first).some(({ reset }) => reset));
  simulator.emit("crypto/us", [book([[10, 1]], [[11, 3]], true), book([[9, 2]], [])]);
  await until("the changes", () => books(first).some(({ bids }) => bids[0]?.price === 9));
  using otherClient = clientOf(await cluster.addEdge());
  await using second = collect(otherClient, METHODS.streamOrderbooks, request);
  await until("a change arrives", async () => {
    simulator.emit("crypto/us", [book([[8, 4]], [])]);
    await new Promise((resolve) => setTimeout(resolve, 20));
    return books(second).some(({ reset }) => !reset);
  });
  const [whole, ...changes] = books(second);
  assert.equal(whole?.reset, true);
  const prices = whole.bids.map(({ price }) => price);
  assert.deepEqual(prices.filter((price) => price > 8), [10, 9]);
  assert.deepEqual(whole.asks.map(({ price, size }) => [price, size]), [[11, 3]]);
  assert.ok(changes.every(({ reset }) => !reset));
  assert.equal(books(first).filter(({ reset }) => reset).length, 2, "the others receive no other");
});

test("order books of an edge are whole again after its session with the hub was lost", async () => {
  await using cluster = await startCluster({ env: FEEDS });
  const { simulator, nats, edges: [edge] } = cluster;
  assert.ok(edge);
  using client = clientOf(edge);
  await using stream = collect(client, METHODS.streamOrderbooks, { symbols: ["BTC/USD"] });
  const books = () => stream.messages.map((each) => messageOf(each) as Orderbook);
  await until("the whole order book", () => books().some(({ reset }) => reset));
  simulator.emit("crypto/us", [book([[10, 1]], [[11, 3]], true)]);
  await until("the next whole one", () => books().at(-1)?.bids[0]?.price === 10);
  const before = books().length;
  // A state that the hub has not sent: it seems as if another one was lost.
  const connection = await connect({ servers: [nats.url.replace("nats://", "")] });
  const { lease: { term }, edges: [{ edge: name }] } = await clusterOf(cluster.hub.ports.health);
  const state = new Map([["orderbooks", new Set(["BTC/USD"])]] as const);
  const lost = encodeEdgeState({ feed: "crypto", term: BigInt(term), state, since: 0 });
  connection.publish(`alpaca.edge.${name}`, lost);
  await connection.flush();
  await connection.close();
  const later = () => books().slice(before);
  await until("the whole order book follows the gap", async () => {
    simulator.emit("crypto/us", [book([[9, 2]], [])]);
    await new Promise((resolve) => setTimeout(resolve, 20));
    return later().some(({ reset }) => reset);
  });
  const whole = later().find(({ reset }) => reset);
  assert.deepEqual(whole?.bids.map(({ price }) => price), [10, 9]);
});

async function clusterOf(port: number) {
  return (await (await fetch(`http://127.0.0.1:${port}/health`)).json()).cluster;
}
