import assert from "node:assert/strict";
import { describeFlags, readArguments } from "../../../cli/flags.ts";
import { UsageError } from "../../../cli/flags.ts";

const TABLE = {
  count: { value: "N", help: "how many" },
  tag: { value: "TEXT", repeats: true, help: "a mark" },
  json: { help: "as JSON" },
  help: { help: "this" },
} as const;

Deno.test("words and flags may be mixed and values joined by =", () => {
  const read = readArguments(
    ["one", "--count", "3", "--json", "two", "--tag=a", "--tag", "b"],
    TABLE,
  );
  assert.deepEqual(read.words, ["one", "two"]);
  assert.equal(read.number("count", { min: 1, max: 9 }), 3);
  assert.deepEqual(read.all("tag"), ["a", "b"]);
  assert.equal(read.has("json"), true);
  assert.equal(read.has("help"), false);
  assert.equal(read.text("count"), "3");
});

Deno.test("everything after -- is a word", () => {
  assert.deepEqual(readArguments(["--", "--json", "-x"], TABLE).words, [
    "--json",
    "-x",
  ]);
});

Deno.test("a value may hold an equals sign", () => {
  assert.equal(readArguments(["--tag=a=b"], TABLE).text("tag"), "a=b");
});

Deno.test("-h is --help", () => {
  assert.equal(readArguments(["-h"], TABLE).has("help"), true);
});

const REFUSED: readonly [readonly string[], RegExp][] = [
  [["--cuont", "3"], /^Cannot use --cuont: the flags are --count, --tag/],
  [["-c"], /^Cannot use -c: the flags are/],
  [["--toString"], /^Cannot use --toString: the flags are/],
  [["--count"], /^Cannot use --count: it needs a value, as in --count N$/],
  [["--count", "--json"], /it needs a value/],
  [["--count="], /it needs a value/],
  [["--json=yes"], /^Cannot use --json=yes: --json takes no value$/],
  [["--json", "--json"], /--json may be given only once/],
  [["--count", "1", "--count", "2"], /--count may be given only once/],
];

for (const [args, message] of REFUSED) {
  Deno.test(`the arguments ${args.join(" ")} are refused by name`, () => {
    assert.throws(
      () => readArguments(args, TABLE),
      (error: unknown) => error instanceof UsageError && message.test(error.message),
    );
  });
}

for (const text of ["0", "10", "-1", "1.5", "1e1", "abc", "0x1"]) {
  Deno.test(`--count ${text} is refused with its range`, () => {
    const read = readArguments(["--count", text], TABLE);
    assert.throws(
      () => read.number("count", { min: 1, max: 9 }),
      new UsageError(
        `--count ${text}`,
        "it takes a whole number from 1 to 9",
      ),
    );
  });
}

Deno.test("a fraction is accepted where fractions are allowed", () => {
  const read = readArguments(["--count", "0.5"], TABLE);
  const range = { min: 0, max: 9, fractions: true };
  assert.equal(read.number("count", range), 0.5);
});

Deno.test("flags are described in aligned lines", () => {
  assert.deepEqual(describeFlags(TABLE).split("\n"), [
    "  --count N   how many",
    "  --tag TEXT  a mark",
    "  --json      as JSON",
    "  --help      this",
  ]);
});
