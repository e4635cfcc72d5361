/**
 * Opens a port, or says what a user can do about it.
 *
 * @module
 */

/** Thrown when a port cannot be opened; the message says which and why. */
export class CannotListen extends Error {
  override readonly name = "CannotListen";
}

/** What to listen on, and which variable sets it. */
export interface Address {
  readonly host: string;
  /** 0 lets the system choose. */
  readonly port: number;
  /** What the port is for, in a word: "health". */
  readonly purpose: string;
  /** The environment variable that sets the port. */
  readonly variable: string;
}

/**
 * Serves HTTP on an address.
 *
 * @throws {CannotListen} when the port is taken or may not be opened.
 */
export function listen(
  address: Address,
  handler: (request: Request) => Promise<Response>,
): Deno.HttpServer<Deno.NetAddr> {
  const { host, port } = address;
  try {
    return Deno.serve({ hostname: host, port, onListen: () => {} }, handler);
  } catch (cause) {
    throw new CannotListen(explain(address, cause), { cause });
  }
}

function explain(address: Address, cause: unknown): string {
  const { host, port, purpose, variable } = address;
  const where = `Cannot listen on ${host}:${port} for ${purpose}`;
  if (cause instanceof Deno.errors.AddrInUse) {
    return `${where}: another process has the port. ` +
      `Stop it, or set ${variable} to a free port`;
  }
  if (cause instanceof Deno.errors.AddrNotAvailable) {
    return `${where}: this machine has no such address. ` +
      `Set STREAM_PROXY_HOST to one of its own, or to 0.0.0.0 for all`;
  }
  if (cause instanceof Deno.errors.PermissionDenied) {
    return `${where}: not permitted. ` +
      `Set ${variable} to a port of 1024 or above`;
  }
  const reason = cause instanceof Error ? cause.message : String(cause);
  return `${where}: ${reason}. Check STREAM_PROXY_HOST and ${variable}`;
}
