/** A hub that has lost its lease, with an Alpaca that does not reply to close frames. */
import assert from "node:assert/strict";
import { startHub } from "../../../src/composition/hub.ts";
import { parseConfig } from "../../../src/infrastructure/config/parse_config.ts";
import { FREE_PORTS } from "../../support/harness.ts";
import { NatsServer } from "../../support/nats_server.ts";
import { RecordingLog } from "../../support/recording_log.ts";
import { requires } from "../../support/requires.ts";
import { ScriptedExchange } from "../../support/scripted_exchange.ts";
import { until } from "../../support/until.ts";
import { acceptLogin } from "../alpaca/connector_harness.ts";

/** Of the lease; another hub may dial when a third of it has passed since it was lost. */
const TTL_MS = 2_000;

Deno.test(requires(["nats-server"], {
  name: "a hub that loses its lease ends its sessions before another hub may dial",
  fn: async () => {
    await using nats = await NatsServer.start();
    await using exchange = await ScriptedExchange.start();
    const log = new RecordingLog();
    await using _hub = await startHub(
      parseConfig({
        ...FREE_PORTS,
        ALPACA_KEY: "key",
        ALPACA_SECRET: "secret",
        ALPACA_STOCK_STREAM_URL: exchange.url,
        STREAM_PROXY_ALLOW_PLAINTEXT_UPSTREAM: "true",
        STREAM_PROXY_FEEDS: "sip",
        STREAM_PROXY_NATS_URL: nats.url,
        STREAM_PROXY_ROLE: "hub",
        STREAM_PROXY_LEASE_TTL_SECS: String(TTL_MS / 1_000),
      }),
      { log },
    );
    const peer = await exchange.accept();
    await acceptLogin(peer);
    const has = (text: string) => log.records.some(({ message }) => message === text);
    await until("the feed is connected", () => has("Feed connected"));
    peer.ignoreClose();
    await nats.suspend();
    await until("the lease is lost", () => has("Lost the lease, closing all sessions"));
    const lostAt = performance.now();
    await exchange.transportEnded();
    const ms = performance.now() - lostAt;
    nats.resume();
    assert.ok(ms < TTL_MS / 3, `${ms} ms`);
  },
}));
