import type { ClientMessage } from "../protocol/client_message.ts";

/** One request of a client, as the simulator understood it. No secrets. */
export interface LoggedRequest {
  /** Number of the connection, counting from 1 over all endpoints. */
  readonly connection: number;
  /** Name of the endpoint the connection is on. */
  readonly endpoint: string;
  /** Milliseconds since the epoch at which it came. */
  readonly at: number;
  /** `auth`, `subscribe`, `unsubscribe`, or whatever the client wrote. */
  readonly action: string;
  /** Encoding of the message, or undefined when it could not be read. */
  readonly encoding: "json" | "msgpack" | undefined;
  /** Symbols by channel; empty for anything but (un)subscribe. */
  readonly channels: Readonly<Record<string, readonly string[]>>;
  /** Code of the error it was answered with; undefined when accepted. */
  error: number | undefined;
}

/** The latest requests of all clients; the oldest make room for new ones. */
export class RequestLog {
  readonly #capacity: number;
  #entries: LoggedRequest[] = [];
  #forgotten = 0;

  constructor(capacity = 20_000) {
    this.#capacity = capacity;
  }

  /** Requests that were pushed out by newer ones. */
  get forgotten(): number {
    return this.#forgotten;
  }

  /** Appends a request. */
  add(entry: LoggedRequest): void {
    this.#entries.push(entry);
    if (this.#entries.length < this.#capacity * 2) return;
    // Cut in halves, so that appending stays cheap.
    const surplus = this.#entries.length - this.#capacity;
    this.#entries = this.#entries.slice(surplus);
    this.#forgotten += surplus;
  }

  /** Requests in the order they came. */
  all(): readonly LoggedRequest[] {
    return [...this.#entries];
  }
}

/** What the log keeps of a message; keys and secrets are left out. */
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
