/**
 * The product of a feed, wherever an operator looks for it.
 *
 * @module
 */
import assert from "node:assert/strict";
import { tail } from "../../cli/tail.ts";
import { parseConfig } from "../../src/infrastructure/config/parse_config.ts";
import { startProxy } from "../../src/composition/proxy.ts";
import { startSimulator } from "@alpaca-stream-proxy/simulator";
import { FREE_PORTS } from "../support/harness.ts";
import { RecordingLog } from "../support/recording_log.ts";
import { RecordingTerminal } from "../support/recording_terminal.ts";
import { until } from "../support/until.ts";

const STOCK_PATHS = { iex: "/v2/iex", boats: "/v1beta1/boats" } as const;

for (const stock of ["iex", "boats"] as const) {
  Deno.test(`health, metrics, page, log and tail status say ${stock} and indicative`, async () => {
    await using simulator = await startSimulator({ messagesPerSecond: 0 });
    const log = new RecordingLog();
    const { host } = new URL(simulator.url);
    const config = parseConfig({
      ...simulator.environment(),
      ...FREE_PORTS,
      ALPACA_FEED: stock,
      ALPACA_OPTIONS_FEED: "indicative",
      ALPACA_STOCK_STREAM_URL: `ws://${host}${STOCK_PATHS[stock]}`,
      ALPACA_OPTION_STREAM_URL: `ws://${host}/v1beta1/indicative`,
    });
    await using proxy = await startProxy(config, { log });
    const health = `http://127.0.0.1:${proxy.ports.health}`;
    const connected = () => log.records.filter(({ message }) => message === "Feed connected");
    await until("every feed is connected", () => connected().length === 3);
    const products = { sip: stock, opra: "indicative", trading: "trade_updates" };
    const names = { sip: "Stocks", opra: "Options", trading: "Trade updates" };

    assert.deepEqual(
      Object.fromEntries(connected().map(({ fields }) => [fields.feed, fields.product])),
      products,
    );

    const { feeds } = await (await fetch(`${health}/health`)).json();
    const metrics = await (await fetch(`${health}/metrics`)).text();
    const content = await firstEvent(`${health}/events`);
    for (const feed of ["sip", "opra", "trading"] as const) {
      const [name, product] = [names[feed], products[feed]];
      assert.deepEqual([feeds[feed].name, feeds[feed].product], [name, product]);
      const labels = `feed="${feed}",name="${name}",product="${product}"`;
      assert.ok(metrics.includes(`\nalpaca_proxy_feed_info{${labels}} 1\n`), labels);
      assert.equal(content.text[`feed.${feed}.kind`], product);
    }

    const terminal = new RecordingTerminal();
    assert.equal(await tail(["status", "--address", `127.0.0.1:${proxy.ports.grpc}`], terminal), 0);
    assert.match(terminal.output, new RegExp(`^Stocks \\(${stock}\\) `, "m"));
    assert.match(terminal.output, /^Options \(indicative\) /m);
  });
}

/** The content of the page's first event. */
async function firstEvent(url: string) {
  const { body } = await fetch(url);
  assert.ok(body);
  let text = "";
  for await (const part of body.pipeThrough(new TextDecoderStream())) {
    text += part;
    if (text.endsWith("\n\n")) break;
  }
  const [, data] = /^data: (.*)$/m.exec(text) ?? [];
  assert.ok(data);
  return JSON.parse(data);
}
