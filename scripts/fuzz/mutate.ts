/**
 * Changes the bytes of a frame regardless of their meaning.
 *
 * @module
 */
import type { Random } from "../rig/random.ts";

/** Longest frame, so that runs stay fast. */
const LONGEST = 1_024;
const ODD_BYTES: readonly number[] = [
  0x00,
  0x01,
  0x7f,
  0x80,
  0x8f,
  0x90,
  0x9f,
  0xa0,
  0xbf,
  0xc0,
  0xc1,
  0xc7,
  0xd6,
  0xd7,
  0xd9,
  0xda,
  0xdb,
  0xdc,
  0xdd,
  0xde,
  0xdf,
  0xff,
  ...new TextEncoder().encode('"\\{}[]:,-.0eETS \n'),
];

/** Sources of a change. */
interface MutateOptions {
  /** Frame to copy parts from. */
  readonly other: Uint8Array;
  readonly random: Random;
  /** Whether to use mostly ASCII: other bytes end a text early. */
  readonly isText: boolean;
}

/** A frame with one to five changes. */
export function mutate(
  frame: Uint8Array,
  { other, random, isText }: MutateOptions,
): Uint8Array {
  let bytes = Array.from(frame);
  const mask = isText && !random.oneIn(8) ? 0x7f : 0xff;
  for (let i = 1 + random.below(random.oneIn(4) ? 5 : 2); i > 0; i--) {
    bytes = changed(bytes, { other, random, mask });
  }
  return Uint8Array.from(bytes.slice(0, LONGEST));
}

function changed(
  bytes: number[],
  { other, random, mask }: {
    readonly other: Uint8Array;
    readonly random: Random;
    readonly mask: number;
  },
): number[] {
  const at = random.below(bytes.length + 1);
  const length = 1 + random.below(random.oneIn(4) ? 64 : 4);
  switch (random.below(9)) {
    case 0:
      bytes[at] = ((bytes[at] ?? 0) ^ (1 << random.below(8))) & mask;
      break;
    case 1:
      bytes[at] = random.pick(ODD_BYTES) & mask;
      break;
    case 2:
      bytes[at] = random.below(256) & mask;
      break;
    // A length that is a little too small or too large.
    case 3:
      bytes[at] = ((bytes[at] ?? 0) + random.pick([-2, -1, 1, 2])) & mask;
      break;
    case 4:
      bytes.splice(at, length);
      break;
    case 5:
      bytes.splice(at, 0, random.pick(ODD_BYTES) & mask);
      break;
    case 6:
      bytes.splice(at, 0, ...bytes.slice(at, at + length));
      break;
    case 7: {
      const from = random.below(other.length + 1);
      bytes.splice(at, length, ...other.subarray(from, from + length));
      break;
    }
    default:
      bytes.length = at;
  }
  return bytes;
}

/** Minimizes a failing input by removing smaller and smaller parts. */
export function minimize(
  input: Uint8Array,
  fails: (input: Uint8Array) => boolean,
): Uint8Array {
  let best = input;
  for (let size = best.length >> 1; size >= 1; size >>= 1) {
    for (let at = 0; at + size <= best.length;) {
      const shorter = new Uint8Array(best.length - size);
      shorter.set(best.subarray(0, at));
      shorter.set(best.subarray(at + size), at);
      if (fails(shorter)) best = shorter;
      else at += size;
    }
  }
  return best;
}
