/**
 * The servers that WebSocket clients are measured with: the proxy, the library alone, and a naive
 * fan-out in Python.
 *
 * @module
 */
import { Remote } from "../control.ts";
import type { FeedFormat } from "../feed/frame_pool.ts";
import { Lane } from "../rig.ts";

const NET = "--allow-net=127.0.0.1";
const PATH = "/v2/sip";

/** A measured server with its clients. */
export class ClientLane implements AsyncDisposable {
  readonly lane: Lane;
  readonly #made: AsyncDisposableStack;

  private constructor(lane: Lane, made: AsyncDisposableStack) {
    this.lane = lane;
    this.#made = made;
  }

  /** Connects clients to a port. */
  static async connect(
    server: Remote,
    port: number,
    plan: { readonly format: FeedFormat; readonly connections: number },
  ): Promise<ClientLane> {
    await using made = new AsyncDisposableStack();
    const reader = made.use(new Remote("websocket_reader.ts", { flags: [NET] }));
    await reader.call("open", { port, path: PATH, ...plan });
    return new ClientLane(new Lane(server, reader, port), made.move());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#made.disposeAsync();
  }
}

/** Starts the library alone. */
export async function startFloor(
  format: FeedFormat,
): Promise<{ readonly server: Remote; readonly port: number }> {
  const server = new Remote("websocket_floor.ts", { flags: [NET, "--allow-env"] });
  const { port } = await server.call<{ port: number }>("listen", { format });
  return { server, port };
}

/** Starts a feeder of JSON and the library alone, which forwards its frames as they are. */
export async function startRelay(
  perFrame: number,
): Promise<{ readonly server: Remote; readonly feeder: Remote; readonly port: number }> {
  const { server, port } = await startFloor("json");
  const { feeder, url } = await startFeeder(perFrame);
  await server.call("relay", { url });
  return { server, feeder, port };
}

async function startFeeder(
  perFrame: number,
): Promise<{ readonly feeder: Remote; readonly url: string }> {
  const feeder = new Remote("feeder.ts", { flags: [NET] });
  const shape = { format: "json", perFrame, symbols: 1_000 };
  const { port } = await feeder.call<{ port: number }>("prepare", shape);
  return { feeder, url: `ws://127.0.0.1:${port}${PATH}` };
}

/** A Python with `websockets`; undefined where there is none. */
export async function findPython(): Promise<string | undefined> {
  const named = Deno.env.get("ALPACA_PY_PYTHON") ?? Deno.env.get("CLIENTS_PYTHON");
  for (const python of [named, "python3"]) {
    if (python === undefined) continue;
    const output = { stdout: "null", stderr: "null" } as const;
    try {
      const args = ["-c", "import websockets"];
      if ((await new Deno.Command(python, { args, ...output }).output()).success) return python;
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }
  return undefined;
}

/** A feeder and the fan-out in Python that is connected to it. */
export async function startNaive(
  python: string,
  perFrame: number,
): Promise<{ readonly server: Remote; readonly feeder: Remote; readonly port: number }> {
  const server = new Remote("naive_fan_out.py", { flags: [], interpreter: python });
  const { feeder, url } = await startFeeder(perFrame);
  const { port } = await server.call<{ port: number }>("start", { url });
  return { server, feeder, port };
}
