import assert from "node:assert/strict";
import { encode } from "@msgpack/msgpack";
import fc from "fast-check";
import { readCommand } from "../../../../src/infrastructure/websocket/commands.ts";

const utf8 = new TextEncoder();
const json = (value: unknown) => readCommand(utf8.encode(JSON.stringify(value)));

Deno.test("a command is read from JSON and MessagePack alike", () => {
  const channels = fc.dictionary(
    fc.constantFrom("trades", "quotes", "bars", "news", "corrections", "unknown"),
    fc.option(fc.array(fc.string(), { maxLength: 20 })),
    { maxKeys: 5 },
  );
  const command = fc.oneof(
    fc.record({ action: fc.constant("auth"), key: fc.string(), secret: fc.string() }),
    fc.tuple(fc.constantFrom("subscribe", "unsubscribe"), channels).map(([action, rest]) => ({
      action,
      ...rest,
    })),
    fc.record({
      action: fc.constant("listen"),
      data: fc.record({ streams: fc.array(fc.string()) }),
    }),
    fc.record({
      action: fc.constant("authenticate"),
      data: fc.record({ key_id: fc.string(), secret_key: fc.string() }),
    }),
  );
  fc.assert(fc.property(command, (value) => {
    const text = json(value);
    const binary = readCommand(encode(value));
    assert.equal(text === undefined, binary === undefined);
    if (text) assert.deepEqual({ ...text, format: "" }, { ...binary, format: "" });
  }));
});

Deno.test("channels without symbols are left out; a request without a channel is not valid", () => {
  assert.deepEqual(json({ action: "subscribe", trades: ["A", "A"], quotes: null, bars: [] }), {
    action: "subscribe",
    symbols: new Map([["trades", new Set(["A"])]]),
    format: "json",
  });
  assert.deepEqual(json({ action: "unsubscribe", orderbooks: null }), {
    action: "unsubscribe",
    symbols: new Map(),
    format: "json",
  });
  for (const value of [{ action: "subscribe" }, { action: "subscribe", other: ["A"] }]) {
    assert.equal(json(value), undefined);
  }
});

Deno.test("logins of all forms have a key and a secret", () => {
  const login = (value: unknown) => {
    const command = json(value);
    return command && "key" in command ? [command.key, command.secret] : undefined;
  };
  assert.deepEqual(login({ action: "auth", key: "K", secret: "S" }), ["K", "S"]);
  const pair = { key_id: "K", secret_key: "S" };
  assert.deepEqual(login({ action: "authenticate", data: pair }), ["K", "S"]);
  const token = { oauth_token: "T" };
  assert.deepEqual(login({ action: "authenticate", data: token }), ["oauth", "T"]);
  assert.deepEqual(login({ action: "auth", key: 1, secret: null }), ["", ""]);
  assert.deepEqual(login({ action: "authenticate" }), ["", ""]);
});

Deno.test("what is no command is not valid", () => {
  const texts = ["", "{", "[]", "1", "null", '"auth"', '{"action":"auth"}{}', "{}", "\u0000"];
  for (const text of texts) assert.equal(readCommand(utf8.encode(text)), undefined, text);
  const frames = ["", "81", "8101", "81a6616374696f6e", "dfffffffff", "80", "80c0", "de"];
  for (const hex of frames) assert.equal(readCommand(Uint8Array.fromHex(hex)), undefined, hex);
  // A text that is not UTF-8.
  assert.equal(readCommand(Uint8Array.fromHex("7b22ff223a317d")), undefined);
});

Deno.test("the keys of an object's prototype are no channels", () => {
  const polluted = '{"action":"subscribe","__proto__":{"trades":["A"]},"quotes":["B"]}';
  const command = readCommand(utf8.encode(polluted));
  assert.ok(command && "symbols" in command);
  assert.deepEqual([...command.symbols.keys()], ["quotes"]);
});

Deno.test("no bytes make the parser fail, and nesting is skipped", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
    readCommand(bytes);
  }));
  const deep = { action: "subscribe", trades: ["A"], other: [[[[[[[[1]]]]]]]] };
  assert.ok(readCommand(encode(deep)));
  const nested = new Uint8Array(1_000_000).fill(0x91);
  nested[0] = 0x81;
  nested[1] = 0xa1;
  assert.equal(readCommand(nested), undefined);
});

Deno.test("a message with more values than a request needs is not valid", () => {
  const symbols = (count: number) => Array.from({ length: count }, (_, i) => `S${i}`);
  const write = [encode, (message: unknown) => utf8.encode(JSON.stringify(message))];
  for (const bytesOf of write) {
    const isValid = (message: unknown) =>
      readCommand(bytesOf({ action: "subscribe", ...message as object })) !== undefined;
    assert.ok(isValid({ trades: symbols(20_000), quotes: symbols(20_000), bars: symbols(20_000) }));
    assert.ok(!isValid({ trades: symbols(70_000) }));
    assert.ok(!isValid({ trades: ["A"], other: Array.from({ length: 70_000 }, () => 1) }));
    assert.ok(!isValid({ trades: ["A"], other: Array.from({ length: 70_000 }, () => [[[[]]]]) }));
  }
  const isValid = (other: string) =>
    readCommand(utf8.encode(`{"action":"subscribe","trades":["A"],"other":${other}}`)) !==
      undefined;
  assert.ok(isValid(`[${"[],".repeat(900)}1]`));
  assert.ok(!isValid(`[${"[],".repeat(1_100)}1]`));
  assert.ok(!isValid("[".repeat(1_100) + "]".repeat(1_100)));
  assert.ok(!isValid(`{${Array.from({ length: 1_100 }, (_, i) => `"k${i}":1`).join(",")}}`));
});

Deno.test("what is inside of texts does not count as values", () => {
  const text = fc.string({ unit: fc.constantFrom('"', "\\", "[", "{", ":", ",", "é", "a") });
  fc.assert(fc.property(fc.array(text, { minLength: 1, maxLength: 2_000 }), (symbols) => {
    const message = JSON.stringify({ action: "subscribe", trades: symbols });
    const command = readCommand(utf8.encode(message));
    assert.ok(command && "symbols" in command);
    assert.deepEqual(command.symbols.get("trades"), new Set(symbols));
  }));
});

Deno.test("short texts of MessagePack are read as all others", () => {
  const text = fc.oneof(fc.string({ unit: "binary", maxLength: 40 }), fc.string({ maxLength: 40 }));
  fc.assert(fc.property(fc.array(text, { minLength: 1 }), (symbols) => {
    const command = readCommand(encode({ action: "subscribe", trades: symbols }));
    assert.ok(command && "symbols" in command);
    assert.deepEqual(command.symbols.get("trades"), new Set(symbols));
  }));
  // Continuation bytes without a start.
  const invalid = Uint8Array.fromHex("82a6616374696f6ea9737562736372696265a674726164657391a28080");
  assert.equal(readCommand(invalid), undefined);
});
