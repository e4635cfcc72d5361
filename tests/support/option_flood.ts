/**
 * An option stream that sends quotes as fast as its client takes them.
 *
 * @module
 */
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { decode, encode, ExtData } from "@msgpack/msgpack";
import { type WebSocket, WebSocketServer } from "ws";

/** Quotes of one frame. */
const PER_FRAME = 100;
/** Frames that differ; then the first one is sent again. */
const FRAMES = 90;
/** Bytes that may wait in the socket. */
const MOST_UNSENT = 1_000_000;

interface Request {
  readonly action: string;
  readonly quotes?: readonly string[];
}

/** The server; quotes go to the connection that was opened last. */
export class OptionFlood implements AsyncDisposable {
  readonly #server: WebSocketServer;
  readonly #subscribed = new Set<string>();
  #socket: WebSocket | undefined;

  private constructor(server: WebSocketServer) {
    this.#server = server;
    server.on("connection", (socket: WebSocket) => this.#welcome(socket));
  }

  /** Listens on a port that the system chooses. */
  static async start(): Promise<OptionFlood> {
    const server = new WebSocketServer({ host: "127.0.0.1", port: 0 });
    await once(server, "listening");
    return new OptionFlood(server);
  }

  /** Where clients connect. */
  get url(): string {
    const { port } = this.#server.address() as AddressInfo;
    return `ws://127.0.0.1:${port}/v1beta1/opra`;
  }

  /** Symbols that are subscribed. */
  get subscribed(): number {
    return this.#subscribed.size;
  }

  /** Sends `count` quotes of `symbols` in turn; a multiple of a frame's. */
  async send(symbols: readonly string[], count: number): Promise<void> {
    const frames = makeFrames(symbols);
    for (let sent = 0; sent < count; sent += PER_FRAME) {
      const frame = frames[(sent / PER_FRAME) % FRAMES];
      if (frame) this.#socket?.send(frame);
      while ((this.#socket?.bufferedAmount ?? 0) > MOST_UNSENT) {
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const client of this.#server.clients) client.terminate();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #welcome(socket: WebSocket): void {
    this.#socket = socket;
    this.#subscribed.clear();
    const say = (message: object) => socket.send(encode([message]));
    socket.on("message", (data: Uint8Array) => {
      const { action, quotes = [] } = decode(data) as Request;
      if (action === "auth") say({ T: "success", msg: "authenticated" });
      if (action === "auth") return;
      for (const symbol of quotes) {
        if (action === "subscribe") this.#subscribed.add(symbol);
        else this.#subscribed.delete(symbol);
      }
      say({ T: "subscription", trades: [], quotes: [...this.#subscribed] });
    });
    say({ T: "success", msg: "connected" });
  }
}

function makeFrames(symbols: readonly string[]): readonly Uint8Array[] {
  let next = 0;
  return Array.from(
    { length: FRAMES },
    () =>
      encode(Array.from({ length: PER_FRAME }, () => {
        const at = next++;
        return {
          T: "q",
          S: symbols[at % symbols.length],
          t: timestamp(at),
          bx: "C",
          bp: 1 + (at % 100) / 100,
          bs: 10,
          ax: "W",
          ap: 2.05,
          as: 20,
          c: "A",
        };
      })),
  );
}

/** MessagePack's timestamp of 64 bits: 30 of nanoseconds, 34 of seconds. */
function timestamp(at: number): ExtData {
  const bytes = new DataView(new ArrayBuffer(8));
  bytes.setUint32(0, (at * 7_919 % 1_000_000_000) * 4);
  bytes.setUint32(4, 1_700_000_000);
  return new ExtData(-1, new Uint8Array(bytes.buffer));
}
