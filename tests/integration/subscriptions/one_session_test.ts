/**
 * Alpaca's own SDK and the proxy on one account, which allows one session per
 * stream: the connected one stays connected, the other retries slowly.
 *
 * @module
 */
import assert from "node:assert/strict";
import { fastClock } from "../../support/fast_clock.ts";
import { type Harness, startHarness } from "../../support/harness.ts";
import { until } from "../../support/until.ts";
import { startSimulator } from "@alpaca-stream-proxy/simulator";
import {
  loadOfficialSdk,
  type SdkQuote,
  type SdkStream,
} from "../../../simulator/tests/integration/official_sdk.ts";
import { clientOf, collect, METHODS } from "../../support/streams.ts";
import { metric, proxyOn, subscribed } from "./kit.ts";

const { StockDataStream } = await loadOfficialSdk();

const credentials = { keyId: "SIM_KEY", secret: "SIM_SECRET" };
const PLACE = { endpoint: "sip", channel: "quotes" };
const QUOTE = {
  T: "q",
  S: "AAPL",
  bx: "Q",
  bp: 1.5,
  bs: 1,
  ax: "P",
  ap: 1.75,
  as: 2,
  c: ["R"],
  t: "2024-01-15T10:00:00.5Z",
  z: "C",
};

function logins({ simulator }: Pick<Harness, "simulator">, error?: number) {
  return simulator.requests().filter((request) =>
    request.endpoint === "sip" && request.action === "auth" &&
    request.error === error
  ).length;
}

/** What the proxy waited after each refusal, ms. */
function waits({ log }: Harness): readonly number[] {
  return log.records
    .filter(({ message, fields }) =>
      message === "Feed connection failed, retrying" && fields.feed === "sip"
    )
    .map(({ fields }) => Number(fields.delay_ms));
}

async function stockState(harness: Harness): Promise<string> {
  const answer = await fetch(`${harness.health}/health`);
  return (await answer.json()).feeds.sip.state;
}

/** Disconnects the SDK and waits until its socket is closed. */
async function leave(
  stream: SdkStream,
  { simulator }: Pick<Harness, "simulator">,
) {
  stream.disconnect();
  await until(
    "the SDK is gone",
    () =>
      simulator.sessions().every(({ endpoint, encoding }) =>
        endpoint !== "sip" || encoding !== "msgpack"
      ),
  );
}

Deno.test("while the SDK is connected the proxy retries slowly, then connects", async () => {
  await using clock = fastClock();
  await using simulator = await startSimulator({ messagesPerSecond: 0 });
  const sdk = new StockDataStream({
    credentials,
    url: simulator.streamUrls.stocks(),
    reconnect: false,
  });
  const quotes: SdkQuote[] = [];
  sdk.onQuote((quote) => quotes.push(quote));
  sdk.subscribeForQuotes(["AAPL"]);
  sdk.connect();
  await until("the SDK is in", () => subscribed(simulator, PLACE).has("AAPL"));

  await using harness = await proxyOn(simulator, clock.clock);
  using client = clientOf(harness);
  await using stream = collect(client, METHODS.streamQuotes, {
    symbols: ["MSFT"],
  });
  await stream.opened;
  await until("four refusals were met", () => waits(harness).length === 4);
  assert.equal(await stockState(harness), "reconnecting");
  assert.equal(logins(harness, 406), 4, "one login per wait");
  for (const [index, delay] of waits(harness).entries()) {
    const planned = (index + 1) * 5_000;
    assert.ok(delay >= planned && delay <= planned * 1.1, `${delay} ms`);
  }
  assert.equal(
    await metric(
      harness,
      'alpaca_proxy_websocket_errors_total{feed="sip",error_type="connection_limit"}',
    ),
    4,
  );
  simulator.emit("sip", [QUOTE]);
  await until("the SDK was not disturbed", () => quotes.length === 1);

  await leave(sdk, harness);
  await until("the proxy is in", () => subscribed(simulator, PLACE).has("MSFT"));
  assert.ok(logins(harness, 406) <= 5);
  assert.equal(stream.ending(), undefined);
});

Deno.test("while the proxy is connected the SDK is refused", async () => {
  await using harness = await startHarness();
  const { simulator } = harness;
  using client = clientOf(harness);
  await using stream = collect(client, METHODS.streamQuotes, {
    symbols: ["AAPL"],
  });
  await until("the proxy is in", () => subscribed(simulator, PLACE).has("AAPL"));
  const sdk = new StockDataStream({
    credentials,
    url: simulator.streamUrls.stocks(),
    reconnect: false,
  });
  const refused = Promise.withResolvers<unknown>();
  sdk.on("error", refused.resolve);
  sdk.subscribeForQuotes(["MSFT"]);
  sdk.connect();
  assert.match(String(await refused.promise), /connection limit/i);
  assert.equal(logins(harness, 406), 1);
  simulator.emit("sip", [QUOTE]);
  await until("the stream goes on", () => stream.messages.length === 1);
  assert.equal(await stockState(harness), "connected");
  assert.deepEqual([...subscribed(simulator, PLACE)], ["AAPL"]);
  await leave(sdk, harness);
});

Deno.test("a proxy that stops releases its session to the SDK immediately", async () => {
  await using simulator = await startSimulator({ messagesPerSecond: 0 });
  {
    await using harness = await proxyOn(simulator);
    await until(
      "the proxy is in",
      async () => await stockState(harness) === "connected",
    );
  }
  const sdk = new StockDataStream({
    credentials,
    url: simulator.streamUrls.stocks(),
    reconnect: false,
  });
  const subscribed = Promise.withResolvers<void>();
  sdk.on("subscription", () => subscribed.resolve());
  sdk.subscribeForQuotes(["MSFT"]);
  sdk.connect();
  await subscribed.promise;
  assert.equal(logins({ simulator }, 406), 0);
  await leave(sdk, { simulator });
});
