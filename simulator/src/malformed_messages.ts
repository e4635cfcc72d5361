/**
 * Messages that a robust client must survive: malformed, of unknown types, or
 * thousands in one frame.
 *
 * @module
 */
import type { Encodable } from "./protocol/messages.ts";

const TIME = "2026-09-14T14:30:02.118450321Z";

/** A valid quote. */
function goodQuote(symbol: string, price: number): Encodable {
  return {
    T: "q",
    S: symbol,
    bx: "Q",
    bp: price,
    bs: 100,
    ax: "P",
    ap: Math.round((price + 0.01) * 100) / 100,
    as: 200,
    c: ["R"],
    t: TIME,
    z: "C",
  };
}

/** Malformed messages, each in a different way. */
export function malformedMessages(symbol: string): readonly Encodable[] {
  return [
    { T: "q", S: symbol },
    { T: "q", S: symbol, bp: "not a number", ap: null, t: TIME },
    { T: "t", S: symbol, i: 1, p: 1, s: 100, c: "no list", t: "yesterday" },
    { T: "t", S: 42, p: 1, s: 1, t: TIME },
    { T: "b", S: symbol, o: 1, h: null, l: [], c: {}, v: -1, t: TIME },
    { S: symbol, bp: 1, ap: 2 },
    { T: 7, S: symbol },
    {},
    42,
    "text",
    null,
    [],
  ];
}

/** A message of an unknown type. */
export function unknownMessage(symbol: string): Encodable {
  return { T: "zz", S: symbol, t: TIME, novelty: { depth: [1, 2, 3] } };
}

/**
 * The messages of one large frame: valid quotes with rising prices, every tenth
 * message malformed or of an unknown type.
 */
export function mixedMessages(symbol: string, count: number): Encodable[] {
  const invalid = [...malformedMessages(symbol), unknownMessage(symbol)];
  return Array.from(
    { length: count },
    (_, index) =>
      index % 10 === 9
        ? invalid[Math.floor(index / 10) % invalid.length] ?? null
        : goodQuote(symbol, 100 + index / 100),
  );
}
