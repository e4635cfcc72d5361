/**
 * What the sessions of all streams have in common: messages of the client are handled one after the
 * other, frames are written one batch at a time, and a client that does not log in is closed.
 *
 * @module
 */
import type { Access, PeerCertificate } from "../../application/access/access.ts";
import type { PermissionDenied } from "../../application/access/authorize.ts";
import {
  CERTIFICATE_EXPIRED,
  CERTIFICATE_GRACE_MS,
  IDENTITY_EXPIRED,
} from "../../application/access/expiry.ts";
import type { StreamAudit, StreamEnd } from "../../application/admin/stream_audit.ts";
import type { Clock } from "../../application/ports/clock.ts";
import type { Log } from "../../application/ports/log.ts";
import type { Span } from "../../application/ports/tracing.ts";
import type { ClientStreams } from "../../application/streaming/client_streams.ts";
import type { StreamRegistry } from "../../application/streaming/stream_registry.ts";
import type { ClientConnection, StreamClient } from "../../application/streaming/market_streams.ts";
import type { Identity } from "../../domain/access/grants.ts";
import type { ClientSocket, SocketReader } from "./client_socket.ts";
import { type Command, readCommand } from "./commands.ts";
import type { FlushedClient, FlushScheduler } from "./flush_scheduler.ts";
import type { Turns } from "./turns.ts";

/** Time in which a client has to log in, in ms. */
const LOGIN_MS = 10_000;
/** Messages of a client, and their bytes, that wait to be handled; then it is not read. */
const MAX_WAITING = 16, MAX_WAITING_BYTES = 64 * 1024;
/** Bytes of replies that wait to be written; then the client is not read. */
const MAX_REPLY_BYTES = 256 * 1024;

/** Codes of closes. */
export const CLOSE = {
  normal: 1000,
  goingAway: 1001,
  policy: 1008,
  internal: 1011,
  restart: 1012,
  tryAgain: 1013,
} as const;

/** What all sessions share. */
export interface SessionContext {
  readonly streams: Pick<StreamRegistry, "open" | "openRelayed">;
  readonly clients: Pick<ClientStreams, "trackConnection">;
  readonly access: Access;
  /** Whether a text is a key or secret of the proxy for Alpaca. */
  readonly isOwnSecret: (text: string) => boolean;
  readonly audit?: Pick<StreamAudit, "refused"> | undefined;
  readonly clock: Clock;
  readonly log: Log;
  readonly scheduler: FlushScheduler;
  /** When the messages of clients are handled. */
  readonly turns: Turns;
  /** Most symbols of one channel of a client. */
  readonly maxSymbols: number;
  /** How long a client that has lost messages may take to catch up, in ms; 0: no limit. */
  readonly maxSlowMs: number;
  /** Why new streams are refused; `undefined` while they are not. */
  readonly drainReason: () => string | undefined;
}

/** The client of a session. */
export interface SessionClient {
  readonly socket: ClientSocket;
  /** Path of the stream, for reports: `/v2/sip`. */
  readonly path: string;
  /** Address without the port. */
  readonly address: string;
  /** Address and port. */
  readonly peer: string;
  /** That of the client, which TLS has verified; the session ends with it. */
  readonly certificate: PeerCertificate | undefined;
  readonly userAgent: string | undefined;
  readonly span: Span;
}

/** The two texts of a login, as the headers of an upgrade request have them. */
export interface HeaderLogin {
  readonly key: string;
  readonly secret: string;
}

/** Form of a token that an operator has made, or of a JWT. */
const TOKEN = /^(?:asp_[\w-]+|[\w-]+\.[\w-]+\.[\w-]+)$/;

/** Secret of clients that log in by their certificate: SDKs accept no empty one. */
const BY_CERTIFICATE = "certificate";

/** A message of the client that waits for those before it. */
interface WaitingMessage {
  readonly bytes: Uint8Array;
  /** Monotonic ms; not later than it arrived. */
  readonly arrivedAt: number;
}

/** The server's side of one connection. */
export abstract class ClientSession implements SocketReader, FlushedClient, ClientConnection {
  protected readonly context: SessionContext;
  protected readonly client: SessionClient;
  /** Bytes of the frames that were written. */
  protected readonly written = { bytes: 0 };
  /** Why the proxy has ended the session. */
  protected end: StreamEnd = { by: "client" };
  readonly #ended = new AbortController();
  #identity: Identity | undefined;
  /** That of the last login, which may have been refused nevertheless. */
  #authenticated: Identity | undefined;
  readonly #waiting: WaitingMessage[] = [];
  #isHandling = false;
  #isPaused = false;
  /** Monotonic ms since which messages may have arrived that could not be read yet. */
  #unreadSince: number | undefined;
  #replies: Uint8Array[] = [];
  #replyBytes = 0;
  #isScheduled = false;
  #isWriting = false;
  #tracking: Disposable | undefined;

  constructor(context: SessionContext, client: SessionClient) {
    this.context = context;
    this.client = client;
  }

  /**
   * Starts to read, and the time in which the client has to log in.
   *
   * @param login of the upgrade request; messages wait until it is answered
   */
  start(login?: HeaderLogin): void {
    const { clock, clients } = this.context;
    this.client.socket.attach(this);
    this.#tracking = clients.trackConnection(this);
    void clock.sleep(LOGIN_MS, this.#ended.signal).then(() => {
      if (this.identity === undefined && !this.isEnded) this.loginExpired();
    });
    if (login) void this.#handleWaiting(login);
  }

  /** The identity of the client; `undefined` until it has logged in. */
  protected get identity(): Identity | undefined {
    return this.#identity;
  }

  protected set identity(identity: Identity | undefined) {
    this.#identity = identity;
    if (identity) this.client.socket.acceptLargeMessages();
  }

  /** Fires when the connection has ended. */
  protected get signal(): AbortSignal {
    return this.#ended.signal;
  }

  /** Whether the connection has ended, or the proxy has begun to close it. */
  get isEnded(): boolean {
    return this.#ended.signal.aborted;
  }

  /** Whether the client is logged in. */
  get isLoggedIn(): boolean {
    return this.identity !== undefined;
  }

  get peer(): string {
    return this.client.peer;
  }

  /** Whether the client has an open stream, with which its connection ends. */
  get hasStream(): boolean {
    return this.isLoggedIn;
  }

  receive(message: Uint8Array): void {
    if (this.isEnded) return;
    const arrivedAt = this.#unreadSince ?? this.context.clock.monotonic();
    this.#waiting.push({ bytes: message, arrivedAt });
    this.#updateReading();
    if (!this.#isHandling) void this.#handleWaiting();
  }

  closed(): void {
    this.#finish();
  }

  /** Closes the connection; what was written before is sent. */
  close(code: number, reason: string): void {
    if (this.isEnded) return;
    if (this.end.by === "client") this.end = { by: "proxy", status: `${code}: ${reason}` };
    // Before the close frame, and maybe after frames that are being written.
    const replies = this.#replies;
    if (replies.length > 0 && this.client.socket.isOpen) {
      this.client.socket.write(replies, () => {});
    }
    this.#finish();
    this.client.socket.close(code, reason);
  }

  /** Cuts the connection. */
  terminate(reason: string): void {
    if (this.isEnded) return;
    this.end = { by: "proxy", status: reason };
    this.#finish();
    this.client.socket.terminate();
  }

  /** Checks what depends on time; called about once a second. */
  tick(now: number): void {
    const { expiresAt = Infinity } = this.identity ?? {};
    const { expiresAt: validUntil = Infinity } = this.client.certificate ?? {};
    if (expiresAt <= now) this.close(CLOSE.policy, IDENTITY_EXPIRED);
    else if (validUntil + CERTIFICATE_GRACE_MS <= now) {
      this.close(CLOSE.policy, CERTIFICATE_EXPIRED);
    }
  }

  flush(): void {
    this.#isScheduled = false;
    if (this.#isWriting || this.isEnded || !this.client.socket.isOpen) return;
    const replies = this.#replies;
    this.#replies = [];
    this.#replyBytes = 0;
    let frames: readonly Uint8Array[];
    try {
      const data = this.takeFrames(replies);
      frames = replies.length > 0 ? [...replies, ...data] : data;
    } catch (error) {
      this.context.log.error("Failed to make the frames of a client", { cause: error });
      this.noteFault(error);
      return this.close(CLOSE.internal, "internal error");
    }
    if (frames.length === 0) return;
    for (const { length } of frames) this.written.bytes += length;
    this.#isWriting = true;
    this.client.socket.write(frames, this.#onWritten);
  }

  /** Writes soon what is queued; without effect while it is scheduled or a write is under way. */
  protected readonly schedule = (): void => {
    if (this.#isScheduled || this.#isWriting || this.isEnded) return;
    this.#isScheduled = true;
    this.context.scheduler.add(this);
  };

  /** Sends a frame before the messages that are queued. */
  protected reply(frame: Uint8Array): void {
    if (this.isEnded) return;
    this.#replies.push(frame);
    this.#replyBytes += frame.length;
    this.#updateReading();
    this.schedule();
  }

  /** Takes the messages that are queued, as frames; empty if there are none. */
  protected abstract takeFrames(replies: Uint8Array[]): readonly Uint8Array[];

  /**
   * Handles a message of the client.
   *
   * @param command `undefined` for a message that is not valid
   * @param arrivedAt monotonic ms; it may have waited for those before it
   */
  protected abstract handle(
    command: Command | undefined,
    arrivedAt: number,
  ): Promise<void> | void;

  /** Handles a login, in a message or in the headers of the upgrade request. */
  protected abstract logIn(key: string, secret: string): Promise<void>;

  /** Handles an error of `handle` or `logIn`. */
  protected abstract failed(error: unknown): void;

  /** The client has not logged in in time. */
  protected abstract loginExpired(): void;

  /** Called once when the connection has ended. */
  protected abstract release(): void;

  /** The client, for the registry of streams. */
  protected streamClient(identity: Identity): StreamClient {
    const { path, peer, userAgent } = this.client;
    return {
      identity: identity.name,
      limits: identity.grants.limits,
      credential: identity.credential,
      rpc: path,
      peer,
      userAgent,
      written: this.written,
      end: () => this.end,
      onStall: () => this.terminate("slow client"),
      onEnd: (reason) => this.shutDown(reason),
    };
  }

  /** Closes the connection because the proxy stops, or an operator has ended its stream. */
  shutDown(reason: string): void {
    const isRestart = this.context.drainReason() !== undefined;
    this.close(isRestart ? CLOSE.restart : CLOSE.goingAway, reason);
  }

  /**
   * Authenticates by the two texts of a login: the token is the secret, as Alpaca has it for OAuth,
   * or the key if it has the form of a token. A client whose secret is `certificate` or empty has
   * the identity of its certificate, if it has sent one.
   *
   * @throws {Unauthenticated} by rejecting
   */
  protected async authenticate(key: string, secret: string): Promise<Identity | undefined> {
    const { access, isOwnSecret } = this.context;
    if (!access.isOn && (key === "" || secret === "")) return undefined;
    const token = TOKEN.test(key) ? key : secret;
    const { address, certificate } = this.client;
    const isByCertificate = certificate && (token === BY_CERTIFICATE || token === "");
    // Never a token, even if the policy has it; it counts as a wrong one, so that none is guessed.
    const shown = access.isOn && isOwnSecret(token) ? crypto.randomUUID() : token;
    this.#authenticated = undefined;
    this.#authenticated = await access.authenticate({
      address,
      ...(isByCertificate ? { certificate } : { token: shown }),
    });
    return this.#authenticated;
  }

  /** Counts and logs that a request or a login is not granted. */
  protected denied(error: PermissionDenied): void {
    const identity = this.#authenticated;
    if (identity) this.context.access.denied(this.client.peer, identity, error);
  }

  /** Notes that a defect of the proxy ends the session; it still has to be closed. */
  protected noteFault(error: unknown): void {
    if (this.isEnded) return;
    this.end = { by: "fault" };
    this.client.span.fail(error);
  }

  /** Logs that a stream or its symbols were refused. */
  protected refused(status: string, reason: string): void {
    const { path, peer } = this.client;
    const identity = this.#authenticated?.name ?? "";
    this.context.audit?.refused({ identity, peer, rpc: path, status, reason });
  }

  readonly #onWritten = (): void => {
    this.#isWriting = false;
    this.#updateReading();
    if (!this.isEnded) this.schedule();
  };

  async #handleWaiting(login?: HeaderLogin): Promise<void> {
    const { socket } = this.client;
    this.#isHandling = true;
    try {
      if (login) await this.#try(() => this.logIn(login.key, login.secret));
      for (;;) {
        const message = this.#waiting.shift();
        if (message === undefined || this.isEnded) return;
        const { bytes, arrivedAt } = message;
        await this.#try(() =>
          this.context.turns.run(socket, bytes.length, () => {
            if (!this.isEnded) return this.handle(readCommand(bytes), arrivedAt);
          })
        );
        socket.handled(bytes);
        this.#updateReading();
      }
    } finally {
      this.#isHandling = false;
      if (!this.#isPaused) this.#unreadSince = undefined;
    }
  }

  async #try(handle: () => Promise<void> | void): Promise<void> {
    try {
      await handle();
    } catch (error) {
      this.failed(error);
    }
  }

  /** Stops reading while too much waits. */
  #updateReading(): void {
    const isFull = this.#waiting.length > MAX_WAITING ||
      this.client.socket.waitingBytes > MAX_WAITING_BYTES || this.#replyBytes > MAX_REPLY_BYTES;
    if (isFull === this.#isPaused || this.isEnded) return;
    this.#isPaused = isFull;
    if (!isFull) return this.client.socket.resume();
    this.#unreadSince ??= this.context.clock.monotonic();
    this.client.socket.pause();
  }

  #finish(): void {
    if (this.isEnded) return;
    this.#ended.abort();
    this.#tracking?.[Symbol.dispose]();
    this.#waiting.length = 0;
    this.#replies = [];
    this.release();
    const { span } = this.client;
    span.set({ "websocket.bytes": this.written.bytes, "stream.end": this.end.by });
    span.end();
  }
}
