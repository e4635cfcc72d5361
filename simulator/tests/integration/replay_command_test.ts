import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { parseReplayFlags } from "../../replay.ts";
import { batchBytes, recordingBytes } from "../unit/replay/recordings.ts";
import { RawClient } from "./raw_client.ts";

const SCRIPT = fileURLToPath(new URL("../../replay.ts", import.meta.url));
const START = Date.parse("2026-09-14T14:30:00Z");
const TRADE = `{"T":"t","S":"AAPL","i":1,"p":231.5,"t":"2026-09-14T14:30:00Z"}`;
const OTHER = `{"T":"t","S":"F","i":2,"p":12.5,"t":"2026-09-14T14:30:01Z"}`;

function command(...flags: string[]): Deno.Command {
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "-q", "--allow-net", "--allow-env", "--allow-read", SCRIPT, ...flags],
    stdout: "piped",
    stderr: "piped",
    env: { NO_COLOR: "1" },
  });
}

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

/** A file with a recording of two trades, with a hole between them. */
async function recording(
  tail: readonly number[] = [],
): Promise<AsyncDisposable & { path: string }> {
  const bytes = recordingBytes([
    { feed: "sip", batch: batchBytes(1, [{ at: START, payload: `[${TRADE}]` }]) },
    { feed: "sip", batch: batchBytes(5, [{ at: START + 1_000, payload: `[${OTHER}]` }]) },
  ]);
  const path = await Deno.makeTempFile({ suffix: ".aspr" });
  await Deno.writeFile(path, new Uint8Array([...bytes, ...tail]));
  return { path, [Symbol.asyncDispose]: () => Deno.remove(path) };
}

Deno.test("task replay plays a file to its first subscriber and reports it", async () => {
  await using file = await recording();
  const flags = [file.path, "--port", "0", "--speed", "100", "--delay", "0s"];
  await using child = command(...flags).spawn();
  const reader = child.stdout.getReader();
  let shown = "";
  const read = async () => {
    const { value, done } = await reader.read();
    shown += text(value ?? new Uint8Array());
    return !done;
  };
  while (!shown.includes("Ctrl-C")) assert.ok(await read(), "it ended before it was ready");
  const [, url = ""] = /^export ALPACA_STOCK_STREAM_URL=(.+)$/m.exec(shown) ?? [];
  const client = await RawClient.open(url);
  await client.ask({ action: "subscribe", trades: ["AAPL"] });
  assert.equal(await client.raw(), `[${TRADE}]`);
  assert.equal((await client.closed).code, 1000);
  while (await read());
  await child.stderr.cancel();
  assert.equal((await child.status).code, 0);
  assert.match(shown, /Played 2 messages in .* s; 1 message without a subscriber\./);
  assert.match(
    shown,
    /sip: 2 messages, 1 unsubscribed\n {2}missing: 3 entries\n {4}3 before 2026-/,
  );
});

Deno.test("task replay --list shows what a recording has", async () => {
  await using file = await recording([3, 0]);
  const { code, stdout } = await command(file.path, "--list").output();
  assert.equal(code, 0);
  const shown = text(stdout);
  assert.match(shown, /from 2026-09-14T14:30:00\.000Z\nto {3}2026-09-14T14:30:01\.000Z/);
  assert.match(shown, /sip: 2 frames.*\n {2}trades: 2\n {2}term: 1\n {2}missing: 3 entries/);
  assert.match(shown, /The file is cut off: 2 bytes/);
});

Deno.test("task replay plays a damaged file up to the damage and exits with 1", async () => {
  await using file = await recording([0, 0, 0]);
  const { code, stdout } = await command(file.path, "--port=0", "--no-wait", "--speed=1000")
    .output();
  assert.equal(code, 1);
  assert.match(text(stdout), /Played 2 messages/);
  assert.match(text(stdout), /The file ends early: it is damaged at byte \d+/);
});

Deno.test("task replay reports files that it cannot play, with code 1", async () => {
  const cases: [string, RegExp][] = [[SCRIPT, /not a recording/], [
    "/missing.aspr",
    /No such file/,
  ]];
  for (const [file, message] of cases) {
    const { code, stderr } = await command(file, "--list").output();
    assert.equal(code, 1);
    assert.match(text(stderr), message);
  }
});

Deno.test("task replay rejects invalid flags with the remedy", () => {
  const cases: [string[], RegExp][] = [
    [[], /name the file of a recording/],
    [["a", "b"], /one file is played, received "b" too/],
    [["a", "--speed", "0"], /--speed must be from 0.01 to 1000, received "0"/],
    [["a", "--from", "14:30"], /--from must be a time such as .*, received "14:30"/],
    [["a", "--delay", "5"], /--delay must be a duration such as 90s or 1h30m, received "5"/],
    [["a", "--feeds", "sip,sap"], /--feeds must be of sip, .*, received "sap"/],
    [["a", "--port", "70000"], /--port must be from 0 to 65535/],
  ];
  for (const [flags, message] of cases) assert.throws(() => parseReplayFlags(flags), message);
});

Deno.test("task replay takes times from UTC and from the first entry", () => {
  const task = parseReplayFlags([
    ...["a", "--from", "2026-09-14T09:30-05:00", "--to", "+1h30m0.5s", "--max-pause", "2m"],
    ...["--feeds", "sip, trading", "--loop", "--no-wait"],
  ]);
  assert.ok(task.type === "play");
  assert.deepEqual(task.options, {
    speed: 1,
    loop: true,
    wait: false,
    delayMs: 1_000,
    from: { time: START },
    to: { offset: 5_400_500 },
    maxPauseMs: 120_000,
    feeds: new Set(["sip", "trading"]),
  });
});
