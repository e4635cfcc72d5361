/**
 * An HTTP/2 connection with a small window: its gRPC streams have practically
 * unlimited windows, and the connection window is extended on request.
 *
 * @module
 */
import { FrameClient, Type, uint32 } from "./frame_client.ts";

/** Opens streams and counts their bytes. */
export class SmallWindowClient implements AsyncDisposable {
  readonly #client: FrameClient;
  readonly #streams: number[] = [];

  private constructor(client: FrameClient) {
    this.#client = client;
  }

  /** Connects; the connection window is 65 535 bytes. */
  static async connect(port: number): Promise<SmallWindowClient> {
    return new SmallWindowClient(await FrameClient.connect(port));
  }

  /** Opens one more stream. */
  open(path: string): void {
    this.#streams.push(this.#client.open(path));
  }

  /** Extends the connection window by `bytes`. */
  grant(bytes: number): void {
    this.#client.sendFrame(Type.windowUpdate, { payload: uint32(bytes) });
  }

  /** Bytes of messages by stream, oldest stream first. */
  get received(): number[] {
    const bytes = new Map(this.#streams.map((stream) => [stream, 0]));
    for (const { type, stream, payload } of this.#client.frames) {
      if (type !== Type.data) continue;
      bytes.set(stream, (bytes.get(stream) ?? 0) + payload.length);
    }
    return [...bytes.values()];
  }

  /** Resolves when all streams together have received `bytes`. */
  async until(bytes: number): Promise<void> {
    await this.#client.until(() => this.received.reduce((sum, one) => sum + one, 0) >= bytes);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#client[Symbol.asyncDispose]();
  }
}
