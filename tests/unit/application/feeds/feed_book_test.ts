import assert from "node:assert/strict";
import { FeedBook } from "../../../../src/application/feeds/feed_book.ts";
import { OverBudget } from "../../../../src/application/streaming/over_budget.ts";
import type { PlanLimit } from "../../../../src/domain/subscription/plans.ts";
import {
  symbolSets,
  type UpstreamChannel,
} from "../../../../src/domain/subscription/symbol_sets.ts";

const LIMITED: PlanLimit = {
  pairs: 3,
  counts: new Set(["trades", "quotes"]),
  wildcards: new Set(["bars"]),
  isOpen: true,
};

function bookOf(
  options: {
    readonly plan?: PlanLimit;
    readonly graceMs?: number;
  } = {},
): FeedBook {
  const { plan = LIMITED, graceMs = 0 } = options;
  const limits = { maxPairs: 100, maxBytes: 10_000 };
  return new FeedBook("sip", {
    plan,
    limits,
    graceMs,
    now: () => 0,
  });
}

/** What a new stream would be told; `undefined` when it is welcome. */
function excess(
  book: FeedBook,
  channel: UpstreamChannel,
  symbols: readonly string[],
) {
  try {
    book.admit(channel, symbols);
    return undefined;
  } catch (error) {
    if (!(error instanceof OverBudget)) throw error;
    return error.excess;
  }
}

Deno.test("a stream is admitted up to the last place, and told by how much it is over", () => {
  const book = bookOf();
  assert.equal(excess(book, "quotes", ["A", "B", "C"]), undefined);
  assert.deepEqual(excess(book, "quotes", ["A", "B", "C", "D"]), {
    feed: "sip",
    limit: 3,
    used: 0,
    requested: 4,
  });
  book.interest.add("quotes", ["A", "B"]);
  assert.equal(excess(book, "trades", ["A"]), undefined);
  assert.deepEqual(excess(book, "trades", ["A", "B"]), {
    feed: "sip",
    limit: 3,
    used: 2,
    requested: 2,
  });
  assert.throws(() => book.admit("trades", ["A", "B"]), {
    message:
      "The sip symbol budget is exceeded by 1: 3 allowed, 2 used, 2 more requested",
  });
});

Deno.test("what others hold already costs nothing, however full it is", () => {
  const book = bookOf();
  book.interest.add("quotes", ["A", "B", "C"]);
  assert.equal(excess(book, "quotes", ["A", "B", "C"]), undefined);
  assert.equal(excess(book, "quotes", ["A", "A", "D"])?.requested, 1);
});

Deno.test("channels that do not count, everything, and nothing are never refused", () => {
  const book = bookOf();
  book.interest.add("quotes", ["A", "B", "C"]);
  assert.equal(excess(book, "bars", ["A", "B", "C", "D"]), undefined);
  assert.equal(excess(book, "quotes", ["*"]), undefined);
  assert.equal(excess(book, "quotes", []), undefined);
});

Deno.test("lingering and refused symbols need no place", () => {
  const book = bookOf({ graceMs: 1_000 });
  book.interest.add("quotes", ["A", "B", "BAD"]);
  assert.equal(excess(book, "quotes", ["C"])?.used, 3);
  book.interest.remove("quotes", ["A"], 0);
  book.ledger.next();
  book.ledger.refuse({ code: 400, message: "invalid syntax" });
  book.ledger.next();
  book.ledger.acknowledge(symbolSets([["quotes", ["B"]]]));
  book.ledger.next();
  book.ledger.refuse({ code: 400, message: "invalid syntax" });
  assert.equal(book.ledger.refusals.length, 1);
  assert.equal(excess(book, "quotes", ["C", "D"]), undefined);
  assert.deepEqual(excess(book, "quotes", ["C", "D", "E"]), {
    feed: "sip",
    limit: 3,
    used: 1,
    requested: 3,
  });
  assert.equal(book.freePlaces("quotes"), 2);
});

Deno.test("symbols that were carried a moment ago keep their places while they are refused", () => {
  const book = bookOf();
  book.interest.add("quotes", ["A", "B"]);
  book.ledger.next();
  book.ledger.acknowledge(symbolSets([["quotes", ["A", "B"]]]));
  book.ledger.reset();
  for (let next = book.ledger.next(); next; next = book.ledger.next()) {
    book.ledger.refuse({ code: 400, message: "invalid syntax" });
  }
  assert.equal(book.ledger.refusals.length, 2);
  assert.deepEqual(excess(book, "quotes", ["C", "D"]), {
    feed: "sip",
    limit: 3,
    used: 2,
    requested: 2,
  });
  assert.equal(book.freePlaces("quotes"), 1);
});

Deno.test("free places are known where a limit is known and counts", () => {
  const book = bookOf();
  book.interest.add("quotes", ["A"]);
  assert.equal(book.freePlaces("trades"), 2);
  assert.equal(book.freePlaces("bars"), undefined);
  const open = bookOf({ plan: { ...LIMITED, pairs: undefined } });
  assert.equal(open.freePlaces("quotes"), undefined);
  assert.equal(
    excess(open, "quotes", Array.from({ length: 99 }, (_, i) => `S${i}`)),
    undefined,
  );
});

Deno.test("the report tells of every symbol where it stands and why", () => {
  const book = bookOf({ graceMs: 1_000 });
  const { interest, ledger } = book;
  interest.add("quotes", ["HAD", "LEFT", "BAD"]);
  interest.add("quotes", ["HAD"]);
  ledger.next();
  ledger.refuse({ code: 400, message: "invalid syntax" });
  ledger.next();
  ledger.acknowledge(symbolSets([["quotes", ["HAD"]]]));
  ledger.next();
  ledger.acknowledge(symbolSets([["quotes", ["HAD", "LEFT"]]]));
  ledger.next();
  ledger.refuse({ code: 400, message: "invalid syntax" });
  interest.remove("quotes", ["LEFT"], 0);
  interest.add("trades", ["SOON", "ALSO", "LATER"]);
  interest.add("quotes", ["*"]);
  interest.add("bars", ["*"]);
  assert.deepEqual(book.report([]), {
    feed: "sip",
    channels: [
      {
        channel: "trades",
        symbols: [
          { symbol: "SOON", streams: 1, state: "requested", reason: undefined },
          { symbol: "ALSO", streams: 1, state: "requested", reason: undefined },
          {
            symbol: "LATER",
            streams: 1,
            state: "waiting",
            reason: "all 3 places are taken",
          },
        ],
        unfiltered: 0,
      },
      {
        channel: "quotes",
        symbols: [
          {
            symbol: "HAD",
            streams: 2,
            state: "acknowledged",
            reason: undefined,
          },
          {
            symbol: "BAD",
            streams: 1,
            state: "refused",
            reason: "invalid syntax (code 400)",
          },
          { symbol: "LEFT", streams: 0, state: "lingering", reason: undefined },
        ],
        unfiltered: 1,
      },
      {
        channel: "bars",
        symbols: [
          { symbol: "*", streams: 1, state: "requested", reason: undefined },
        ],
        unfiltered: 0,
      },
    ],
    budget: { limit: 3, learned: false, used: 4 },
    expansions: [],
  });
});

Deno.test("a feed that nobody uses reports its budget alone", () => {
  assert.deepEqual(bookOf().report([]).channels, []);
});
