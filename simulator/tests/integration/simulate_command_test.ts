import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { parseFlags } from "../../main.ts";

const SCRIPT = fileURLToPath(
  new URL("../../main.ts", import.meta.url),
);

function command(...flags: string[]): Deno.Command {
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "-q", "--allow-net", "--allow-env", SCRIPT, ...flags],
    stdout: "piped",
    stderr: "piped",
    env: { NO_COLOR: "1" },
  });
}

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

Deno.test("task simulate prints its variables and exits with 0 on SIGTERM", async () => {
  await using child = command("--port", "0", "--plan", "basic").spawn();
  const reader = child.stdout.getReader();
  let shown = "";
  while (!shown.includes("Ctrl-C")) {
    const { value, done } = await reader.read();
    assert.ok(!done, "it ended before it was ready");
    shown += text(value);
  }
  assert.match(shown, /^export ALPACA_KEY=SIM_KEY$/m);
  const [, url] = /^export ALPACA_STOCK_STREAM_URL=(.+)$/m.exec(shown) ?? [];
  assert.match(url ?? "", /^ws:\/\/127\.0\.0\.1:\d+\/v2\/iex$/);
  child.kill("SIGTERM");
  await reader.cancel();
  await child.stderr.cancel();
  assert.equal((await child.status).code, 0);
});

Deno.test("task simulate rejects invalid flags with code 2 and the remedy", async () => {
  const cases: [string[], RegExp][] = [
    [["--rate", "fast"], /--rate must be a number, received "fast"/],
    [["--symbol-rate", "fast"], /--symbol-rate must be a number, received "fast"/],
    [["--rate", "200001"], /messagesPerSecond must be from 0 to 200000/],
    [
      ["--orders", "1001"],
      /ordersPerSecond must be .* at most 1000, received 1001/,
    ],
    [["--untradable", "("], /--untradable must be a regular expression, received "\("/],
    [["--plan", "gold"], /plan must be one of basic, plus/],
    [["--bogus"], /Unknown option '--bogus'/],
  ];
  for (const [flags, message] of cases) {
    const { code, stderr } = await command(...flags).output();
    assert.equal(code, 2);
    assert.match(text(stderr), message);
    assert.match(text(stderr), /--help/);
  }
});

Deno.test("the rate is that of each symbol, unless --rate sets a total", () => {
  const rates = (...flags: string[]) => {
    const parsed = parseFlags(flags);
    assert.ok(parsed !== "help");
    return [parsed.messagesPerSymbol, parsed.messagesPerSecond];
  };
  assert.deepEqual(rates(), [100, undefined]);
  assert.deepEqual(rates("--symbol-rate", "5"), [5, undefined]);
  assert.deepEqual(rates("--rate", "300"), [0, 300]);
  assert.deepEqual(rates("--rate", "0"), [0, 0]);
  assert.deepEqual(rates("--symbol-rate", "5", "--rate", "300"), [5, 300]);
});

Deno.test("--orders starts the auto trader", () => {
  const trading = { autoTrader: { ordersPerSecond: 2 } };
  const options = (...flags: string[]) => {
    const parsed = parseFlags(flags);
    return parsed === "help" ? undefined : parsed.trading;
  };
  assert.deepEqual(options("--orders", "2"), trading);
  assert.equal(options(), undefined);
});

Deno.test("--untradable is a pattern of contracts", () => {
  const parsed = parseFlags(["--untradable", "^SPY.*P"]);
  assert.ok(parsed !== "help");
  assert.deepEqual(parsed.rest, { untradableContracts: /^SPY.*P/ });
  const none = parseFlags([]);
  assert.ok(none !== "help" && none.rest === undefined);
});

Deno.test("task simulate reports that its port is taken", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { code, stderr } = await command(
    "--port",
    String(listener.addr.port),
  ).output();
  assert.equal(code, 1);
  assert.match(text(stderr), /port is taken; choose another one with --port/);
});

Deno.test("task simulate lists its flags", async () => {
  const { code, stdout } = await command("--help").output();
  assert.equal(code, 0);
  for (const flag of ["--host", "--port", "--rate", "--symbol-rate", "--seed", "--plan"]) {
    assert.ok(text(stdout).includes(flag));
  }
});
