import assert from "node:assert/strict";
import { create } from "@bufbuild/protobuf";
import { StockQuoteSchema } from "../../../src/gen/cream/v1/stream_proxy_pb.ts";
import { parseDropped } from "../../../cli/demo_client.ts";
import { chooseContracts } from "../../../cli/demo_market.ts";
import { DemoLines } from "../../../cli/demo_lines.ts";
import { DemoLog } from "../../../cli/demo_market.ts";
import { plain } from "../../../cli/text.ts";

const quotes = (count: number) =>
  Array.from(
    { length: count },
    (_, index) => create(StockQuoteSchema, { symbol: `S${index}` }),
  );

Deno.test("lines show two messages of a kind a second", () => {
  const lines = new DemoLines({ all: false, colors: plain });
  lines.add("stockQuotes", quotes(1));
  lines.add("stockQuotes", quotes(5));
  lines.add("stockTrades", []);
  assert.equal(lines.take().split("\n").length - 1, 2);
  lines.add("stockQuotes", quotes(5));
  assert.equal(lines.take(), "");
  lines.tick();
  lines.add("stockQuotes", quotes(5));
  assert.match(lines.take(), /^quote .* S0 .*\nquote .* S1 .*\n$/);
});

Deno.test("--all shows every line, up to the capacity of the queue", () => {
  const lines = new DemoLines({ all: true, colors: plain });
  lines.add("stockQuotes", quotes(10_003));
  const taken = lines.take().split("\n").slice(0, -1);
  assert.equal(taken.length, 10_001);
  assert.equal(taken.at(-1), "# 3 lines dropped: slow reader");
  assert.equal(lines.take(), "");
});

const contract = (
  type: "call" | "put",
  expiration: string,
  strike: number,
) => ({ symbol: `${type} ${expiration} ${strike}`, type, expiration, strike });

Deno.test("the contracts nearest to the money that expire first are chosen", () => {
  const chain = [
    contract("call", "2027-01-15", 100),
    contract("call", "2026-12-18", 90),
    contract("call", "2026-12-18", 101),
    contract("put", "2026-12-18", 98),
    contract("put", "2026-12-18", 103),
  ];
  const market = {
    lastPrice: () => 100,
    optionContracts: (stock?: string) => stock === "NONE" ? [] : chain,
  };
  assert.deepEqual(chooseContracts(["NONE", "AAPL"], market), [
    "call 2026-12-18 101",
    "put 2026-12-18 98",
  ]);
  assert.equal(chooseContracts("ABCDEF".split(""), market).length, 8);
});

Deno.test("dropped messages are read from the metrics page by channel", () => {
  const page = [
    "# TYPE alpaca_proxy_messages_dropped_total counter",
    'alpaca_proxy_messages_dropped_total{message_type="stock_quote"} 12',
    'alpaca_proxy_messages_dropped_total{message_type="order_update"} 0',
    'alpaca_proxy_messages_dropped_total{message_type="unheard_of"} 3',
    'alpaca_proxy_messages_sent_total{message_type="stock_quote"} 99',
  ].join("\n");
  assert.deepEqual([...parseDropped(page)], [
    ["stockQuotes", 12],
    ["orderUpdates", 0],
  ]);
});

Deno.test("log lines become events, also those before the first reporter", () => {
  const log = new DemoLog();
  const sip = log.with({ feed: "sip" });
  sip.warn("Feed connection failed, retrying", {
    cause: "HTTP 502",
    error_type: "dial",
    delay_ms: 687,
  });
  const news: string[] = [];
  log.reportTo((tone, text) => news.push(`${tone} ${text}`));
  sip.info("Feed connected");
  sip.debug("Not shown");
  log.error("A call failed", { cause: new Error("boom") });
  assert.deepEqual(news, [
    "bad Stocks: Feed connection failed, retrying in 0.7 s (HTTP 502)",
    "good Stocks: Feed connected",
    "bad A call failed (boom)",
  ]);
});
