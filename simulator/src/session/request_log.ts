import type { ClientMessage } from "../protocol/encoding.ts";

/** One decoded request of a client, without credentials. */
export interface LoggedRequest {
  /** Number of the connection, counting from 1 over all endpoints. */
  readonly connection: number;
  /** Name of the endpoint the connection is on. */
  readonly endpoint: string;
  /** When it was received, in milliseconds since the epoch. */
  readonly at: number;
  /** `auth`, `subscribe`, `unsubscribe`, or other text; empty if absent. */
  readonly action: string;
  /** Encoding of the message; undefined for an invalid one. */
  readonly encoding: "json" | "msgpack" | undefined;
  /** Symbols by channel; empty for anything but (un)subscribe. */
  readonly channels: Readonly<Record<string, readonly string[]>>;
  /** Code of the error reply; undefined when accepted. */
  error: number | undefined;
}

/** The latest requests of all clients, up to twice the capacity. */
export class RequestLog {
  readonly #capacity: number;
  #entries: LoggedRequest[] = [];

  constructor(capacity = 20_000) {
    this.#capacity = capacity;
  }

  /** Appends a request. */
  add(entry: LoggedRequest): void {
    this.#entries.push(entry);
    if (this.#entries.length < this.#capacity * 2) return;
    // Dropped in bulk, so that appending stays cheap.
    this.#entries = this.#entries.slice(-this.#capacity);
  }

  /** Requests, oldest first. */
  all(): readonly LoggedRequest[] {
    return [...this.#entries];
  }
}

/** The log entry of a message; keys and secrets are left out. */
export function loggedRequest(
  message: ClientMessage | undefined,
  origin: Pick<LoggedRequest, "connection" | "endpoint" | "at">,
): LoggedRequest {
  const action = message?.members["action"];
  const channels: Record<string, string[]> = {};
  for (const [key, value] of Object.entries(message?.members ?? {})) {
    if (Array.isArray(value)) channels[key] = value.map(String);
  }
  return {
    ...origin,
    action: typeof action === "string" ? action : "",
    encoding: message?.encoding,
    channels,
    error: undefined,
  };
}
