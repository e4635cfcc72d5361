/**
 * A client of Alpaca's market-data protocol that keeps each message as it was sent: as text of
 * JSON, or as one character per byte of MessagePack.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { decode, encode } from "@msgpack/msgpack";
// @ts-types="@types/ws"
import { WebSocket } from "ws";
import { jsonElements, msgpackElements } from "./message_spans.ts";
import { until } from "./until.ts";

/** How a client connects. */
export interface RawStreamOptions {
  readonly url: string;
  readonly encoding: "json" | "msgpack";
  /** Of the upgrade request. @default that of the encoding; empty: no header */
  readonly contentType?: string;
  /** Opcode of its frames. @default that of the encoding */
  readonly binary?: boolean;
  readonly key?: string;
  readonly secret?: string;
  /** Offers permessage-deflate. @default false */
  readonly deflate?: boolean;
}

/** A message that is no data. */
export type Control = Readonly<Record<string, unknown>>;

const CONTROL_TYPES = ["success", "error", "subscription"];

/** An open client. */
export class RawStream implements AsyncDisposable {
  /** Data messages in order. */
  readonly lines: string[] = [];
  /** Other messages in order. */
  readonly controls: Control[] = [];
  readonly #socket: WebSocket;
  readonly #options: RawStreamOptions;
  #closed: { readonly code: number } | undefined;

  private constructor(options: RawStreamOptions) {
    this.#options = options;
    const { encoding, deflate = false, contentType = `application/${encoding}` } = options;
    this.#socket = new WebSocket(options.url, {
      perMessageDeflate: deflate,
      headers: contentType === "" ? {} : { "content-type": contentType },
      maxPayload: 2 ** 30,
    });
    this.#socket.binaryType = "nodebuffer";
    this.#socket.on("message", (data) => this.#receive(data as Buffer));
    this.#socket.on("error", () => {});
    this.#socket.on("close", (code) => this.#closed = { code });
  }

  /** Connects and logs in. */
  static async open(options: RawStreamOptions): Promise<RawStream> {
    const stream = new RawStream(options);
    await stream.untilControl(({ msg }) => msg === "connected");
    const { key = "SIM_KEY", secret = "SIM_SECRET" } = options;
    stream.send({ action: "auth", key, secret });
    await stream.untilControl(({ msg, T }) => msg === "authenticated" || T === "error");
    return stream;
  }

  /** Code of the close, if any. */
  get closeCode(): number | undefined {
    return this.#closed?.code;
  }

  /** Sends a command. */
  send(command: Control): void {
    const { encoding, binary = encoding === "msgpack" } = this.#options;
    const bytes = encoding === "json" ? Buffer.from(JSON.stringify(command)) : encode(command);
    this.#socket.send(bytes, { binary });
  }

  /** Sends a subscription and waits for its acknowledgement. */
  async subscribe(channels: Readonly<Record<string, readonly string[]>>): Promise<Control> {
    const { length } = this.controls;
    this.send({ action: "subscribe", ...channels });
    await until("an acknowledgement", () => this.controls.length > length);
    return this.controls[length] ?? {};
  }

  /** Waits for a control message. */
  async untilControl(is: (control: Control) => boolean): Promise<void> {
    await until(
      () => `a reply; received ${JSON.stringify(this.controls)}, closed: ${this.closeCode}`,
      () => this.controls.some(is),
    );
  }

  #receive(data: Buffer): void {
    if (this.#options.encoding === "json") {
      for (const text of jsonElements(data.toString())) {
        if (CONTROL_TYPES.some((type) => text.startsWith(`{"T":"${type}"`))) {
          this.controls.push(JSON.parse(text));
        } else this.lines.push(text);
      }
      return;
    }
    for (const bytes of msgpackElements(data)) {
      // A control message has a type of many letters as its first value.
      if (bytes.length > 4 && (bytes[3] ?? 0) > 0xa1 && CONTROL_TYPES.some(isType(bytes))) {
        this.controls.push(decode(bytes) as Control);
      } else this.lines.push(Buffer.from(bytes).toString("latin1"));
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closed) return;
    this.#socket.close();
    const timer = setTimeout(() => this.#socket.terminate(), 2_000);
    await until("the close", () => this.#closed !== undefined);
    clearTimeout(timer);
  }
}

function isType(bytes: Uint8Array): (type: string) => boolean {
  return (type) => Buffer.from(bytes.subarray(4, 4 + type.length)).toString() === type;
}
