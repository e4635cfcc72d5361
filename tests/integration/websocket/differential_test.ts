/** Messages of all types and odd shapes through the proxy equal those of the simulator. */
import assert from "node:assert/strict";
import { compareStreams, RAW_MARKETS, symbolsOf } from "../../support/differential.ts";
import { startHarness } from "../../support/harness.ts";
import type { MarketKind } from "../../support/sdk_streams.ts";
import { RawStream, type RawStreamOptions } from "../../support/raw_stream.ts";

const ACCOUNT = { key: "SIM_KEY", secret: "SIM_SECRET", plan: "broker_standard" } as const;
const MESSAGES = 6_000;

const WHAT = "a client of the proxy receives what Alpaca sent";

interface Case {
  readonly name: string;
  readonly market: MarketKind;
  readonly options: Omit<RawStreamOptions, "url">;
}

const CASES: readonly Case[] = [
  {
    name: "stocks in JSON, byte by byte",
    market: "stocks",
    options: { encoding: "json" },
  },
  {
    name: "stocks in JSON with permessage-deflate, byte by byte",
    market: "stocks",
    options: { encoding: "json", deflate: true },
  },
  {
    name: "stocks in MessagePack, byte by byte",
    market: "stocks",
    options: { encoding: "msgpack" },
  },
  {
    name: "options in MessagePack, byte by byte",
    market: "options",
    options: { encoding: "msgpack" },
  },
  {
    name: "crypto in JSON, byte by byte",
    market: "crypto",
    options: { encoding: "json" },
  },
  {
    name: "crypto in MessagePack, byte by byte",
    market: "crypto",
    options: { encoding: "msgpack" },
  },
  {
    name: "news in JSON, byte by byte",
    market: "news",
    options: { encoding: "json" },
  },
  {
    name: "news in MessagePack, byte by byte",
    market: "news",
    options: { encoding: "msgpack" },
  },
];

for (const { name, market, options } of CASES) {
  Deno.test(`${WHAT}: ${name}`, async () => {
    await using harness = await startHarness({
      websocket: true,
      env: { STREAM_PROXY_FEEDS: "sip,opra,crypto,news" },
      simulator: { accounts: [ACCOUNT] },
    });
    const { simulator } = harness;
    const { path, channels } = RAW_MARKETS[market];
    await using direct = await RawStream.open({
      ...options,
      url: simulator.url.replace("http", "ws") + path,
    });
    await using proxied = await RawStream.open({ ...options, url: harness.websocket + path });
    const symbols = symbolsOf(simulator, market);
    const subscription = Object.fromEntries(channels.map((channel) => [channel, symbols]));
    for (const stream of [direct, proxied]) {
      const { T } = await stream.subscribe(subscription);
      assert.equal(T, "subscription");
    }
    const compared = await compareStreams({
      simulator,
      market,
      direct,
      proxied,
      symbols,
      messages: MESSAGES,
      seed: name,
      hasUnknown: true,
    });
    assert.ok(compared.messages >= MESSAGES);
  });
}
