/** Alpaca's official SDKs, unmodified, receive crypto and news from the proxy as from Alpaca. */
import assert from "node:assert/strict";
import { cryptoMessages, newsMessages } from "../../support/further_messages.ts";
import { startHarness } from "../../support/harness.ts";
import { tlsEnvironment } from "../../support/proxy_certificates.ts";
import { type MarketKind, type SdkStreams, sdkStreams } from "../../support/sdk_streams.ts";
import { startTlsFront } from "../../support/tls_front.ts";
import {
  MARKS,
  receivedOf,
  untilMarked,
  untilReceived,
  untilSessions,
} from "../../support/twin_streams.ts";
import { until } from "../../support/until.ts";

const ACCOUNT = { key: "SIM_KEY", secret: "SIM_SECRET", plan: "broker_standard" } as const;
const KINDS: readonly MarketKind[] = ["crypto", "news"];
const CHANNELS = ["trades", "quotes", "bars", "updatedBars", "dailyBars", "orderbooks"] as const;
/** Pairs that the simulator does not have, so that it sends no order books of its own. */
const [PAIR, OTHER, FIRST, SECOND] = ["AAA/USD", "BBB/USD", "MARKA/USD", "MARKB/USD"] as const;
/** Repetitions of each message that is sent. */
const BATCH = 20;
/** Messages that the three batches have for the subscriptions of the test. */
const EXPECTED = { crypto: BATCH * (7 + 9 + 6), news: BATCH * (1 + 2 + 1) + 1 };
const LONG = "é".repeat(600_000);

for (const kind of await sdkStreams()) {
  const title = `${kind.name}: crypto, order books and news through the proxy are Alpaca's`;
  Deno.test({
    name: kind.missing === undefined ? title : `${title} (skipped: ${kind.missing})`,
    ignore: kind.missing !== undefined,
    fn: async () => {
      const tls = { ...tlsEnvironment(), STREAM_PROXY_TLS_PORTS: "websocket" };
      await using harness = await startHarness({
        websocket: true,
        env: { STREAM_PROXY_FEEDS: "crypto,news", ...(kind.needsTls && tls) },
        simulator: { accounts: [ACCOUNT] },
      });
      const { simulator } = harness;
      await using stack = new AsyncDisposableStack();
      const start = async (port: number) => {
        const url = kind.needsTls ? `wss://localhost:${port}` : `ws://127.0.0.1:${port}`;
        const { key, secret } = ACCOUNT;
        return stack.use(await kind.start({ url, key, secret, kinds: KINDS }));
      };
      const port = Number(new URL(simulator.url).port);
      // The simulator has no TLS.
      const direct = await start(kind.needsTls ? stack.use(await startTlsFront(port)).port : port);
      const proxied = await start(Number(new URL(harness.websocket).port));
      const twins: readonly SdkStreams[] = [direct, proxied];
      const setup = { simulator, kind, twins };
      const marks = { crypto: SECOND, news: MARKS.second };
      for (const twin of twins) {
        for (const channel of CHANNELS) await twin.subscribe("crypto", channel, [PAIR, FIRST]);
        await twin.subscribe("news", "news", ["AAPL", MARKS.first]);
        await twin.connect();
      }
      await untilMarked(setup, {
        crypto: { mark: FIRST, channels: CHANNELS },
        news: { mark: MARKS.first, channels: ["news"] },
      });
      let sent = 0;
      const emit = () => {
        for (let i = 0; i < BATCH; i++, sent++) {
          simulator.emit("crypto/us", [PAIR, OTHER].flatMap((pair) => cryptoMessages(pair, sent)));
          simulator.emit("news", ["AAPL", "MSFT"].flatMap((name) => newsMessages(name, sent)));
        }
      };
      emit();

      // While running: more symbols, all symbols, fewer symbols.
      for (const twin of twins) {
        await twin.subscribe("crypto", "trades", [OTHER, SECOND]);
        await twin.subscribe("crypto", "quotes", ["*"]);
        await twin.subscribe("news", "news", ["MSFT", MARKS.second]);
      }
      await untilMarked(setup, {
        crypto: { mark: SECOND, channels: ["trades", "quotes"] },
        news: { mark: MARKS.second, channels: ["news"] },
      });
      emit();
      await untilReceived(setup, marks);
      for (const twin of twins) {
        await twin.unsubscribe("crypto", "trades", [PAIR]);
        await twin.unsubscribe("crypto", "orderbooks", [PAIR]);
        await twin.unsubscribe("news", "news", ["AAPL"]);
      }
      for (const channel of ["trades", "orderbooks"]) {
        await untilSessions(simulator, { kind: "crypto", channel, symbol: PAIR }, false);
      }
      await untilSessions(simulator, { kind: "news", channel: "news", symbol: "AAPL" }, false);
      emit();
      const [article] = newsMessages("MSFT", sent);
      if (article) simulator.emit("news", [{ ...article, content: LONG }]);
      await untilReceived(setup, marks);
      for (const market of ["crypto", "news"] as const) {
        const all = [FIRST, SECOND, MARKS.first, MARKS.second];
        const expected = receivedOf(direct, market, all);
        assert.deepEqual(receivedOf(proxied, market, all), expected);
        assert.equal(expected.length, EXPECTED[market]);
      }

      // A pair of the simulator begins with its whole order book.
      for (const twin of twins) await twin.subscribe("crypto", "orderbooks", ["ETH/USD"]);
      const hasBook = ({ lines }: SdkStreams) =>
        lines.some((line) => line.includes('"crypto orderbooks"') && line.includes("ETH/USD"));
      await until("whole order books", () => twins.every(hasBook));
    },
  });
}
