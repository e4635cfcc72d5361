/** What the bench makes of the moments of a start. */
import assert from "node:assert/strict";
import { markLine, parseMark, sharedNow } from "../../../bench/start/marks.ts";
import { phasesOf } from "../../../bench/start/phases.ts";

Deno.test("a phase lasts from the moment before it", () => {
  const moments = { script: 40, modules: 140, configured: 150, listening: 180, ready: 200 };
  assert.deepEqual([...phasesOf(moments).values()], [40, 100, 10, 30, 20]);
});

Deno.test("a phase whose end was not seen is part of the next one", () => {
  const phases = phasesOf({ configured: 150, listening: 180, ready: 200 });
  assert.deepEqual([...phases], [
    ["configuration is parsed", 150],
    ["ports listen", 30],
    ["feeds are connected: ready", 20],
  ]);
});

Deno.test("a mark is read as it was written, and other lines are none", () => {
  const before = sharedNow();
  const mark = parseMark(markLine("modules"));
  assert.equal(mark?.moment, "modules");
  assert(mark.at >= before && mark.at <= sharedNow());
  assert.equal(parseMark("@start elsewhere 12"), undefined);
  assert.equal(parseMark('{"msg":"Started"}'), undefined);
});
