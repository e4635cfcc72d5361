/** No message of a hub in NATS has a secret, also where Alpaca quotes one. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { startHub } from "../../../src/composition/hub.ts";
import { parseConfig } from "../../../src/infrastructure/config/parse_config.ts";
import { connect } from "../../../src/infrastructure/nats/connect.ts";
import { decodeBatch } from "../../../src/infrastructure/nats/frame_batch.ts";
import { FREE_PORTS } from "../../support/harness.ts";
import { NatsServer } from "../../support/nats_server.ts";
import { RecordingLog } from "../../support/recording_log.ts";
import { requires } from "../../support/requires.ts";
import { ScriptedExchange } from "../../support/scripted_exchange.ts";
import { until } from "../../support/until.ts";
import { CONNECTED, KEY, quote, SECRET } from "../alpaca/connector_harness.ts";

Deno.test(requires(["nats-server"], {
  name: "a hub publishes no frame that quotes a key, of the login or later",
  fn: async () => {
    await using nats = await NatsServer.start();
    await using exchange = await ScriptedExchange.start();
    const observer = await connect({ servers: [nats.url.replace("nats://", "")] });
    const published: { readonly subject: string; readonly data: Uint8Array }[] = [];
    observer.subscribe("alpaca.>", {
      callback: (_error, { subject, data }) => void published.push({ subject, data }),
    });
    await observer.flush();
    const log = new RecordingLog();
    await using _hub = await startHub(
      parseConfig({
        ...FREE_PORTS,
        ALPACA_KEY: KEY,
        ALPACA_SECRET: SECRET,
        ALPACA_STOCK_STREAM_URL: exchange.url,
        STREAM_PROXY_ALLOW_PLAINTEXT_UPSTREAM: "true",
        STREAM_PROXY_FEEDS: "sip",
        STREAM_PROXY_NATS_URL: nats.url,
        STREAM_PROXY_ROLE: "hub",
      }),
      { log },
    );
    const peer = await exchange.accept();
    peer.send(CONNECTED);
    const { text: login } = await peer.receive();
    assert.ok(login.includes(SECRET));
    peer.send([{ T: "success", msg: "authenticated", request: login }]);
    const has = (text: string) => log.records.some(({ message }) => message === text);
    await until("the feed is connected", () => has("Feed connected"));
    const echo = { T: "error", code: 400, msg: `invalid syntax: ${login}` };
    peer.send([quote(1)]);
    peer.send([echo]);
    peer.send([echo, quote(2)]);
    peer.send([quote(3)]);
    const entries = () =>
      published.filter(({ subject }) => subject === "alpaca.feed.sip")
        .flatMap(({ data }) => decodeBatch(data).entries);
    const quotes = () =>
      entries().filter(({ kind }) => kind === "frame")
        .flatMap(({ payload }) => JSON.parse(new TextDecoder().decode(payload)))
        .map(({ bp }) => bp);
    await until("the last quote is published", () => quotes().includes(3));
    assert.deepEqual(quotes(), [1, 3]);
    const numbers = entries().filter(({ kind }) => kind !== "beacon").map(({ number }) => number);
    assert.deepEqual(numbers, [1, 2, 5], "what is withheld is a hole");
    for (const { data } of published) {
      const bytes = Buffer.from(data);
      assert.ok(!bytes.includes(SECRET) && !bytes.includes(KEY));
    }
    assert.ok(has("A frame of Alpaca quotes a secret, and is not sent to edges"));
    await observer.close();
  },
}));
