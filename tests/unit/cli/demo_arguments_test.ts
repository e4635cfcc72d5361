import assert from "node:assert/strict";
import { DEMO_HELP, parseDemoArguments } from "../../../cli/demo.ts";

Deno.test("a demo without flags follows well-known stocks until interrupted", () => {
  assert.deepEqual(parseDemoArguments([]), {
    type: "demo",
    seconds: undefined,
    messagesPerSecond: 200,
    symbols: ["AAPL", "MSFT", "NVDA", "TSLA", "AMZN", "SPY", "QQQ"],
    seed: "demo",
    secure: false,
    plain: false,
    all: false,
  });
});

Deno.test("a demo reads every flag", () => {
  const line = "--seconds 8 --rate 5000 --symbols spy,aapl,SPY --seed x --all --secure";
  assert.deepEqual(parseDemoArguments([...line.split(" "), "--plain"]), {
    type: "demo",
    seconds: 8,
    messagesPerSecond: 5000,
    symbols: ["SPY", "AAPL"],
    seed: "x",
    secure: true,
    plain: true,
    all: true,
  });
});

const REFUSED: readonly [string, RegExp][] = [
  ["AAPL", /AAPL: demo takes flags only; see --symbols/],
  ["--rate 0", /--rate 0: it takes a whole number from 1 to 200000/],
  ["--rate 200001", /from 1 to 200000/],
  ["--seconds 0", /--seconds 0: it takes a number from 1/],
  ["--symbols AAPL,,MSFT", /up to 50 tickers separated by commas/],
  ["--symbols *", /up to 50 tickers/],
  ["--speed 3", /the flags are --seconds, --rate/],
];

for (const [line, message] of REFUSED) {
  Deno.test(`"demo ${line}" is refused with what is accepted`, () => {
    assert.throws(() => parseDemoArguments(line.split(" ")), message);
  });
}

Deno.test("the help of demo fits eighty columns", () => {
  const long = DEMO_HELP.split("\n").filter((line) => line.length > 80);
  assert.deepEqual(long, []);
});
