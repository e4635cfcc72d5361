/**
 * An HTTP/2 client connection that sends arbitrary bytes in any order and counts
 * what it receives. It acknowledges SETTINGS and PING unless that is disabled, and
 * sends WINDOW_UPDATE only for streams that are read.
 *
 * @module
 */
import {
  ACK,
  clientHello,
  concat,
  END_STREAM,
  FRAME,
  HEADER_BYTES,
  http2Frame,
  windowUpdate,
} from "../../bench/http2/frames.ts";
import { type Call, callFrames, MAX_FRAME_BYTES, resetFrame } from "./messages.ts";

/** How the connection behaves. */
interface RawOptions {
  readonly port: number;
  /** Sends the preface, SETTINGS and a window first. @default true */
  readonly hello?: boolean;
  /** Replies to SETTINGS and PING. @default true */
  readonly replies?: boolean;
  /** Reads at all; false leaves all bytes in the kernel. @default true */
  readonly reads?: boolean;
}

/** Bytes that a stream may send before it is granted more, either way. */
const STREAM_WINDOW = 65_535;
const SETTING_INITIAL_WINDOW = 4;
const CONNECTION_WINDOW = 1 << 30;
/** Code of a GOAWAY without an error. */
const NO_ERROR = 0;

/**
 * Open connections. The runtime (Deno 2.9.6) closes a socket that is not being
 * read once its object is collected.
 */
const live = new Set<RawConnection>();

/** One connection. */
export class RawConnection {
  readonly #connection: Deno.TcpConn;
  readonly #replies: boolean;
  readonly #read = new Set<number>();
  readonly #open = new Set<number>();
  #outbox: Uint8Array[] = [];
  #flushing: Promise<void> | undefined;
  #nextStream = 1;
  #consumed = 0;
  #closed = false;
  readonly #end = Promise.withResolvers<void>();
  /** What the peer still takes: of the connection, of a stream by number. */
  #room = STREAM_WINDOW;
  #streamRoom = STREAM_WINDOW;
  readonly #rooms = new Map<number, number>();
  #grant = Promise.withResolvers<void>();

  /** Streams that were answered with headers that do not end them. */
  accepted = 0;
  /** Streams that the server ended, by trailers or by a reset. */
  ended = 0;
  /** RST_STREAM frames that came. */
  resets = 0;
  /** Codes of the GOAWAY frames that came. */
  readonly goAways: number[] = [];
  /** Bytes of DATA frames. */
  dataBytes = 0;
  /** Bytes that were handed to the kernel. */
  sentBytes = 0;

  private constructor(connection: Deno.TcpConn, options: RawOptions) {
    this.#connection = connection;
    this.#replies = options.replies ?? true;
    live.add(this);
    if (options.reads ?? true) {
      this.#listen().catch(() => {}).finally(() => this.#finish());
    }
  }

  /** Connects. @throws when the connection is refused */
  static async open(options: RawOptions): Promise<RawConnection> {
    const connection = await Deno.connect({
      hostname: "127.0.0.1",
      port: options.port,
    });
    const raw = new RawConnection(connection, options);
    if (options.hello ?? true) {
      raw.send(clientHello({
        stream: STREAM_WINDOW,
        connection: CONNECTION_WINDOW,
      }));
    }
    return raw;
  }

  /** Whether the connection has ended, by either side. */
  get closed(): boolean {
    return this.#closed;
  }

  /** Resolves when the connection has ended. */
  get end(): Promise<void> {
    return this.#end.promise;
  }

  /** Streams that were opened here and have not ended. */
  get openStreams(): number {
    return this.#open.size;
  }

  /** Whether a GOAWAY with an error code came. */
  get isRefused(): boolean {
    return this.goAways.some((code) => code !== NO_ERROR);
  }

  /** Takes the number of the next stream. */
  nextStream(): number {
    const stream = this.#nextStream;
    this.#nextStream += 2;
    return stream;
  }

  /** Opens a call and returns its stream. @param read grant it windows */
  call(call: Call, read = true): number {
    const stream = this.nextStream();
    this.#open.add(stream);
    if (read) this.#read.add(stream);
    this.send(callFrames(stream, call));
    return stream;
  }

  /** Whether a stream of `call` has not ended. */
  isOpen(stream: number): boolean {
    return this.#open.has(stream);
  }

  /** Cancels a call. */
  cancel(stream: number): void {
    this.#open.delete(stream);
    this.#read.delete(stream);
    this.send(resetFrame(stream));
  }

  /** Grants `bytes` to a stream that is not read by itself. */
  grant(stream: number, bytes: number): void {
    this.send(windowUpdate(stream, bytes));
  }

  /** Sends bytes after all earlier ones. */
  send(bytes: Uint8Array): void {
    if (this.#closed) return;
    this.#outbox.push(bytes);
    this.#flushing ??= this.#flush();
  }

  /** Sends bytes and resolves once the kernel has them, or on the end. */
  async put(bytes: Uint8Array): Promise<void> {
    this.send(bytes);
    await Promise.race([this.#flushing, this.end]);
  }

  /**
   * Sends a request's body as the peer's windows allow; resolves once all of
   * it is sent, or the stream or the connection has ended.
   *
   * @param end whether the request ends with it
   */
  async body(stream: number, bytes: Uint8Array, end: boolean): Promise<void> {
    for (let at = 0; at < bytes.length && !this.#closed;) {
      const room = this.#rooms.get(stream) ?? this.#streamRoom;
      const size = Math.min(
        MAX_FRAME_BYTES,
        bytes.length - at,
        room,
        this.#room,
      );
      if (size <= 0) {
        await Promise.race([this.#grant.promise, this.end]);
        continue;
      }
      this.#rooms.set(stream, room - size);
      this.#room -= size;
      const payload = bytes.subarray(at, at + size);
      at += size;
      const flags = end && at === bytes.length ? END_STREAM : 0;
      await this.put(http2Frame(FRAME.data, { stream, flags, payload }));
    }
    this.#rooms.delete(stream);
  }

  /** Ends the connection. */
  close(): void {
    this.#finish();
  }

  #finish(): void {
    if (this.#closed) return;
    this.#closed = true;
    live.delete(this);
    this.#outbox = [];
    this.ended += this.#open.size;
    this.#open.clear();
    this.#end.resolve();
    try {
      this.#connection.close();
    } catch {
      // The peer has closed it.
    }
  }

  async #flush(): Promise<void> {
    try {
      // Starts after `#flushing` is set, so that the end can clear it.
      await undefined;
      while (this.#outbox.length > 0 && !this.#closed) {
        const parts = this.#outbox;
        this.#outbox = [];
        await this.#write(parts.length === 1 ? parts[0] : concat(parts));
      }
    } catch {
      this.#finish();
    } finally {
      // In the same step as the last look at the outbox.
      this.#flushing = undefined;
    }
  }

  async #write(bytes: Uint8Array = new Uint8Array(0)): Promise<void> {
    for (let at = 0; at < bytes.length;) {
      const size = await this.#connection.write(bytes.subarray(at));
      at += size;
      this.sentBytes += size;
    }
  }

  async #listen(): Promise<void> {
    const buffer = new Uint8Array(1 << 18);
    let filled = 0;
    for (;;) {
      const size = await this.#connection.read(buffer.subarray(filled));
      if (size === null) return;
      filled += size;
      let at = 0;
      while (filled - at >= HEADER_BYTES) {
        const length = (buffer[at] ?? 0) << 16 | (buffer[at + 1] ?? 0) << 8 |
          (buffer[at + 2] ?? 0);
        const end = at + HEADER_BYTES + length;
        if (end > filled) break;
        this.#frame(buffer.subarray(at, end));
        at = end;
      }
      buffer.copyWithin(0, at, filled);
      filled -= at;
    }
  }

  #frame(frame: Uint8Array): void {
    const view = new DataView(frame.buffer, frame.byteOffset, frame.length);
    const flags = frame[4] ?? 0;
    const stream = view.getUint32(5) & 0x7fff_ffff;
    switch (frame[3]) {
      case FRAME.data:
        this.#data(stream, frame.length - HEADER_BYTES);
        if (flags & END_STREAM) this.#ended(stream);
        break;
      case FRAME.headers:
        if (flags & END_STREAM) this.#ended(stream);
        else this.accepted++;
        break;
      case FRAME.reset:
        this.resets++;
        this.#ended(stream);
        break;
      case FRAME.goAway:
        this.goAways.push(view.getUint32(HEADER_BYTES + 4));
        break;
      case FRAME.windowUpdate:
        this.#granted(stream, view.getUint32(HEADER_BYTES));
        break;
      case FRAME.settings:
        if (!(flags & ACK)) this.#configure(view);
        this.#acknowledge(frame, flags);
        break;
      case FRAME.ping:
        this.#acknowledge(frame, flags);
    }
  }

  #granted(stream: number, size: number): void {
    if (stream === 0) this.#room += size;
    else {
      const room = this.#rooms.get(stream) ?? this.#streamRoom;
      this.#rooms.set(stream, room + size);
    }
    this.#grant.resolve();
    this.#grant = Promise.withResolvers();
  }

  #configure(settings: DataView): void {
    for (let at = HEADER_BYTES; at + 6 <= settings.byteLength; at += 6) {
      if (settings.getUint16(at) !== SETTING_INITIAL_WINDOW) continue;
      const room = settings.getUint32(at + 2);
      const more = room - this.#streamRoom;
      for (const [stream, left] of this.#rooms) {
        this.#rooms.set(stream, left + more);
      }
      this.#streamRoom = room;
    }
  }

  #acknowledge(frame: Uint8Array, flags: number): void {
    if (!this.#replies || flags & ACK) return;
    const isPing = frame[3] === FRAME.ping;
    this.send(
      isPing
        ? http2Frame(FRAME.ping, {
          flags: ACK,
          payload: frame.slice(HEADER_BYTES),
        })
        : http2Frame(FRAME.settings, { flags: ACK }),
    );
  }

  #ended(stream: number): void {
    // Trailers after a reset, or a reset after trailers, count once.
    if (!this.#open.delete(stream)) return;
    this.#read.delete(stream);
    this.#rooms.delete(stream);
    this.ended++;
  }

  #data(stream: number, size: number): void {
    this.dataBytes += size;
    this.#consumed += size;
    if (this.#consumed >= CONNECTION_WINDOW / 4) {
      this.send(windowUpdate(0, this.#consumed));
      this.#consumed = 0;
    }
    if (size > 0 && this.#read.has(stream)) {
      this.send(windowUpdate(stream, size));
    }
  }
}
