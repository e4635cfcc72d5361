/**
 * Many messages in one write.
 *
 * grpc-js frames one message per write, and of several writes to an HTTP/2
 * stream the first leaves at once while the others wait for its callback: two
 * trips to the socket per batch, and every message pays for a stream write. A
 * gRPC stream is nothing but frames back to back (a zero byte, the length in
 * four, the body), so a whole batch can be one piece of bytes.
 *
 * grpc-js 1.14.7 (pinned exactly) makes that piece like this, for what the
 * method's serializer returns:
 *
 * ```js
 * const output = Buffer.allocUnsafe(message.byteLength + 5);
 * output.writeUInt8(0, 0);
 * output.writeUInt32BE(message.byteLength, 1);
 * message.copy(output, 5);
 * return output;
 * ```
 *
 * {@linkcode FramedBatch} is such a message: it claims the size that the framed
 * batch has less 5, and its `copy` writes from the very start of `output`, over
 * the prefix that stands there. Nothing else of grpc-js is touched. The law:
 * for every batch the bytes are those of its messages, each framed by itself.
 *
 * Should grpc-js ever frame in another way, {@linkcode framesBatches} finds out
 * before the first write and batches are unrolled as before: slower, same bytes.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { RecentBatches } from "./recent_batches.ts";

/** A zero byte (not compressed) and the length in four bytes, big-endian. */
const PREFIX_BYTES = 5;

/** Encoded messages that are written together; never empty. */
export type Bodies = readonly Uint8Array[];

const recent = new RecentBatches();

/** A batch in the shape of the one message that grpc-js frames. */
export class FramedBatch {
  readonly byteLength: number;
  readonly #bodies: Bodies;

  constructor(bodies: Bodies) {
    let bytes = 0;
    for (let i = 0; i < bodies.length; i++) {
      bytes += PREFIX_BYTES + (bodies[i] as Uint8Array).length;
    }
    this.byteLength = bytes - PREFIX_BYTES;
    this.#bodies = bodies;
  }

  /** Writes all frames into `output`, from its start. */
  copy(output: Uint8Array): number {
    const bodies = this.#bodies;
    const framed = recent.find(bodies);
    if (framed !== undefined) {
      output.set(framed);
      return framed.length;
    }
    let at = 0;
    for (let i = 0; i < bodies.length; i++) {
      const body = bodies[i] as Uint8Array;
      const { length } = body;
      output[at] = 0;
      output[at + 1] = length >>> 24;
      output[at + 2] = length >>> 16;
      output[at + 3] = length >>> 8;
      output[at + 4] = length;
      output.set(body, at + PREFIX_BYTES);
      at += PREFIX_BYTES + length;
    }
    // grpc-js hands `output` on to be sent and never writes to it again.
    recent.keep(bodies, output);
    return at;
  }
}

/** What frames messages for a call; grpc-js declares it private. */
interface Framing {
  serializeMessage(message: unknown): unknown;
}

const judged = new WeakMap<object, boolean>();

/**
 * Whether the framing of this call can be given a {@linkcode FramedBatch}.
 * Tried out once per class of calls, on messages whose frames are known.
 */
export function framesBatches(call: object): boolean {
  const framing: object = Object.getPrototypeOf(call);
  let verdict = judged.get(framing);
  if (verdict === undefined) {
    judged.set(framing, verdict = framesAsExpected(framing));
  }
  return verdict;
}

function framesAsExpected(framing: object): boolean {
  const bodies = [Buffer.from([1, 2, 3]), Buffer.alloc(0), Buffer.alloc(300)];
  const expected = Buffer.concat(bodies.flatMap((body) => [
    Buffer.from([0, 0, 0, body.length >> 8, body.length & 0xff]),
    body,
  ]));
  try {
    const { serializeMessage } = framing as Framing;
    const handler = { serialize: () => new FramedBatch(bodies) };
    const framed = serializeMessage.call({ handler }, bodies);
    return framed instanceof Uint8Array && expected.equals(framed);
  } catch {
    return false;
  }
}
