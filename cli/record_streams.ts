/**
 * Records WebSocket streams, of a proxy or of Alpaca, as a hub would send them.
 *
 * Each session is a term: its frames have the numbers from 1 on. What was sent while there was no
 * session is not known.
 *
 * @module
 */
import { decode, encode } from "@msgpack/msgpack";
// @ts-types="@types/ws"
import { WebSocket } from "ws";
import {
  encodeBatch,
  type EntryContent,
  NO_PAYLOAD,
} from "../src/infrastructure/nats/frame_batch.ts";
import { encodeDown } from "../src/infrastructure/nats/hub_protocol.ts";
import { credentialsOf } from "./credentials.ts";
import { type BatchSink, CannotRecord } from "./record_hub.ts";
import type { RecordedStream } from "./record_stream_url.ts";
import type { Terminal } from "./terminal.ts";

/** Time for each answer of the stream. */
const ANSWER_MS = 10_000;
/** Pause after a session that has ended; it doubles. */
const FIRST_DELAY_MS = 1_000;
const MAX_DELAY_MS = 15_000;
/** A session that lasts this long was a good one: the next pause is short again. */
const GOOD_MS = 30_000;
/** Silence of a connection after which it is cut. */
const SILENCE_MS = 25_000;
const PING_MS = 10_000;
const MAX_FRAME_BYTES = 64 * 1_048_576;
const NORMAL_CLOSURE = 1000;
/** Errors that another attempt does not change: login, plan, request. */
const FATAL: ReadonlySet<unknown> = new Set([400, 401, 402, 405, 409, 410, 411, 412, 413]);

/** Records all streams until the signal fires, or one of them is refused. */
export async function recordStreams(
  streams: readonly RecordedStream[],
  { sink, terminal }: { readonly sink: BatchSink; readonly terminal: Terminal },
): Promise<void> {
  const done = new AbortController();
  const signal = AbortSignal.any([terminal.signal, done.signal]);
  const running = streams.map((stream) =>
    new StreamRecorder(stream, { sink, terminal, signal }).run()
  );
  try {
    await Promise.all(running);
  } finally {
    done.abort();
    await Promise.allSettled(running);
  }
}

interface RecorderOptions {
  readonly sink: BatchSink;
  readonly terminal: Terminal;
  readonly signal: AbortSignal;
}

class StreamRecorder {
  readonly #stream: RecordedStream;
  readonly #options: RecorderOptions;
  #term = 0n;
  #next = 1;
  #entries: EntryContent[] = [];

  constructor(stream: RecordedStream, options: RecorderOptions) {
    this.#stream = stream;
    this.#options = options;
  }

  async run(): Promise<void> {
    const { terminal: { clock, writeError }, signal } = this.#options;
    let delayMs = FIRST_DELAY_MS;
    while (!signal.aborted) {
      const startedAt = clock.monotonic();
      const reason = await this.#record();
      if (signal.aborted) return;
      if (clock.monotonic() - startedAt > GOOD_MS) delayMs = FIRST_DELAY_MS;
      writeError(`record: ${this.#stream.url}: ${reason}; again in ${delayMs / 1_000} s`);
      await clock.sleep(delayMs, signal);
      delayMs = Math.min(2 * delayMs, MAX_DELAY_MS);
    }
  }

  /** Records one session; returns why it has ended. */
  async #record(): Promise<string> {
    const session = new StreamSession(this.#stream, this.#options.terminal);
    using _end = session.endWith(this.#options.signal);
    try {
      await session.open();
    } catch (error) {
      session.close();
      await session.ended;
      if (error instanceof SessionFailure) return error.message;
      throw error;
    }
    this.#options.terminal.writeError(`Recording ${this.#stream.url}`);
    this.#term++;
    this.#next = 1;
    this.#add("up", NO_PAYLOAD);
    session.onFrame((frame) => this.#add("frame", frame));
    const message = await session.ended;
    if (!this.#options.signal.aborted) {
      this.#add("down", encodeDown({ errorType: "closed", message }));
    }
    this.#flush();
    return message;
  }

  #add(kind: EntryContent["kind"], payload: Uint8Array): void {
    this.#entries.push({ kind, payload, receivedAt: this.#options.terminal.clock.now() });
    // What is read in one turn of the event loop is one batch.
    if (this.#entries.length === 1) setImmediate(() => this.#flush());
  }

  #flush(): void {
    if (this.#entries.length === 0) return;
    this.#options.sink(this.#stream.feed, encodeBatch(this.#term, this.#next, this.#entries));
    this.#next += this.#entries.length;
    this.#entries = [];
  }
}

/** A session has not begun; another attempt may succeed. */
class SessionFailure extends Error {
  override readonly name = "SessionFailure";
}

/** One connection, from the login on. */
class StreamSession {
  readonly #stream: RecordedStream;
  readonly #terminal: Terminal;
  readonly #ws: WebSocket;
  readonly #isBinary: boolean;
  readonly #waiting: Uint8Array[] = [];
  #receive: ((frame: Uint8Array) => void) | undefined;
  readonly #ended = Promise.withResolvers<string>();
  #arrival = Promise.withResolvers<void>();
  #seenAt: number;

  constructor(stream: RecordedStream, terminal: Terminal) {
    this.#stream = stream;
    this.#terminal = terminal;
    this.#isBinary = stream.feed === "opra";
    this.#seenAt = terminal.clock.monotonic();
    const { tls } = credentialsOf(terminal.env);
    this.#ws = new WebSocket(stream.url, {
      maxPayload: MAX_FRAME_BYTES,
      handshakeTimeout: ANSWER_MS,
      ...tls,
      ...(this.#isBinary && { headers: { "Content-Type": "application/msgpack" } }),
    });
    let reason = "the connection is closed";
    this.#ws.on("error", (error) => reason = error.message);
    this.#ws.on("close", (code, text) => {
      const detail = text.length > 0
        ? ` (${code} ${text})`
        : code === NORMAL_CLOSURE
        ? ""
        : ` (${code})`;
      this.#ended.resolve(reason + detail);
    });
    this.#ws.on("message", (data: Uint8Array) => this.#frame(data));
    this.#ws.on("pong", () => this.#seenAt = terminal.clock.monotonic());
    this.#ws.on("ping", () => this.#seenAt = terminal.clock.monotonic());
    this.#watch();
  }

  /** Resolves with the reason when the connection has ended. */
  get ended(): Promise<string> {
    return this.#ended.promise;
  }

  /**
   * Logs in and subscribes.
   *
   * @throws {SessionFailure} when another attempt may succeed
   * @throws {CannotRecord} when the stream refuses the login or the channels
   */
  async open(): Promise<void> {
    const { feed, channels } = this.#stream;
    const { key, secret } = loginOf(this.#stream.url, this.#terminal.env);
    if (feed === "trading") {
      await this.#opened();
      this.#send({ action: "auth", key, secret });
      await this.#answer("the login", (message) => {
        const { status, message: text = "it is refused" } = recordOf(message["data"]);
        if (status === "authorized") return true;
        if (status !== undefined) throw new CannotRecord(`${this.#stream.url}: ${text}`);
        return false;
      });
      this.#send({ action: "listen", data: { streams: ["trade_updates"] } });
      return;
    }
    await this.#answer("its welcome", ({ msg }) => msg === "connected");
    this.#send({ action: "auth", key, secret });
    await this.#answer("the login", ({ msg }) => msg === "authenticated");
    this.#send({ action: "subscribe", ...channels });
    await this.#answer("the subscription", ({ T }) => T === "subscription");
  }

  /** Passes on the frames, those that have come already first. */
  onFrame(receive: (frame: Uint8Array) => void): void {
    this.#receive = receive;
    for (const frame of this.#waiting.splice(0)) receive(frame);
  }

  /** Closes the connection when the signal fires. */
  endWith(signal: AbortSignal): Disposable {
    const close = () => this.close();
    if (signal.aborted) close();
    signal.addEventListener("abort", close, { once: true });
    return { [Symbol.dispose]: () => signal.removeEventListener("abort", close) };
  }

  /** Closes the connection; cuts it if the server does not reply. */
  close(): void {
    if (this.#ws.readyState === WebSocket.CONNECTING) return this.#ws.terminate();
    this.#ws.close(NORMAL_CLOSURE);
    const cut = setTimeout(() => this.#ws.terminate(), 1_000);
    this.#ended.promise.then(() => clearTimeout(cut));
  }

  #send(message: Readonly<Record<string, unknown>>): void {
    this.#ws.send(this.#isBinary ? encode(message) : JSON.stringify(message));
  }

  async #opened(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#ws.once("open", resolve);
    await this.#within("the connection", promise);
  }

  /** Waits for a message; what comes with it and later is recorded. */
  async #answer(what: string, accepts: (message: Message) => boolean): Promise<void> {
    for (;;) {
      const frame = this.#waiting[0];
      if (frame) {
        const messages = messagesOf(frame);
        for (const message of messages) this.#check(message);
        if (messages.some(accepts)) {
          // The answer to the subscription may have data of the symbols behind it.
          if (what !== "the subscription") this.#waiting.shift();
          return;
        }
        this.#waiting.shift();
        continue;
      }
      this.#arrival = Promise.withResolvers();
      await this.#within(what, this.#arrival.promise);
    }
  }

  #check({ T, code, msg }: Message): void {
    if (T !== "error") return;
    if (FATAL.has(code)) throw new CannotRecord(`${this.#stream.url}: ${msg} (${code})`);
    throw new SessionFailure(`${msg} (${code})`);
  }

  async #within(what: string, promise: Promise<void>): Promise<void> {
    const done = new AbortController();
    const late = this.#terminal.clock.sleep(ANSWER_MS, done.signal).then(() => "late");
    const result = await Promise.race([promise, late, this.#ended.promise]);
    done.abort();
    if (result === "late") throw new SessionFailure(`no answer to ${what}`);
    if (typeof result === "string") throw new SessionFailure(result);
  }

  #frame(data: Uint8Array): void {
    this.#seenAt = this.#terminal.clock.monotonic();
    if (this.#receive) return this.#receive(data);
    this.#waiting.push(data);
    this.#arrival.resolve();
  }

  /** Cuts a connection on which nothing arrives. */
  async #watch(): Promise<void> {
    const { clock } = this.#terminal;
    const over = new AbortController();
    this.#ended.promise.then(() => over.abort());
    while (!over.signal.aborted) {
      await clock.sleep(PING_MS, over.signal);
      if (clock.monotonic() - this.#seenAt > SILENCE_MS) this.#ws.terminate();
      else if (this.#ws.readyState === WebSocket.OPEN) this.#ws.ping();
    }
  }
}

type Message = Readonly<Record<string, unknown>>;

/** The messages of a frame; none if it is of another form. */
function messagesOf(frame: Uint8Array): readonly Message[] {
  try {
    const isJson = (frame[0] ?? 0) < 0x80;
    const value = isJson ? JSON.parse(new TextDecoder().decode(frame)) : decode(frame);
    return (Array.isArray(value) ? value : [value]).map(recordOf);
  } catch (error) {
    // The decoder throws errors of several types for bytes that are not MessagePack.
    if (error instanceof Error) return [];
    throw error;
  }
}

function recordOf(value: unknown): Message {
  return typeof value === "object" && value !== null ? value as Message : {};
}

/** Accepted by a proxy without authentication, which needs some text. */
const NO_LOGIN = { key: "record", secret: "record" };

/** The login of a stream. Keys of Alpaca are not sent unencrypted to another machine. */
function loginOf(
  address: string,
  env: Readonly<Record<string, string | undefined>>,
): { readonly key: string; readonly secret: string } {
  const { STREAM_PROXY_TOKEN: token } = env;
  if (token) return { key: "record", secret: token };
  const { protocol, hostname } = new URL(address);
  const isLoopback = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(hostname);
  const { ALPACA_KEY: key, ALPACA_SECRET: secret } = env;
  return key && secret && (protocol === "wss:" || isLoopback) ? { key, secret } : NO_LOGIN;
}
