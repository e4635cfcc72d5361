import assert from "node:assert/strict";
import { describe, leftOut } from "../../scripts/test.ts";

const REPORT = `<testsuites>
  <testcase name="a whole test" classname="x"></testcase>
  <testcase name="buf &gt; Python left out: no &quot;python3&quot;" classname="x">
    <skipped/>
  </testcase>
  <testcase name="the Go client (left out: no go on the PATH)" classname="x">
    <skipped/>
  </testcase>
  <testcase name="another (left out: no go on the PATH)" classname="x"><skipped/></testcase>
  <testcase name="bare left out: no Python (set P)" classname="x"><skipped/></testcase>
  <testcase name="clad (left out: no Python (set P))" classname="x"><skipped/></testcase>
  <testcase name="switched off" classname="x"><skipped/></testcase>
</testsuites>`;

Deno.test("tests that were left out are listed by their reasons", () => {
  assert.equal(
    describe(leftOut(REPORT)),
    [
      "",
      "Left out:",
      '  no "python3":',
      "    buf > Python",
      "  no go on the PATH:",
      "    the Go client",
      "    another",
      "  no Python (set P):",
      "    bare",
      "    clad",
      "  no reason given:",
      "    switched off",
      "",
    ].join("\n"),
  );
});

Deno.test("nothing is said when nothing was left out", () => {
  assert.equal(describe(leftOut("<testsuites></testsuites>")), "");
});
