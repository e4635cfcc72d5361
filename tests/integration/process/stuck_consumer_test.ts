/**
 * A consumer that opens streams and reads none of them, under a flood, with a
 * heap that cannot hold what all of its queues could by their capacities.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { type ClientHttp2Session, connect } from "node:http2";
import { parseAddress } from "../../../cli/address.ts";
import { RpcClient } from "../../../client/rpc_client.ts";
import { until } from "../../support/until.ts";
import { OptionFlood } from "../../support/option_flood.ts";
import { collect, METHODS } from "../../support/streams.ts";
import { Child, OFFLINE } from "./child.ts";

const MIB = 1_048_576;
const HEAP_MIB = 144;
const QUEUES_MIB = 48;
const PATIENCE_MS = 120_000;
const STREAMS = 90;
/** At 288 bytes each, half as much again as the heap. */
const QUOTES = 810_000;

const SYMBOLS = Array.from(
  { length: STREAMS },
  (_, at) => `AAPL990315C${String(at + 1).padStart(8, "0")}`,
);

/** A StreamOptionQuotes request for one symbol, framed. */
function requestFor(symbol: string): Uint8Array {
  const text = new TextEncoder().encode(symbol);
  return new Uint8Array([...[0, 0, 0, 0, 2 + text.length], ...[0x0a, text.length], ...text]);
}

/** Opens a stream that is never read. */
async function openStuck(session: ClientHttp2Session, symbol: string): Promise<void> {
  const stream = session.request({
    ":method": "POST",
    ":path": "/cream.v1.StreamProxyService/StreamOptionQuotes",
    "content-type": "application/grpc",
    te: "trailers",
  });
  stream.on("error", () => {}); // its connection is destroyed at the end
  stream.pause();
  stream.end(requestFor(symbol));
  await once(stream, "response");
}

/** One figure of the metrics page. */
async function figure(health: number, sample: string): Promise<number> {
  const page = await fetch(`http://127.0.0.1:${health}/metrics`);
  const lines = (await page.text()).split("\n");
  const line = lines.find((line) => line.startsWith(`${sample} `));
  return Number(line?.slice(sample.length + 1));
}

Deno.test("ninety streams that are not read lose messages and affect nothing else", async () => {
  await using upstream = await OptionFlood.start();
  await using child = new Child({
    heapMiB: HEAP_MIB,
    env: {
      ...OFFLINE,
      ALPACA_OPTION_STREAM_URL: upstream.url,
      STREAM_PROXY_FEEDS: "opra",
      STREAM_PROXY_QUEUE_MEMORY_MB: String(QUEUES_MIB),
      STREAM_PROXY_MAX_SYMBOLS: "1000",
    },
  });
  const { ports } = await child.logged("Started") as { ports: { grpc: number; health: number } };
  const session = connect(`http://127.0.0.1:${ports.grpc}`);
  await using _session = { [Symbol.asyncDispose]: () => destroyed(session) };
  for (const symbol of SYMBOLS) await openStuck(session, symbol);
  using client = new RpcClient(parseAddress(`127.0.0.1:${ports.grpc}`, "the child"));
  await using reader = collect(client, METHODS.streamOptionQuotes, {
    symbols: SYMBOLS.slice(0, 1),
  });
  await reader.opened;
  await until("all streams are subscribed", () => upstream.subscribed === STREAMS, PATIENCE_MS);

  await upstream.send(SYMBOLS, QUOTES);
  const received = 'alpaca_proxy_messages_received_total{feed="opra",message_type="quote"}';
  await until(
    "every quote is received",
    async () => await figure(ports.health, received) === QUOTES,
    PATIENCE_MS,
  );
  await until(
    "the reader has its messages",
    () => reader.messages.length >= QUOTES / STREAMS,
    PATIENCE_MS,
  );

  assert.equal(reader.messages.length, QUOTES / STREAMS);
  assert.equal(reader.ending(), undefined);
  const held = await figure(ports.health, "alpaca_proxy_queue_memory_bytes");
  assert.ok(held > 0.9 * QUEUES_MIB * MIB, `${held} bytes held`);
  assert.ok(held <= QUEUES_MIB * MIB, `${held} bytes held`);
  const lost = await figure(
    ports.health,
    'alpaca_proxy_messages_dropped_total{message_type="option_quote"}',
  );
  assert.ok(lost > QUOTES / 2, `${lost} lost`);
  const heap = await figure(ports.health, "process_heap_used_bytes");
  assert.ok(heap < HEAP_MIB * MIB, `${heap} bytes of heap`);
});

async function destroyed(session: ClientHttp2Session): Promise<void> {
  session.destroy();
  if (!session.closed) await once(session, "close");
}
