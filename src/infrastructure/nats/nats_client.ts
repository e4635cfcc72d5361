/**
 * One connection to NATS, opened in the background and again whenever it is lost.
 *
 * @module
 */
import {
  type Authenticator,
  type ConnectionOptions,
  credsAuthenticator,
  type NatsConnection,
  nkeyAuthenticator,
} from "@nats-io/nats-core";
import type { Clock } from "../../application/ports/clock.ts";
import type { Log } from "../../application/ports/log.ts";
import type { NatsConnections, NatsPurpose } from "../../application/status/counters.ts";
import { connect } from "./connect.ts";

/** How NATS is reached. */
export interface NatsAccess {
  /** `nats://` or `tls://` URLs of the servers; any of them will do. */
  readonly servers: readonly string[];
  /** The prefix of subjects on which replies are received. @default `_INBOX` */
  readonly inboxes?: string | undefined;
  readonly user?: { readonly name: string; readonly password: string } | undefined;
  readonly token?: string | undefined;
  /** Text of a `.creds` file: a user JWT and its NKey seed. */
  readonly credentials?: string | undefined;
  /** Seed of an NKey. */
  readonly seed?: string | undefined;
  /** PEM texts. @default the CAs of the system, no client certificate */
  readonly tls?: {
    readonly ca?: string | undefined;
    readonly certificate?: string | undefined;
    readonly key?: string | undefined;
  } | undefined;
}

/** What a {@linkcode NatsClient} needs. */
interface NatsClientOptions {
  readonly access: NatsAccess;
  /** Name that NATS shows for the connection. */
  readonly name: string;
  /** How long a server may take to accept a connection, in ms. @default 2 s */
  readonly connectTimeoutMs?: number;
  /** What the connection is for, and where is recorded whether it is open. @default nowhere */
  readonly shown?: { readonly in: NatsConnections; readonly as: NatsPurpose } | undefined;
  readonly clock: Clock;
  readonly log: Log;
}

/** Short, so that the start can wait until another server is tried. */
const CONNECT_TIMEOUT_MS = 2_000;
const RECONNECT_MS = 1_000;
/** A server that does not answer two pings is lost. */
const PING_MS = 5_000;
const MAX_PINGS = 2;
/** Pause after a first connection that failed; it doubles. */
const FIRST_DELAY_MS = 500;
const MAX_DELAY_MS = 30_000;

/** Keeps one connection open from its first use on. */
export class NatsClient implements AsyncDisposable {
  readonly #options: NatsClientOptions;
  readonly #over = new AbortController();
  #connection: Promise<NatsConnection> | undefined;
  #open: NatsConnection | undefined;
  #interruptions = 0;

  constructor(options: NatsClientOptions) {
    this.#options = options;
    this.#setOpen(undefined);
  }

  /** Whether there is a connection now; requests over one that is lost fail. */
  get isConnected(): boolean {
    return this.#open !== undefined;
  }

  /** How often the connection was lost. */
  get interruptions(): number {
    return this.#interruptions;
  }

  /** The prefix of subjects on which replies are received; `undefined` for the default. */
  get inboxes(): string | undefined {
    return this.#options.access.inboxes;
  }

  /** The connection, if there is one now. */
  get current(): NatsConnection | undefined {
    return this.#open;
  }

  /**
   * Resolves with the connection as soon as there is one. It reconnects by itself, except when NATS
   * refuses the credentials: then the next call opens another one.
   *
   * @throws when the client is disposed, or `signal` fires
   */
  async connection(signal: AbortSignal): Promise<NatsConnection> {
    if (this.#open) return this.#open;
    const ended = AbortSignal.any([signal, this.#over.signal]);
    this.#connection ??= this.#connect(this.#over.signal);
    const { promise, reject } = Promise.withResolvers<never>();
    const abort = () => reject(new Error("NATS is not connected"));
    if (ended.aborted) abort();
    ended.addEventListener("abort", abort, { once: true });
    try {
      return await Promise.race([this.#connection, promise]);
    } finally {
      ended.removeEventListener("abort", abort);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#over.abort();
    const connection = await this.#connection?.catch(() => undefined);
    await connection?.close();
    const { shown } = this.#options;
    if (shown) delete shown.in[shown.as];
  }

  #setOpen(connection: NatsConnection | undefined): void {
    const { shown } = this.#options;
    this.#open = connection;
    if (shown && !this.#over.signal.aborted) shown.in[shown.as] = connection !== undefined;
  }

  async #connect(signal: AbortSignal): Promise<NatsConnection> {
    const { access, name, clock, log } = this.#options;
    const { connectTimeoutMs: timeout = CONNECT_TIMEOUT_MS } = this.#options;
    let delayMs = FIRST_DELAY_MS;
    while (!signal.aborted) {
      try {
        const connection = await connect({ name, timeout, ...connectionOptions(access) });
        log.info("Connected to NATS", { server: connection.getServer() });
        this.#setOpen(connection);
        this.#follow(connection);
        return connection;
      } catch (error) {
        if (signal.aborted) break;
        log.warn("Cannot connect to NATS, retrying", {
          cause: messageOf(error),
          remedy: "Check STREAM_PROXY_NATS_URL and the credentials for NATS",
          delay_ms: delayMs,
        });
        await clock.sleep(delayMs, signal);
        delayMs = Math.min(2 * delayMs, MAX_DELAY_MS);
      }
    }
    throw new Error("NATS is not connected");
  }

  /** Logs what happens to a connection, until it is closed. */
  async #follow(connection: NatsConnection): Promise<void> {
    const { log } = this.#options;
    for await (const status of connection.status()) {
      if (status.type === "disconnect") {
        this.#setOpen(undefined);
        this.#interruptions++;
        if (!this.#over.signal.aborted) log.warn("NATS connection lost, reconnecting");
      } else if (status.type === "reconnect") {
        this.#setOpen(connection);
        log.info("Connected to NATS again", { server: status.server });
      } else if (status.type === "error") {
        log.error("NATS refused a request", { cause: status.error.message });
      }
    }
    this.#setOpen(undefined);
    this.#connection = undefined;
  }
}

/** The text of an error, with what caused it. */
export function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { message, cause } = error;
  return cause instanceof Error && cause.message !== message
    ? `${message}: ${cause.message}`
    : message;
}

function connectionOptions({ servers, inboxes, user, token, tls, ...keys }: NatsAccess) {
  const options: ConnectionOptions = {
    servers: servers.map((server) => server.replace(/^\w+:\/\//, "")),
    pingInterval: PING_MS,
    maxPingOut: MAX_PINGS,
    maxReconnectAttempts: -1,
    reconnectTimeWait: RECONNECT_MS,
    noAsyncTraces: true,
    // Servers that NATS names may be addresses that are not reached from here, or not encrypted.
    ignoreClusterUpdates: true,
    // The permissions of the process name hosts, not their addresses.
    resolve: false,
    ...(inboxes && { inboxPrefix: inboxes }),
  };
  if (servers.some((server) => server.startsWith("tls:")) || tls) {
    const { ca, certificate, key } = tls ?? {};
    options.tls = {
      ...(ca && { ca }),
      ...(certificate && { cert: certificate }),
      ...(key && { key }),
    };
  }
  if (user) Object.assign(options, { user: user.name, pass: user.password });
  if (token) options.token = token;
  const authenticator = authenticatorOf(keys);
  if (authenticator) options.authenticator = authenticator;
  return options;
}

function authenticatorOf(
  { credentials, seed }: Pick<NatsAccess, "credentials" | "seed">,
): Authenticator | undefined {
  const encoder = new TextEncoder();
  if (credentials) return credsAuthenticator(encoder.encode(credentials));
  return seed ? nkeyAuthenticator(encoder.encode(seed)) : undefined;
}
