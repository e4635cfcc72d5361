/**
 * Streams of Alpaca's official SDKs, each in a process of its own. Each is a program that reads
 * commands from its input, one JSON object a line, and writes what it receives the same way.
 *
 * @module
 */
import { findProgram } from "../../scripts/delivery/run_program.ts";
import { certificatePath } from "./proxy_certificates.ts";
import { build } from "./status_probes.ts";
import { TextLineStream } from "./text_lines.ts";

/** Kinds of market data. */
export type MarketKind = "stocks" | "options" | "crypto" | "news";
/** Kinds of streams. */
export type StreamKind = MarketKind | "orders";

/** Where and how an SDK connects. */
export interface SdkStreamTarget {
  /** Base URL of the streams, `ws:` or `wss:`. */
  readonly url: string;
  readonly key: string;
  readonly secret: string;
  readonly kinds: readonly StreamKind[];
}

/** A kind of SDK; `missing` says why it cannot run here, if so. */
export interface SdkStreamKind {
  readonly name: string;
  readonly missing: string | undefined;
  /** Kinds of streams that it has over WebSocket, beside those of crypto and news. */
  readonly kinds: readonly StreamKind[];
  /** Channels of stocks that can be subscribed to. */
  readonly channels: readonly string[];
  /** Whether it connects to market data with TLS only. */
  readonly needsTls: boolean;
  start(target: SdkStreamTarget): Promise<SdkStreams>;
}

const FOLDER = new URL("../../simulator/tests/integration/", import.meta.url).pathname;
const PYTHON = Deno.env.get("ALPACA_PY_PYTHON") ?? "python3";
const ALL_KINDS = ["stocks", "options", "orders"] as const;
const COMMON = ["trades", "quotes", "bars", "updatedBars", "dailyBars", "statuses"] as const;

/** Every official SDK. */
export async function sdkStreams(): Promise<readonly SdkStreamKind[]> {
  return [
    {
      name: "JavaScript 4",
      missing: undefined,
      kinds: ALL_KINDS,
      channels: [...COMMON, "lulds", "imbalances"],
      needsTls: false,
      start: (target) =>
        started(Deno.execPath(), ["run", "-A", `${FOLDER}sdk_streams.ts`, ...argumentsOf(target)]),
    },
    {
      name: "JavaScript 3",
      missing: missingJavaScript3(),
      kinds: ALL_KINDS,
      channels: [...COMMON, "lulds"],
      needsTls: true,
      start: startJavaScript3,
    },
    alpacaPy("models", await missingPython()),
    alpacaPy("raw", await missingPython()),
    {
      name: "Go",
      missing: await missingGo(),
      kinds: ["stocks", "options"],
      channels: [...COMMON, "lulds", "imbalances"],
      needsTls: false,
      start: (target) => startGo(argumentsOf(target)),
    },
  ];
}

/** An SDK that runs. */
export class SdkStreams implements AsyncDisposable {
  /** What it received, as it writes it. */
  readonly lines: string[] = [];
  readonly #child: Deno.ChildProcess;
  readonly #input: WritableStreamDefaultWriter<Uint8Array>;
  readonly #reading: Promise<void>;
  readonly #folder: string | undefined;
  #complaint = "";

  /** @param options.folder removed at the end */
  constructor(
    program: string,
    args: readonly string[],
    { env = {}, folder }: {
      readonly env?: Readonly<Record<string, string>>;
      readonly folder?: string;
    } = {},
  ) {
    this.#folder = folder;
    this.#child = new Deno.Command(program, {
      args: [...args],
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
      env: { ...env },
    }).spawn();
    this.#input = this.#child.stdin.getWriter();
    const read = async (stream: ReadableStream<Uint8Array>, take: (line: string) => void) => {
      for await (const line of stream.pipeThrough(new TextLineStream())) take(line);
    };
    this.#reading = Promise.all([
      read(this.#child.stdout, (line) => this.lines.push(line)),
      read(this.#child.stderr, (line) => this.#complaint += `${line}\n`),
    ]).then(() => {});
  }

  /** What it wrote to its error output. */
  get complaint(): string {
    return this.#complaint.slice(-3000);
  }

  /** Adds symbols to a channel. */
  subscribe(kind: StreamKind, channel: string, symbols: readonly string[]): Promise<void> {
    return this.#send({ do: "subscribe", kind, channel, symbols });
  }

  /** Removes symbols from a channel. */
  unsubscribe(kind: StreamKind, channel: string, symbols: readonly string[]): Promise<void> {
    return this.#send({ do: "unsubscribe", kind, channel, symbols });
  }

  /** Connects every stream; subscriptions from before are sent after the login. */
  connect(): Promise<void> {
    return this.#send({ do: "connect" });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#input.close().catch(() => {}); // it may have ended already
    const timer = setTimeout(() => this.#child.kill("SIGKILL"), 5_000);
    await Promise.all([this.#child.status, this.#reading]);
    clearTimeout(timer);
    if (this.#folder !== undefined) await Deno.remove(this.#folder, { recursive: true });
  }

  async #send(command: Readonly<Record<string, unknown>>): Promise<void> {
    await this.#input.write(new TextEncoder().encode(`${JSON.stringify(command)}\n`));
  }
}

function argumentsOf({ url, key, secret, kinds }: SdkStreamTarget): string[] {
  return [url, key, secret, kinds.join(",")];
}

function started(program: string, args: readonly string[]): Promise<SdkStreams> {
  return Promise.resolve(new SdkStreams(program, args));
}

function alpacaPy(form: "models" | "raw", missing: string | undefined): SdkStreamKind {
  return {
    name: `alpaca-py (${form})`,
    missing,
    kinds: ALL_KINDS,
    channels: COMMON,
    needsTls: false,
    start: (target) => started(PYTHON, [`${FOLDER}sdk_streams.py`, ...argumentsOf(target), form]),
  };
}

function startJavaScript3({ url, ...rest }: SdkStreamTarget): Promise<SdkStreams> {
  const base = url.replace(/^ws/, "http");
  const program = `${Deno.env.get("ALPACA_JS3")}/streams.cjs`;
  const env = { NODE_EXTRA_CA_CERTS: certificatePath("ca.pem") };
  const args = [program, ...argumentsOf({ url: base, ...rest })];
  return Promise.resolve(new SdkStreams("node", args, { env }));
}

/** Starts the Go SDK; with an empty base URL it reads `DATA_PROXY_WS` of the environment. */
export async function startGo(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<SdkStreams> {
  const folder = await Deno.makeTempDir({ prefix: "sdk-streams-" });
  const program = `${folder}/streams`;
  await build(["go", "build", "-mod=readonly", "-o", program, "./streams"], {
    cwd: `${FOLDER}alpaca_go`,
  });
  return new SdkStreams(program, args, { env, folder });
}

/** Why the Go SDK cannot run here. */
export async function missingGo(): Promise<string | undefined> {
  if (findProgram("go") === undefined) return "no go on the PATH";
  const hasModules = await succeeds("go", ["mod", "download"], `${FOLDER}alpaca_go`);
  return hasModules ? undefined : "the modules of the Go SDK cannot be downloaded";
}

function missingJavaScript3(): string | undefined {
  if (findProgram("node") === undefined) return "no node on the PATH";
  return Deno.env.has("ALPACA_JS3") ? undefined : "ALPACA_JS3 is not set";
}

async function missingPython(): Promise<string | undefined> {
  return await succeeds(PYTHON, ["-c", "import alpaca"])
    ? undefined
    : "no Python with alpaca-py; pip install alpaca-py, or set ALPACA_PY_PYTHON";
}

async function succeeds(program: string, args: readonly string[], cwd = "."): Promise<boolean> {
  const output = { stdout: "null", stderr: "null" } as const;
  try {
    return (await new Deno.Command(program, { args: [...args], cwd, ...output }).output()).success;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
