/**
 * An HTTP/2 client, frame by frame: it sends any frame at any time and reads
 * only when asked to, which no library lets a test do.
 *
 * @module
 */
import { once } from "node:events";
import { connect, type Socket } from "node:net";

const HEADER_BYTES = 9;
/** A gRPC message without content. */
const EMPTY_MESSAGE = [0, 0, 0, 0, 0];

/** Frame types of RFC 9113. */
export const Type = {
  data: 0,
  headers: 1,
  rstStream: 3,
  settings: 4,
  ping: 6,
  goaway: 7,
  windowUpdate: 8,
} as const;

/** Frame flags of RFC 9113. */
export const Flag = { endStream: 1, ack: 1, endHeaders: 4 } as const;

/** Error codes of RFC 9113, by number. */
export const ERROR_CODES = [
  "NO_ERROR",
  "PROTOCOL_ERROR",
  "INTERNAL_ERROR",
  "FLOW_CONTROL_ERROR",
  "SETTINGS_TIMEOUT",
  "STREAM_CLOSED",
  "FRAME_SIZE_ERROR",
  "REFUSED_STREAM",
  "CANCEL",
  "COMPRESSION_ERROR",
  "CONNECT_ERROR",
  "ENHANCE_YOUR_CALM",
  "INADEQUATE_SECURITY",
  "HTTP_1_1_REQUIRED",
] as const;

/** A frame as it was received. */
export interface Frame {
  readonly type: number;
  readonly flags: number;
  readonly stream: number;
  readonly payload: Uint8Array;
}

/** Whether a SETTINGS or PING frame answers one. */
function isAck({ flags }: Frame): boolean {
  return (flags & Flag.ack) !== 0;
}

/** The number in four bytes of a frame's payload, big-endian. */
export function numberAt({ payload }: Frame, at: number): number {
  return new DataView(payload.buffer, payload.byteOffset).getUint32(at);
}

const ascii = (text: string) => [...new TextEncoder().encode(text)];

/** An unsigned number in four bytes, big-endian. */
export function uint32(value: number): number[] {
  return [24, 16, 8, 0].map((at) => value >>> at & 255);
}

/** The bytes of one frame. */
export function frame(
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

/** A request's header block (HPACK) without compression. */
function headerBlock(path: string, extra: readonly [string, string][]) {
  const literal = (text: string) => [text.length, ...ascii(text)];
  const fields: [string, string][] = [
    ["content-type", "application/grpc"],
    ["te", "trailers"],
    ...extra,
  ];
  return [
    ...[0x83, 0x86], // :method POST, :scheme http
    ...[0x01, ...literal("localhost")], // :authority
    ...[0x04, ...literal(path)], // :path
    ...fields.flatMap(([name, value]) => [
      0x00,
      ...literal(name),
      ...literal(value),
    ]),
  ];
}

/** How a {@linkcode FrameClient} connects. */
export interface FrameClientOptions {
  /** Bytes that each stream may send at first. @default 2^31 - 1 */
  readonly streamWindow?: number;
  /** Bytes that the connection may send at first. @default 65_535 */
  readonly connectionWindow?: number;
}

/** A connection. */
export class FrameClient implements AsyncDisposable {
  /** Frames that were received, oldest first. */
  readonly frames: Frame[] = [];
  /** Whether PING and SETTINGS are answered. */
  answers = true;
  /** Why the connection ended: `end`, `close`, or the code of an error. */
  end: string | undefined;
  readonly socket: Socket;
  #unread = new Uint8Array(0);
  #nextStream = 1;
  #arrival = Promise.withResolvers<void>();

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on("data", (bytes: Uint8Array) => this.#read(bytes));
    socket.on("error", (error: Error & { code?: string }) => {
      this.end ??= error.code ?? error.message;
      this.#announce();
    });
    for (const event of ["end", "close"]) {
      socket.on(event, () => {
        this.end ??= event;
        this.#announce();
      });
    }
  }

  /** Connects and sends preface and settings. */
  static async connect(
    port: number,
    { streamWindow = 2 ** 31 - 1, connectionWindow = 65_535 }: FrameClientOptions = {},
  ): Promise<FrameClient> {
    const socket = connect(port, "127.0.0.1");
    await once(socket, "connect");
    socket.setNoDelay(true);
    const client = new FrameClient(socket);
    const more = connectionWindow - 65_535;
    client.send([
      ...ascii("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
      ...frame(Type.settings, { payload: [0, 4, ...uint32(streamWindow)] }),
      ...(more > 0 ? frame(Type.windowUpdate, { payload: uint32(more) }) : []),
    ]);
    return client;
  }

  /** Sends bytes as they are. */
  send(bytes: readonly number[]): void {
    this.socket.write(Uint8Array.from(bytes));
  }

  /** Sends one frame. */
  sendFrame(type: number, options: Parameters<typeof frame>[1] = {}): void {
    this.send(frame(type, options));
  }

  /**
   * Sends a request and gives the id of its stream.
   *
   * @param halfClose whether the request ends; if not, a message may follow
   * @param message bytes of the first DATA frame
   * @param isDataLater whether that is left to the caller
   */
  open(
    path: string,
    { halfClose = true, headers = [], message = EMPTY_MESSAGE, isDataLater = false }: {
      readonly halfClose?: boolean;
      readonly message?: readonly number[];
      readonly isDataLater?: boolean;
      readonly headers?: readonly [string, string][];
    } = {},
  ): number {
    const stream = this.#nextStream;
    this.#nextStream += 2;
    this.send([
      ...frame(Type.headers, {
        flags: Flag.endHeaders,
        stream,
        payload: headerBlock(path, headers),
      }),
      ...(isDataLater ? [] : frame(Type.data, {
        flags: halfClose ? Flag.endStream : 0,
        stream,
        payload: message,
      })),
    ]);
    return stream;
  }

  /** Resets a stream. */
  reset(stream: number, code: number): void {
    this.sendFrame(Type.rstStream, { stream, payload: uint32(code) });
  }

  /** Sends GOAWAY. */
  goaway(code: number, lastStream = 0): void {
    const payload = [...uint32(lastStream), ...uint32(code)];
    this.sendFrame(Type.goaway, { payload });
  }

  /** Resolves once the server has read everything that was sent before. */
  async roundTrip(): Promise<void> {
    const pongs = () => this.of(Type.ping).filter(isAck).length;
    const before = pongs();
    this.sendFrame(Type.ping, { payload: new Array<number>(8).fill(7) });
    await this.until(() => pongs() > before || this.end !== undefined);
  }

  /** Frames of one type, of one stream if named. */
  of(type: number, stream?: number): Frame[] {
    return this.frames.filter((found) =>
      found.type === type && (stream === undefined || found.stream === stream)
    );
  }

  /** Resolves once `condition` holds; it is tried at every arrival. */
  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await this.#arrival.promise;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.socket.closed) return;
    const closed = once(this.socket, "close");
    this.socket.destroy();
    await closed;
  }

  #announce(): void {
    this.#arrival.resolve();
    this.#arrival = Promise.withResolvers();
  }

  #read(bytes: Uint8Array): void {
    const all = new Uint8Array(this.#unread.length + bytes.length);
    all.set(this.#unread);
    all.set(bytes, this.#unread.length);
    const view = new DataView(all.buffer);
    let at = 0;
    while (at + HEADER_BYTES <= all.length) {
      const end = at + HEADER_BYTES + (view.getUint32(at) >>> 8);
      if (end > all.length) break;
      this.#take({
        type: view.getUint8(at + 3),
        flags: view.getUint8(at + 4),
        stream: view.getUint32(at + 5),
        payload: all.slice(at + HEADER_BYTES, end),
      });
      at = end;
    }
    this.#unread = all.slice(at);
    this.#announce();
  }

  #take(received: Frame): void {
    this.frames.push(received);
    const { type, payload } = received;
    if (isAck(received) || !this.answers) return;
    if (type === Type.settings) this.sendFrame(type, { flags: Flag.ack });
    else if (type === Type.ping) {
      this.sendFrame(type, { flags: Flag.ack, payload: [...payload] });
    }
  }
}
