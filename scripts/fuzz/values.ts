/**
 * Messages as trees, which unlike objects can hold duplicate keys, keys that are not
 * text, numbers in any notation, and raw bytes.
 *
 * @module
 */
import type { Random } from "../rig/random.ts";

/** A value of either encoding. */
export type Node =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "number"; readonly text: string }
  | { readonly kind: "word"; readonly word: null | boolean }
  | { readonly kind: "time"; readonly seconds: number; readonly nanos: number }
  | { readonly kind: "list"; readonly items: readonly Node[] }
  | { readonly kind: "map"; readonly fields: readonly Field[] }
  /** Raw bytes in place of a value. */
  | { readonly kind: "raw"; readonly bytes: readonly number[] };

/** A key, which JSON always writes as text, and its value. */
export type Field = readonly [Node, Node];

/** Text as a node. */
export function text(value: string): Node {
  return { kind: "text", text: value };
}

/** A number in its JSON notation. */
export function number(value: number | bigint | string): Node {
  return { kind: "number", text: String(value) };
}

/** A list. */
export function list(...items: readonly Node[]): Node {
  return { kind: "list", items };
}

/** A map with text keys. */
export function map(fields: Readonly<Record<string, Node>>): Node {
  const entries = Object.entries(fields);
  return {
    kind: "map",
    fields: entries.map(([key, value]) => [text(key), value] as const),
  };
}

/** Nanoseconds of a second that look like upstream's. */
export function time(seconds: number, nanos: number): Node {
  return { kind: "time", seconds, nanos };
}

const LONG_TEXT: readonly string[] = [
  "x".repeat(255),
  "x".repeat(256),
  "x".repeat(300),
  "€".repeat(1_024),
  "x".repeat(1_025),
  "x".repeat(5_000),
];
const NASTY_TEXT: readonly string[] = [
  "",
  "A",
  "AAPL",
  "MSFT",
  "SPY261218C00650000",
  "T",
  "S",
  "*",
  "\0",
  "\x7f",
  "\u2028",
  "Ä",
  "ß€",
  "\u{1f600}",
  "\ud800",
  "\udc00x",
  "__proto__",
  "constructor",
  "toString",
  "]",
  "}",
  '"',
  "\\",
  "[",
  ",",
  "x".repeat(31),
  "x".repeat(32),
  "x".repeat(63),
  "x".repeat(64),
  "x".repeat(65),
  "é".repeat(64),
  "2026-09-14T14:30:02.118450321Z",
  "0000-01-01T00:00:00Z",
  "0001-01-01T00:00:00+00:01",
  "9999-12-31T23:59:59.9999999999Z",
  "9999-12-31T23:59:59-00:01",
  "2024-02-29T23:59:60Z",
  "2023-02-29T00:00:00Z",
  "2026-09-14T14:30:02.1184503219+23:59",
  "2026-09-14 14:30:02z",
  "2026-09-14T14:30:02.Z",
  "q",
  "t",
  "b",
  "success",
  "error",
  "subscription",
  "trade_updates",
  "authorization",
  "listening",
  "authorized",
];

const NASTY_NUMBERS: readonly string[] = [
  "0",
  "-0",
  "-0.0",
  "1",
  "-1",
  "0.5",
  "1.10",
  "127",
  "128",
  "255",
  "256",
  "32767",
  "-32768",
  "65535",
  "65536",
  "2147483647",
  "2147483648",
  "-2147483649",
  "4294967295",
  "4294967296",
  "9007199254740991",
  "9007199254740992",
  "9007199254740993",
  "-9007199254740993",
  "9007199254740991.4",
  "9223372036854775807",
  "-9223372036854775808",
  "9223372036854775808",
  "18446744073709551615",
  "18446744073709551616",
  "1e3",
  "1E-2",
  "1e308",
  "1e309",
  "-1e400",
  "5e-324",
  "0.1234567890123456",
  "999999999999999",
  "9999999999999999",
  "123456789.123456789",
  `${"9".repeat(64)}`,
  `${"9".repeat(65)}`,
  `0.${"0".repeat(70)}1`,
  `${"9".repeat(400)}`,
  "01",
  "-",
  "1.",
  ".5",
  "+1",
  "NaN",
  "Infinity",
];

const NASTY_RAW: readonly (readonly number[])[] = [
  [],
  [0xc1],
  [0xc0],
  [0xd9],
  [0xda, 0xff],
  [0xdb, 0xff, 0xff, 0xff, 0xff],
  [0xdd, 0xff, 0xff, 0xff, 0xff],
  [0xdc, 0xff, 0xff],
  [0xdf, 0x7f, 0xff, 0xff, 0xff],
  [0xc6, 0x00, 0x01, 0x00, 0x00],
  [0xc4, 0x01, 0x41],
  [0xc7, 0x0c, 0xff],
  [0xc7, 0x00, 0xff],
  [0xd4, 0xff, 0x00],
  [0xd8, 0xff, ...new Array(16).fill(1)],
  [0xa2, 0x00, 0x53],
  [0xa2, 0x00, 0x54],
  [0xd9, 0x01, 0x53],
  [0xa1, 0xff],
  [0xa3, 0xed, 0xa0, 0x80],
  [0xa2, 0xc1, 0x9f],
  [0xcb, 0x7f, 0xf8, 0, 0, 0, 0, 0, 0],
  [0xcb, 0x7f, 0xf0, 0, 0, 0, 0, 0, 0],
  [0xcb, 0x80, 0, 0, 0, 0, 0, 0, 0],
  [0xca, 0xff, 0xc0, 0, 0],
  [0x22, 0xff, 0x22],
  [0xef, 0xbb, 0xbf],
  [0x22, 0x5c, 0x75, 0x30, 0x30, 0x35, 0x33, 0x22],
  [0x20],
  [0x22],
  [0x7b],
  [0x5b],
  [0x2c],
];

/** A value of any kind, mostly of those that are known to break decoders. */
export function anyNode(random: Random, depth = 2): Node {
  switch (random.below(depth > 0 ? 9 : 6)) {
    case 0:
    case 1:
      return text(random.pick(random.oneIn(40) ? LONG_TEXT : NASTY_TEXT));
    case 2:
      return number(random.pick(NASTY_NUMBERS));
    case 3:
      return { kind: "word", word: random.pick([null, true, false]) };
    case 4:
      return anyTime(random);
    case 5:
      return random.oneIn(3)
        ? { kind: "raw", bytes: random.pick(NASTY_RAW) }
        : text(random.pick(NASTY_TEXT));
    case 6:
      return list(...nodes(random, depth));
    case 7:
      return {
        kind: "map",
        fields: nodes(random, depth).map((node) => [anyNode(random, 0), node] as const),
      };
    default:
      return nested(random, 1 + random.below(random.oneIn(20) ? 40 : 4));
  }
}

function nodes(random: Random, depth: number): Node[] {
  const count = random.oneIn(60) ? random.below(70) : random.below(4);
  return Array.from({ length: count }, () => anyNode(random, depth - 1));
}

function nested(random: Random, levels: number): Node {
  let node = anyNode(random, 0);
  for (let i = 0; i < levels; i++) {
    node = random.oneIn(2) ? list(node) : { kind: "map", fields: [[anyNode(random, 0), node]] };
  }
  return node;
}

const SECONDS: readonly number[] = [
  0,
  1,
  1_789_396_202,
  2 ** 32 - 1,
  2 ** 34 - 1,
  -1,
  -62_135_596_800,
  -62_135_596_801,
  253_402_300_799,
  253_402_300_800,
  2 ** 53,
  -(2 ** 60),
];
const NANOS: readonly number[] = [0, 1, 118_450_321, 999_999_999, 1e9, 2 ** 30];

function anyTime(random: Random): Node {
  return time(random.pick(SECONDS), random.pick(NANOS));
}
