import assert from "node:assert/strict";
import { startSimulator } from "../../src/simulator.ts";
import {
  loadOfficialSdk,
  type SdkBar,
  type SdkQuote,
  type SdkStream,
  type SdkTrade,
} from "./official_sdk.ts";

const { OptionDataStream, StockDataStream } = await loadOfficialSdk();

const credentials = { keyId: "SIM_KEY", secret: "SIM_SECRET" };
const AT = "2026-09-14T14:30:02.118450321Z";

async function closed(stream: SdkStream) {
  stream.disconnect();
  await new Promise((resolve) => setTimeout(resolve, 50));
}

Deno.test("the official SDK receives stocks with exact ids and nanoseconds", async () => {
  await using simulator = await startSimulator({ messagesPerSecond: 0 });
  const url = simulator.streamUrls.stocks();
  const stream = new StockDataStream({ credentials, url });
  const subscribed = Promise.withResolvers<void>();
  const trade = Promise.withResolvers<SdkTrade>();
  const quote = Promise.withResolvers<SdkQuote>();
  const bar = Promise.withResolvers<SdkBar>();
  stream.onTrade(trade.resolve).onQuote(quote.resolve).onBar(bar.resolve);
  stream.on("subscription", () => subscribed.resolve());
  stream.subscribeForTrades(["AAPL"]);
  stream.subscribeForQuotes(["AAPL"]);
  stream.subscribeForBars(["*"]);
  stream.connect();
  await subscribed.promise;
  simulator.emit("sip", [
    {
      T: "t",
      S: "AAPL",
      i: 9_007_199_254_740_993n,
      x: "V",
      p: 232.115,
      s: 7,
      c: ["@", "I"],
      t: AT,
      z: "C",
    },
    {
      T: "q",
      S: "AAPL",
      bx: "Q",
      bp: 232,
      bs: 100,
      ax: "P",
      ap: 232.01,
      as: 300,
      c: ["R"],
      t: AT,
      z: "C",
    },
    {
      T: "b",
      S: "F",
      o: 11,
      h: 12,
      l: 10,
      c: 11.5,
      v: 2 ** 33,
      n: 3,
      vw: 11.2,
      t: "2026-09-14T14:30:00Z",
    },
  ]);
  const { idRaw, price, size, conditions, timestampRaw } = await trade.promise;
  assert.equal(idRaw, "9007199254740993");
  assert.deepEqual([price, size, conditions], [232.115, 7, ["@", "I"]]);
  assert.equal(timestampRaw, AT);
  const { bidPrice, askSize, tape } = await quote.promise;
  assert.deepEqual([bidPrice, askSize, tape], [232, 300, "C"]);
  const { volume, timestamp } = await bar.promise;
  assert.equal(volume, 2 ** 33);
  assert.equal(timestamp?.toISOString(), "2026-09-14T14:30:00.000Z");
  await closed(stream);
});

Deno.test("the official SDK receives the generated market of both feeds", async () => {
  await using simulator = await startSimulator({ messagesPerSecond: 500 });
  const { streamUrls, market } = simulator;
  const symbol = market.optionContracts("AAPL")[0]?.symbol ?? "";
  const stocks = new StockDataStream({ credentials, url: streamUrls.stocks() });
  const options = new OptionDataStream({
    credentials,
    url: streamUrls.options(),
  });
  const stockQuote = Promise.withResolvers<SdkQuote>();
  const stockTrade = Promise.withResolvers<SdkTrade>();
  const optionQuote = Promise.withResolvers<SdkQuote>();
  const optionTrade = Promise.withResolvers<SdkTrade>();
  stocks.onQuote(stockQuote.resolve).onTrade(stockTrade.resolve);
  options.onQuote(optionQuote.resolve).onTrade(optionTrade.resolve);
  stocks.subscribeForQuotes(["*"]);
  stocks.subscribeForTrades(["MSFT"]);
  options.subscribeForQuotes([symbol]);
  options.subscribeForTrades([symbol]);
  stocks.connect();
  options.connect();
  assert.ok((await stockQuote.promise).bidPrice > 0);
  assert.equal((await stockTrade.promise).symbol, "MSFT");
  assert.equal((await optionQuote.promise).symbol, symbol);
  assert.equal((await optionTrade.promise).symbol, symbol);
  await closed(stocks);
  await closed(options);
});

Deno.test("the official SDK reports a wrong secret as an authentication failure", async () => {
  await using simulator = await startSimulator({ messagesPerSecond: 0 });
  const stream = new StockDataStream({
    credentials: { keyId: "SIM_KEY", secret: "wrong" },
    url: simulator.streamUrls.stocks(),
    reconnect: false,
  });
  const failed = Promise.withResolvers<unknown>();
  stream.on("error", failed.resolve);
  stream.connect();
  assert.match(String(await failed.promise), /auth/i);
  await closed(stream);
});
