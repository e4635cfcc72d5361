/** Snapshots from Alpaca's REST API, followed by live data. */
import assert from "node:assert/strict";
import { Code, ConnectError } from "@connectrpc/connect";
import {
  Origin,
  StreamProxyService,
  type StreamQuotesResponse,
} from "../../src/gen/cream/v1/stream_proxy_pb.ts";
import { type Connected, connectTo } from "../support/grpc_client.ts";
import { startHarness } from "../support/harness.ts";
import { settle } from "../support/manual_clock.ts";

const SNAPSHOT = { meta: true, notices: true, snapshot: true };

function quote(symbol: string, bp: number) {
  const rest = { bx: "Q", bs: 1, ax: "P", ap: bp + 1, as: 1, c: ["R"], z: "C" };
  return { T: "q", S: symbol, bp, t: new Date().toISOString(), ...rest };
}

/** The symbol, bid and origin of a quote, or the kind of a notice. */
function textOf({ quote, meta, notice }: StreamQuotesResponse): string {
  if (notice?.kind.case === "caughtUp") return `caught up ${notice.kind.value.count}`;
  if (notice) return String(notice.kind.case);
  const origin = meta?.origin === Origin.SNAPSHOT ? "snapshot" : "live";
  return `${origin} ${quote?.symbol} ${quote?.bidPrice} ${meta?.sequence}`;
}

type Client = Connected<typeof StreamProxyService>;

/** Kinds of notices that do not matter here. */
const SKIPPED: readonly unknown[] = ["subscription", "feed"];

/** Reads a stream up to a number of responses that matter, then cancels it. */
async function read(
  client: Client,
  { symbols, count, onCaughtUp }: {
    symbols: string[];
    count: number;
    onCaughtUp?: () => void;
  },
): Promise<readonly string[]> {
  const leave = new AbortController();
  const seen: string[] = [];
  const responses = client.streamQuotes({ symbols, options: SNAPSHOT }, { signal: leave.signal });
  try {
    for await (const response of responses) {
      if (SKIPPED.includes(response.notice?.kind.case)) continue;
      seen.push(textOf(response));
      if (response.notice?.kind.case === "caughtUp") onCaughtUp?.();
      if (seen.length === count) leave.abort();
    }
  } catch (error) {
    assert.equal(ConnectError.from(error).code, Code.Canceled);
  }
  // The client of connect-node starts a timer when the stream is closed.
  await settle();
  return seen;
}

Deno.test("a snapshot has the last quotes from REST, then live ones follow", async () => {
  await using harness = await startHarness();
  const { simulator, address } = harness;
  // No session receives these: they are known to REST only.
  simulator.emit("sip", [quote("ZZA", 1), quote("ZZB", 2), quote("ZZA", 3)]);
  using client = connectTo({ url: `http://${address}` }, StreamProxyService);
  const seen = await read(client, {
    symbols: ["ZZA", "ZZB", "ZZC"],
    count: 5,
    onCaughtUp: () => simulator.emit("sip", [quote("ZZB", 4)]),
  });
  assert.deepEqual(seen, [
    "hello",
    "snapshot ZZA 3 0",
    "snapshot ZZB 2 0",
    "caught up 2",
    "live ZZB 4 1",
  ]);
});

Deno.test("without REST a snapshot has what was seen, and the cause is logged once", async () => {
  await using harness = await startHarness();
  const { simulator, address, log } = harness;
  simulator.faults.failRest({ kind: "status", path: "/v2/stocks/quotes/latest", status: 403 });
  using client = connectTo({ url: `http://${address}` }, StreamProxyService);
  for (let i = 0; i < 3; i++) {
    const seen = await read(client, { symbols: [`ZZ${i}`], count: 2 });
    assert.deepEqual(seen, ["hello", "caught up 0"]);
  }
  const lines = log.records.filter(({ message }) => message.includes("snapshots"));
  assert.equal(lines.length, 1);
  assert.match(JSON.stringify(lines[0]?.fields), /HTTP 403.*the plan includes ALPACA_FEED/);
});
