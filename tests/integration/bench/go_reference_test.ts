/** The reference in Go is measured beside the proxy, so it has to serve the same messages. */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { timestampDate } from "@bufbuild/protobuf/wkt";
import { FramePool } from "../../../bench/feed/frame_pool.ts";
import { stockSymbol } from "../../../bench/feed/symbols.ts";
import { buildReference, Reference } from "../../../bench/reference.ts";
import { StreamProxyService } from "../../../src/gen/cream/v1/stream_proxy_pb.ts";
import { runProgram } from "../../../scripts/delivery/run_program.ts";
import { connectTo } from "../../support/grpc_client.ts";
import { requires } from "../../support/requires.ts";

const SHAPE = { format: "json", perFrame: 4, symbols: 8 } as const;
const SYMBOL = stockSymbol(3);

/** The quotes of a pool without their times, as text. */
function quotesOf(pool: FramePool): Set<string> {
  const frames = Array.from({ length: pool.length }, (_, i) => pool.payload(i));
  const quotes = frames.flatMap((frame) => JSON.parse(new TextDecoder().decode(frame)));
  return new Set(quotes.map(({ S, bx, bp, bs, ax, ap, as, c, z }) =>
    JSON.stringify({
      symbol: S,
      bidExchange: bx,
      bidPrice: bp,
      bidSize: bs,
      askExchange: ax,
      askPrice: ap,
      askSize: as,
      conditions: c,
      tape: z,
    })
  ));
}

const NAME = "the reference in Go serves the quotes of the feed to the streams that ask for them";
const { program, about } = await buildReference();

Deno.test({
  name: program ? NAME : `${NAME} (skipped: ${about})`,
  ignore: !program,
  async fn() {
    await using reference = await Reference.start(SHAPE);
    assert(reference);
    const sent = quotesOf(new FramePool(SHAPE));
    using client = connectTo(
      { url: `http://127.0.0.1:${reference.lane.port}` },
      StreamProxyService,
    );
    const responses = client.streamQuotes({ symbols: [SYMBOL] })[Symbol.asyncIterator]();
    const first = responses.next();
    await reference.startFeed(400);
    const { value } = await first;
    const quote = value?.quote;
    assert(quote?.timestamp);
    assert(Math.abs(Date.now() - timestampDate(quote.timestamp).getTime()) < 60_000);
    const { symbol, bidExchange, bidPrice, bidSize } = quote;
    const { askExchange, askPrice, askSize, conditions, tape } = quote;
    const fields = { symbol, bidExchange, bidPrice, bidSize };
    const received = { ...fields, askExchange, askPrice, askSize, conditions, tape };
    assert.equal(symbol, SYMBOL);
    assert(sent.has(JSON.stringify(received)), JSON.stringify(received));
    // Before the client, whose timers would outlive the test otherwise.
    await reference[Symbol.asyncDispose]();
    await assert.rejects(async () => {
      while (!(await responses.next()).done);
    });
  },
});

Deno.test(requires(["gofmt"], {
  name: "the reference in Go is formatted",
  async fn() {
    const folder = fileURLToPath(new URL("../../../bench/go_reference", import.meta.url));
    assert.equal((await runProgram("gofmt", ["-l", folder])).stdout, "");
  },
}));
