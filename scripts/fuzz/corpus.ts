/**
 * Inputs that were handled wrongly once, by what was wrong. Each is a test, and
 * the search starts from them.
 *
 * @module
 */
import type { DecoderName } from "./target.ts";

/** Inputs in hex by decoder and name. */
export const FOUND: Readonly<
  Record<DecoderName, Readonly<Record<string, string>>>
> = {
  stock: {},
  option: {
    "a str8 value of an unknown key is cut behind its first byte":
      "9182a154a171a172d9",
    "the same behind a symbol": "9183a154a171a153a141a172d9",
  },
  order: {},
};

/** Those of one decoder, as bytes. */
export function foundInputs(decoder: DecoderName): readonly Uint8Array[] {
  return Object.values(FOUND[decoder]).map((hex) => Uint8Array.fromHex(hex));
}
