/**
 * The reference in Go: a proxy as it is usually written, with a feeder of its own.
 *
 * @module
 */
import { Remote } from "./control.ts";
import type { PoolShape } from "./feed/frame_pool.ts";
import type { PacerReport } from "./feed/pacer.ts";
import { Lane, NET } from "./rig.ts";

const FOLDER = new URL("./go_reference/", import.meta.url);
/** The program after a successful build. */
const PROGRAM = new URL("go_reference", FOLDER);

/** What became of the build. */
interface Build {
  /** The program; undefined without Go or without its modules. */
  readonly program: URL | undefined;
  /** The version of Go, or why there is no program. */
  readonly about: string;
}

let build: Promise<Build> | undefined;

/** Builds the program on the first call. @throws Error when it does not compile */
export function buildReference(): Promise<Build> {
  return build ??= runBuild();
}

async function runBuild(): Promise<Build> {
  const version = await go(["env", "GOVERSION"]);
  if (!version.ok) return { program: undefined, about: `left out: ${version.text}` };
  const packages = await go(["list", "-deps", "."]);
  if (!packages.ok) return { program: undefined, about: `left out: ${packages.text}` };
  const built = await go(["build", "-buildvcs=false", "."]);
  if (!built.ok) throw new Error(`bench/go_reference does not compile: ${built.text}`);
  return { program: PROGRAM, about: version.text };
}

/** Runs a command of Go; `text` is the last line of its output. */
async function go(args: readonly string[]): Promise<{ ok: boolean; text: string }> {
  try {
    const command = new Deno.Command("go", { args: [...args], cwd: FOLDER, stdin: "null" });
    const { success, stdout, stderr } = await command.output();
    const text = new TextDecoder().decode(success ? stdout : stderr).trim();
    return { ok: success, text: text.slice(text.lastIndexOf("\n") + 1) };
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return { ok: false, text: "Go is not installed" };
    throw error;
  }
}

/** A running reference with its feeder and reader. */
export class Reference implements AsyncDisposable {
  readonly lane: Lane;
  readonly #feeder: Remote;
  readonly #made: AsyncDisposableStack;

  private constructor(lane: Lane, feeder: Remote, made: AsyncDisposableStack) {
    this.lane = lane;
    this.#feeder = feeder;
    this.#made = made;
  }

  /** Starts the processes; undefined without the program. */
  static async start({ format, perFrame, symbols }: PoolShape): Promise<Reference | undefined> {
    const { program } = await buildReference();
    if (!program) return undefined;
    await using made = new AsyncDisposableStack();
    const feeder = made.use(new Remote("feeder.ts", { flags: [NET] }));
    const reader = made.use(new Remote("reader.ts", { flags: [NET] }));
    const server = made.use(new Remote(program, { flags: [], isProgram: true }));
    const shape = { format, perFrame, symbols };
    const { port: upstream } = await feeder.call<{ port: number }>("prepare", shape);
    const url = `ws://127.0.0.1:${upstream}/v2/sip`;
    const { port } = await server.call<{ port: number }>("start", { url });
    return new Reference(new Lane(server, reader, port), feeder, made.move());
  }

  /** Starts the feed; a rate of 0 means as many quotes as it reads. */
  startFeed(rate: number): Promise<void> {
    return this.#feeder.call("start", { rate });
  }

  /** Stops the feed. */
  stopFeed(): Promise<PacerReport> {
    return this.#feeder.call("stop");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#made.disposeAsync();
  }
}
