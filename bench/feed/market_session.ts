/**
 * The upstream side of a market data session: Alpaca's login and acknowledgements.
 * All subscriptions are acknowledged; the pacer decides what is sent.
 *
 * @module
 */
import { decode, encode } from "@msgpack/msgpack";
import type { FeedFormat } from "./frame_pool.ts";
import {
  type ClientFrame,
  ClientFrames,
  OPCODE,
  upgradeAnswer,
  webSocketFrame,
} from "./websocket_frames.ts";

const CHANNELS = ["trades", "quotes", "bars"] as const;

/** An upgraded connection with Alpaca's protocol. */
export class MarketSession {
  readonly #connection: Deno.TcpConn;
  readonly #format: FeedFormat;
  readonly #subscribed = new Map<string, Set<string>>();
  #writing: Promise<void> = Promise.resolve();
  #open = true;

  private constructor(connection: Deno.TcpConn, format: FeedFormat) {
    this.#connection = connection;
    this.#format = format;
  }

  /** Upgrades a connection, sends the greeting, and replies until it closes. */
  static async accept(
    connection: Deno.TcpConn,
    format: FeedFormat,
  ): Promise<MarketSession> {
    connection.setNoDelay(true);
    const chunk = new Uint8Array(65_536);
    const size = await connection.read(chunk) ?? 0;
    const request = new TextDecoder().decode(chunk.subarray(0, size));
    const key = /^sec-websocket-key: *(\S+)/im.exec(request)?.[1] ?? "";
    const session = new MarketSession(connection, format);
    await session.write(new TextEncoder().encode(await upgradeAnswer(key)));
    await session.#say({ T: "success", msg: "connected" });
    session.#listen().catch(() => {}).finally(() => session.#open = false);
    return session;
  }

  /** Whether the connection is open. */
  get open(): boolean {
    return this.#open;
  }

  /** Channel and symbol pairs that are subscribed. */
  get subscriptions(): number {
    let sum = 0;
    for (const symbols of this.#subscribed.values()) sum += symbols.size;
    return sum;
  }

  /** Writes bytes after all earlier ones; resolves once the kernel has them. */
  write(bytes: Uint8Array): Promise<void> {
    const before = this.#writing;
    return this.#writing = (async () => {
      await before;
      for (let at = 0; at < bytes.length;) {
        at += await this.#connection.write(bytes.subarray(at));
      }
    })();
  }

  #say(message: Readonly<Record<string, unknown>>): Promise<void> {
    return this.write(
      this.#format === "json"
        ? webSocketFrame(
          OPCODE.text,
          new TextEncoder().encode(JSON.stringify([message])),
        )
        : webSocketFrame(OPCODE.binary, encode([message])),
    );
  }

  async #listen(): Promise<void> {
    const frames = new ClientFrames();
    const chunk = new Uint8Array(65_536);
    for (;;) {
      const size = await this.#connection.read(chunk);
      if (size === null) return;
      for (const frame of frames.push(chunk.subarray(0, size))) {
        await this.#answer(frame);
      }
    }
  }

  async #answer({ opcode, payload }: ClientFrame): Promise<void> {
    if (opcode === OPCODE.ping) {
      return this.write(webSocketFrame(OPCODE.pong, payload));
    }
    if (opcode === OPCODE.close) {
      await this.write(webSocketFrame(OPCODE.close, payload));
      return this.#connection.close();
    }
    const message = this.#read(payload);
    if (message.action === "auth") {
      return await this.#say({ T: "success", msg: "authenticated" });
    }
    for (const channel of CHANNELS) {
      const carried = this.#subscribed.get(channel) ?? new Set();
      this.#subscribed.set(channel, carried);
      const symbols = (message[channel] ?? []) as readonly string[];
      for (const symbol of symbols) {
        if (message.action === "subscribe") carried.add(symbol);
        else carried.delete(symbol);
      }
    }
    await this.#say({
      T: "subscription",
      ...Object.fromEntries(CHANNELS.map((c) => [c, [...this.#carried(c)]])),
    });
  }

  #carried(channel: string): Iterable<string> {
    return this.#subscribed.get(channel) ?? [];
  }

  #read(payload: Uint8Array): Record<string, unknown> {
    const value = this.#format === "json"
      ? JSON.parse(new TextDecoder().decode(payload))
      : decode(payload);
    return value as Record<string, unknown>;
  }
}
