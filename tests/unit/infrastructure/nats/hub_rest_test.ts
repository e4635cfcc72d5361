/** REST requests of an edge, by the replies of its hub. */
import assert from "node:assert/strict";
import type { RestReply } from "../../../../src/application/cluster/messages.ts";
import { ApiUnavailable } from "../../../../src/application/ports/api_unavailable.ts";
import type { HubLink } from "../../../../src/infrastructure/nats/hub_link.ts";
import { HubRest } from "../../../../src/infrastructure/nats/hub_rest.ts";
import { ManualClock } from "../../../support/manual_clock.ts";

const QUOTES = {
  api: "data",
  path: "/v2/stocks/quotes",
  query: "symbols=AAPL",
  purpose: "backfill",
} as const;

/** Sends a request to a hub with scripted replies; the last one is repeated. */
function send(...replies: readonly RestReply[]) {
  const clock = new ManualClock();
  let requests = 0;
  const link: Pick<HubLink, "edge" | "absence" | "request"> = {
    edge: "a",
    absence: undefined,
    request(_kind, _request, { read, onReply }) {
      const reply = replies[Math.min(requests++, replies.length - 1)];
      queueMicrotask(() => onReply(read(new TextEncoder().encode(JSON.stringify(reply)))));
    },
  };
  const rest = new HubRest(link as HubLink, clock);
  const outcome = rest.get(QUOTES, AbortSignal.any([])).catch((error: unknown) => error);
  return { clock, outcome, requests: () => requests };
}

Deno.test("a request that the hub is too busy for is sent again", async () => {
  const busy = { busy: true } as const;
  const { clock, outcome, requests } = send(busy, busy, { body: "[]", serverTime: 0 });
  await clock.advance(999);
  assert.equal(requests(), 2);
  await clock.advance(1);
  assert.deepEqual(await outcome, { body: "[]", clockAheadMs: undefined });
});

Deno.test("a hub that stays busy is an error after a minute", async () => {
  const { clock, outcome } = send({ busy: true });
  await clock.advance(60_000);
  const error = await outcome;
  assert(error instanceof ApiUnavailable);
  assert.equal(error.message, "/v2/stocks/quotes: the hub has too many requests in flight");
});

Deno.test("an error of Alpaca is final", async () => {
  const { clock, outcome, requests } = send({ error: { message: "rate limit", status: 429 } });
  await clock.advance(60_000);
  const error = await outcome;
  assert(error instanceof ApiUnavailable);
  assert.deepEqual([error.status, requests()], [429, 1]);
});
