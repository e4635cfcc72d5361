/**
 * Real clients of others, each in a process of its own.
 *
 * @module
 */
import { build } from "./status_probes.ts";
import { TextLineStream } from "./text_lines.ts";

/** One call that a external client makes. */
export interface ExternalCall {
  readonly address: string;
  /** In lowerCamelCase. */
  readonly method: string;
  /** Request as protobuf-JSON. */
  readonly request: unknown;
  /** How many messages it waits for. */
  readonly count: number;
}

/** A client that runs. */
export interface ExternalClient extends AsyncDisposable {
  /** Resolves when the response headers have come. */
  readonly ready: Promise<void>;
  /** Every message as protobuf-JSON, once all have come. */
  readonly messages: Promise<unknown[]>;
}

/** A kind of client; `missing` says why it cannot run here, if so. */
export interface ExternalClientKind {
  readonly name: string;
  readonly missing: string | undefined;
  readonly start: (call: ExternalCall) => ExternalClient;
}

const PYTHON = Deno.env.get("CLIENTS_PYTHON") ?? "python3";

/** connect-es, as TypeScript consumers use it. */
export const connectEs: ExternalClientKind = {
  name: "connect-es",
  missing: undefined,
  start: (call) =>
    run(Deno.execPath(), [
      "run",
      "--allow-net",
      "--allow-env",
      new URL("../clients/connect_client.ts", import.meta.url).pathname,
      call.address,
      call.method,
      JSON.stringify(call.request),
      String(call.count),
    ]),
};

/** grpcio; its stubs are compiled from our .proto files into a folder. */
export function grpcio(protos: string | undefined): ExternalClientKind {
  return {
    name: "Python grpcio",
    missing: protos === undefined
      ? "no Python with grpcio and grpcio-tools (set CLIENTS_PYTHON)"
      : undefined,
    start: (call) =>
      run(PYTHON, [
        new URL("../clients/grpcio_client.py", import.meta.url).pathname,
        protos ?? "",
        call.address,
        call.method.charAt(0).toUpperCase() + call.method.slice(1),
        JSON.stringify(call.request),
        String(call.count),
      ]),
  };
}

/** tonic with the last released contract; its program is compiled into a folder. */
export function tonic(folder: string | undefined, missing: string | undefined): ExternalClientKind {
  return {
    name: "Rust tonic",
    missing,
    start: ({ address, request, count }) => {
      const { symbols: [symbol = ""] = [] } = request as { symbols?: string[] };
      return run(`${folder}/base`, [address, symbol, String(count)]);
    },
  };
}

/** Compiles the client in Rust; returns the folder of the program. */
export async function compileForRust(): Promise<string> {
  const folder = await Deno.makeTempDir({ prefix: "base-contract-" });
  const target = Deno.env.get("CARGO_TARGET_DIR") ?? `${folder}/target`;
  await build(["cargo", "build", "--locked", "--quiet"], {
    cwd: new URL("../clients/base_rust", import.meta.url).pathname,
    env: {
      CARGO_TARGET_DIR: target,
      BASELINE: new URL("../../proto/baseline.binpb", import.meta.url).pathname,
    },
  });
  await Deno.copyFile(`${target}/debug/base`, `${folder}/base`);
  return folder;
}

/** Compiles our .proto files for Python; `undefined` where that cannot be done. */
export async function compileForPython(): Promise<string | undefined> {
  const out = await Deno.makeTempDir({ prefix: "proxy-protos-" });
  const protos = new URL("../../proto", import.meta.url).pathname;
  const files = ["common", "execution", "stream_proxy"]
    .map((name) => `cream/v1/${name}.proto`);
  try {
    const { success } = await new Deno.Command(PYTHON, {
      args: [
        "-m",
        "grpc_tools.protoc",
        `-I${protos}`,
        `--python_out=${out}`,
        `--grpc_python_out=${out}`,
        ...files,
      ],
      stdout: "null",
      stderr: "null",
    }).output();
    if (success) return out;
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  await Deno.remove(out, { recursive: true });
  return undefined;
}

function run(command: string, args: readonly string[]): ExternalClient {
  const child = new Deno.Command(command, {
    args: [...args],
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const ready = Promise.withResolvers<void>();
  const complaint = new Response(child.stderr).text();
  const messages = (async () => {
    const found: unknown[] = [];
    for await (const line of child.stdout.pipeThrough(new TextLineStream())) {
      if (line === "ready") ready.resolve();
      else if (line !== "") found.push(JSON.parse(line));
    }
    const { success } = await child.status;
    if (!success) throw new Error(`Client failed: ${await complaint}`);
    return found;
  })();
  messages.then(() => ready.resolve(), (error) => ready.reject(error));
  ready.promise.catch(() => {});
  return {
    ready: ready.promise,
    messages,
    async [Symbol.asyncDispose]() {
      try {
        child.kill();
      } catch (error) {
        if (!(error instanceof TypeError)) throw error;
      }
      await Promise.allSettled([messages, complaint, child.status]);
    },
  };
}
