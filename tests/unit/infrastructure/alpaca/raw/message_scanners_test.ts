/**
 * The scanners find what a parser finds, at the bytes where it stands.
 *
 * @module
 */
import assert from "node:assert/strict";
import { encode } from "@msgpack/msgpack";
import fc from "fast-check";
import { JsonScanner } from "../../../../../src/infrastructure/alpaca/raw/json_scanner.ts";
import { MsgpackScanner } from "../../../../../src/infrastructure/alpaca/raw/msgpack_scanner.ts";
import type { MessageScanner } from "../../../../../src/infrastructure/alpaca/raw/message_scanner.ts";

const RUNS = { numRuns: 300 };
const utf8 = new TextEncoder();

interface FoundCopy {
  readonly type: string;
  readonly symbol: string | undefined;
  readonly symbols: readonly string[] | undefined;
  readonly bytes: Uint8Array;
}

function scan(scanner: MessageScanner, frame: Uint8Array): FoundCopy[] {
  const found: FoundCopy[] = [];
  scanner.scan(frame, ({ type, symbol, symbols, frame, start, end }) => {
    found.push({ type, symbol, symbols, bytes: frame.slice(start, end) });
  });
  return found;
}

const text = fc.oneof(
  fc.constantFrom("q", "t", "AAPL", "BRK.B", "", "é", 'a"b', "\\", "{["),
  fc.string(),
);
const member = fc.oneof(
  text,
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.integer(),
  fc.constant(null),
  fc.boolean(),
  fc.array(text, { maxLength: 3 }),
  fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 2 }), { maxKeys: 3 }),
);
const others = fc.dictionary(
  fc.string().filter((key) => !["T", "S", "symbols", "__proto__"].includes(key)),
  member,
  { maxKeys: 6 },
);
/** The usual order of keys, and any other. */
const message = fc.tuple(
  fc.record({ T: text, S: text, symbols: fc.array(text, { maxLength: 3 }) }, { requiredKeys: [] }),
  others,
  fc.boolean(),
).map(([own, rest, isFirst]) => isFirst ? { ...own, ...rest } : { ...rest, ...own });

function expected(messages: readonly Readonly<Record<string, unknown>>[]) {
  return messages.map(({ T = "", S, symbols }) => ({
    type: T,
    symbol: S,
    symbols: S === undefined ? symbols : undefined,
  }));
}

Deno.test("the JSON scanner finds every message with its type, symbols and bytes", () => {
  const scanner = new JsonScanner();
  const spaces = fc.constantFrom(undefined, 1);
  fc.assert(
    fc.property(fc.array(message, { maxLength: 5 }), spaces, (messages, space) => {
      const found = scan(scanner, utf8.encode(JSON.stringify(messages, undefined, space)));
      assert.deepEqual(
        found.map(({ bytes }) => JSON.parse(new TextDecoder().decode(bytes))),
        JSON.parse(JSON.stringify(messages)),
      );
      const names = found.map(({ bytes: _bytes, ...rest }) => rest);
      assert.deepEqual(names, expected(messages));
    }),
    RUNS,
  );
});

Deno.test("the MessagePack scanner finds every message with its type, symbols and bytes", () => {
  const scanner = new MsgpackScanner();
  fc.assert(
    fc.property(fc.array(message, { maxLength: 20 }), (messages) => {
      const found = scan(scanner, encode(messages));
      assert.deepEqual(
        found.map(({ bytes }) => bytes.toHex()),
        messages.map((each) => encode(each).toHex()),
      );
      const names = found.map(({ bytes: _bytes, ...rest }) => rest);
      assert.deepEqual(names, expected(messages));
    }),
    RUNS,
  );
});

Deno.test("a single map is a message, and what is no map is skipped", () => {
  const one = { T: "q", S: "AAPL", bp: 1.5 };
  for (const value of [one, [1, "x", [one], null, one]]) {
    const scanners = [
      scan(new JsonScanner(), utf8.encode(JSON.stringify(value))),
      scan(new MsgpackScanner(), encode(value)),
    ];
    for (const found of scanners) {
      assert.deepEqual(found.map(({ symbol }) => symbol), ["AAPL"]);
    }
  }
});

Deno.test("a frame that ends within a message is an error, after the messages before it", () => {
  const whole = [{ T: "q", S: "A", bp: 1 }, { T: "q", S: "B", bp: 2 }];
  const cases: [MessageScanner, Uint8Array][] = [
    [new JsonScanner(), utf8.encode(JSON.stringify(whole))],
    [new MsgpackScanner(), encode(whole)],
  ];
  for (const [scanner, frame] of cases) {
    const symbols: (string | undefined)[] = [];
    assert.throws(
      () => scanner.scan(frame.subarray(0, -3), ({ symbol }) => symbols.push(symbol)),
      RangeError,
    );
    assert.deepEqual(symbols, ["A"]);
  }
});
