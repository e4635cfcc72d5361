/**
 * Explains why a port cannot be opened.
 *
 * @module
 */

/** What to listen on, and which variable sets it. */
export interface ListenAddress {
  readonly host: string;
  /** 0 picks a free port. */
  readonly port: number;
  /** What the port is for: "gRPC". */
  readonly purpose: string;
  /** The environment variable that sets the port. */
  readonly variable: string;
}

/**
 * Thrown when a port cannot be opened; the message has the address, the reason and the variable to
 * change.
 */
export class CannotListen extends Error {
  override readonly name = "CannotListen";

  constructor(address: ListenAddress, cause: unknown) {
    const { host, port, purpose } = address;
    const reason = explain(address, cause as Error & { readonly code?: string });
    super(`Cannot listen on ${host}:${port} for ${purpose}: ${reason}`, {
      cause,
    });
  }
}

function explain(
  { variable }: ListenAddress,
  { code, message }: Error & { readonly code?: string },
): string {
  switch (code) {
    case "EADDRINUSE":
      return `another process has the port. Stop it, or set ${variable} to a free port`;
    // Deno 2.9.6 reports EADDRNOTAVAIL as EINVAL.
    case "EADDRNOTAVAIL":
    case "EINVAL":
      return "this machine has no such address. " +
        "Set STREAM_PROXY_HOST to one of its own, or to 0.0.0.0 for all";
    case "ENOTFOUND":
      return "the host name is unknown. Set STREAM_PROXY_HOST to an address";
    case "EACCES":
      return `not permitted. Set ${variable} to a port of 1024 or above`;
  }
  return `${message}. Check STREAM_PROXY_HOST and ${variable}`;
}
