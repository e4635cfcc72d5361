/**
 * A minimal client of Alpaca's market-data protocol: logs in, subscribes to all quotes and counts
 * frames and messages.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { encode } from "@msgpack/msgpack";
import type { FeedFormat } from "../feed/frame_pool.ts";
import { OPCODE, webSocketFrame } from "../feed/websocket_frames.ts";

/** What a connection subscribes to. */
export interface ConnectionPlan {
  readonly port: number;
  readonly path: string;
  readonly format: FeedFormat;
}

const FIRST_BUFFER = 1 << 16;
/** Start of each message in JSON. */
const MESSAGE_START = Buffer.from('{"T":');
const MASK = 0x80;
const SHORT = 126;
const LONG = 127;

/** One connection. */
export class ClientConnection {
  readonly #connection: Deno.TcpConn;
  readonly #format: FeedFormat;
  readonly #ready = Promise.withResolvers<void>();
  /** Commands that remain, each sent after one more control message. */
  readonly #commands: Record<string, unknown>[] = [
    { action: "auth", key: "bench-key", secret: "bench-secret" },
    { action: "subscribe", quotes: ["*"] },
  ];
  #frames = 0;
  #messages = 0;
  #bytes = 0;
  #hasEnded = false;

  private constructor(connection: Deno.TcpConn, format: FeedFormat) {
    this.#connection = connection;
    this.#format = format;
  }

  /** Connects; resolves once the subscription is acknowledged. */
  static async open({ port, path, format }: ConnectionPlan): Promise<ClientConnection> {
    const connection = await Deno.connect({ hostname: "127.0.0.1", port });
    connection.setNoDelay(true);
    const opened = new ClientConnection(connection, format);
    const request = [
      `GET ${path} HTTP/1.1`,
      `Host: 127.0.0.1:${port}`,
      "Connection: Upgrade",
      "Upgrade: websocket",
      "Sec-WebSocket-Version: 13",
      `Sec-WebSocket-Key: ${crypto.getRandomValues(new Uint8Array(16)).toBase64()}`,
      `Content-Type: application/${format}`,
      "\r\n",
    ].join("\r\n");
    await opened.#write(new TextEncoder().encode(request));
    opened.#listen().catch(() => {}).finally(() => {
      opened.#hasEnded = true;
      opened.#ready.reject(new Error("The connection has ended"));
    });
    await opened.#ready.promise;
    return opened;
  }

  /** Data frames so far. */
  get frames(): number {
    return this.#frames;
  }

  /** Messages in them. */
  get messages(): number {
    return this.#messages;
  }

  /** Bytes of the connection. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Whether the server has ended the connection. */
  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /** Closes the connection. */
  close(): void {
    this.#connection.close();
  }

  async #listen(): Promise<void> {
    let buffer = Buffer.alloc(FIRST_BUFFER);
    let filled = 0;
    let isUpgraded = false;
    for (;;) {
      if (filled === buffer.length) buffer = Buffer.concat([buffer, Buffer.alloc(filled)]);
      const size = await this.#connection.read(buffer.subarray(filled));
      if (size === null) return;
      this.#bytes += size;
      filled += size;
      let at = 0;
      if (!isUpgraded) {
        const end = buffer.subarray(0, filled).indexOf("\r\n\r\n");
        if (end < 0) continue;
        isUpgraded = true;
        at = end + 4;
      }
      at = this.#handle(buffer, at, filled);
      buffer.copyWithin(0, at, filled);
      filled -= at;
    }
  }

  /** Handles the complete frames and returns where the next one starts. */
  #handle(buffer: Buffer, from: number, filled: number): number {
    let at = from;
    while (filled - at >= 2) {
      const short = (buffer[at + 1] ?? 0) & ~MASK;
      const header = short === LONG ? 10 : short === SHORT ? 4 : 2;
      if (filled - at < header) break;
      const length = short === LONG
        ? Number(buffer.readBigUInt64BE(at + 2))
        : short === SHORT
        ? buffer.readUInt16BE(at + 2)
        : short;
      const end = at + header + length;
      if (end > filled) break;
      this.#frame((buffer[at] ?? 0) & 0x0f, buffer.subarray(at + header, end));
      at = end;
    }
    return at;
  }

  #frame(opcode: number, payload: Buffer): void {
    if (opcode === OPCODE.ping) {
      this.#write(masked(OPCODE.pong, payload)).catch(() => {});
      return;
    }
    if (opcode !== OPCODE.text && opcode !== OPCODE.binary) return;
    if (this.#commands.length > 0) {
      this.#send(this.#commands.shift() ?? {});
      return;
    }
    this.#ready.resolve();
    this.#frames++;
    this.#messages += this.#format === "json" ? countJson(payload) : countMsgpack(payload);
  }

  #send(command: Record<string, unknown>): void {
    const frame = this.#format === "json"
      ? masked(OPCODE.text, Buffer.from(JSON.stringify(command)))
      : masked(OPCODE.binary, encode(command));
    this.#write(frame).catch(() => {});
  }

  async #write(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length;) at += await this.#connection.write(bytes.subarray(at));
  }
}

/** A short frame with a mask of zeros, which leaves the payload as it is. */
function masked(opcode: number, payload: Uint8Array): Uint8Array {
  const frame = webSocketFrame(opcode, payload);
  const header = frame.length - payload.length;
  const bytes = new Uint8Array(frame.length + 4);
  bytes.set(frame.subarray(0, header));
  bytes[1] = (bytes[1] ?? 0) | MASK;
  bytes.set(payload, header + 4);
  return bytes;
}

function countJson(payload: Buffer): number {
  let count = 0;
  for (let at = payload.indexOf(MESSAGE_START); at >= 0; count++) {
    at = payload.indexOf(MESSAGE_START, at + MESSAGE_START.length);
  }
  return count;
}

function countMsgpack(payload: Buffer): number {
  const [first = 0] = payload;
  if ((first & 0xf0) === 0x90) return first & 0x0f;
  return first === 0xdc ? payload.readUInt16BE(1) : payload.readUInt32BE(1);
}
