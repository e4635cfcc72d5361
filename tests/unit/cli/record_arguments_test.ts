import assert from "node:assert/strict";
import { parseRecordArguments } from "../../../cli/record_arguments.ts";

const NOW = Date.parse("2026-09-14T15:00:00Z");
const parse = (...args: string[]) => parseRecordArguments(args, NOW);

Deno.test("a file alone records every feed of the hub from now on", () => {
  assert.deepEqual(parse("today.aspr"), {
    path: "today.aspr",
    origin: {
      type: "hub",
      feeds: ["sip", "opra", "trading", "crypto", "news"],
      since: undefined,
      until: undefined,
    },
    forMs: undefined,
    maxBytes: undefined,
    overwrite: false,
  });
});

Deno.test("times are absolute or ago, sizes have units", () => {
  assert.deepEqual(
    parse(
      ...["f", "--since", "1h30m", "--until", "2026-09-14T10:45-04:00", "--feeds", "sip, trading"],
      ...["--for", "90s", "--max-bytes", "2G", "--overwrite"],
    ),
    {
      path: "f",
      origin: {
        type: "hub",
        feeds: ["sip", "trading"],
        since: NOW - 5_400_000,
        until: NOW - 900_000,
      },
      forMs: 90_000,
      maxBytes: 2 * 2 ** 30,
      overwrite: true,
    },
  );
});

Deno.test("streams are URLs with their channels", () => {
  const task = parse(
    ...["f", "--stream", "ws://localhost:8765/v2/iex?trades=AAPL,%20BRK.B&quotes=*"],
    ...["--stream", "wss://example.org/v1beta3/crypto/us?orderbooks=BTC/USD"],
    ...["--stream", "ws://localhost:8765/stream"],
  );
  assert.ok(task !== "help");
  assert.deepEqual(task.origin, {
    type: "streams",
    streams: [
      {
        feed: "sip",
        url: "ws://localhost:8765/v2/iex",
        channels: { trades: ["AAPL", "BRK.B"], quotes: ["*"] },
      },
      {
        feed: "crypto",
        url: "wss://example.org/v1beta3/crypto/us",
        channels: { orderbooks: ["BTC/USD"] },
      },
      { feed: "trading", url: "ws://localhost:8765/stream", channels: {} },
    ],
  });
});

Deno.test("arguments that cannot be used are rejected with what is accepted", () => {
  const stocks = "ws://localhost:8765/v2/sip";
  const cases: [string[], RegExp][] = [
    [[], /name the file to write/],
    [["a", "b"], /Cannot use b: one file is written/],
    [["f", "--since", "14:30"], /--since 14:30: it takes a time such as .*, or 15m/],
    [["f", "--until", "5m"], /--until: it goes with --since/],
    [["f", "--for", "10"], /--for 10: it takes a duration such as 90s/],
    [["f", "--max-bytes", "2T"], /--max-bytes 2T: it takes 1000 or more/],
    [["f", "--feeds", "sip,sap"], /the feeds are sip, opra/],
    [["f", "--stream", "http://localhost"], /it takes a URL such as ws:/],
    [["f", "--stream", stocks], /name symbols, as in \?trades=A,B/],
    [["f", "--stream", `${stocks}?orderbooks=A`], /the channels of \/v2\/sip are trades, .*, not/],
    [["f", "--stream", "ws://u:p@localhost/stream"], /credentials belong in variables/],
    [["f", "--stream", "ws://localhost/other"], /the path is that of a stream/],
    [["f", "--stream", `${stocks}?trades=A`, "--since", "5m"], /--since: it goes with NATS/],
    [
      ["f", "--stream", `${stocks}?trades=A`, "--stream", `${stocks}?quotes=A`],
      /one stream of sip/,
    ],
  ];
  for (const [args, message] of cases) assert.throws(() => parse(...args), message);
});
