/**
 * A stock or option stream with faults that the simulator does not have: it
 * drops a symbol without notice, and rejects for a while what it accepted before.
 *
 * @module
 */
import type { AddressInfo } from "node:net";
import { decode, encode } from "@msgpack/msgpack";
import { type WebSocket, WebSocketServer } from "ws";

type Channels = Record<"trades" | "quotes" | "bars", Set<string>>;

const CHANNELS = ["trades", "quotes", "bars"] as const;

/** A request of the client, as far as it matters here. */
type Message =
  & { readonly action: "auth" | "subscribe" | "unsubscribe" }
  & Partial<Record<typeof CHANNELS[number], readonly string[]>>;

/** The server; it holds the subscriptions of the open connection. */
export class FaultyUpstream implements AsyncDisposable {
  /** Connections that have logged in. */
  logins = 0;
  /** Symbols of each subscribe, oldest first. */
  readonly asked: (readonly string[])[] = [];
  /** The error for every subscribe; `undefined` accepts it. */
  rejection: { readonly code: number; readonly msg: string } | undefined;
  /** How many of the next logins are rejected with `loginError`. */
  rejectedLogins = 0;
  loginError = { code: 402, msg: "auth failed" };
  readonly #server: WebSocketServer;
  readonly #isOptions: boolean;
  #socket: WebSocket | undefined;
  #subscribed = nothing();

  private constructor(server: WebSocketServer, isOptions: boolean) {
    this.#server = server;
    this.#isOptions = isOptions;
    server.on("connection", (socket: WebSocket) => this.#welcome(socket));
  }

  /** Listens on a port that the system chooses; option streams use MessagePack. */
  static async start(feed: "sip" | "opra" = "sip"): Promise<FaultyUpstream> {
    const server = new WebSocketServer({ host: "127.0.0.1", port: 0 });
    const listening = Promise.withResolvers<void>();
    server.on("listening", listening.resolve);
    await listening.promise;
    return new FaultyUpstream(server, feed === "opra");
  }

  /** Where clients connect. */
  get url(): string {
    const { port } = this.#server.address() as AddressInfo;
    return `ws://127.0.0.1:${port}/${this.#isOptions ? "v1beta1/opra" : "v2/sip"}`;
  }

  /** Symbols whose quotes are subscribed. */
  get quotes(): ReadonlySet<string> {
    return this.#subscribed.quotes;
  }

  /** Sends elements in one frame. */
  send(...elements: readonly object[]): void {
    this.#socket?.send(this.#isOptions ? encode(elements) : JSON.stringify(elements));
  }

  /** Drops the quotes of a symbol without notice. */
  forget(symbol: string): void {
    this.#subscribed.quotes.delete(symbol);
  }

  /** Breaks the connection that is open. */
  drop(): void {
    this.#socket?.terminate();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const client of this.#server.clients) client.terminate();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #welcome(socket: WebSocket): void {
    this.#socket = socket;
    this.#subscribed = nothing();
    socket.on("message", (data: Uint8Array) => {
      const text = new TextDecoder();
      this.#answer((this.#isOptions ? decode(data) : JSON.parse(text.decode(data))) as Message);
    });
    this.send({ T: "success", msg: "connected" });
  }

  #answer(message: Message): void {
    const { action } = message;
    if (action === "auth") {
      if (this.rejectedLogins-- > 0) {
        return this.send({ T: "error", ...this.loginError });
      }
      this.logins++;
      return this.send({ T: "success", msg: "authenticated" });
    }
    const symbols = CHANNELS.flatMap((channel) => message[channel] ?? []);
    if (action === "subscribe") {
      this.asked.push(symbols);
      if (this.rejection) return this.send({ T: "error", ...this.rejection });
    }
    for (const channel of CHANNELS) {
      for (const symbol of message[channel] ?? []) {
        if (action === "subscribe") this.#subscribed[channel].add(symbol);
        else this.#subscribed[channel].delete(symbol);
      }
    }
    const state = CHANNELS.map((channel) => [
      channel,
      [...this.#subscribed[channel]],
    ]);
    this.send({ T: "subscription", ...Object.fromEntries(state) });
  }
}

function nothing(): Channels {
  return { trades: new Set(), quotes: new Set(), bars: new Set() };
}
