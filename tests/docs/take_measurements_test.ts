import assert from "node:assert/strict";
import { replaceInputs, replaceTables, tablesOf } from "../../scripts/docs/take_measurements.ts";

const PRINTED = tablesOf(
  `### Cost

| Who | CPU µs |
| --- | --- |
| edge | 2.5 |
| hub | 1 |

### Inputs

| Input | Value |
| --- | --- |
| hubMicros | 1.5 |
| maxBatches | 31.4 k |
`.split("\n"),
);

Deno.test("measured rows replace those of the table with the same columns", () => {
  const text = `Text.

| Who  | CPU µs |
| ---- | ------ |
| edge | 9      |

| Who | Memory |
| --- | ------ |
| hub | 9      |
`;
  const { text: taken, replaced } = replaceTables(text, PRINTED);
  assert.deepEqual(replaced, ["Who|CPU µs"]);
  assert.match(taken, /\| edge \| 2\.5 \|\n\| hub \| 1 \|\n\n\| Who \| Memory/);
  assert.match(taken, /\| hub \| 9 {6}\|/);
});

Deno.test("inputs of the capacity model get their values and the day", () => {
  const source = `const MEASURED = "2026-01-01";
const INPUTS = {
  hubMicros: {
    value: 0.2,
  },
  maxBatches: {
    value: 3_000,
  },
};
`;
  const inputs = PRINTED[1] ?? { rows: [] };
  const taken = replaceInputs(source, inputs, "2026-02-02");
  assert.match(taken, /MEASURED = "2026-02-02"/);
  assert.match(taken, /hubMicros: \{\n {4}value: 1\.5,/);
  assert.match(taken, /maxBatches: \{\n {4}value: 31400,/);
});

Deno.test("an input that the model does not have is an error", () => {
  assert.throws(() => replaceInputs("", { rows: ["| none | 1 |"] }, "2026-02-02"), /none/);
});
