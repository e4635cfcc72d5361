/** Frames of the trading stream. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { binary, hex, OrderHarness } from "./decoder_harness.ts";

const data = { event: "new", order: { id: "o1" } };
const update = { stream: "trade_updates", data };

Deno.test("updates arrive in text and in binary frames", () => {
  const text = JSON.stringify(update);
  const harness = new OrderHarness().receive(text).receive(binary(text));
  assert.deepEqual(harness.orders.events.map(({ order }) => order.id), [
    "o1",
    "o1",
  ]);
  assert.deepEqual(harness.received, { order_update: 2 });
  assert.deepEqual(harness.errors, {});
  const [first = 0, second = 0] = harness.orders.receivedAt;
  assert.equal(first, harness.clock.now());
  assert.ok(first < second && second < first + 1, "frames of the same ms differ by a fraction");
});

Deno.test("an array of messages is read one by one", () => {
  const harness = new OrderHarness().receive(
    JSON.stringify([update, 7, update]),
  );
  assert.equal(harness.orders.events.length, 2);
  assert.deepEqual(harness.errors, { malformed_element: 1 });
});

Deno.test("the one-byte keep-alive of older versions is ignored", () => {
  const harness = new OrderHarness().receive(hex("01")).receive("\u0001");
  assert.deepEqual(harness.errors, {});
  assert.deepEqual(harness.received, {});
});

Deno.test("a frame that is not JSON costs that frame", () => {
  const deep = "[".repeat(50_000) + "]".repeat(50_000);
  const wrong = ["", "{", "\u0002", hex("02"), hex("ff fe"), hex("90"), deep];
  for (const frame of wrong) {
    const harness = new OrderHarness().receive(frame).update(data);
    assert.deepEqual(harness.errors, { malformed_frame: 1 });
    assert.equal(harness.orders.events.length, 1);
  }
});

Deno.test("an update without order, order id or event is invalid", () => {
  const wrong = [
    undefined,
    null,
    [],
    "x",
    {},
    { event: "new" },
    { event: "new", order: null },
    { event: "new", order: [] },
    { event: "new", order: {} },
    { event: "new", order: { id: "" } },
    { event: "new", order: { id: null } },
    { event: "", order: { id: "o" } },
    { event: null, order: { id: "o" } },
    { event: {}, order: { id: "o" } },
    { order: { id: "o" } },
  ];
  for (const bad of wrong) {
    const harness = new OrderHarness().update(bad).update(data);
    assert.deepEqual(
      harness.errors,
      { malformed_element: 1 },
      JSON.stringify(bad),
    );
    assert.equal(harness.orders.events.length, 1);
  }
});

Deno.test("messages of other streams are counted and ignored", () => {
  const wrong = [
    { stream: "account_updates", data: {} },
    { stream: null },
    { stream: { toString: 1, valueOf: 1 } },
    { action: "listen" },
    {},
  ];
  for (const message of wrong) {
    const harness = new OrderHarness().receive(JSON.stringify(message)).update(
      data,
    );
    assert.deepEqual(
      harness.errors,
      { unknown_type: 1 },
      JSON.stringify(message),
    );
    assert.deepEqual(harness.received, { unknown: 1, order_update: 1 });
  }
});

Deno.test("values that are not messages are invalid", () => {
  for (const text of ["null", "7", '"x"', "true", "[[]]"]) {
    const harness = new OrderHarness().receive(text);
    assert.deepEqual(harness.errors, { malformed_element: 1 }, text);
  }
  assert.deepEqual(new OrderHarness().receive("[]").errors, {});
});

Deno.test("session replies are read in all their forms", () => {
  const authorization = (fields: unknown) => ({
    stream: "authorization",
    data: fields,
  });
  const cases = [
    [authorization({ status: "authorized", action: "authenticate" }), {
      type: "authorization",
      authorized: true,
      message: "authorized",
    }],
    [authorization({ status: "unauthorized", action: "listen" }), {
      type: "authorization",
      authorized: false,
      message: "unauthorized",
    }],
    [
      authorization({
        status: "unauthorized",
        message: "access key verification failed",
      }),
      {
        type: "authorization",
        authorized: false,
        message: "access key verification failed",
      },
    ],
    [authorization(null), {
      type: "authorization",
      authorized: false,
      message: "",
    }],
    [{ stream: "listening", data: { streams: ["trade_updates", null] } }, {
      type: "listening",
      streams: ["trade_updates"],
    }],
    [{ stream: "listening", data: { streams: null } }, {
      type: "listening",
      streams: [],
    }],
    [{ stream: "listening", data: { error: "not allowed" } }, {
      type: "error",
      message: "not allowed",
    }],
    [{ action: "error", data: { error_message: "internal server error" } }, {
      type: "error",
      message: "internal server error",
    }],
  ] as const;
  for (const [message, reply] of cases) {
    const harness = new OrderHarness().receive(JSON.stringify(message));
    assert.deepEqual(harness.replies, [reply]);
    assert.deepEqual(harness.received, { control: 1 });
    assert.deepEqual(harness.errors, {});
  }
});

Deno.test("no JSON, no text and no bytes throw", () => {
  const key = fc.constantFrom(
    "stream",
    "data",
    "action",
    "order",
    "event",
    "id",
  );
  const word = fc.constantFrom("trade_updates", "authorization", "listening");
  const { message } = fc.letrec((tie) => ({
    value: fc.oneof(
      { maxDepth: 3 },
      fc.jsonValue(),
      fc.object(),
      word,
      tie("message"),
    ),
    message: fc.dictionary(key, tie("value"), { maxKeys: 4 }),
  }));
  fc.assert(
    fc.property(fc.oneof(message, fc.jsonValue()), (any) => {
      const harness = new OrderHarness().receive(JSON.stringify(any) ?? "");
      assert.equal(harness.update(data).orders.events.at(-1)?.order.id, "o1");
    }),
    { numRuns: 500 },
  );
  fc.assert(fc.property(fc.uint8Array(), fc.string(), (bytes, text) => {
    new OrderHarness().receive(bytes).receive(text);
  }));
});
