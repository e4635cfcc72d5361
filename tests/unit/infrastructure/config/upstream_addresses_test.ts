/** Addresses that would show one thing as another. */
import assert from "node:assert/strict";
import { ConfigError, formatProblem } from "../../../../src/infrastructure/config/config_error.ts";
import { parseConfig } from "../../../../src/infrastructure/config/parse_config.ts";

const CREDENTIALS = { ALPACA_KEY: "KEY-1234", ALPACA_SECRET: "SECRET-1234" };

function parse(env: Record<string, string>) {
  return parseConfig({ ...CREDENTIALS, ...env });
}

function problems(env: Record<string, string>): string[] {
  try {
    parse(env);
  } catch (error) {
    assert.ok(error instanceof ConfigError);
    return error.problems.map(formatProblem);
  }
  return [];
}

Deno.test("an address says which feed it is, and may not contradict the setting", () => {
  const { stock, option } = parse({
    ALPACA_STOCK_STREAM_URL: "ws://127.0.0.1:9/v2/iex/",
    ALPACA_OPTION_STREAM_URL: "ws://127.0.0.1:9/v1beta1/opra",
  });
  assert.equal(stock.kind, "iex");
  assert.equal(option.kind, "opra");
  const elsewhere = "ws://127.0.0.1:9/stocks";
  assert.equal(parse({ ALPACA_STOCK_STREAM_URL: elsewhere }).stock.kind, "sip");
  assert.deepEqual(
    problems({
      ALPACA_FEED: "sip",
      ALPACA_STOCK_STREAM_URL: "wss://stream.data.alpaca.markets/v2/iex",
      ALPACA_OPTIONS_FEED: "opra",
      ALPACA_OPTION_STREAM_URL: "ws://127.0.0.1:9/v1beta1/indicative",
    }),
    [
      'ALPACA_STOCK_STREAM_URL="wss://stream.data.alpaca.markets/v2/iex" ' +
      "is the feed iex, but ALPACA_FEED is sip. " +
      "Set ALPACA_FEED=iex, or unset one of the two.",
      'ALPACA_OPTION_STREAM_URL="ws://127.0.0.1:9/v1beta1/indicative" ' +
      "is the feed indicative, but ALPACA_OPTIONS_FEED is opra. " +
      "Set ALPACA_OPTIONS_FEED=indicative, or unset one of the two.",
    ],
  );
});

Deno.test("real money cannot pass for paper, nor paper for real money", () => {
  assert.deepEqual(
    problems({
      ALPACA_TRADING_STREAM_URL: "wss://api.alpaca.markets/stream",
      ALPACA_TRADING_API_URL: "https://api.alpaca.markets",
    }),
    ["ALPACA_TRADING_STREAM_URL", "ALPACA_TRADING_API_URL"].map((name) => {
      const url = name === "ALPACA_TRADING_API_URL"
        ? "https://api.alpaca.markets"
        : "wss://api.alpaca.markets/stream";
      return `${name}="${url}" is the host of LIVE, but CREAM_ENV is PAPER. ` +
        `Set CREAM_ENV=LIVE, or unset ${name}.`;
    }),
  );
  const paper = "wss://paper-api.alpaca.markets/stream";
  const [problem] = problems({
    CREAM_ENV: "LIVE",
    ALPACA_TRADING_STREAM_URL: paper,
  });
  assert.match(problem ?? "", /is the host of PAPER, but CREAM_ENV is LIVE/);
  assert.equal(parse({ ALPACA_TRADING_STREAM_URL: paper }).trading.url, paper);
});
