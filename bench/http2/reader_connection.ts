/**
 * A minimal gRPC client over HTTP/2, with TLS or without: opens streams, sends WINDOW_UPDATE and
 * counts messages.
 *
 * @module
 */
import {
  ACK,
  clientHello,
  END_STREAM,
  FRAME,
  grpcRequest,
  HEADER_BYTES,
  http2Frame,
  windowUpdate,
} from "./frames.ts";
import { MessageCounter, type OnStamp } from "./message_counter.ts";

/** A port on loopback. */
interface Port {
  readonly port: number;
  /** PEM text of the CA of its certificate. @default none: it has no TLS */
  readonly ca?: string | undefined;
}

/** A stream to open. */
interface StreamPlan {
  readonly path: string;
  readonly message: Uint8Array;
  /** False: the stream is opened and never read. */
  readonly read: boolean;
  /** Bearer token of the call. @default none */
  readonly token?: string | undefined;
}

/** Flow-control windows of a stream and of a connection, in bytes. */
const STREAM_WINDOW = 1 << 20;
const CONNECTION_WINDOW = 1 << 30;
/** Part of a window after which it is extended. */
const STREAM_GRANT = STREAM_WINDOW / 2;
const CONNECTION_GRANT = CONNECTION_WINDOW / 4;

interface OpenStream {
  readonly counter: MessageCounter;
  readonly read: boolean;
  granted: number;
}

/** One connection with its streams. */
export class ReaderConnection {
  readonly #connection: Deno.Conn;
  readonly #onStamp: OnStamp;
  readonly #streams = new Map<number, OpenStream>();
  readonly #outbox: Uint8Array[] = [];
  #writing = false;
  #consumed = 0;
  #accepted = 0;
  #ended = 0;
  #nextStream = 1;

  private constructor(connection: Deno.Conn, onStamp: OnStamp) {
    this.#connection = connection;
    this.#onStamp = onStamp;
  }

  /** Connects and reads until either side closes. */
  static async open(
    { port, ca }: Port,
    onStamp: OnStamp,
  ): Promise<ReaderConnection> {
    const hostname = "127.0.0.1";
    const socket = await Deno.connect({ hostname, port });
    socket.setNoDelay(true);
    const connection = ca === undefined
      ? socket
      : await Deno.startTls(socket, { hostname, caCerts: [ca], alpnProtocols: ["h2"] });
    const reader = new ReaderConnection(connection, onStamp);
    reader.#send(clientHello({
      stream: STREAM_WINDOW,
      connection: CONNECTION_WINDOW,
    }));
    reader.#listen().catch(() => {}).finally(() => {
      reader.#ended += reader.#streams.size;
    });
    return reader;
  }

  /** Streams with response headers. */
  get accepted(): number {
    return this.#accepted;
  }

  /** Streams that the server has ended. */
  get ended(): number {
    return this.#ended;
  }

  /** Messages of streams that are read. */
  get messages(): number {
    let sum = 0;
    for (const { counter } of this.#streams.values()) sum += counter.messages;
    return sum;
  }

  /** Bytes of all streams, gRPC prefixes included. */
  get bytes(): number {
    let sum = 0;
    for (const { counter } of this.#streams.values()) sum += counter.bytes;
    return sum;
  }

  /** Opens a stream. */
  openStream({ path, message, read, token }: StreamPlan): void {
    const id = this.#nextStream;
    this.#nextStream += 2;
    this.#streams.set(id, { counter: new MessageCounter(), read, granted: 0 });
    this.#send(grpcRequest(id, { path, message, token }));
  }

  /** Closes the connection. */
  close(): void {
    this.#connection.close();
  }

  #send(bytes: Uint8Array): void {
    this.#outbox.push(bytes);
    if (!this.#writing) this.#flush().catch(() => {});
  }

  async #flush(): Promise<void> {
    this.#writing = true;
    for (;;) {
      const bytes = this.#outbox.shift();
      if (!bytes) break;
      for (let at = 0; at < bytes.length;) {
        at += await this.#connection.write(bytes.subarray(at));
      }
    }
    this.#writing = false;
  }

  /** Reads into one buffer, handles complete frames, keeps the rest. */
  async #listen(): Promise<void> {
    const buffer = new Uint8Array(1 << 20);
    let filled = 0;
    for (;;) {
      const size = await this.#connection.read(buffer.subarray(filled));
      if (size === null) return;
      filled += size;
      const used = this.#handle(buffer, filled);
      buffer.copyWithin(0, used, filled);
      filled -= used;
    }
  }

  /** Handles complete frames and returns their size. */
  #handle(bytes: Uint8Array, filled: number): number {
    let at = 0;
    while (filled - at >= HEADER_BYTES) {
      const length = (bytes[at] ?? 0) << 16 | (bytes[at + 1] ?? 0) << 8 |
        (bytes[at + 2] ?? 0);
      const end = at + HEADER_BYTES + length;
      if (end > filled) break;
      this.#frame(bytes, at, end);
      at = end;
    }
    return at;
  }

  #frame(bytes: Uint8Array, at: number, end: number): void {
    const flags = bytes[at + 4] ?? 0;
    const id = ((bytes[at + 5] ?? 0) & 0x7f) << 24 |
      (bytes[at + 6] ?? 0) << 16 | (bytes[at + 7] ?? 0) << 8 |
      (bytes[at + 8] ?? 0);
    const body = at + HEADER_BYTES;
    switch (bytes[at + 3]) {
      case FRAME.data:
        this.#data(id, bytes, body, end);
        break;
      case FRAME.headers:
        if (flags & END_STREAM) this.#ended++;
        else this.#accepted++;
        break;
      case FRAME.reset:
        this.#ended++;
        break;
      case FRAME.settings:
        if (!(flags & ACK)) {
          this.#send(http2Frame(FRAME.settings, { flags: ACK }));
        }
        break;
      case FRAME.ping: {
        if (flags & ACK) break;
        const payload = bytes.slice(body, end);
        this.#send(http2Frame(FRAME.ping, { flags: ACK, payload }));
      }
    }
  }

  #data(id: number, bytes: Uint8Array, from: number, to: number): void {
    const stream = this.#streams.get(id);
    if (!stream) return;
    const size = to - from;
    stream.counter.push(bytes, from, to, this.#onStamp);
    this.#consumed += size;
    if (this.#consumed >= CONNECTION_GRANT) {
      this.#send(windowUpdate(0, this.#consumed));
      this.#consumed = 0;
    }
    if (!stream.read) return;
    stream.granted += size;
    if (stream.granted >= STREAM_GRANT) {
      this.#send(windowUpdate(id, stream.granted));
      stream.granted = 0;
    }
  }
}
