/**
 * A floor that is woken by the same frames as the proxy, where a timer is too coarse or would merge
 * what arrives separately.
 *
 * @module
 */
import { Remote } from "./control.ts";
import type { PoolShape } from "./feed/frame_pool.ts";
import { Lane, NET } from "./rig.ts";

/** Raw `node:http2` that writes prepared bytes for each frame of a feeder, with its own reader. */
export class FedFloor implements AsyncDisposable {
  readonly lane: Lane;
  readonly #feeder: Remote;
  readonly #made: AsyncDisposableStack;

  private constructor(lane: Lane, feeder: Remote, made: AsyncDisposableStack) {
    this.lane = lane;
    this.#feeder = feeder;
    this.#made = made;
  }

  /** Starts the processes. */
  static async start({ format, perFrame, symbols }: PoolShape): Promise<FedFloor> {
    await using made = new AsyncDisposableStack();
    const server = made.use(new Remote("floor.ts", { flags: [NET, "--allow-env"] }));
    const reader = made.use(new Remote("reader.ts", { flags: [NET] }));
    const feeder = made.use(new Remote("feeder.ts", { flags: [NET] }));
    const shape = { format, perFrame, symbols };
    const { port: upstream } = await feeder.call<{ port: number }>("prepare", shape);
    const { port } = await server.call<{ port: number }>("listen");
    await server.call("follow", { url: `ws://127.0.0.1:${upstream}/v2/sip`, perFrame });
    return new FedFloor(new Lane(server, reader, port), feeder, made.move());
  }

  /** Starts the feed. @param batch messages per write, on average */
  async startFeed({ rate, batch }: { rate: number; batch: number }): Promise<void> {
    await this.lane.server.call("batches", { batch });
    await this.#feeder.call("start", { rate });
  }

  /** Stops the feed. */
  async stopFeed(): Promise<void> {
    await this.#feeder.call("stop");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#made.disposeAsync();
  }
}
