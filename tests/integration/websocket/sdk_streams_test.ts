/** Alpaca's official SDKs, unmodified, receive from the proxy what they receive from Alpaca. */
import assert from "node:assert/strict";
import type { Simulator } from "@alpaca-stream-proxy/simulator";
import { startHarness } from "../../support/harness.ts";
import {
  type MarketKind,
  type SdkStreamKind,
  type SdkStreams,
  sdkStreams,
} from "../../support/sdk_streams.ts";
import { optionMessages, stockMessages } from "../../support/stock_messages.ts";
import { tlsEnvironment } from "../../support/proxy_certificates.ts";
import { startTlsFront } from "../../support/tls_front.ts";
import {
  MARKS,
  receivedOf,
  untilMarked,
  untilReceived,
  untilSessions,
} from "../../support/twin_streams.ts";
import { until } from "../../support/until.ts";

const ACCOUNT = {
  key: "SIM_KEY",
  secret: "SIM_SECRET",
  plan: "broker_standard", // five connections: the proxy's and that of the SDK
} as const;

async function startKind(kind: SdkStreamKind, port: number) {
  const url = kind.needsTls ? `wss://localhost:${port}` : `ws://127.0.0.1:${port}`;
  const { key, secret } = ACCOUNT;
  return await kind.start({ url, key, secret, kinds: kind.kinds });
}

const WHAT = "stocks, options and order updates through the proxy are Alpaca's";
/** Repetitions of each message that is sent. */
const BATCH = 20;
/** Channels whose messages arrive without a subscription of their own. */
const AUTOMATIC = ["corrections", "cancelErrors"];

/** Places market orders until every program has the fill of one of them. */
async function untilOrders(simulator: Simulator, twins: readonly SdkStreams[]): Promise<string> {
  const engine = simulator.trading.engineOf(ACCOUNT.key);
  const place = () =>
    engine.submit({
      symbol: "AAPL",
      qty: "1",
      side: "buy",
      type: "market",
      time_in_force: "day",
    }).id;
  const isFilled = (id: string) => (twin: SdkStreams) =>
    twin.lines.some((line) => line.includes(id) && /"fill"/.test(line));
  for (let attempt = 0; attempt < 20; attempt++) {
    const id = place();
    try {
      await until("the fill", () => twins.every(isFilled(id)), 1_000);
      return id;
    } catch {
      // Not all of them listened yet.
    }
  }
  throw new Error(`No fills: ${twins.map(({ complaint }) => complaint).join("\n")}`);
}

for (const kind of await sdkStreams()) {
  const title = `${kind.name}: ${WHAT}`;
  Deno.test({
    name: kind.missing === undefined ? title : `${title} (skipped: ${kind.missing})`,
    ignore: kind.missing !== undefined,
    fn: async () => {
      await using harness = await startHarness({
        websocket: true,
        env: kind.needsTls ? { ...tlsEnvironment(), STREAM_PROXY_TLS_PORTS: "websocket" } : {},
        simulator: { accounts: [ACCOUNT], trading: { stream: { tradingSessionLimit: 0 } } },
      });
      const { simulator } = harness;
      await using stack = new AsyncDisposableStack();
      const port = Number(new URL(simulator.url).port);
      // The simulator has no TLS.
      const front = kind.needsTls ? stack.use(await startTlsFront(port)).port : port;
      const direct = stack.use(await startKind(kind, front));
      const proxied = stack.use(await startKind(kind, Number(new URL(harness.websocket).port)));
      const twins = [direct, proxied];
      const [contract = "", other = "", contractMark = ""] = simulator.market
        .optionContracts("AAPL").map(({ symbol }) => symbol);
      const setup = { simulator, kind, twins };
      const marks = { stocks: MARKS.second, options: contractMark };
      const stockChannels = kind.channels;
      for (const twin of twins) {
        for (const channel of stockChannels) {
          await twin.subscribe("stocks", channel, ["AAPL", MARKS.first]);
        }
        for (const channel of ["trades", "quotes"]) {
          await twin.subscribe("options", channel, [contract, contractMark]);
        }
        await twin.connect();
      }
      const options = ["trades", "quotes"];
      await untilMarked(setup, {
        stocks: { mark: MARKS.first, channels: stockChannels },
        options: { mark: contractMark, channels: options },
      });
      let sent = 0;
      const emit = () => {
        for (let i = 0; i < BATCH; i++, sent++) {
          const stocks = ["AAPL", "MSFT"].flatMap((symbol) => stockMessages(symbol, sent));
          simulator.emit("sip", stocks);
          simulator.emit(
            "opra",
            [contract, other].flatMap((symbol) => optionMessages(symbol, sent)),
          );
        }
      };
      emit();

      // While running: more symbols, all symbols, fewer symbols.
      for (const twin of twins) {
        await twin.subscribe("stocks", "trades", ["MSFT", MARKS.second]);
        await twin.subscribe("stocks", "quotes", ["*"]);
        await twin.subscribe("options", "trades", [other]);
      }
      await untilMarked(setup, {
        stocks: { mark: MARKS.second, channels: ["trades", "quotes"] },
      });
      await untilSessions(simulator, { kind: "options", channel: "trades", symbol: other }, true);
      await untilMarked(setup, { options: { mark: contractMark, channels: options } });
      emit();
      await untilReceived(setup, marks);
      for (const twin of twins) {
        await twin.unsubscribe("stocks", "trades", ["AAPL"]);
        await twin.unsubscribe("options", "quotes", [contract]);
      }
      await untilSessions(simulator, { kind: "stocks", channel: "trades", symbol: "AAPL" }, false);
      await untilSessions(
        simulator,
        { kind: "options", channel: "quotes", symbol: contract },
        false,
      );
      emit();
      await untilReceived(setup, marks);

      for (const streams of ["stocks", "options"] as const) {
        const all = [...Object.values(MARKS), contractMark];
        const expected = receivedOf(direct, streams, all);
        assert.deepEqual(receivedOf(proxied, streams, all), expected);
        assert.equal(expected.length, countOf(kind, streams));
      }
      if (kind.kinds.includes("orders")) {
        const id = await untilOrders(simulator, twins);
        const updates = (twin: SdkStreams) => twin.lines.filter((line) => line.includes(id));
        assert.deepEqual(updates(proxied), updates(direct));
        assert.ok(updates(direct).length >= 2);
      }
    },
  });
}

/** Messages that the three batches have for the subscriptions of the test. */
function countOf({ channels }: SdkStreamKind, streams: MarketKind): number {
  if (streams === "options") return BATCH * (2 + 3 + 2);
  const others = channels.length - 2;
  const automatic = AUTOMATIC.length;
  const first = 2 + others + automatic;
  const second = 4 + others + 2 * automatic;
  const third = 3 + others + automatic;
  return BATCH * (first + second + third);
}
