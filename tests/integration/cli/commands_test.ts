/**
 * The commands as processes, with the permissions of their tasks and no more.
 *
 * @module
 */
import assert from "node:assert/strict";
import { StreamProxyService } from "../../../src/gen/cream/v1/stream_proxy_pb.ts";
import { ScriptedProxy } from "../../support/scripted_proxy.ts";

const { method } = StreamProxyService;

function command(
  name: "admin" | "tail" | "demo",
  args: readonly string[],
): Deno.Command {
  const script = new URL(`../../../cli/${name}.ts`, import.meta.url);
  return new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", "--quiet", "--no-prompt", "--allow-net", "--allow-env"],
      ...[script.href, ...args],
    ],
    env: { NO_COLOR: "1" },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  });
}

async function outputOf(name: "admin" | "tail" | "demo", args: readonly string[]) {
  const { code, stdout, stderr } = await command(name, args).output();
  const decoder = new TextDecoder();
  return {
    code,
    stdout: decoder.decode(stdout),
    stderr: decoder.decode(stderr),
  };
}

for (const name of ["admin", "tail", "demo"] as const) {
  Deno.test(`${name} --help explains itself and exits with 0`, async () => {
    const { code, stdout, stderr } = await outputOf(name, ["--help"]);
    assert.equal(code, 0);
    assert.equal(stderr, "");
    assert.match(stdout, new RegExp(`Usage: deno task ${name} `));
  });

  Deno.test(`${name} with a flag it does not know exits with 2`, async () => {
    const { code, stdout, stderr } = await outputOf(name, ["--nope"]);
    assert.equal(code, 2);
    assert.equal(stdout, "");
    assert.match(stderr, /^Cannot use --nope: the flags are .*\nSee: .*\n$/);
  });
}

Deno.test("tail of an unreachable proxy exits with 1 and no stack trace", async () => {
  const { code, stdout, stderr } = await outputOf("tail", [
    ...["trades", "--no-reconnect", "--address", "127.0.0.1:1"],
  ]);
  assert.equal(code, 1);
  assert.equal(stdout, "");
  assert.match(stderr, /^tail: no proxy answers at 127\.0\.0\.1:1 \(connect/);
  assert.doesNotMatch(stderr, /\n\s+at /);
});

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  Deno.test(`${signal} ends tail with 0`, async () => {
    await using proxy = await ScriptedProxy.start();
    const child = command("tail", ["quotes", "--address", proxy.address])
      .spawn();
    await proxy.request(method.streamQuotes);
    child.kill(signal);
    const { code, stderr } = await child.output();
    assert.equal(code, 0);
    assert.equal(new TextDecoder().decode(stderr), "");
  });
}

Deno.test("tail ends with 0 when its pipe is closed", async () => {
  await using proxy = await ScriptedProxy.start();
  const child = command("tail", ["quotes", "--address", proxy.address]).spawn();
  const lines = child.stdout.getReader();
  const quote = { quote: { symbol: "AAPL" } };
  await proxy.send(method.streamQuotes, quote);
  await lines.read();
  await lines.cancel();
  await proxy.send(method.streamQuotes, quote);

  const stderr = await new Response(child.stderr).text();
  assert.deepEqual([(await child.status).code, stderr], [0, ""]);
});

Deno.test("a demo in a pipe ends by itself with 0 and an empty standard error", async () => {
  const { code, stdout, stderr } = await outputOf("demo", ["--seconds", "2"]);
  assert.equal(code, 0);
  assert.equal(stderr, "");
  assert.match(stdout, /^# Alpaca Stream Proxy demo: SIMULATED MARKET/);
  assert.match(stdout, /\nquote {9}\d\d:\d\d:\d\d\.\d{9} {2}[A-Z]+ /);
  assert.match(stdout, /messages through the proxy, 0 dropped\.\n/);
  assert.ok(!stdout.includes("\x1b"));
});

Deno.test("SIGINT ends a demo with 0 and a summary", async () => {
  const child = command("demo", []).spawn();
  const errors = new Response(child.stderr).text();
  let text = "";
  for await (const chunk of child.stdout.pipeThrough(new TextDecoderStream())) {
    const before = text;
    text += chunk;
    const seen = (part: string) => part.includes("\nquote ");
    if (seen(text) && !seen(before)) child.kill("SIGINT");
  }
  assert.equal((await child.status).code, 0);
  assert.equal(await errors, "");
  assert.match(text, /The demo ran \ds: \d+ messages through the proxy/);
});
