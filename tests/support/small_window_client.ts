/**
 * An HTTP/2 connection with a small window: it opens gRPC streams with
 * practically unlimited stream windows, counts what each receives, and extends
 * the connection window on request, which no library supports.
 *
 * @module
 */
import { once } from "node:events";
import { connect, type Socket } from "node:net";

const HEADER_BYTES = 9;
const DATA = 0, HEADERS = 1, SETTINGS = 4, PING = 6, WINDOW_UPDATE = 8;
const END_STREAM = 1, ACK = 1, END_HEADERS = 4;
/** The setting of how much each stream may receive at first, and its most. */
const INITIAL_WINDOW = [0, 4, 0x7f, 0xff, 0xff, 0xff];
/** A gRPC message without content. */
const EMPTY_MESSAGE = [0, 0, 0, 0, 0];

const ascii = (text: string) => [...new TextEncoder().encode(text)];
const uint32 = (value: number) =>
  [24, 16, 8, 0].map((at) => value >>> at & 255);

function frame(
  type: number,
  { flags = 0, stream = 0, payload = [] }: {
    readonly flags?: number;
    readonly stream?: number;
    readonly payload?: readonly number[];
  } = {},
): number[] {
  const length = uint32(payload.length).slice(1);
  return [...length, type, flags, ...uint32(stream), ...payload];
}

/** A header block (HPACK) without any compression. */
function headerBlock(path: string): number[] {
  const literal = (text: string) => [text.length, ...ascii(text)];
  return [
    0x83, // :method POST
    0x86, // :scheme http
    0x01, // :authority
    ...literal("localhost"),
    0x04, // :path
    ...literal(path),
    0x00,
    ...literal("content-type"),
    ...literal("application/grpc"),
    0x00,
    ...literal("te"),
    ...literal("trailers"),
  ];
}

/** Opens streams and counts. */
export class SmallWindowClient implements AsyncDisposable {
  /** Bytes of messages by stream, oldest stream first. */
  readonly received: number[] = [];
  readonly #socket: Socket;
  #unread = new Uint8Array(0);
  #arrival = Promise.withResolvers<void>();

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("data", (bytes: Uint8Array) => this.#read(bytes));
    socket.on("error", () => {});
  }

  /** Connects; the connection has room for 65 535 bytes. */
  static async connect(port: number): Promise<SmallWindowClient> {
    const socket = connect(port, "127.0.0.1");
    await once(socket, "connect");
    const client = new SmallWindowClient(socket);
    client.#send([
      ...ascii("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
      ...frame(SETTINGS, { payload: INITIAL_WINDOW }),
    ]);
    return client;
  }

  /** Opens one more stream. */
  open(path: string): void {
    const stream = 2 * this.received.push(0) - 1;
    const payload = headerBlock(path);
    this.#send([
      ...frame(HEADERS, { flags: END_HEADERS, stream, payload }),
      ...frame(DATA, { flags: END_STREAM, stream, payload: EMPTY_MESSAGE }),
    ]);
  }

  /** Extends the connection window by `bytes`. */
  grant(bytes: number): void {
    this.#send(frame(WINDOW_UPDATE, { payload: uint32(bytes) }));
  }

  /** Resolves when all streams together have received `bytes`. */
  async until(bytes: number): Promise<void> {
    while (this.received.reduce((sum, one) => sum + one, 0) < bytes) {
      await this.#arrival.promise;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = once(this.#socket, "close");
    this.#socket.destroy();
    await closed;
  }

  #send(bytes: readonly number[]): void {
    this.#socket.write(Uint8Array.from(bytes));
  }

  #read(bytes: Uint8Array): void {
    const all = new Uint8Array([...this.#unread, ...bytes]);
    let at = 0;
    for (;;) {
      const [high = 0, middle = 0, low = 0] = all.subarray(at);
      const end = at + HEADER_BYTES + (high << 16 | middle << 8 | low);
      if (at + HEADER_BYTES > all.length || end > all.length) break;
      this.#take(all.subarray(at, end));
      at = end;
    }
    this.#unread = all.subarray(at);
    this.#arrival.resolve();
    this.#arrival = Promise.withResolvers();
  }

  #take(bytes: Uint8Array): void {
    const type = bytes[3];
    const flags = bytes[4] ?? 0;
    const acked = (flags & ACK) !== 0;
    const payload = bytes.subarray(HEADER_BYTES);
    if (type === DATA) {
      const stream = new DataView(bytes.buffer, bytes.byteOffset).getUint32(5);
      const index = (stream - 1) / 2;
      this.received[index] = (this.received[index] ?? 0) + payload.length;
    } else if (type === SETTINGS && !acked) {
      this.#send(frame(SETTINGS, { flags: ACK }));
    } else if (type === PING && !acked) {
      this.#send(frame(PING, { flags: ACK, payload: [...payload] }));
    }
  }
}
