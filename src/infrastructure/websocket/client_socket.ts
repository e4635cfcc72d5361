/**
 * The server's end of one WebSocket.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import type { Duplex } from "node:stream";
import type { WebSocket } from "ws";
import type { RefusalReason } from "../../application/status/counters.ts";
import type { Clock } from "../../application/ports/clock.ts";
import { type MessageBudget, MessageCharge } from "./message_budget.ts";
import type { ReadCredit, ReadRate } from "./read_rate.ts";
import { ReceiverLimits } from "./receiver_limits.ts";
import type { Turns, TurnUser } from "./turns.ts";

/**
 * Bytes of the largest message of a client that is not logged in: a login with a JWT has a few
 * thousand.
 */
const LOGIN_BYTES = 16 * 1024;
/** Bytes that a message takes besides its own while it waits. */
const MESSAGE_BYTES = 128;
/** Bytes that are read, and ignored, after the close of a client that has not sent its own. */
const IGNORED_BYTES = 64 * 1024;
/** Bytes that the runtime may have read before reading is paused. */
const UNREAD_BYTES = 256 * 1024;
/** Codes of closes for what a client sends (RFC 6455). */
const INVALID = 1007, POLICY = 1008, TOO_LARGE = 1009, TRY_AGAIN = 1013;

/** Bytes of the longest reason of a close (RFC 6455). */
const MAX_REASON_BYTES = 123;
const toUtf8 = new TextEncoder();

/** Limits of what clients send. */
export interface IncomingLimits {
  /** The messages of all clients until they are handled. */
  readonly budget: MessageBudget;
  /** What is kept of compressed messages because later ones can refer to it. */
  readonly contexts: MessageBudget;
  readonly turns: Turns;
  /** How fast clients are read. */
  readonly rate: ReadRate;
  readonly clock: Pick<Clock, "sleep">;
  /** Bytes of the largest message of a client that is logged in. */
  readonly maxMessageBytes: number;
  /** Time in which a message has to arrive whole, in ms. */
  readonly messageTimeoutMs: number;
  /** Called when a message of a client is refused. */
  readonly onRefused: (limit: RefusalReason, reason: string) => void;
}

/** Reads what a client sends. */
export interface SocketReader {
  /** Takes a message of the client; {@linkcode ClientSocket.handled} has to follow. */
  receive(message: Uint8Array): void;
  /** Closes the connection because the client exceeds a limit. */
  close(code: number, reason: string): void;
  /** The connection has ended; called once. */
  closed(): void;
}

/** One accepted WebSocket. */
export class ClientSocket implements TurnUser {
  usedUpTo = 0;
  readonly #credit: ReadCredit = {};
  readonly #ws: WebSocket;
  readonly #raw: Duplex;
  readonly #limits: IncomingLimits;
  readonly #incoming: ReceiverLimits;
  readonly #charge: MessageCharge;
  readonly #contextCharge: MessageCharge;
  #reader: SocketReader | undefined;
  /** Bytes of messages that the reader has received and not handled. */
  #waitingBytes = 0;
  /** Whether a message has begun to arrive that is not whole, and was not at the last check. */
  #isArriving = false;
  /** Monotonic ms at which the message that arrives has begun, give or take a check. */
  #arrivingSince: number | undefined;
  #isPaused = false;
  /** Ends the pause of a client that has sent too fast. */
  #throttled: AbortController | undefined;
  #ignoredBytes = 0;
  /** Whether something was received, or written, since the last call of `wasActive`. */
  #isActive = true;

  constructor(ws: WebSocket, raw: Duplex, limits: IncomingLimits) {
    this.#ws = ws;
    this.#raw = raw;
    this.#limits = limits;
    this.#charge = new MessageCharge(() => {
      this.#refuse("request_bytes", TRY_AGAIN, "The proxy has too many messages; try again later");
    });
    this.#contextCharge = new MessageCharge(() => {
      const reason = "The proxy keeps too much of compressed messages; try again later";
      this.#refuse("request_bytes", TRY_AGAIN, reason);
    });
    this.#incoming = new ReceiverLimits(ws, {
      maxBytes: Math.min(LOGIN_BYTES, limits.maxMessageBytes),
      turns: limits.turns,
      user: this,
      onInvalid: (isTooLarge) => {
        if (isTooLarge) this.#refuseTooLarge();
        else this.#reader?.close(INVALID, "The message cannot be decompressed");
      },
      onContext: (bytes) => limits.contexts.set(this.#contextCharge, bytes),
    });
  }

  /** Accepts messages of the size of a client that is logged in. */
  acceptLargeMessages(): void {
    this.#incoming.maxBytes = this.#limits.maxMessageBytes;
  }

  /** Starts to read. */
  attach(reader: SocketReader): void {
    const ws = this.#ws;
    this.#reader = reader;
    ws.on("message", (data) => {
      this.#isActive = true;
      this.#isArriving = false;
      // `ws` delivers a single buffer, also for text, with its default options.
      const message = data as Buffer;
      this.#waitingBytes += message.length + MESSAGE_BYTES;
      reader.receive(message);
      this.#count();
    });
    // After the listener of `ws`, so that it has taken the bytes.
    this.#raw.on("data", ({ length }: Buffer) => this.#read(length));
    ws.on("ping", () => this.#isActive = true);
    ws.on("pong", () => this.#isActive = true);
    // Errors of the protocol close the connection.
    ws.on("error", (error) => {
      const { code } = error as { readonly code?: unknown };
      if (code === "WS_ERR_UNSUPPORTED_MESSAGE_LENGTH") this.#refuseTooLarge();
      this.#release();
    });
    ws.once("close", () => {
      this.#release();
      reader.closed();
    });
  }

  /** Bytes of messages that the reader has received and not handled. */
  get waitingBytes(): number {
    return this.#waitingBytes;
  }

  /** Counts a message out that the reader has handled. */
  handled(message: Uint8Array): void {
    this.#waitingBytes -= message.length + MESSAGE_BYTES;
    this.#limits.budget.progressed(this.#charge);
    this.#count();
  }

  /** Closes a client of which a message does not arrive in time; called about once a second. */
  checkTime(now: number): void {
    const isWaiting = this.#isPaused || this.#throttled || this.#incoming.isUnpacking;
    if (isWaiting || this.#incoming.heldBytes === 0) {
      this.#arrivingSince = undefined;
      return;
    }
    if (!this.#isArriving || this.#arrivingSince === undefined) {
      this.#isArriving = true;
      this.#arrivingSince = now;
    } else if (now - this.#arrivingSince >= this.#limits.messageTimeoutMs) {
      this.#refuse("request_time", POLICY, "A message has not arrived in time");
    }
  }

  /** Whether frames can be sent. */
  get isOpen(): boolean {
    return this.#ws.readyState === this.#ws.OPEN;
  }

  /**
   * Writes frames, in order with those of `ws`, which compresses none.
   *
   * @param onWritten called when the network has taken all of them; maybe not at all if the
   *   connection ends
   */
  write(frames: readonly Uint8Array[], onWritten: () => void): void {
    const last = frames.length - 1;
    if (last > 0) this.#raw.cork();
    for (let i = 0; i < last; i++) this.#raw.write(frames[i]);
    this.#raw.write(frames[last], (error) => {
      if (error) return;
      this.#isActive = true;
      onWritten();
    });
    if (last > 0) this.#raw.uncork();
  }

  /** Whether the client has sent anything, or taken what was written, since the last call. */
  takeActivity(): boolean {
    const isActive = this.#isActive;
    this.#isActive = false;
    return isActive;
  }

  /** Sends a ping. */
  ping(): void {
    if (this.isOpen) this.#ws.ping();
  }

  /** Reads no further messages until `resume`. */
  pause(): void {
    this.#isPaused = true;
    this.#incoming.pause();
    this.#updateReading();
  }

  /** Reads again. */
  resume(): void {
    this.#isPaused = false;
    this.#incoming.resume();
    this.#updateReading();
  }

  /** Closes the connection after what was written; cuts it when the client does not reply. */
  close(code: number, reason: string): void {
    this.#ws.close(code, reasonBytes(reason));
    this.#incoming.maxBytes = LOGIN_BYTES;
    if (this.#incoming.heldBytes > 0) this.#incoming.discard();
    this.#release();
  }

  /** Cuts the connection. */
  terminate(): void {
    this.#ws.terminate();
    this.#release();
  }

  #read(bytes: number): void {
    if (this.#charge.isReleased) {
      this.#ignoredBytes += bytes;
      // The connection is cut soon.
      if (this.#ignoredBytes > IGNORED_BYTES) this.#raw.pause();
      return;
    }
    const { heldBytes, maxBytes, isUnpacking } = this.#incoming;
    // Twice as much, because also the parts are counted in which a message arrives. Others may
    // follow one that waits to be unpacked.
    const most = 2 * maxBytes + (isUnpacking ? UNREAD_BYTES : 0);
    if (heldBytes > most) return this.#refuseTooLarge();
    this.#count();
    const { rate, clock } = this.#limits;
    const ms = rate.take(this.#credit, bytes);
    if (ms === 0 || this.#throttled) return;
    const throttled = this.#throttled = new AbortController();
    this.#updateReading();
    void clock.sleep(ms, throttled.signal).then(() => {
      this.#throttled = undefined;
      this.#updateReading();
    });
  }

  #updateReading(): void {
    if (this.#isPaused || this.#throttled) this.#ws.pause();
    else this.#ws.resume();
  }

  #count(): void {
    if (this.#charge.isReleased) return;
    this.#limits.budget.set(this.#charge, this.#incoming.heldBytes + this.#waitingBytes);
  }

  #refuseTooLarge(): void {
    const reason = `A message exceeds ${this.#incoming.maxBytes} bytes`;
    this.#refuse("request_bytes", TOO_LARGE, reason);
  }

  #refuse(limit: RefusalReason, code: number, reason: string): void {
    this.#limits.onRefused(limit, reason);
    this.#reader?.close(code, reason);
  }

  #release(): void {
    this.#limits.budget.release(this.#charge);
    this.#limits.contexts.release(this.#contextCharge);
    this.#throttled?.abort();
  }
}

/** The reason of a close, shortened to what a close frame can have; no character is split. */
function reasonBytes(reason: string): Buffer {
  const bytes = Buffer.alloc(MAX_REASON_BYTES);
  return bytes.subarray(0, toUtf8.encodeInto(reason, bytes).written);
}
