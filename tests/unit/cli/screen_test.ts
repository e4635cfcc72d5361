import assert from "node:assert/strict";
import { ansi } from "../../../cli/text.ts";
import { frameOf } from "../../../cli/terminal.ts";

/** What stands between the two ends of a frame. */
const inside = (frame: string) => frame.replace("\x1b[?2026h\x1b[H", "").replace("\x1b[?2026l", "");

Deno.test("a frame clears what is right of its lines and below them", () => {
  const frame = frameOf(["ab", ansi("red", "abc")], 4);
  assert.equal(
    inside(frame),
    "ab\x1b[K\r\n\x1b[31mabc\x1b[39m\x1b[K\x1b[J",
  );
});

Deno.test("a line that fills its row keeps its last character", () => {
  assert.equal(
    inside(frameOf(["abcd", ansi("red", "wxyz")], 4)),
    "abcd\r\n\x1b[31mwxyz\x1b[39m",
  );
});
