/**
 * The processes of a cluster: feeder → hub → nats-server → edges → reader.
 *
 * @module
 */
import { Remote } from "../control.ts";
import type { PoolShape } from "../feed/frame_pool.ts";
import { extraFlags, feederEnv, isReady, NET, serverEnv, until } from "../rig.ts";
import { NatsProcess } from "./nats_process.ts";
import type { Server, Serving } from "./serving.ts";

/** Settings of hubs, edges and the single process that they are compared with. */
export const ENV: Readonly<Record<string, string>> = {
  // All clients of a bench have one address.
  STREAM_PROXY_MAX_CONNECTIONS_PER_ADDRESS: "0",
};

const PROXY_FLAGS = ["--allow-net", "--allow-env", ...extraFlags()];

/** A running cluster. */
export class Cluster implements Serving, AsyncDisposable {
  readonly feeder: Remote;
  readonly hub: Remote;
  readonly nats: NatsProcess;
  readonly reader: Remote;
  readonly edges: Server[] = [];
  readonly #shape: PoolShape;
  readonly #made: AsyncDisposableStack;

  private constructor(
    parts: Pick<Cluster, "feeder" | "hub" | "nats" | "reader">,
    shape: PoolShape,
    made: AsyncDisposableStack,
  ) {
    this.feeder = parts.feeder;
    this.hub = parts.hub;
    this.nats = parts.nats;
    this.reader = parts.reader;
    this.#shape = shape;
    this.#made = made;
  }

  /** Starts everything with one edge; resolves once that is connected. */
  static async start(shape: PoolShape): Promise<Cluster> {
    await using made = new AsyncDisposableStack();
    const nats = made.use(await NatsProcess.start());
    const feeder = made.use(new Remote("feeder.ts", { flags: [NET] }));
    const { port } = await feeder.call<{ port: number }>("prepare", shape);
    const hub = made.use(new Remote("proxy.ts", { flags: PROXY_FLAGS }));
    await hub.call("start", {
      env: {
        ...feederEnv(port),
        ...serverEnv(shape.format),
        ...ENV,
        STREAM_PROXY_ROLE: "hub",
        STREAM_PROXY_NATS_URL: nats.url,
      },
      naive: false,
    });
    const reader = made.use(new Remote("reader.ts", { flags: [NET] }));
    const cluster = new Cluster({ feeder, hub, nats, reader }, shape, made.move());
    try {
      await cluster.addEdge();
      return cluster;
    } catch (error) {
      await cluster[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Starts another edge; resolves once it is connected. */
  async addEdge(): Promise<void> {
    const process = this.#made.use(new Remote("proxy.ts", { flags: PROXY_FLAGS }));
    const { grpc, health } = await process.call<{ grpc: number; health: number }>("start", {
      env: {
        ...serverEnv(this.#shape.format),
        ...ENV,
        STREAM_PROXY_ROLE: "edge",
        STREAM_PROXY_NATS_URL: this.nats.url,
      },
      naive: false,
    });
    await until("the edge is connected", () => isReady(health));
    this.edges.push({ process, port: grpc });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#made.disposeAsync();
  }
}
