import assert from "node:assert/strict";
import { formatReport, readReport } from "../../scripts/test.ts";

const REPORT = `<testsuites>
  <testcase name="a passed test" classname="x"></testcase>
  <testcase name="another passed test" classname="x"/>
  <testcase name="a failed test" classname="x"><failure message="no"/></testcase>
  <testcase name="buf &gt; Python (skipped: no &quot;python3&quot;)" classname="x">
    <skipped/>
  </testcase>
  <testcase name="the Go client (skipped: no go on the PATH)" classname="x">
    <skipped/>
  </testcase>
  <testcase name="another (skipped: no go on the PATH)" classname="x"><skipped/></testcase>
  <testcase name="nested (skipped: no Python (set P))" classname="x"><skipped/></testcase>
  <testcase name="disabled" classname="x"><skipped/></testcase>
</testsuites>`;

Deno.test("skipped tests are listed by reason, before the totals", () => {
  assert.equal(
    formatReport(readReport(REPORT)),
    [
      "Skipped:",
      '  no "python3":',
      "    buf > Python",
      "  no go on the PATH:",
      "    the Go client",
      "    another",
      "  no Python (set P):",
      "    nested",
      "  no reason given:",
      "    disabled",
      "",
      "2 passed, 1 failed, 5 skipped",
      "",
    ].join("\n"),
  );
});

Deno.test("without skipped tests there are only totals", () => {
  assert.equal(
    formatReport(readReport("<testsuites></testsuites>")),
    "0 passed, 0 failed, 0 skipped\n",
  );
});
