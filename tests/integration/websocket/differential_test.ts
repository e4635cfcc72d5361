/** Messages of all types and odd shapes through the proxy equal those of the simulator. */
import assert from "node:assert/strict";
import { compareStreams } from "../../support/differential.ts";
import { startHarness } from "../../support/harness.ts";
import { RawStream, type RawStreamOptions } from "../../support/raw_stream.ts";

const ACCOUNT = { key: "SIM_KEY", secret: "SIM_SECRET", plan: "broker_standard" } as const;
const MESSAGES = 6_000;
const SYMBOLS = ["AAPL", "MSFT", "BRK.B", "MARKA"];
const CHANNELS = [
  "trades",
  "quotes",
  "bars",
  "updatedBars",
  "dailyBars",
  "statuses",
  "lulds",
  "imbalances",
];

const WHAT = "a client of the proxy receives what Alpaca sent";

interface Case {
  readonly name: string;
  readonly endpoint: "sip" | "opra";
  readonly options: Omit<RawStreamOptions, "url">;
}

const CASES: readonly Case[] = [
  {
    name: "stocks in JSON, byte by byte",
    endpoint: "sip",
    options: { encoding: "json" },
  },
  {
    name: "stocks in JSON with permessage-deflate, byte by byte",
    endpoint: "sip",
    options: { encoding: "json", deflate: true },
  },
  {
    name: "stocks in MessagePack, byte by byte",
    endpoint: "sip",
    options: { encoding: "msgpack" },
  },
  {
    name: "options in MessagePack, byte by byte",
    endpoint: "opra",
    options: { encoding: "msgpack" },
  },
];

for (const { name, endpoint, options } of CASES) {
  Deno.test(`${WHAT}: ${name}`, async () => {
    await using harness = await startHarness({
      websocket: true,
      simulator: { accounts: [ACCOUNT] },
    });
    const { simulator } = harness;
    const path = endpoint === "sip" ? "/v2/sip" : "/v1beta1/opra";
    await using direct = await RawStream.open({
      ...options,
      url: simulator.url.replace("http", "ws") + path,
    });
    await using proxied = await RawStream.open({ ...options, url: harness.websocket + path });
    const contracts = simulator.market.optionContracts("AAPL").map(({ symbol }) => symbol);
    const symbols = endpoint === "sip" ? SYMBOLS : contracts.slice(0, 4);
    const channels = endpoint === "sip" ? CHANNELS : CHANNELS.slice(0, 2);
    const subscription = Object.fromEntries(channels.map((channel) => [channel, symbols]));
    for (const stream of [direct, proxied]) {
      const { T } = await stream.subscribe(subscription);
      assert.equal(T, "subscription");
    }
    const compared = await compareStreams({
      simulator,
      endpoint,
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
