import assert from "node:assert/strict";
import { demo } from "../../../cli/demo.ts";
import { tail } from "../../../cli/tail.ts";
import { RecordingTerminal } from "../../support/recording_terminal.ts";

/** The word at the start of a line: what kind of message it shows. */
const kindOf = (line: string) => line.slice(0, 12).trimEnd();

Deno.test("a demo shows every kind of message within ten seconds and sums up", async () => {
  const terminal = new RecordingTerminal();

  const code = await demo(["--seconds", "7"], terminal);

  assert.equal(code, 0);
  assert.deepEqual(terminal.errorLines, []);
  assert.match(terminal.lines[0] ?? "", /SIMULATED MARKET, NO REAL DATA/);
  const kinds = new Set(terminal.lines.map(kindOf));
  for (
    const kind of [
      "quote",
      "trade",
      "bar",
      "option quote",
      "option trade",
      "order",
    ]
  ) assert.ok(kinds.has(kind), `no ${kind} in ${[...kinds].join(", ")}`);
  assert.match(terminal.output, /# [67]s {2}quotes \d+\/s {2}trades \d+\/s/);
  assert.match(
    terminal.output,
    /The demo ran [678]s: [\d ]+ messages through the proxy, 0 dropped\.\n/,
  );
});

Deno.test("tail follows a running demo, symbol by symbol", async () => {
  const terminal = new RecordingTerminal();
  const running = demo(["--symbols", "SPY,QQQ", "--rate", "500"], terminal);
  await terminal.until(() => /gRPC localhost:\d+/.test(terminal.output));
  const [, port] = /gRPC localhost:(\d+)/.exec(terminal.output) ?? [];
  const address = `127.0.0.1:${port}`;

  const viewer = new RecordingTerminal();
  const code = await tail(
    ["quotes", "QQQ", "--json", "--count", "20", "--address", address],
    viewer,
  );
  const status = new RecordingTerminal();
  const answer = await tail(["status", "--json", "--address", address], status);
  terminal.interrupt.abort();

  assert.equal(code, 0);
  const symbols = viewer.lines.map((line) => JSON.parse(line).quote.symbol);
  assert.deepEqual(symbols, Array(20).fill("QQQ"));
  assert.equal(answer, 0);
  const feeds = JSON.parse(status.output).status.feeds;
  assert.deepEqual(
    feeds.map((feed: { state: string }) => feed.state),
    Array(3).fill("CONNECTION_STATE_CONNECTED"),
  );
  assert.equal(await running, 0);
});

Deno.test("two demos use different ports", async () => {
  const first = new RecordingTerminal();
  const second = new RecordingTerminal();
  const addressOf = (terminal: RecordingTerminal) =>
    /gRPC (localhost:\d+)/.exec(terminal.output)?.[1];
  const one = demo([], first);
  await first.until(() => addressOf(first) !== undefined);
  const two = demo([], second);
  await second.until(() => second.lines.some((l) => kindOf(l) === "quote"));

  assert.notEqual(addressOf(first), addressOf(second));
  first.interrupt.abort();
  second.interrupt.abort();
  assert.deepEqual(await Promise.all([one, two]), [0, 0]);
});

Deno.test("a symbol that the market does not list is named with those it does", async () => {
  const terminal = new RecordingTerminal();
  const code = await demo(["--symbols", "AAPL,NOPE"], terminal);
  assert.equal(code, 2);
  assert.match(
    terminal.errorLines[0] ?? "",
    /^Cannot use --symbols NOPE: the simulated market lists .*AAPL/,
  );
});

Deno.test("a closed pipe is a normal end of a demo", async () => {
  const terminal = new RecordingTerminal();
  const done = demo([], terminal);
  await terminal.until(() => terminal.lines.some((l) => kindOf(l) === "quote"));
  terminal.broken = true;
  assert.equal(await done, 0);
});

Deno.test("a secure demo shows what each identity gets, and how to be one of them", async () => {
  const terminal = new RecordingTerminal();
  const running = demo(["--secure", "--symbols", "SPY,QQQ,AAPL"], terminal);
  await terminal.until(() => terminal.lines.some((line) => kindOf(line) === "quote"));

  const outcomes = (call: string) =>
    terminal.lines.find((line) => line.startsWith(call))?.slice(call.length).trim().split(/ +/);
  const [none, denied] = ["UNAUTHENTICATED", "PERMISSION_DENIED"];
  assert.deepEqual(outcomes("quotes of SPY, QQQ "), [none, "served", "served"]);
  assert.deepEqual(outcomes("quotes of AAPL "), [none, denied, "served"]);
  assert.deepEqual(outcomes("quotes of all stocks "), [none, denied, "served"]);
  assert.deepEqual(outcomes("order updates "), [none, denied, "served"]);
  assert.match(terminal.output, /Without TLS: no connection\..* CA .*: no connection\./);

  const exported = (name: string) =>
    [...terminal.output.matchAll(new RegExp(`^export ${name}=('[^']+'|\\S+)`, "gm"))]
      .map(([, value = ""]) => value.replaceAll("'", ""));
  const [ca = ""] = exported("STREAM_PROXY_CLIENT_CA");
  const [viewer = "", trader = ""] = exported("STREAM_PROXY_TOKEN");
  const [, address = ""] = /--address (https:\S+)/.exec(terminal.output) ?? [];
  const exitCode = async (token: string, symbol: string) => {
    const env = { STREAM_PROXY_CLIENT_CA: ca, STREAM_PROXY_TOKEN: token };
    const client = new RecordingTerminal({ env });
    return await tail(
      ["quotes", symbol, "--count=1", "--no-reconnect", "--address", address],
      client,
    );
  };
  assert.equal(await exitCode(viewer, "SPY"), 0);
  assert.equal(await exitCode(viewer, "AAPL"), 1);
  assert.equal(await exitCode(trader, "AAPL"), 0);
  terminal.interrupt.abort();
  assert.equal(await running, 0);
});
