/**
 * HTTP as bytes on a socket, for tests of what a client library would hide.
 *
 * @module
 */

/** What a connection received, and whether the server closed it. */
export interface RawAnswer {
  readonly text: string;
  /** False when nothing more came for `patienceMs`. */
  readonly closed: boolean;
}

/** A socket that sends and receives Latin-1. */
export class RawConnection implements Disposable {
  readonly #conn: Deno.TcpConn;

  private constructor(conn: Deno.TcpConn) {
    this.#conn = conn;
  }

  /** Connects to a port of this machine. */
  static async open(port: number): Promise<RawConnection> {
    return new RawConnection(
      await Deno.connect({ hostname: "127.0.0.1", port }),
    );
  }

  /** Sends all of `text`. */
  async send(text: string): Promise<void> {
    const bytes = Uint8Array.from(text, (char) => char.charCodeAt(0));
    for (let sent = 0; sent < bytes.length;) {
      sent += await this.#conn.write(bytes.subarray(sent));
    }
  }

  /** Reads until `text` matches or the server closes the connection. */
  async readUntil(wanted: RegExp = /(?!)/): Promise<RawAnswer> {
    const buffer = new Uint8Array(65_536);
    let text = "";
    for (;;) {
      if (wanted.test(text)) return { text, closed: false };
      const count = await this.#conn.read(buffer).catch(() => null);
      if (count === null) return { text, closed: true };
      text += String.fromCharCode(...buffer.subarray(0, count));
    }
  }

  /** Resolves when the server closes the connection. */
  async closed(): Promise<void> {
    await this.readUntil();
  }

  /** Closes the connection; idempotent. */
  [Symbol.dispose](): void {
    try {
      this.#conn.close();
    } catch {
      // It is closed already.
    }
  }
}

/** One request on a connection of its own; the whole answer of a closing server. */
export async function rawRequest(
  port: number,
  request: string,
): Promise<string> {
  using connection = await RawConnection.open(port);
  await connection.send(request);
  return (await connection.readUntil()).text;
}
