/** A WebSocket client that shows every frame, for tests of the wire. */
import { once } from "node:events";
import { decode, encode } from "@msgpack/msgpack";
// @ts-types="@types/ws"
import { type ClientOptions, WebSocket } from "ws";

/** A decoded frame: text as JSON, bytes as MessagePack. */
export type Frame = readonly Record<string, unknown>[];

/** One connection, with a queue of the frames that came. */
export class RawClient implements AsyncDisposable {
  readonly ws: WebSocket;
  readonly closed: Promise<{ code: number; reason: string }>;
  readonly #frames: (string | Uint8Array)[] = [];
  readonly #msgpack: boolean;
  #arrival = Promise.withResolvers<void>();

  constructor(
    url: string,
    options: ClientOptions & { msgpack?: boolean } = {},
  ) {
    const { msgpack = false, ...rest } = options;
    const headers = msgpack ? { "Content-Type": "application/msgpack" } : {};
    this.#msgpack = msgpack;
    this.ws = new WebSocket(url, { headers, ...rest });
    const closed = Promise.withResolvers<{ code: number; reason: string }>();
    this.closed = closed.promise;
    this.ws.on("close", (code, reason) => {
      closed.resolve({ code, reason: String(reason) });
      this.#arrival.resolve();
    });
    this.ws.on("error", () => {});
    this.ws.on("message", (data: Uint8Array, isBinary) => {
      this.#frames.push(isBinary ? data : new TextDecoder().decode(data));
      this.#arrival.resolve();
    });
  }

  /** Connects and logs in with the demo pair. */
  static async open(
    url: string,
    options: ClientOptions & { msgpack?: boolean } = {},
  ): Promise<RawClient> {
    const client = new RawClient(url, options);
    await client.frame();
    await client.ask({ action: "auth", key: "SIM_KEY", secret: "SIM_SECRET" });
    return client;
  }

  /** Sends a request in this client's encoding. */
  send(request: unknown): void {
    this.ws.send(this.#msgpack ? encode(request) : JSON.stringify(request));
  }

  /** Sends a request and waits for the next frame. */
  ask(request: unknown): Promise<Frame> {
    this.send(request);
    return this.frame();
  }

  /** The next frame as it came; rejects when the socket closes first. */
  async raw(): Promise<string | Uint8Array> {
    for (;;) {
      const frame = this.#frames.shift();
      if (frame !== undefined) return frame;
      if (this.ws.readyState === this.ws.CLOSED) throw new Error("closed");
      await this.#arrival.promise;
      this.#arrival = Promise.withResolvers();
    }
  }

  /** The next frame, decoded. */
  async frame(): Promise<Frame> {
    const raw = await this.raw();
    return (typeof raw === "string" ? JSON.parse(raw) : decode(raw)) as Frame;
  }

  /** Frames that have come and were not read. */
  get unread(): number {
    return this.#frames.length;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.ws.readyState === this.ws.CLOSED) return;
    this.ws.close(1000);
    await this.closed;
  }
}

/** The HTTP status that an upgrade was refused with. */
export async function refusal(url: string): Promise<number> {
  const ws = new WebSocket(url);
  ws.on("error", () => {});
  const [, response] = await once(ws, "unexpected-response");
  const status: number = response.statusCode;
  response.resume();
  await once(response, "close");
  ws.terminate();
  return status;
}
