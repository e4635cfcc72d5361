/** Notices as lines of `tail`. */
import assert from "node:assert/strict";
import { fromJson, type JsonValue } from "@bufbuild/protobuf";
import { noticeLine } from "../../../cli/notice_lines.ts";
import { plain } from "../../../cli/text.ts";
import { NoticeSchema } from "../../../src/gen/cream/v1/stream_proxy_pb.ts";

/** The line of a subscription notice, without its time. */
function lineOf(subscription: JsonValue): string | undefined {
  const notice = fromJson(NoticeSchema, { at: "2026-11-27T15:00:00Z", subscription });
  return noticeLine(notice, { colors: plain, digits: 3 })?.replace(/^\S+ +/, "");
}

Deno.test("a change of a subscription has its state and reason", () => {
  const state = "SYMBOL_STATE_REFUSED";
  assert.equal(
    lineOf({ symbol: "AAPL", state, reason: "invalid symbol" }),
    "subscription of AAPL: refused (invalid symbol)",
  );
});

Deno.test("a change of a selection has its underlying, the contract and what happened", () => {
  const underlying = "SPY";
  const symbol = "SPY261218C00590000";
  assert.equal(
    lineOf({ symbol, underlying, selection: "SELECTION_CHANGE_ENTERED", reason: "the price" }),
    `selection of SPY: ${symbol} entered (the price)`,
  );
  assert.equal(
    lineOf({ symbol, underlying, selection: "SELECTION_CHANGE_LEFT" }),
    `selection of SPY: ${symbol} left`,
  );
  assert.equal(
    lineOf({ symbol: "SPY", underlying, selection: "SELECTION_CHANGE_SHORT", reason: "why" }),
    "selection of SPY: short (why)",
  );
  assert.equal(
    lineOf({ symbol: "SPY", underlying, selection: "SELECTION_CHANGE_COMPLETE" }),
    "selection of SPY: complete",
  );
});
