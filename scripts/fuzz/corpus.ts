/**
 * Inputs that a decoder once handled wrongly. Each is a regression test and a
 * start of the search.
 *
 * @module
 */
import type { DecoderName } from "./target.ts";

/** Inputs in hex by decoder and fault. */
export const FOUND: Readonly<
  Record<DecoderName, Readonly<Record<string, string>>>
> = {
  stock: {
    "a message that no stream requests is not JSON": "5b7b2254223a2271222c2253223a22222c22227d5d",
    "an empty symbol, requested or not": "5b7b2254223a2271222c2253223a22227d5d",
    "a requested symbol follows another one":
      "5b7b2254223a2274222c2253223a224745222c2269223a312c2270223a312c2273223a" +
      "312c2274223a22323032362d30392d31345431343a33303a30325a222c2253223a2241" +
      "41504c227d5d",
    "a second type follows a symbol that is not requested":
      "5b7b2254223a2274222c2253223a224745222c2254223a227a7a227d5d",
  },
  option: {
    "a str8 value of an unknown key is cut behind its first byte": "9182a154a171a172d9",
    "the same behind a symbol": "9183a154a171a153a141a172d9",
    "a key of zero and the letter of the symbol":
      "9188a154a174a153a141a1700aa17301a178a14ea163a141a174d6ff6aa804eaa20053" +
      "a142",
    "a key __proto__ behind a symbol that is not requested":
      "9183a154a171a153a158a95f5f70726f746f5f5fc0",
    "a key nil behind a symbol that is not requested": "9183a154a171a153a158c0c0",
    "an announced list of 65,535, nested": "dcffff".repeat(400),
  },
  order: {
    "a time that no client can be sent":
      "7b2273747265616d223a2274726164655f75706461746573222c2264617461223a7b22" +
      "6576656e74223a226e6577222c226f72646572223a7b226964223a2231227d2c227469" +
      "6d657374616d70223a22303030302d30312d30315430303a30303a30305a222c226174" +
      "223a22323032362d30392d31345431343a33313a30375a227d7d",
  },
  request: {},
  websocket: {},
};

/** Inputs of one decoder, as bytes. */
export function foundInputs(decoder: DecoderName): readonly Uint8Array[] {
  return Object.values(FOUND[decoder]).map((hex) => Uint8Array.fromHex(hex));
}
