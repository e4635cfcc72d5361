import assert from "node:assert/strict";
import { admin as runAdmin } from "../../../cli/admin.ts";
import { systemClock } from "../../../src/infrastructure/clock/system_clock.ts";
import { adminService } from "../../../src/infrastructure/grpc/admin_service.ts";
import { administered, NAMED_ACCESS } from "../../support/administered.ts";
import { type GrpcHarness, startGrpcHarness } from "../../support/grpc_client.ts";
import { RecordingTerminal } from "../../support/recording_terminal.ts";
import { until } from "../../support/until.ts";

async function start() {
  const made = administered(systemClock);
  const admin = adminService({ admin: made.admin, clock: systemClock });
  const harness = await startGrpcHarness({ ...made, admin, access: NAMED_ACCESS });
  /** Runs a command as an identity, the operator by default. */
  const run = async (args: readonly string[], token = "operator") => {
    const terminal = new RecordingTerminal({ env: { STREAM_PROXY_TOKEN: token } });
    const code = await runAdmin([...args, "--address", addressOf(harness)], terminal);
    return { code, lines: terminal.lines, errors: terminal.errorLines };
  };
  return {
    ...made,
    harness,
    run,
    async [Symbol.asyncDispose]() {
      made.admin[Symbol.dispose]();
      await harness[Symbol.asyncDispose]();
    },
  };
}

function addressOf({ server }: GrpcHarness): string {
  return `127.0.0.1:${server.port}`;
}

Deno.test("admin lists streams and connections as tables and as JSON lines", async () => {
  await using proxy = await start();
  proxy.streams.open("stockQuotes", { symbols: ["AAPL", "MSFT"] }, {
    identity: "reader",
    peer: "10.0.0.9:4711",
    rpc: "StreamQuotes",
    userAgent: "grpc-python",
    written: { bytes: 84_000 },
  });
  const { code, lines } = await proxy.run(["list"]);
  assert.equal(code, 0);
  assert.deepEqual(lines.map((line) => line.replaceAll(/ {2,}/g, "  ")), [
    "ID  IDENTITY  STREAM  FILTER  AGE  SENT  QUEUED  LAG  LOST  BYTES  POLICY  PEER  OPTIONS  " +
    "CLIENT",
    "abcdef-1  reader  Quotes  AAPL, MSFT  0s  0  0  -  0  84.0 kB  every  10.0.0.9:4711  -  " +
    "grpc-python",
    "1 stream",
  ]);
  const none = await proxy.run(["list", "--identity", "nobody"]);
  assert.deepEqual(none.lines, ["0 streams"]);
  const json = await proxy.run(["list", "--json"]);
  assert.equal(JSON.parse(json.lines[0] ?? "").filterSize, 2);
  const connections = await proxy.run(["connections"]);
  assert.match(connections.lines[0] ?? "", /^ID +PORT +PEER +IDENTITIES +STREAMS/);
  assert.equal(connections.lines.at(-1), "1 connection");
});

Deno.test("admin ends a stream, drains, reconnects a feed and sets the log level", async () => {
  await using proxy = await start();
  const ends: string[] = [];
  proxy.streams.open("stockQuotes", { symbols: [] }, { onEnd: (reason) => ends.push(reason) });
  const ended = await proxy.run(["end", "abcdef-1", "--reason", "maintenance"]);
  assert.deepEqual([ended.code, ended.lines], [0, ["stream abcdef-1 ends"]]);
  assert.deepEqual(ends, ["Ended by the operator: maintenance"]);

  const drained = await proxy.run(["drain", "--reason", "upgrade"]);
  assert.deepEqual(drained.lines, [
    "the proxy is not ready and refuses new streams; 1 stream open",
  ]);
  assert.equal(proxy.drain.reason, "The proxy accepts no new streams: upgrade");
  const restored = await proxy.run(["undrain"]);
  assert.deepEqual(restored.lines, ["the proxy accepts new streams; 1 stream open"]);
  await proxy.run(["drain", "--end-streams"]);
  await until("the end of the stream", () => ends.length === 2);

  assert.equal((await proxy.run(["reconnect", "opra"])).code, 0);
  assert.deepEqual(proxy.reconnects, ["opra"]);
  const again = await proxy.run(["reconnect", "opra"]);
  assert.equal(again.code, 1);
  assert.match(again.errors[0] ?? "", /^admin: The feed was reconnected less than 30 s ago; retry/);

  const changed = await proxy.run(["log-level", "debug", "--for", "600"]);
  assert.match(changed.lines[0] ?? "", /^log level: debug until \d\d:\d\d:\d\d UTC$/);
  assert.deepEqual((await proxy.run(["log-level", "default"])).lines, ["log level: info"]);
  assert.deepEqual((await proxy.run(["log-level"])).lines, ["log level: info"]);
});

Deno.test("admin shows the settings that are set, or all", async () => {
  await using proxy = await start();
  const { lines } = await proxy.run(["settings"]);
  assert.deepEqual(lines, [
    "SETTING    VALUE  SOURCE",
    "LOG_LEVEL  info   RUST_LOG",
    "with defaults: 1, shown by --all",
    "log level: info",
  ]);
  assert.equal((await proxy.run(["settings", "--all"])).lines.length, 4);
});

Deno.test("admin states what to do about each failure, without a token", async () => {
  await using proxy = await start();
  const cases: readonly (readonly [Promise<{ code: number; errors: string[] }>, RegExp])[] = [
    [
      proxy.run(["list"], "wrong-token"),
      /does not accept the token: The bearer token is not valid/,
    ],
    [proxy.run(["list"], "reader"), /may not administer; the operator grants it with admin/],
    [proxy.run(["end", "abcdef-9"]), /No stream with this id is open; list the streams/],
    [
      proxy.run(["close", "x"]),
      /^admin: id: "x" is not the id of a connection of this process; list the connections$/,
    ],
    [proxy.run(["end", "x", "--reason", "a\u0007"]), /reason: contains a control character/],
    [proxy.run(["reconnect", "iex"]), /feed: "iex" is not the name of an enabled feed/],
  ];
  for (const [running, expected] of cases) {
    const { code, errors } = await running;
    assert.equal(code, 1);
    assert.match(errors.join("\n"), expected);
    assert.doesNotMatch(errors.join("\n"), /wrong-token/);
  }
  await using open = await startGrpcHarness();
  const terminal = new RecordingTerminal({ env: { STREAM_PROXY_TOKEN: "operator" } });
  assert.equal(await runAdmin(["list", "--address", addressOf(open)], terminal), 1);
  assert.match(terminal.errorLines[0] ?? "", /offers no administration: it runs without STREAM_/);
});

Deno.test("admin reads the token from standard input, and warns if it is exposed", async () => {
  await using proxy = await start();
  const terminal = new RecordingTerminal({ input: "operator\n" });
  const args = ["list", "--token-stdin", "--address"];
  assert.equal(await runAdmin([...args, addressOf(proxy.harness)], terminal), 0);
  const exposed = new RecordingTerminal({ input: "operator" });
  assert.equal(await runAdmin([...args, "proxy.invalid:50052"], exposed), 1);
  assert.equal(
    exposed.errorLines[0],
    "admin: the token is sent to proxy.invalid:50052 unencrypted; use https:// with TLS",
  );
});

for (
  const [args, expected] of [
    [[], /an empty command: name one of list, connections/],
    [["lst"], /Cannot use lst: name one of/],
    [["list", "--reason", "x"], /--reason: it does not go with list/],
    [["list", "AAPL"], /AAPL: list takes no argument/],
    [["end"], /end: it needs the id that the list shows/],
    [["end", "a", "b"], /b: end takes one argument/],
    [["log-level", "--for", "5"], /--for: it goes with a level/],
    [["log-level", "debug", "--for", "90000"], /from 1 to 86400/],
    [["list"], /an empty token: set STREAM_PROXY_TOKEN/],
    [["list", "--token", "x"], /--token: the flags are/],
  ] as const
) {
  Deno.test(`admin ${args.join(" ")} is refused with what is accepted`, async () => {
    const terminal = new RecordingTerminal();
    assert.equal(await runAdmin(args, terminal), 2);
    assert.match(terminal.errorLines[0] ?? "", expected);
    assert.match(terminal.errorLines[0] ?? "", /See: deno task admin --help$/);
  });
}
