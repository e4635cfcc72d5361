/**
 * The part of RFC 6455 that a feeder needs: writes unmasked frames and reads small
 * masked ones.
 *
 * @module
 */

/** Frame types. */
export const OPCODE = {
  text: 0x1,
  binary: 0x2,
  close: 0x8,
  ping: 0x9,
  pong: 0xa,
} as const;

const FINAL = 0x80;
const GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/** A complete, unmasked frame. */
export function webSocketFrame(
  opcode: number,
  payload: Uint8Array,
): Uint8Array<ArrayBuffer> {
  const { length } = payload;
  const header = length < 126 ? 2 : length < 65_536 ? 4 : 10;
  const frame = new Uint8Array(header + length);
  const view = new DataView(frame.buffer);
  frame[0] = FINAL | opcode;
  if (header === 2) frame[1] = length;
  else if (header === 4) {
    frame[1] = 126;
    view.setUint16(2, length);
  } else {
    frame[1] = 127;
    view.setBigUint64(2, BigInt(length));
  }
  frame.set(payload, header);
  return frame;
}

/** A frame that a client sent. */
export interface ClientFrame {
  readonly opcode: number;
  readonly final: boolean;
  readonly payload: Uint8Array<ArrayBuffer>;
}

/** Parses frames from the bytes of a client. */
export class ClientFrames {
  #rest = new Uint8Array(0);

  /** Adds `chunk` and returns the frames that are now complete. */
  push(chunk: Uint8Array): ClientFrame[] {
    const bytes = new Uint8Array(this.#rest.length + chunk.length);
    bytes.set(this.#rest);
    bytes.set(chunk, this.#rest.length);
    const frames: ClientFrame[] = [];
    let at = 0;
    for (;;) {
      const frame = readFrame(bytes.subarray(at));
      if (!frame) break;
      frames.push(frame);
      at += frame.size;
    }
    this.#rest = bytes.slice(at);
    return frames;
  }
}

function readFrame(
  bytes: Uint8Array<ArrayBuffer>,
): ClientFrame & { size: number } | undefined {
  const [first = 0, second = 0] = bytes;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  let length = second & 0x7f;
  let at = 2;
  if (length === 126) {
    if (bytes.length < 4) return undefined;
    length = view.getUint16(2);
    at = 4;
  } else if (length === 127) {
    if (bytes.length < 10) return undefined;
    length = Number(view.getBigUint64(2));
    at = 10;
  }
  const size = at + 4 + length;
  if (bytes.length < Math.max(6, size)) return undefined;
  const mask = bytes.subarray(at, at + 4);
  const payload = bytes.slice(at + 4, size);
  for (let i = 0; i < length; i++) payload[i]! ^= mask[i % 4] ?? 0;
  return { opcode: first & 0x0f, final: (first & FINAL) !== 0, payload, size };
}

/** The response to an upgrade request with this key. */
export async function upgradeAnswer(key: string): Promise<string> {
  const digest = await crypto.subtle.digest(
    "SHA-1",
    new TextEncoder().encode(key + GUID),
  );
  return [
    "HTTP/1.1 101 Switching Protocols",
    "Upgrade: websocket",
    "Connection: Upgrade",
    `Sec-WebSocket-Accept: ${new Uint8Array(digest).toBase64()}`,
    "\r\n",
  ].join("\r\n");
}
