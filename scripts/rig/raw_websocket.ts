/**
 * A WebSocket client connection that sends arbitrary frames and counts what it receives. It never
 * replies to pings or close frames.
 *
 * @module
 */

/** Opcodes of frames. */
export const OPCODE = { text: 1, close: 8, ping: 9 } as const;

/** How the connection behaves. */
interface RawWebSocketOptions {
  readonly port: number;
  /** @default "/v2/sip" */
  readonly path?: string;
  /** Sends the whole request; false leaves out its end. @default true */
  readonly request?: boolean;
  /** Offers permessage-deflate. @default false */
  readonly deflate?: boolean;
}

/** How a frame is written. */
interface FrameOptions {
  /** Whether it ends its message. @default true */
  readonly fin?: boolean;
  /** Whether its payload is compressed. @default false */
  readonly compressed?: boolean;
  /** The length that it states. @default that of the payload */
  readonly length?: number;
}

const utf8 = new TextEncoder();
const latin1 = new TextDecoder("latin1");

/** A masked frame of a client. The mask is zero, so that the payload stays as it is. */
export function clientFrame(
  opcode: number,
  payload: Uint8Array,
  { fin = true, compressed = false, length = payload.length }: FrameOptions = {},
): Uint8Array {
  // Frames of control must state their length in seven bits.
  const isShort = length < 126;
  const start = isShort ? 6 : 14;
  const frame = new Uint8Array(start + payload.length);
  frame[0] = (fin ? 0x80 : 0) | (compressed ? 0x40 : 0) | opcode;
  frame[1] = 0x80 | (isShort ? length : 127);
  if (!isShort) new DataView(frame.buffer).setBigUint64(2, BigInt(length));
  frame.set(payload, start);
  return frame;
}

/** Open connections: the runtime closes a socket that is not read once it is collected. */
const live = new Set<RawWebSocket>();

/** One connection. */
export class RawWebSocket {
  readonly #connection: Deno.TcpConn;
  readonly #upgraded = Promise.withResolvers<void>();
  #received = new Uint8Array();
  #isUpgraded = false;
  #reads = true;
  #writing: Promise<void> = Promise.resolve();

  /** Whether the connection has ended, by either side. */
  closed = false;
  /** How often each answer came: `HTTP 503`, `error 402`, `close 1009`. */
  readonly answers = new Map<string, number>();
  /** Frames that came. */
  frames = 0;
  /** Bytes that were handed to the kernel. */
  sentBytes = 0;

  private constructor(connection: Deno.TcpConn) {
    this.#connection = connection;
    live.add(this);
    void this.#listen().catch(() => {}).finally(() => this.close());
  }

  /**
   * Connects; resolves when the request is answered, or the connection has ended.
   *
   * @throws when the connection is refused
   */
  static async open(
    { port, path = "/v2/sip", request = true, deflate = false }: RawWebSocketOptions,
  ): Promise<RawWebSocket> {
    const raw = new RawWebSocket(await Deno.connect({ hostname: "127.0.0.1", port }));
    const extension =
      "Sec-WebSocket-Extensions: permessage-deflate; client_no_context_takeover\r\n";
    const head = `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nUpgrade: websocket\r\n` +
      "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n" +
      `Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n${deflate ? extension : ""}`;
    void raw.write(utf8.encode(request ? `${head}\r\n` : head));
    if (request) await raw.#upgraded.promise;
    return raw;
  }

  /** Writes bytes after those before; resolves when the kernel has taken them or it has ended. */
  write(bytes: Uint8Array): Promise<void> {
    return this.#writing = this.#writing.then(async () => {
      try {
        for (let sent = 0; sent < bytes.length && !this.closed;) {
          sent += await this.#connection.write(bytes.subarray(sent));
        }
        this.sentBytes += bytes.length;
      } catch {
        this.close();
      }
    });
  }

  /** Writes a message as JSON text. */
  send(message: unknown): Promise<void> {
    return this.write(clientFrame(OPCODE.text, utf8.encode(JSON.stringify(message))));
  }

  /** Reads nothing more after the next read. */
  stopReading(): void {
    this.#reads = false;
  }

  /** Ends the connection. */
  close(): void {
    this.#upgraded.resolve();
    if (this.closed) return;
    this.closed = true;
    live.delete(this);
    this.#connection.close();
  }

  async #listen(): Promise<void> {
    const buffer = new Uint8Array(65_536);
    for (;;) {
      const size = await this.#connection.read(buffer);
      if (size === null) return;
      this.#take(buffer.subarray(0, size));
      if (!this.#reads) return await new Promise<void>(() => {});
    }
  }

  #take(bytes: Uint8Array): void {
    const all = new Uint8Array(this.#received.length + bytes.length);
    all.set(this.#received);
    all.set(bytes, this.#received.length);
    this.#received = this.#takeFrames(this.#isUpgraded ? all : this.#takeHead(all));
  }

  /** Takes the head of the response; returns what follows it. */
  #takeHead(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
    const text = latin1.decode(bytes);
    const end = text.indexOf("\r\n\r\n");
    if (end === -1) return bytes.slice();
    const status = text.slice(9, 12);
    if (status !== "101") this.#count(`HTTP ${status}`);
    this.#isUpgraded = status === "101";
    this.#upgraded.resolve();
    return bytes.slice(end + 4);
  }

  /** Takes all whole frames; returns what follows them. */
  #takeFrames(bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
    if (!this.#isUpgraded) return bytes;
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    let at = 0;
    while (at + 2 <= bytes.length) {
      let length = view.getUint8(at + 1);
      let start = at + 2;
      if (length >= 126) {
        const size = length === 126 ? 2 : 8;
        if (start + size > bytes.length) break;
        length = size === 2 ? view.getUint16(start) : Number(view.getBigUint64(start));
        start += size;
      }
      if (start + length > bytes.length) break;
      this.#frame(view.getUint8(at) & 0xf, bytes.subarray(start, start + length));
      at = start + length;
    }
    return bytes.slice(at);
  }

  #frame(opcode: number, payload: Uint8Array): void {
    this.frames++;
    if (opcode === OPCODE.close) {
      const [high = 0, low = 0] = payload;
      return this.#count(`close ${payload.length < 2 ? "without a code" : high << 8 | low}`);
    }
    if (payload.length > 2_000) return;
    const text = latin1.decode(payload);
    const [, code] = /"T":"error".*"code":(\d+)/.exec(text) ?? [];
    if (code !== undefined) this.#count(`error ${code}`);
    if (text.includes('"unauthorized"')) this.#count("unauthorized");
    if (text.includes('"authenticated"') || text.includes('"authorized"')) this.#count("login");
  }

  #count(answer: string): void {
    this.answers.set(answer, (this.answers.get(answer) ?? 0) + 1);
  }
}
