/**
 * Runs the documented commands that need no account and no cluster, as they are
 * printed, and lists those that are not run.
 *
 * ```sh
 * deno task docs:run
 * ```
 *
 * @module
 */
import { type CommandBlock, commandBlocks } from "./commands.ts";
import { markdownFiles, readSource, ROOT } from "./sources.ts";

/** Longest that a block may take, in seconds. */
const PATIENCE = 300;
const encoder = new TextEncoder();

function say(line: string): void {
  Deno.stdout.writeSync(encoder.encode(`${line}\n`));
}

/** Runs words in the root of the repository; gives the exit code. */
async function run(
  words: readonly string[],
  env: Record<string, string> = {},
): Promise<number> {
  const [command = "", ...args] = words;
  const { code } = await new Deno.Command(command, {
    args,
    cwd: ROOT,
    env,
    stdin: "null",
    stdout: "inherit",
    stderr: "inherit",
  }).spawn().status;
  return code;
}

/** A demo that serves, until it is disposed. */
async function startDemo(): Promise<AsyncDisposable> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--allow-net", "--allow-env", "src/cli/demo.ts", "--plain"],
    cwd: ROOT,
    stdin: "null",
    stdout: "null",
    stderr: "inherit",
  }).spawn();
  const deadline = performance.now() + 30_000;
  while (!await isReady()) {
    if (performance.now() > deadline) throw new Error("The demo is not ready");
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  return {
    async [Symbol.asyncDispose]() {
      child.kill("SIGINT");
      await child.status;
    },
  };
}

/** Variables that point a proxy at the local Alpaca, which runs meanwhile. */
async function startAlpaca(): Promise<
  AsyncDisposable & { readonly env: Record<string, string> }
> {
  const script = "simulator/main.ts";
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--allow-net", "--allow-env", script, "--port=0"],
    cwd: ROOT,
    stdin: "null",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const env: Record<string, string> = {};
  let text = "";
  const lines = child.stdout.pipeThrough(new TextDecoderStream());
  for await (const piece of lines.values({ preventCancel: true })) {
    text += piece;
    if (text.includes("\n\n")) break;
  }
  for (
    const [, name = "", value = ""] of text.matchAll(/^export (\w+)=(.*)$/gm)
  ) {
    env[name] = value;
  }
  return {
    env,
    async [Symbol.asyncDispose]() {
      child.kill("SIGINT");
      await Promise.all([lines.cancel(), child.status]);
    },
  };
}

/** Whether a proxy is ready within `seconds`. */
async function getsReady(seconds: number): Promise<boolean> {
  const deadline = performance.now() + seconds * 1000;
  while (performance.now() < deadline) {
    if (await isReady()) return true;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  say("--- not ready in time");
  return false;
}

/** Runs a proxy until it is interrupted; 1 when it never gets ready. */
async function runProxy(
  text: string,
  limit: readonly string[],
  seconds: number,
) {
  await using alpaca = await startAlpaca();
  const { ALPACA_KEY = "", ALPACA_SECRET = "", ...env } = alpaca.env;
  const filled = text.replace("KEY=…", `KEY=${ALPACA_KEY}`)
    .replace("SECRET=…", `SECRET=${ALPACA_SECRET}`);
  const [code, ready] = await Promise.all([
    run([...limit, "bash", "-euc", filled], env),
    getsReady(seconds),
  ]);
  return ready ? code : 1;
}

async function isReady(): Promise<boolean> {
  try {
    const answer = await fetch("http://localhost:8082/readyz");
    await answer.body?.cancel();
    return answer.ok;
  } catch {
    return false;
  }
}

/** Runs one block; gives its exit code, undefined when it is not run. */
async function runBlock(
  { text, check }: CommandBlock,
): Promise<number | undefined> {
  if (!check) throw new Error(`Nothing says how to check:\n${text}`);
  if (check.how === "not run") return undefined;
  const shell = ["bash", "-euc", text];
  if (check.how === "interrupt") {
    const limit = `${check.afterSeconds}s`;
    const preserve = ["--preserve-status", "--signal=INT", "--kill-after=30s"];
    const words = ["timeout", ...preserve, limit];
    if (check.withAlpaca) {
      return await runProxy(text, words, check.afterSeconds);
    }
    return await run([...words, ...shell]);
  }
  await using _demo = check.withDemo ? await startDemo() : undefined;
  return await run(["timeout", `${PATIENCE}s`, ...shell]);
}

let failed = 0;
const texts = await Promise.all((await markdownFiles()).map(readSource));
for (const block of texts.flatMap(commandBlocks)) {
  const { text, check } = block;
  if (!check) continue; // Tests require a check of each block of the README.
  if (check.how === "not run") {
    say(`\n--- not run (${check.reason}):\n${text}`);
    continue;
  }
  say(`\n--- run:\n${text}\n---`);
  const code = await runBlock(block);
  // npm ends itself with 130 when it is interrupted together with its child.
  if (code === 0 || check.how === "interrupt" && code === 130) continue;
  failed++;
  say(`--- FAILED with code ${code}`);
}
say(failed === 0 ? "\nAll commands passed." : `\n${failed} failed.`);
Deno.exit(failed === 0 ? 0 : 1);
