/**
 * A client of a market session without a network, on a clock that the test advances.
 *
 * @module
 */
import { decode } from "@msgpack/msgpack";
import { OPEN_ACCESS } from "../../src/application/access/access.ts";
import type { SubscriptionSink } from "../../src/application/feeds/subscription_manager.ts";
import { MessageRelay } from "../../src/application/relay/message_relay.ts";
import type { MessageFormat } from "../../src/application/relay/relayed_message.ts";
import { RelayedStream } from "../../src/application/relay/relayed_stream.ts";
import { createCounters } from "../../src/application/status/counters.ts";
import type { SymbolState } from "../../src/application/status/reports.ts";
import type { MarketFeedId } from "../../src/domain/connection/feed.ts";
import type { SessionContext } from "../../src/infrastructure/websocket/client_session.ts";
import type {
  ClientSocket,
  SocketReader,
} from "../../src/infrastructure/websocket/client_socket.ts";
import { FlushScheduler } from "../../src/infrastructure/websocket/flush_scheduler.ts";
import { BatchFrames } from "../../src/infrastructure/websocket/frames.ts";
import { MarketSession } from "../../src/infrastructure/websocket/market_session.ts";
import { Turns } from "../../src/infrastructure/websocket/turns.ts";
import { RecordingTracing } from "./grpc_client.ts";
import { ManualClock, settle } from "./manual_clock.ts";
import { RecordingLog } from "./recording_log.ts";

/** A message to the client. */
export interface SentMessage {
  /** Monotonic ms. */
  readonly at: number;
  readonly message: Readonly<Record<string, unknown>>;
}

/** Options of {@linkcode logInMarketClient}. */
interface MarketClientOptions {
  /** @default sip */
  readonly feed?: MarketFeedId;
  /** The answer of upstream to each symbol. @default none */
  readonly state?: SymbolState;
  /** How messages to the client are encoded; upstream's are JSON. @default json */
  readonly format?: MessageFormat;
  /** As in `SessionContext`. @default 0 */
  readonly maxSlowMs?: number;
}

const utf8 = new TextEncoder();

/** A client that is logged in. */
export class MarketClient {
  readonly clock = new ManualClock();
  readonly log = new RecordingLog();
  readonly counters = createCounters();
  readonly relay: MessageRelay;
  readonly tracing = new RecordingTracing();
  readonly received: SentMessage[] = [];
  /** Symbols that were requested upstream, of each request. */
  readonly requested: string[] = [];
  /** Codes and reasons with which the connection was closed. */
  readonly closes: (readonly [number, string])[] = [];
  /** Whether the connection was cut. */
  isTerminated = false;
  readonly #session: MarketSession;
  readonly #unread: Uint8Array[] = [];
  #reader: SocketReader | undefined;
  #isPaused = false;
  /** Called when the network takes what was written, while it does not. */
  #onTaken: (() => void)[] | undefined;

  constructor(options: MarketClientOptions) {
    const { feed = "sip", state = "requested", format = "json", maxSlowMs = 0 } = options;
    const { clock, log, counters } = this;
    this.relay = new MessageRelay({
      format: "json",
      capacity: 1_000,
      counters: counters.relays.stockMessages,
    });
    const sink: Partial<SubscriptionSink> = {
      add: (_channel, symbols) => void this.requested.push([...symbols].join()),
      remove() {},
      statesOf: (_channel, symbols) =>
        Array.from(symbols, (symbol) => ({ symbol, state, reason: "" })),
    };
    const openRelayed = () =>
      new RelayedStream({
        relay: this.relay,
        sink: sink as SubscriptionSink,
        holder: { identity: "" },
        check() {},
        onChange() {},
        onEnd() {},
      });
    const frames = new BatchFrames("json", () => {});
    const context: SessionContext = {
      streams: {
        openRelayed,
      } as unknown as SessionContext["streams"],
      clients: { trackConnection: () => new DisposableStack() },
      access: OPEN_ACCESS,
      isOwnSecret: () => false,
      clock,
      log,
      scheduler: new FlushScheduler(clock, () => frames.clear()),
      turns: new Turns(clock, new AbortController().signal),
      maxSymbols: 1_000,
      maxSlowMs,
      drainReason: () => undefined,
    };
    this.#session = new MarketSession(context, {
      socket: this.#socket(),
      path: "/v2/sip",
      address: "127.0.0.1",
      peer: "127.0.0.1:1",
      certificate: undefined,
      userAgent: undefined,
      span: this.tracing.span("websocket.session", { "url.path": "/v2/sip" }),
    }, { feed, isCarried: true, format, isCompressed: false, frames });
  }

  /** Connects and logs in. */
  static async logIn(options: MarketClientOptions = {}): Promise<MarketClient> {
    const client = new MarketClient(options);
    client.#session.start();
    client.send({ action: "auth", key: "K", secret: "S" });
    await settle();
    await settle();
    client.take();
    return client;
  }

  /** Sends messages together. */
  send(...messages: readonly unknown[]): void {
    this.#unread.push(...messages.map((message) => utf8.encode(JSON.stringify(message))));
    this.#read();
  }

  /** Upstream sends trades of symbols; one that begins with `!` cannot be converted. */
  publishTrades(...symbols: readonly string[]): void {
    for (const name of symbols) {
      const symbol = name.replace("!", "");
      const text = JSON.stringify({ T: "t", S: symbol });
      const frame = utf8.encode(name === symbol ? text : text.slice(0, -1));
      const place = { frame, start: 0, end: frame.length };
      this.relay.publish({ ...place, type: "t", symbol, symbols: undefined }, this.clock.now());
    }
  }

  /** The client disconnects. */
  disconnect(): void {
    this.#reader?.closed();
  }

  /** The proxy ends the session. */
  shutDown(reason: string): void {
    this.#session.shutDown(reason);
  }

  /** The session checks what depends on time. */
  tick(): void {
    this.#session.tick(this.clock.now());
  }

  /** The messages that have arrived since the last call. */
  take(): SentMessage[] {
    return this.received.splice(0);
  }

  /** The network takes what was written, or not for now. */
  set isSlow(isSlow: boolean) {
    const waiting = this.#onTaken;
    this.#onTaken = isSlow ? [] : undefined;
    if (!isSlow) { for (const taken of waiting ?? []) taken(); }
  }

  #read(): void {
    while (!this.#isPaused) {
      const message = this.#unread.shift();
      if (message === undefined) return;
      this.#reader?.receive(message);
    }
  }

  #socket(): ClientSocket {
    const socket: Partial<ClientSocket> = {
      isOpen: true,
      usedUpTo: 0,
      waitingBytes: 0,
      handled: () => {},
      acceptLargeMessages: () => {},
      attach: (reader) => this.#reader = reader,
      write: (frames, onWritten) => {
        for (const frame of frames) this.received.push(...this.#messagesOf(frame));
        if (this.#onTaken) this.#onTaken.push(onWritten);
        else onWritten();
      },
      pause: () => this.#isPaused = true,
      resume: () => {
        this.#isPaused = false;
        this.#read();
      },
      close: (code, reason) => void this.closes.push([code, reason]),
      terminate: () => this.isTerminated = true,
    };
    return socket as ClientSocket;
  }

  #messagesOf(frame: Uint8Array): SentMessage[] {
    const [, length = 0] = frame;
    const header = length < 126 ? 2 : length === 126 ? 4 : 10;
    const payload = frame.subarray(header);
    const isJson = payload[0] === 0x5b;
    const messages = isJson ? JSON.parse(new TextDecoder().decode(payload)) : decode(payload) as [];
    return messages.map((message: SentMessage["message"]) => ({
      at: this.clock.monotonic(),
      message,
    }));
  }
}
