/**
 * Runs the documented commands that need no account and no cluster, as they are
 * printed, and lists those that are not run.
 *
 * ```sh
 * deno task docs:run
 * ```
 *
 * The comment above an `sh` block says how it is checked; every block of the
 * README has one:
 *
 * - `<!-- run -->`: it ends by itself, with code 0;
 * - `<!-- run: 15 s -->`: it is interrupted after 15 s and ends with code 0;
 * - `<!-- run: 15 s, against the simulator -->`: the same for a proxy, which
 *   has to be ready in that time; `…` is replaced by the simulator's credentials;
 * - `<!-- run: with the demo -->`: as the first, while the demo runs;
 * - `<!-- not run: reason -->`: it needs an account or a cluster, for example.
 *
 * @module
 */
import { markdownFiles, readSource, ROOT } from "./markdown.ts";

/** How a block is checked. */
type Check =
  | { readonly how: "run"; readonly withDemo: boolean }
  | {
    readonly how: "interrupt";
    readonly afterSeconds: number;
    readonly withAlpaca: boolean;
  }
  | { readonly how: "not run"; readonly reason: string };

/** A block of commands. */
interface CommandBlock {
  readonly text: string;
  /** Undefined when the comment is missing or not understood. */
  readonly check: Check | undefined;
}

const BLOCK = /(?:<!--([^>]*)-->\s*\n)?^```sh\n([\s\S]*?)^```$/gm;

/** Every `sh` block of a Markdown text. */
export function commandBlocks(markdown: string): CommandBlock[] {
  return [...markdown.matchAll(BLOCK)].map(([, comment = "", text = ""]) => ({
    text: text.trim(),
    check: readCheck(comment.trim()),
  }));
}

function readCheck(comment: string): Check | undefined {
  const [, reason] = /^not run: (.+)$/.exec(comment) ?? [];
  if (reason) return { how: "not run", reason };
  const [, seconds, alpaca] = /^run: (\d+) s(, against the simulator)?$/.exec(comment) ?? [];
  if (seconds) {
    return {
      how: "interrupt",
      afterSeconds: Number(seconds),
      withAlpaca: alpaca !== undefined,
    };
  }
  if (comment === "run") return { how: "run", withDemo: false };
  if (comment === "run: with the demo") return { how: "run", withDemo: true };
  return undefined;
}

/** Names of the tasks that a text calls, `deno task x` or through npx. */
export function taskNames(text: string): string[] {
  const call = /\b(?:deno|deno@[\d.]+) task (?:-q )?([a-z][a-z:]*)/g;
  return [...new Set([...text.matchAll(call)].map(([, name = ""]) => name))];
}

/** Longest time of a block, in seconds. */
const BLOCK_SECONDS = 300;
const encoder = new TextEncoder();

function print(line: string): void {
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
    args: ["run", "--allow-net", "--allow-env", "cli/demo.ts", "--plain"],
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

/** Runs a simulator until disposed; gives the variables that select it. */
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
  print("--- not ready in time");
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
  // The path of the URL has to match the stock feed that the command selects.
  const [, feed] = /\bALPACA_FEED=(\w+)/.exec(text) ?? [];
  const stocks = env.ALPACA_STOCK_STREAM_URL;
  if (feed && stocks) env.ALPACA_STOCK_STREAM_URL = stocks.replace(/\w+$/, feed);
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

/** Runs one block; gives its exit code. */
async function runBlock(
  text: string,
  check: Exclude<Check, { how: "not run" }>,
): Promise<number> {
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
  return await run(["timeout", `${BLOCK_SECONDS}s`, ...shell]);
}

/** Runs the commands of every Markdown file; gives the number of failures. */
async function runAll(): Promise<number> {
  let failed = 0;
  const texts = await Promise.all((await markdownFiles()).map(readSource));
  for (const { text, check } of texts.flatMap(commandBlocks)) {
    if (!check) continue; // Tests require a check of each block of the README.
    if (check.how === "not run") {
      print(`\n--- not run (${check.reason}):\n${text}`);
      continue;
    }
    print(`\n--- run:\n${text}\n---`);
    const code = await runBlock(text, check);
    // npm ends itself with 130 when it is interrupted together with its child.
    if (code === 0 || check.how === "interrupt" && code === 130) continue;
    failed++;
    print(`--- FAILED with code ${code}`);
  }
  print(failed === 0 ? "\nAll commands passed." : `\n${failed} failed.`);
  return failed;
}

if (import.meta.main) Deno.exit(await runAll() === 0 ? 0 : 1);
