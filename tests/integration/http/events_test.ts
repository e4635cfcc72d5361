/** The event stream over real sockets: who is served, who is cut, how it ends. */
import assert from "node:assert/strict";
import { DEMO_ACCOUNT } from "@alpaca-stream-proxy/simulator";
import { serveConnected } from "../../support/http_dependencies.ts";
import { sampleStatus } from "../../support/sample_status.ts";
import { clientOf, collect, METHODS } from "../../support/streams.ts";
import { startHarness } from "../../support/harness.ts";
import { until } from "../../support/until.ts";

/** An interval that ticks as fast as the event loop turns. */
function fastInterval(_ms: number, tick: () => void): Disposable {
  const id = setInterval(tick, 0);
  return { [Symbol.dispose]: () => clearInterval(id) };
}

/** A raw connection that has asked for the events. */
async function connect(port: number): Promise<Deno.TcpConn> {
  const connection = await Deno.connect({ hostname: "127.0.0.1", port });
  const request = "GET /events HTTP/1.1\r\nhost: proxy\r\n\r\n";
  await connection.write(new TextEncoder().encode(request));
  return connection;
}

async function readOnce(connection: Deno.TcpConn): Promise<string> {
  const buffer = new Uint8Array(65_536);
  const count = await connection.read(buffer) ?? 0;
  return new TextDecoder().decode(buffer.subarray(0, count));
}

/** Reads until the connection ends, or a piece ends in `last`. */
async function readAll(
  connection: Deno.TcpConn,
  last?: string,
): Promise<string> {
  let all = "";
  for (;;) {
    const some = await readOnce(connection);
    all += some;
    if (some === "" || (last && all.endsWith(last))) return all;
  }
}

/** A status whose snapshot fills socket buffers quickly. */
const HEAVY = () =>
  sampleStatus(["connected", "connected", "connected"], {
    version: "v".repeat(300_000),
  });

Deno.test("a shutdown ends open event streams cleanly and immediately", async () => {
  const servers = await serveConnected();
  const viewers = await Promise.all(
    Array.from({ length: 20 }, () => connect(servers.healthPort)),
  );
  for (const viewer of viewers) assert.match(await readOnce(viewer), /200 OK/);
  await servers[Symbol.asyncDispose]();
  for (const viewer of viewers) {
    assert.match(await readAll(viewer), /0\r\n\r\n$/, "the body has its end");
    viewer.close();
  }
  await servers.finished;
});

Deno.test("a shutdown does not wait for viewers that have stopped reading", async () => {
  const servers = await serveConnected({ status: HEAVY, interval: fastInterval });
  const stalled = await Promise.all(
    Array.from({ length: 3 }, () => connect(servers.healthPort)),
  );
  for (const viewer of stalled) assert.match(await readOnce(viewer), /200 OK/);
  await new Promise((resolve) => setTimeout(resolve, 300));
  const before = performance.now();
  await servers[Symbol.asyncDispose]();
  assert.ok(performance.now() - before < 10_000);
  await servers.finished;
  for (const viewer of stalled) viewer.close();
});

Deno.test("a shutdown does not wait for a request that is never finished", async () => {
  const servers = await serveConnected();
  const half = await Deno.connect({
    hostname: "127.0.0.1",
    port: servers.healthPort,
  });
  await half.write(new TextEncoder().encode("GET / HTTP/1.1\r\nho"));
  await servers[Symbol.asyncDispose]();
  half.close();
});

Deno.test("a viewer that stops reading is disconnected while others are served", async () => {
  await using servers = await serveConnected({ status: HEAVY, interval: fastInterval });
  using stalled = await connect(servers.healthPort);
  const url = `http://127.0.0.1:${servers.healthPort}/events`;
  const reader = (await fetch(url)).body?.getReader();
  let served = 0;
  while (served < 60e6) served += (await reader?.read())?.value?.length ?? NaN;
  // Reading again, it finds what the sockets held, and then the end.
  const left = await readAll(stalled, "\r\n0\r\n\r\n");
  assert.ok(left.endsWith("\r\n0\r\n\r\n"));
  assert.ok(left.length < served / 2, `${left.length} of ${served} bytes`);
  await reader?.cancel();
});

Deno.test("nothing is read from the proxy without a viewer", async () => {
  let reads = 0;
  await using servers = await serveConnected({
    status: () => (reads++, sampleStatus(["connected", "error", "error"])),
  });
  const viewer = await connect(servers.healthPort);
  await readOnce(viewer);
  viewer.close();
  await until("ticking has stopped", async () => {
    const before = reads;
    await new Promise((resolve) => setTimeout(resolve, 1_200));
    return reads === before;
  });
});

Deno.test("page and events of a running proxy show its streams and no secret", async () => {
  const secrets = {
    ALPACA_KEY: "KEY-page-417",
    ALPACA_SECRET: "SECRET-page-418",
  };
  await using harness = await startHarness({
    simulator: {
      accounts: [{
        ...DEMO_ACCOUNT,
        key: secrets.ALPACA_KEY,
        secret: secrets.ALPACA_SECRET,
      }],
    },
    env: secrets,
  });
  using client = clientOf(harness);
  await using quotes = collect(client, METHODS.streamQuotes, {
    symbols: ["<b>AAPL"],
  });
  await quotes.opened;
  const page = await (await fetch(harness.health)).text();
  const events = await fetch(`${harness.health}/events`);
  const reader = events.body?.getReader();
  const { value } = await reader?.read() ?? {};
  const event = new TextDecoder().decode(value);
  await reader?.cancel();
  await quotes.close();
  // The client's own clean-up comes with the end of its stream.
  await until("the stream is gone", async () => {
    const health = await fetch(`${harness.health}/health`);
    return (await health.json()).clients.total === 0;
  });
  const data = JSON.parse(event.split("data: ")[1] ?? "");
  assert.equal(data.text["environment"], "PAPER");
  assert.equal(data.text["streams.total"], "1 open");
  const [row] = data.rows.streams;
  assert.match(row.cells[3], /^127\.0\.0\.1:\d+ · .*connect/);
  for (const text of [page, event]) {
    assert.doesNotMatch(text, /page-41[78]/);
    assert.match(text, /Stocks|feed\.sip/);
  }
  assert.doesNotMatch(page, /<b>AAPL/);
});

Deno.test("the last event of a running proxy says that it shuts down", async () => {
  const harness = await startHarness();
  const events = await fetch(`${harness.health}/events`);
  const reader = events.body?.pipeThrough(new TextDecoderStream()).getReader();
  let text = (await reader?.read())?.value ?? "";
  const stopped = harness[Symbol.asyncDispose]();
  for (;;) {
    const { done, value } = await reader?.read() ?? { done: true };
    if (done) break;
    text += value;
  }
  await stopped;
  const overall = text.split("\n\n").filter((event) => event.includes("data: "))
    .map((event) => JSON.parse(event.split("data: ")[1] ?? "").text.overall);
  assert.notEqual(overall[0], "Draining");
  assert.equal(overall.at(-1), "Draining");
});

Deno.test("a feed with rejected credentials shows what to do and the next attempt", async () => {
  await using harness = await startHarness({ env: { ALPACA_SECRET: "not-the-secret" } });
  let text: Readonly<Record<string, string>> = {};
  let received = "";
  const events = await fetch(`${harness.health}/events`);
  const reader = events.body?.pipeThrough(new TextDecoderStream()).getReader();
  await until("the feed is in error", async () => {
    received += (await reader?.read())?.value ?? "";
    const newest = received.split("\n\n").at(-2) ?? "";
    if (newest.includes("data: ")) text = JSON.parse(newest.split("data: ")[1] ?? "").text;
    return text["feed.sip.state"] === "Error";
  });
  await reader?.cancel();
  assert.match(text["feed.sip.remedy"] ?? "", /ALPACA_KEY/);
  assert.match(text["feed.sip.next"] ?? "", /^Next attempt in (\d m )?\d+ s \(\d\d:\d\d:\d\d\)$/);
  assert.equal(text["feed.sip.since.label"], "Down");
  assert.match(text["feed.sip.since"] ?? "", /^for \d s \(since .*\), never connected$/);
});
