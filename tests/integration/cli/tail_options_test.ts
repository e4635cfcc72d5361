/** `tail` with options of a stream: metadata, notices, gaps and resume. */
import assert from "node:assert/strict";
import { tail } from "../../../cli/tail.ts";
import { Freshness } from "../../../src/gen/cream/v1/stream_proxy_pb.ts";
import { ModelProxy, serveModel } from "../../support/model_proxy.ts";
import { RecordingTerminal } from "../../support/recording_terminal.ts";
import { until } from "../../support/until.ts";

/** Runs `tail` against a model until it ends. */
async function run(
  flags: string,
  model: ModelProxy,
  script: (terminal: RecordingTerminal) => Promise<void>,
): Promise<RecordingTerminal> {
  await using server = await serveModel(model);
  const terminal = new RecordingTerminal();
  const done = tail([...flags.split(" "), "--address", server.address], terminal);
  await until("a stream", () => model.stream !== undefined);
  await script(terminal);
  terminal.interrupt.abort();
  assert.equal(await done, 0);
  return terminal;
}

Deno.test("tail --meta --notices shows everything in its order", async () => {
  const model = new ModelProxy();
  model.publish("A");
  const terminal = await run("quotes --snapshot --meta --notices", model, async (terminal) => {
    for (const symbol of ["A", "B", "A"]) model.publish(symbol);
    model.stream?.lose(2);
    model.stream?.deliver();
    model.stream?.heartbeat(model.sequence);
    model.stream?.notice({
      case: "feed",
      value: { freshness: Freshness.STALE, symbols: ["B"], reason: "no message for 40 s" },
    });
    await terminal.until(() => terminal.output.includes("stale"));
  });
  const lines = terminal.lines.map((line) => line.replace(/ +/g, " ").replace(/^ - +/, ""));
  assert.match(lines[0] ?? "", /^- opened at epoch-1:1 \(stream-1, , feed live\)$/);
  assert.match(lines[1] ?? "", /^ 1 1 snapshot - - - A /);
  assert.match(lines[2] ?? "", /^- caught up at 1 after 1 messages$/);
  assert.equal(lines[3], "2 messages are missing (slow_client) of A, B, positions 2 to 3");
  assert.match(lines[4] ?? "", /^ 4 3 live - - - A /);
  assert.match(lines[5] ?? "", /^- heartbeat at 4: 3 published, 1 delivered, 0 conflated, 2 lost$/);
  assert.equal(lines[6], "- B: stale (no message for 40 s)");
  assert.deepEqual(terminal.errorLines, ["tail: continue with --resume epoch-1:4"]);
});

Deno.test("without --notices, tail reports gaps and staleness as errors", async () => {
  const model = new ModelProxy();
  const terminal = await run("quotes --resume epoch-0:17 --json", model, async (terminal) => {
    model.publish("A");
    model.stream?.deliver();
    model.stream?.notice({ case: "feed", value: { freshness: Freshness.STALE, reason: "down" } });
    await terminal.until(() => terminal.errorLines.length > 1);
  });
  assert.deepEqual(model.requests[0]?.options?.resume?.sequence, 17n);
  assert.deepEqual(terminal.errorLines.slice(0, 2), [
    "tail: messages are missing (not_retained)",
    "tail: the feed: stale (down)",
  ]);
  assert.deepEqual(terminal.lines.map((line) => Object.keys(JSON.parse(line))), [["quote"]]);
});

Deno.test("tail --json --meta --notices prints responses with both", async () => {
  const model = new ModelProxy();
  const terminal = await run("quotes --json --meta --notices", model, async (terminal) => {
    model.publish("A");
    model.stream?.deliver();
    await terminal.until(() => terminal.lines.length > 1);
  });
  assert.deepEqual(terminal.lines.map((line) => Object.keys(JSON.parse(line)).sort()), [
    ["notice"],
    ["meta", "quote"],
  ]);
});

Deno.test("the position after --count messages is that of the last one", async () => {
  const model = new ModelProxy();
  await using server = await serveModel(model);
  const terminal = new RecordingTerminal();
  const args = ["quotes", "--meta", "--json", "--count", "2", "--address", server.address];
  const done = tail(args, terminal);
  await until("a stream", () => model.stream !== undefined);
  for (const symbol of ["A", "B"]) model.publish(symbol);
  model.stream?.deliver();
  assert.equal(await done, 0);
  assert.deepEqual(terminal.errorLines, ["tail: continue with --resume epoch-1:2"]);
});
