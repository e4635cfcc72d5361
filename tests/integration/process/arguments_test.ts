import assert from "node:assert/strict";
import manifest from "../../../deno.json" with { type: "json" };
import { Child, OFFLINE, ROOT } from "./child.ts";

/** Runs the program with arguments until it ends. */
async function run(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  await using child = new Child({ args, env });
  return await child.ended();
}

Deno.test("--help shows the arguments and the most used settings", async () => {
  const { code, stdout, stderr } = await run(["--help"]);
  assert.deepEqual([code, stderr], [0, ""]);
  for (const text of ["--check", "--version", "ALPACA_KEY", "CREAM_ENV", "deno task demo"]) {
    assert.ok(stdout.includes(text), text);
  }
  assert.ok(stdout.split("\n").every((line) => line.length <= 100));
});

Deno.test("--version shows the versions of the program and its runtime", async () => {
  const { code, stdout } = await run(["--version"]);
  assert.equal(code, 0);
  assert.equal(stdout, `alpaca-stream-proxy ${manifest.version} (Deno ${Deno.version.deno})\n`);
});

Deno.test("--check accepts valid settings and shows them with warnings", async () => {
  const { code, stdout, stderr } = await run(["--check"], {
    ...OFFLINE,
    ALPACA_FEED: "iex",
    ALPACA_STOCK_STREAM_URL: "ws://127.0.0.1:1/v2/iex",
    ALPACA_PAPER: "false",
  });
  assert.deepEqual([code, stderr], [0, ""]);
  assert.match(stdout, /^ {2}ALPACA_KEY +<set>$/m);
  assert.match(stdout, /^ {2}ALPACA_FEED +iex$/m);
  assert.match(stdout, /^Warning: ALPACA_PAPER is .* did you mean CREAM_ENV=PAPER or /m);
  assert.match(stdout, /The settings are valid\.\n$/);
  assert.doesNotMatch(stdout, /zq8[12]|"ts":/);
});

Deno.test("--check reports invalid settings with code 78", async () => {
  const { code, stdout, stderr } = await run(["--check"], { ...OFFLINE, CREAM_ENV: "prod" });
  assert.deepEqual([code, stdout], [78, ""]);
  assert.match(stderr, /CREAM_ENV="prod" is not accepted/);
});

Deno.test("names of other programs are seen where variables are allowed by name", async () => {
  await using child = new Child({
    args: ["--check"],
    allowEnv: [...Object.keys(OFFLINE), "CREAM_ENV", "APCA_API_BASE_URL", "WS_*"],
    env: { ...OFFLINE, APCA_API_BASE_URL: "https://api.alpaca.markets", ALPACA_PAPER: "false" },
  });
  const { code, stdout } = await child.ended();
  assert.equal(code, 0);
  assert.match(stdout, /^Warning: APCA_API_BASE_URL is not a known setting/m);
});

Deno.test("--check needs no network", async () => {
  const { code, stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-q", "--no-prompt", "--deny-net", "--allow-env", "src/start.ts", "--check"],
    cwd: ROOT,
    env: OFFLINE,
  }).output();
  assert.equal(code, 0);
  assert.match(new TextDecoder().decode(stdout), /The settings are valid\.\n$/);
});

for (
  const [args, text] of [
    [["--grpc-port", "7"], /^Cannot use --grpc-port: .* did you mean STREAM_PROXY_GRPC_PORT=…\?$/m],
    [["--check=yes"], /^Cannot use --check: the arguments are --check, --help, --version; /],
    [["--check=1"], /; --check takes no value\.$/m],
    [["--feed", "iex"], /; did you mean ALPACA_FEED=…\?$/m],
    [["--verison"], /; did you mean --version\?$/m],
    [["--port", "9"], /; did you mean STREAM_PROXY_GRPC_PORT=…\?$/m],
    [["--paper"], /; did you mean CREAM_ENV=PAPER or CREAM_ENV=LIVE\?$/m],
    [["--foo"], /^Cannot use --foo: .*; settings are environment variables\.$/m],
    [["-x"], /^Cannot use -x: .*; settings are environment variables\.$/m],
    [["run"], /^Cannot use run: /],
    [["ALPACA_KEY=KEY-zq81"], /^Cannot use ALPACA_KEY=… as an argument: .*before the command/],
    [["KEY-zq81"], /^Cannot use an argument: /],
    [["--key=KEY-zq81"], /^Cannot use --key: /],
  ] as const
) {
  Deno.test(`the argument ${args[0]} ends with 2 and a remedy, without its value`, async () => {
    const { code, stdout, stderr } = await run(args, OFFLINE);
    assert.deepEqual([code, stdout], [2, ""]);
    assert.match(stderr, text);
    assert.doesNotMatch(stderr, /zq81/);
  });
}
