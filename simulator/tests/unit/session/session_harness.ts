/** A market session with a socket that records what is sent, for tests. */
import { ManualClock } from "../../../src/clock.ts";
import { Faults } from "../../../src/faults.ts";
import { resolveOptions, type SimulatorOptions } from "../../../src/options.ts";
import type { Message, StreamMessage } from "../../../src/protocol/messages.ts";
import { encodingFor } from "../../../src/protocol/encoding.ts";
import { endpointNamed } from "../../../src/protocol/endpoints.ts";
import { Ledger } from "../../../src/ledger.ts";
import { Subscribers } from "../../../src/session/subscribers.ts";
import type { UpgradeHeaders } from "../../../src/accounts.ts";
import { MarketSession } from "../../../src/session/market_session.ts";
import { RequestLog } from "../../../src/session/request_log.ts";
import { SessionRegistry } from "../../../src/session/session_registry.ts";
import type { SessionSocket } from "../../../src/session/outbox.ts";
import { sessionPolicy } from "../../../src/options.ts";
import { decode, encode } from "@msgpack/msgpack";

/** What a frame holds after decoding. */
export type Frame = readonly Record<string, unknown>[];

/** Records what was sent; `bufferedBytes` is set by the test. */
export class RecordingSocket implements SessionSocket {
  readonly frames: (string | Uint8Array)[] = [];
  bufferedBytes = 0;
  closed: { code: number; reason: string } | undefined;
  readonly taken: (() => void)[] = [];

  sendFrame(frame: string | Uint8Array, written?: () => void): boolean {
    this.frames.push(frame);
    if (written) this.taken.push(written);
    return true;
  }

  close(code: number, reason: string): void {
    this.closed = { code, reason };
  }

  /** Returns the frames so far, decoded, and clears them. */
  read(): Frame[] {
    return this.frames.splice(0).map((frame) =>
      typeof frame === "string" ? JSON.parse(frame) : decode(frame)
    );
  }
}

/** One client's view: its socket, and requests as plain objects. */
export interface HarnessClient {
  readonly socket: RecordingSocket;
  readonly session: MarketSession;
  /** Sends a request and returns the replies. */
  ask(request: unknown): Frame[];
  /** Logs in with the demo pair. */
  logIn(): Frame[];
}

/** Parts shared by the sessions of one test. */
export class SessionHarness {
  readonly clock = new ManualClock();
  readonly faults = new Faults();
  readonly requests = new RequestLog();
  readonly ledger = new Ledger(this.clock, 100_000);
  /** The order books of pairs, set by the test. */
  readonly orderBooks = new Map<string, Message>();
  readonly #options: SimulatorOptions;
  readonly #registry: SessionRegistry<MarketSession>;
  readonly #subscribers = new Map<string, Subscribers>();
  #number = 0;

  constructor(options: SimulatorOptions = {}) {
    this.#options = options;
    this.#registry = new SessionRegistry(
      this.clock,
      resolveOptions(options).ghostSeconds * 1000,
    );
  }

  /** Connects a client; its greeting waits in the socket. */
  connect(endpoint = "sip", headers: UpgradeHeaders = {}): HarnessClient {
    const settings = resolveOptions(this.#options);
    const socket = new RecordingSocket();
    const stream = endpointNamed(endpoint);
    const contentType = headers["content-type"] as string | undefined;
    const encoding = encodingFor(stream.kind, contentType);
    const session = new MarketSession(
      { number: ++this.#number, endpoint: stream, encoding, socket },
      {
        clock: this.clock,
        accounts: settings.accounts,
        registry: this.#registry,
        faults: this.faults,
        ledger: this.ledger,
        requests: this.requests,
        subscribers: this.subscribers(endpoint),
        orderBooks: (symbol) => {
          const book = this.orderBooks.get(symbol);
          return symbol === "*" ? [...this.orderBooks.values()] : book ? [book] : [];
        },
        policy: sessionPolicy(settings),
      },
      headers,
    );
    const ask = (request: unknown) => {
      socket.read();
      session.receive(write(request, encoding));
      return socket.read();
    };
    const logIn = () => ask({ action: "auth", key: "SIM_KEY", secret: "SIM_SECRET" });
    return { socket, session, ask, logIn };
  }

  /** Connects and logs in. */
  open(endpoint = "sip", headers: UpgradeHeaders = {}): HarnessClient {
    const client = this.connect(endpoint, headers);
    client.logIn();
    return client;
  }

  /** The sessions of an endpoint. */
  subscribers(endpoint: string): Subscribers {
    const known = this.#subscribers.get(endpoint);
    if (known) return known;
    const made = new Subscribers({
      endpoint: endpointNamed(endpoint).name,
      clock: this.clock,
      keepMs: 0,
      faults: this.faults,
      ledger: this.ledger,
    });
    this.#subscribers.set(endpoint, made);
    return made;
  }

  /** Publishes elements to an endpoint's subscribers. */
  publish(endpoint: string, ...messages: StreamMessage[]): void {
    for (const message of messages) {
      this.subscribers(endpoint).publish(message);
    }
    this.subscribers(endpoint).flush();
  }
}

function write(request: unknown, encoding: string): string | Uint8Array {
  if (typeof request === "string" || request instanceof Uint8Array) {
    return request;
  }
  return encoding === "json" ? JSON.stringify(request) : encode(request);
}
