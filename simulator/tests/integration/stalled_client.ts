/** A WebSocket client over plain TCP that never reads. */

/** Connects, logs in, subscribes to all quotes, and reads nothing. */
export async function connectStalled(url: string): Promise<Deno.TcpConn> {
  const { hostname, port, pathname } = new URL(url);
  const connection = await Deno.connect({ hostname, port: Number(port) });
  const upgrade = `GET ${pathname} HTTP/1.1\r\nHost: ${hostname}\r\n` +
    `Connection: Upgrade\r\nUpgrade: websocket\r\n` +
    `Sec-WebSocket-Version: 13\r\n` +
    `Sec-WebSocket-Key: ${btoa("0123456789abcdef")}\r\n\r\n`;
  await connection.write(new TextEncoder().encode(upgrade));
  // Reads the reply's first bytes, so that the frames come after the upgrade.
  await connection.read(new Uint8Array(16));
  const login = { action: "auth", key: "SIM_KEY", secret: "SIM_SECRET" };
  await connection.write(maskedText(JSON.stringify(login)));
  const subscribe = { action: "subscribe", quotes: ["*"] };
  await connection.write(maskedText(JSON.stringify(subscribe)));
  return connection;
}

/** A client's text frame under 126 bytes, with a mask of zeros. */
function maskedText(text: string): Uint8Array {
  const payload = new TextEncoder().encode(text);
  const FIN_TEXT = 0x81;
  const MASKED = 0x80;
  return new Uint8Array([
    FIN_TEXT,
    MASKED | payload.length,
    ...[0, 0, 0, 0],
    ...payload,
  ]);
}
