/**
 * Elements that a tolerant client survives: malformed, of unknown types, or
 * very many at once.
 *
 * @module
 */
import type { Encodable } from "../protocol/elements.ts";

const TIME = "2026-09-14T14:30:02.118450321Z";

/** A quote as the tables have it, at a price of its own. */
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

/** Elements that break the tables, each in its own way. */
export function malformedElements(symbol: string): readonly Encodable[] {
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

/** An element of a type that no table has. */
export function unknownElement(symbol: string): Encodable {
  return { T: "zz", S: symbol, t: TIME, novelty: { depth: [1, 2, 3] } };
}

/**
 * One frame's worth of `count` elements: good quotes with rising prices, every
 * tenth element malformed or unknown.
 */
export function mixedElements(symbol: string, count: number): Encodable[] {
  const odd = [...malformedElements(symbol), unknownElement(symbol)];
  return Array.from({ length: count }, (_, index) => {
    const isOdd = index % 10 === 9;
    const oddOne = odd[Math.floor(index / 10) % odd.length] ?? null;
    return isOdd ? oddOne : goodQuote(symbol, 100 + index / 100);
  });
}
