/**
 * Streams with version 3 of the official npm SDK, as commands on the standard input say, one JSON
 * object a line. Prints what it receives the same way. This version connects to market data with
 * TLS only.
 *
 * Arguments: base URL of the streams (https), key id, secret, kinds of streams.
 */
const { createInterface } = require("node:readline");
const Alpaca = require("@alpacahq/alpaca-trade-api");

const [base, keyId, secretKey, kinds] = process.argv.slice(2);
const alpaca = new Alpaca({
  keyId,
  secretKey,
  baseUrl: base,
  dataStreamUrl: base,
  feed: "sip",
  optionFeed: "opra",
});

// The stream of news writes its subscriptions to the standard output.
// deno-lint-ignore no-console
console.log = console.error;

const LISTENERS = {
  stocks: {
    trades: "onStockTrade",
    quotes: "onStockQuote",
    bars: "onStockBar",
    updatedBars: "onStockUpdatedBar",
    dailyBars: "onStockDailyBar",
    statuses: "onStatuses",
    lulds: "onLulds",
    corrections: "onCorrections",
    cancelErrors: "onCancelErrors",
  },
  options: { trades: "onOptionTrade", quotes: "onOptionQuote" },
  crypto: {
    trades: "onCryptoTrade",
    quotes: "onCryptoQuote",
    bars: "onCryptoBar",
    updatedBars: "onCryptoUpdatedBar",
    dailyBars: "onCryptoDailyBar",
    orderbooks: "onCryptoOrderbook",
  },
  news: { news: "onNews" },
};

const STREAMS = {
  stocks: alpaca.data_stream_v2,
  options: alpaca.option_stream,
  crypto: alpaca.crypto_stream_v1beta3,
  news: alpaca.news_stream,
};

function print(channel, item) {
  const text = (_, value) => (typeof value === "bigint" ? `${value}n` : value);
  process.stdout.write(`${JSON.stringify({ channel, item }, text)}\n`);
}

/** Streams by kind, the commands that wait for the login, and whether it is done. */
const streams = new Map();

function add(kind, stream, loggedIn) {
  const entry = { stream, waiting: [], isReady: false };
  streams.set(kind, entry);
  stream.onError((error) => process.stderr.write(`${kind}: ${error}\n`));
  stream.onConnect(() => {
    entry.isReady = true;
    loggedIn?.();
    for (const command of entry.waiting.splice(0)) run(entry, command);
  });
}

function run({ stream }, { do: what, channel, symbols }) {
  const name = channel[0].toUpperCase() + channel.slice(1);
  stream[what === "subscribe" ? `subscribeFor${name}` : `unsubscribeFrom${name}`](symbols);
}

for (const kind of kinds.split(",")) {
  if (kind === "orders") {
    alpaca.trade_ws.onOrderUpdate((item) => print("orders", item));
    add(kind, alpaca.trade_ws, () => alpaca.trade_ws.subscribe(["trade_updates"]));
    continue;
  }
  const stream = STREAMS[kind];
  for (const [channel, listener] of Object.entries(LISTENERS[kind])) {
    stream[listener]((item) => print(`${kind} ${channel}`, item));
  }
  add(kind, stream);
}

createInterface({ input: process.stdin })
  .on("line", (line) => {
    const command = JSON.parse(line);
    if (command.do === "connect") {
      for (const { stream } of streams.values()) stream.connect();
      return;
    }
    const entry = streams.get(command.kind);
    if (entry.isReady) run(entry, command);
    else entry.waiting.push(command);
  })
  .on("close", () => process.exit(0));
