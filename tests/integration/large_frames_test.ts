/** Frames with more messages than a client's queue holds. */
import assert from "node:assert/strict";
import { type Harness, startHarness } from "../support/harness.ts";
import { until } from "../support/until.ts";
import { SmallWindowClient } from "../support/small_window_client.ts";
import { clientOf, collect, METHODS } from "../support/streams.ts";
import { metric } from "./subscriptions/kit.ts";

const CAPACITY = 10_000;
/** Bytes of one quote below on the wire. */
const QUOTE_BYTES = 5 + 58;

/** A harness whose stock session is logged in. */
async function startStocks(): Promise<Harness> {
  const harness = await startHarness({
    env: { STREAM_PROXY_STOCK_QUOTES_CAPACITY: String(CAPACITY) },
  });
  await until(
    "the stock feed is up",
    () =>
      harness.simulator.sessions().some(({ endpoint, state }) =>
        endpoint === "sip" && state === "authenticated"
      ),
  );
  return harness;
}

/** Sends one frame of quotes of one symbol, numbered by their bid sizes. */
function sendFrame({ simulator }: Harness, quotes: number, first = 1): void {
  const frame = Array.from({ length: quotes }, (_, index) => ({
    T: "q",
    S: "AAPL",
    bx: "Q",
    bp: 189.1,
    bs: first + index,
    ax: "V",
    ap: 189.2,
    as: 300,
    c: ["R"],
    z: "C",
    t: "2024-01-15T14:30:00.123456789Z",
  }));
  simulator.emitRaw("sip", frame);
}

/** Quotes that Alpaca sent, and what became of them for the only stream. */
async function counts(harness: Harness) {
  const read = (name: string, labels: string) =>
    metric(harness, `alpaca_proxy_messages_${name}_total{${labels}}`);
  const [received, sent, dropped] = await Promise.all([
    read("received", 'feed="sip",message_type="quote"'),
    read("sent", 'message_type="stock_quote"'),
    read("dropped", 'message_type="stock_quote"'),
  ]);
  return { received, sent, dropped, queued: received - sent - dropped };
}

Deno.test("a client that reads receives all of a frame that is larger than its queue", async () => {
  await using harness = await startStocks();
  using client = clientOf(harness);
  await using stream = collect(client, METHODS.streamQuotes, { symbols: ["AAPL"] });
  await stream.opened;
  for (const total of [12_000, 24_000]) {
    sendFrame(harness, 12_000, total - 11_999);
    await until("all have arrived", () => stream.messages.length >= total);
  }
  const sizes = stream.messages.map((message) =>
    (message as { readonly quote?: { readonly bidSize: number } }).quote?.bidSize
  );
  assert.deepEqual(sizes, Array.from({ length: 24_000 }, (_, index) => index + 1));
  assert.deepEqual(await counts(harness), {
    received: 24_000,
    sent: 24_000,
    dropped: 0,
    queued: 0,
  });
});

Deno.test("a client that does not read loses its oldest messages, each counted", async () => {
  await using harness = await startStocks();
  await using client = await SmallWindowClient.connect(harness.proxy.ports.grpc);
  client.open("/cream.v1.StreamProxyService/StreamQuotes");
  await until(
    "its stream is open",
    async () => await metric(harness, "alpaca_proxy_grpc_clients") === 1,
  );
  let received = 0;
  const send = async (quotes: number) => {
    sendFrame(harness, quotes, 100_001);
    received += quotes;
    await until("the frame was read", async () => (await counts(harness)).received === received);
  };
  for (let i = 0; i < 8; i++) await send(12_000);
  const full = await counts(harness);
  assert.equal(full.queued, 12_000, "no message of the last frame displaces another");
  assert.ok(full.dropped > 60_000, `${full.dropped} dropped`);
  await send(1);
  assert.equal(
    (await counts(harness)).queued,
    CAPACITY,
    "the next frame finds it over its capacity",
  );
  client.grant(100 * 1024 * 1024);
  await until("all was sent", async () => (await counts(harness)).queued === 0);
  const { sent, dropped } = await counts(harness);
  assert.equal(sent + dropped, received);
  await client.until(sent * QUOTE_BYTES);
  assert.equal(client.received[0], sent * QUOTE_BYTES);
});
