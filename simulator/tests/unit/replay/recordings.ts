/** Writes recordings, for tests. */
import type { EntryKind } from "../../../src/replay/batch.ts";
import type { RecordingSource } from "../../../src/replay/recording.ts";

/** One entry of a batch to write. */
export interface WrittenEntry {
  readonly kind?: EntryKind;
  readonly at?: number;
  readonly payload: Uint8Array | string;
}

const KINDS: readonly EntryKind[] = ["frame", "up", "down", "beacon", "part", "end", "other"];
const UTF8 = new TextEncoder();

export function batchBytes(
  first: number,
  entries: readonly WrittenEntry[],
  { term = 1n }: { term?: bigint } = {},
): Uint8Array<ArrayBuffer> {
  const head = new DataView(new ArrayBuffer(17));
  head.setUint8(0, 1);
  head.setBigUint64(1, term, true);
  head.setBigUint64(9, BigInt(first), true);
  const parts = entries.flatMap(({ kind = "frame", at = 0, payload }) => {
    const bytes = typeof payload === "string" ? UTF8.encode(payload) : payload;
    const view = new DataView(new ArrayBuffer(13));
    view.setUint8(0, KINDS.indexOf(kind));
    view.setFloat64(1, at, true);
    view.setUint32(9, bytes.length, true);
    return [new Uint8Array(view.buffer), bytes];
  });
  return joined([new Uint8Array(head.buffer), ...parts]);
}

export function recordingBytes(
  records: readonly { readonly feed: string; readonly batch: Uint8Array }[],
): Uint8Array<ArrayBuffer> {
  const parts = records.flatMap(({ feed, batch }) => {
    const name = UTF8.encode(feed);
    const head = new DataView(new ArrayBuffer(2));
    head.setUint16(0, name.length, true);
    const size = new DataView(new ArrayBuffer(4));
    size.setUint32(0, batch.length, true);
    return [new Uint8Array(head.buffer), name, new Uint8Array(size.buffer), batch];
  });
  return joined([UTF8.encode("ASPR1\n"), ...parts]);
}

/** A file in memory, which is read in pieces of at most `pieceBytes`. */
export function sourceOf(bytes: Uint8Array, pieceBytes = Infinity): RecordingSource {
  let at = 0;
  return {
    read: (buffer) => {
      if (at === bytes.length) return Promise.resolve(null);
      const piece = bytes.subarray(at, at + Math.min(buffer.length, pieceBytes));
      buffer.set(piece);
      at += piece.length;
      return Promise.resolve(piece.length);
    },
    rewind: () => {
      at = 0;
      return Promise.resolve();
    },
  };
}

function joined(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
