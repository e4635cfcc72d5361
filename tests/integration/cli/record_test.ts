/** `deno task record`, of NATS and of WebSocket streams. */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { jetstreamManager } from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/nats-core";
import { replay, type ReplayReport, startSimulator } from "@alpaca-stream-proxy/simulator";
import { record } from "../../../cli/record.ts";
import { connect } from "../../../src/infrastructure/nats/connect.ts";
import { encodeBatch } from "../../../src/infrastructure/nats/frame_batch.ts";
import { areSubscribed, startHarness } from "../../support/harness.ts";
import { NatsServer } from "../../support/nats_server.ts";
import { RecordingTerminal } from "../../support/recording_terminal.ts";
import { requires } from "../../support/requires.ts";
import { until } from "../../support/until.ts";

const SCRIPT = fileURLToPath(new URL("../../../cli/record.ts", import.meta.url));
const utf8 = new TextEncoder();

/** Publishes a frame with one trade as a hub does. */
function publish(
  nats: NatsConnection,
  number: number,
  { feed = "sip", term = 3n }: { feed?: string; term?: bigint } = {},
): void {
  const payload = utf8.encode(`[{"T":"t","S":"A","i":${number},"p":1.5}]`);
  const entries = [{ kind: "frame" as const, receivedAt: Date.now(), payload }];
  nats.publish(`alpaca.feed.${feed}`, encodeBatch(term, number, entries));
}

/** A path that does not exist, in a folder of its own. */
async function freePath(): Promise<AsyncDisposable & { readonly path: string }> {
  const folder = await Deno.makeTempDir();
  return {
    path: `${folder}/recording.aspr`,
    [Symbol.asyncDispose]: () => Deno.remove(folder, { recursive: true }),
  };
}

/** Plays a recording without a client. */
async function played(path: string): Promise<ReplayReport> {
  await using simulator = await startSimulator({ emittedOnly: true });
  using file = await Deno.open(path);
  const source = {
    read: (buffer: Uint8Array) => file.read(buffer),
    rewind: async () => void await file.seek(0, Deno.SeekMode.Start),
  };
  return await replay(simulator, source, { wait: false, speed: 1000 });
}

/** A hub, and a recorder with the permissions that the documentation lists. */
async function documentedUsers(): Promise<string> {
  const page = await Deno.readTextFile(new URL("../../../docs/recording.md", import.meta.url));
  const [, permissions = ""] = /^```text\n(publish: [\s\S]*?)^```$/m.exec(page) ?? [];
  assert.match(permissions, /subscribe/);
  return `authorization { users: [
    { user: hub, password: h }
    { user: recorder, password: r, permissions: { ${permissions} } }
  ] }`;
}

const isRecording = ({ errorLines }: RecordingTerminal) =>
  errorLines.some((line) => line.startsWith("Recording "));

Deno.test(requires(["nats-server"], {
  name: "batches of a hub are recorded as they are, with holes and terms, until SIGINT",
  fn: async () => {
    await using server = await NatsServer.start();
    const nats = await connect({ servers: server.url.replace("nats://", "") });
    await using target = await freePath();
    const terminal = new RecordingTerminal({ env: { STREAM_PROXY_NATS_URL: server.url } });
    const done = record([target.path, "--feeds", "sip,trading"], terminal);
    await terminal.until(() => isRecording(terminal));
    await until("the subscription is known", async () => {
      publish(nats, 5);
      await nats.flush();
      return (await Deno.stat(target.path)).size > 10;
    });
    publish(nats, 9);
    publish(nats, 1, { term: 4n });
    publish(nats, 1, { feed: "opra" });
    nats.publish("alpaca.feed.sip", utf8.encode("no batch"));
    await nats.flush();
    const before = (await Deno.stat(target.path)).size;
    await until("more is written", async () => (await Deno.stat(target.path)).size > before);
    terminal.interrupt.abort();
    assert.equal(await done, 0);
    const text = terminal.errorLines.join("\n");
    assert.match(text, /Recorded [\d,]+ bytes in [\d.]+ s to /);
    assert.match(text, /sip: \d+ frames; terms 3, 4; 3 entries missing/);
    assert.match(text, /3 before .* \(term 3, from 6\)/);
    assert.match(text, /1 message of NATS without a batch/);
    assert.doesNotMatch(text, /opra/);
    const report = await played(target.path);
    assert.deepEqual([...report.feeds.keys()], ["sip"]);
    assert.equal(report.feeds.get("sip")?.missing, 3);
    await nats.close();
  },
}));

Deno.test(requires(["nats-server"], {
  name: "what a hub retains is recorded from a time on, up to a time",
  fn: async () => {
    await using server = await NatsServer.start(await documentedUsers());
    const env = {
      STREAM_PROXY_NATS_URL: server.url,
      STREAM_PROXY_NATS_USER: "recorder",
      STREAM_PROXY_NATS_PASSWORD: "r",
    };
    const servers = server.url.replace("nats://", "");
    const nats = await connect({ servers, user: "hub", pass: "h" });
    await using target = await freePath();
    const before = new RecordingTerminal({ env });
    assert.equal(await record([target.path, "--since", "1h"], before), 1);
    assert.match(before.errorLines.join("\n"), /no stream ALPACA_FRAMES: set .*RETAIN_MB/);
    const { streams } = await jetstreamManager(nats, { checkAPI: false });
    await streams.add({ name: "ALPACA_FRAMES", subjects: ["alpaca.feed.>"] });
    for (let number = 1; number <= 1_200; number++) publish(nats, number);
    await nats.flush();
    const terminal = new RecordingTerminal({ env });
    const end = new Date(Date.now() + 100).toISOString();
    const flags = ["--overwrite", "--since", "1h", "--until", end];
    assert.equal(
      await record([target.path, ...flags], terminal),
      0,
      terminal.errorLines.join("\n"),
    );
    assert.match(terminal.errorLines.join("\n"), /sip: 1,200 frames; term 3; nothing missing/);
    assert.equal((await played(target.path)).feeds.get("sip")?.messages, 1_200);
    const full = new RecordingTerminal({ env });
    const limits = ["--overwrite", "--since", "1h", "--max-bytes", "10K"];
    assert.equal(await record([target.path, ...limits], full), 0);
    const { size } = await Deno.stat(target.path);
    assert.ok(size > 10_000 && size <= 10_240, `${size} bytes`);
    assert.equal((await played(target.path)).truncatedBytes, 0);
    await nats.close();
  },
}));

Deno.test(requires(["nats-server"], {
  name: "a recording that is killed is readable; the process may write its file only",
  fn: async () => {
    await using server = await NatsServer.start();
    const nats = await connect({ servers: server.url.replace("nats://", "") });
    await using target = await freePath();
    const child = new Deno.Command(Deno.execPath(), {
      args: [
        ...["run", "-q", "--no-prompt", "--allow-net", "--allow-env"],
        ...[`--allow-write=${target.path}`, SCRIPT, target.path],
      ],
      env: { STREAM_PROXY_NATS_URL: server.url, NO_COLOR: "1" },
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
    let number = 0;
    await until("records are written", async () => {
      for (let count = 0; count < 50; count++) publish(nats, ++number);
      await nats.flush();
      const { size } = await Deno.stat(target.path).catch(() => ({ size: 0 }));
      return size > 50_000;
    });
    child.kill("SIGKILL");
    await child.status;
    const report = await played(target.path);
    const messages = report.feeds.get("sip")?.messages ?? 0;
    assert.ok(messages > 500, `${messages} messages`);
    assert.equal(report.feeds.get("sip")?.missing, 0);
    assert.equal(report.damage, undefined);
    await nats.close();
  },
}));

Deno.test("sessions that end are terms with an outage; the rest goes on", async () => {
  await using harness = await startHarness();
  const { simulator } = harness;
  await using target = await freePath();
  // Its own account, because Alpaca allows one session of each.
  const env = { ALPACA_KEY: "SIM_KEY", ALPACA_SECRET: "SIM_SECRET" };
  const terminal = new RecordingTerminal({ env });
  const url = `${simulator.streamUrls.stocks("iex")}?trades=F`;
  const done = record([target.path, "--stream", url], terminal);
  const recordings = () => terminal.errorLines.filter((line) => /^Recording /.test(line)).length;
  await terminal.until(() => recordings() === 1);
  simulator.emit("iex", [{ T: "t", S: "F", i: 1, p: 1 }]);
  await until("it is written", async () => (await Deno.stat(target.path)).size > 250);
  simulator.connections.drop({ endpoint: "iex" }, { clean: true });
  await terminal.until(() => recordings() === 2);
  const place = { endpoint: "iex", channel: "trades" };
  await until("subscribed again", () => areSubscribed(simulator, place, ["F"]));
  const { size } = await Deno.stat(target.path);
  simulator.emit("iex", [{ T: "t", S: "F", i: 2, p: 1 }]);
  await until("it is written", async () => (await Deno.stat(target.path)).size > size + 30);
  terminal.interrupt.abort();
  assert.equal(await done, 0);
  const text = terminal.errorLines.join("\n");
  assert.match(text, /the connection is closed; again in 1 s/);
  assert.match(text, /sip: \d frames; terms 1, 2; 1 outage; nothing missing/);
  assert.equal((await played(target.path)).feeds.get("sip")?.messages, 2);
});

Deno.test("what cannot be recorded ends the command with the reason and code 1", async () => {
  await using harness = await startHarness({ websocket: true });
  const { websocket } = harness;
  await using target = await freePath();
  const run = async (args: readonly string[], env: Record<string, string> = {}) => {
    const terminal = new RecordingTerminal({ env });
    assert.equal(await record(args, terminal), 1);
    return terminal.errorLines.join("\n");
  };
  const overwrite = [target.path, "--overwrite"];
  const stream = (text: string) => [...overwrite, "--stream", websocket + text];
  assert.match(await run([target.path]), /STREAM_PROXY_NATS_URL is not set\. Set it .* --stream/);
  assert.match(
    await run([target.path], { STREAM_PROXY_NATS_URL: "http://x" }),
    /STREAM_PROXY_NATS_URL="http:\/\/x"/,
  );
  assert.match(await run(stream("/v2/iex?trades=F")), /insufficient subscription \(409\)/);
  assert.match(await run(stream("/v2/sip?trades=f!")), /\(400\)/);
  assert.match(await run([target.path, "--stream", `${websocket}/stream`]), /exists; choose/);
  const missing = `${target.path}/x`;
  assert.match(await run([missing, "--stream", `${websocket}/stream`]), /cannot write/);
});

Deno.test("a recording ends after its time, and shows its progress in a terminal", async () => {
  await using harness = await startHarness({
    simulator: { messagesPerSecond: 500 },
    websocket: true,
  });
  await using target = await freePath();
  const terminal = new RecordingTerminal({ isTerminal: true, columns: 60 });
  const url = `${harness.websocket}/v2/sip?trades=*`;
  assert.equal(await record([target.path, "--stream", url, "--for", "3s"], terminal), 0);
  assert.match(terminal.output, /\r0:00:0\d {2}0\.\d MB {2}sip [\d,]+ frames/);
  assert.match(terminal.errorLines.join("\n"), /Recorded [\d,]+ bytes in 3\.\d s/);
});
