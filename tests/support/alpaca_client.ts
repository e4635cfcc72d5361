/**
 * A plain client of Alpaca's streams, for tests of the WebSocket API.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { Buffer } from "node:buffer";
import { decodeMulti, encode } from "@msgpack/msgpack";
import { type ClientOptions, WebSocket } from "ws";

/** A message as the client received it. */
export type Received = Readonly<Record<string, unknown>>;

/** Options of {@linkcode AlpacaClient}. */
interface AlpacaClientOptions extends ClientOptions {
  /** How messages are encoded. @default json */
  readonly format?: "json" | "msgpack";
  /** @default none */
  readonly headers?: Readonly<Record<string, string>>;
}

/** One connection. */
export class AlpacaClient implements AsyncDisposable {
  readonly socket: WebSocket;
  /** Frames as they arrived: text, or bytes. */
  readonly frames: (string | Uint8Array)[] = [];
  /** The code and reason of the close. */
  readonly closed: Promise<{ readonly code: number; readonly reason: string }>;
  readonly #format: "json" | "msgpack";
  readonly #messages: Received[] = [];
  readonly #opened: Promise<void>;
  #wake: () => void = () => {};

  constructor(url: string, { format = "json", headers, ...options }: AlpacaClientOptions = {}) {
    this.#format = format;
    const contentType = format === "msgpack" ? { "Content-Type": "application/msgpack" } : {};
    const socket = this.socket = new WebSocket(url, {
      ...options,
      headers: { ...contentType, ...headers },
    });
    this.#opened = new Promise((resolve, reject) => {
      socket.once("open", () => resolve());
      socket.once("error", reject);
    });
    this.#opened.catch(() => {});
    socket.on("error", () => {});
    this.closed = new Promise((resolve) =>
      socket.once("close", (code, reason) => {
        resolve({ code, reason: reason.toString() });
        this.#wake();
      })
    );
    socket.on("message", (data: Buffer, isBinary) => {
      const bytes = Uint8Array.from(data);
      this.frames.push(isBinary ? bytes : new TextDecoder().decode(bytes));
      this.#messages.push(...listOf(decodeFrame(bytes)));
      this.#wake();
    });
  }

  /** Connects, and awaits the welcome message and the login. */
  static async logIn(url: string, options: AlpacaClientOptions = {}): Promise<AlpacaClient> {
    const client = new AlpacaClient(url, options);
    await client.opened();
    assert.deepEqual(await client.next(), { T: "success", msg: "connected" });
    client.send({ action: "auth", key: "K", secret: "S" });
    assert.deepEqual(await client.next(), { T: "success", msg: "authenticated" });
    return client;
  }

  /** Resolves when the connection is open. */
  async opened(): Promise<void> {
    await this.#opened;
  }

  /** Sends a request in the client's encoding. */
  send(message: unknown): void {
    this.socket.send(this.#format === "json" ? JSON.stringify(message) : encode(message));
  }

  /** Sends a request and returns the next message. */
  async request(message: unknown): Promise<Received> {
    this.send(message);
    return await this.next();
  }

  /** The next message. */
  async next(): Promise<Received> {
    for (;;) {
      const message = this.#messages.shift();
      if (message) return message;
      assert.notEqual(this.socket.readyState, WebSocket.CLOSED, "the connection has ended");
      await new Promise<void>((resolve) => this.#wake = resolve);
    }
  }

  /** The next messages. */
  async take(count: number): Promise<Received[]> {
    const messages: Received[] = [];
    while (messages.length < count) messages.push(await this.next());
    return messages;
  }

  /** Messages that have arrived and were not taken. */
  get waiting(): number {
    return this.#messages.length;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.socket.terminate();
    await this.closed;
  }
}

/** Decodes a frame by its content. */
function decodeFrame(bytes: Uint8Array): unknown {
  const first = bytes[0] ?? 0;
  if (first === 0x5b || first === 0x7b) return JSON.parse(new TextDecoder().decode(bytes));
  const values = [...decodeMulti(bytes, { useBigInt64: false })];
  assert.equal(values.length, 1, "values in one frame");
  return values[0];
}

function listOf(value: unknown): readonly Received[] {
  return (Array.isArray(value) ? value : [value]) as readonly Received[];
}
