import assert from "node:assert/strict";
import { OptionSelectionSchema } from "../../../src/gen/cream/v1/stream_proxy_pb.ts";
import { parseTailArguments, TAIL_HELP } from "../../../cli/tail_arguments.ts";

const parse = (line: string, env: Record<string, string> = {}) =>
  parseTailArguments(line === "" ? [] : line.split(" "), env);

Deno.test("tail quotes takes symbols in any letter case", () => {
  assert.deepEqual(parse("quotes aapl BRK.b"), {
    type: "stream",
    what: "quotes",
    selection: {
      symbols: ["AAPL", "BRK.B"],
      underlyings: [],
      orderIds: [],
      contracts: undefined,
    },
    count: undefined,
    address: { host: "localhost", port: 50052, tls: false },
    json: false,
    reconnect: true,
    seconds: undefined,
  });
});

Deno.test("tail reads every flag of a stream", () => {
  const task = parse(
    "option-quotes --underlying spy --underlying QQQ --json --count 5 " +
      "--seconds 1.5 --no-reconnect --address h:1",
  );
  assert.deepEqual(task, {
    type: "stream",
    what: "option-quotes",
    selection: {
      symbols: [],
      underlyings: ["SPY", "QQQ"],
      orderIds: [],
      contracts: undefined,
    },
    count: 5,
    address: { host: "h", port: 1, tls: false },
    json: true,
    reconnect: false,
    seconds: 1.5,
  });
});

Deno.test("order ids stay as they are typed", () => {
  const task = parse("orders --order-id abC-1 aapl");
  assert.ok(task.type === "stream");
  assert.deepEqual(task.selection, {
    symbols: ["AAPL"],
    underlyings: [],
    orderIds: ["abC-1"],
    contracts: undefined,
  });
});

Deno.test("tail chooses contracts of underlyings", () => {
  const contracts = (line: string) => {
    const task = parse(`option-trades --underlying SPY ${line}`);
    assert.ok(task.type === "stream");
    return task.selection.contracts;
  };
  assert.deepEqual(
    contracts(
      "--min-days 0 --max-days=7 --window 2.5 --right put --max-contracts 9",
    ),
    {
      minDays: 0,
      maxDays: 7,
      strikeWindowPercent: 2.5,
      right: "put",
      maxContracts: 9,
    },
  );
  assert.deepEqual(contracts("--right call"), {
    minDays: undefined,
    maxDays: undefined,
    strikeWindowPercent: undefined,
    right: "call",
    maxContracts: undefined,
  });
});

Deno.test("tail has a flag for every field of a selection", () => {
  const task = parse(
    "option-quotes --underlying SPX --min-days 1 --max-days 9 --expiry 2027-01-15 " +
      "--expiry 2027-02-19 --expiry-from 2027-01-01 --expiry-to 2027-03-01 --max-expiries 4 " +
      "--window 7.5 --strikes 6 --min-strike 4000.5 --max-strike 7000 --min-delta 0.1 " +
      "--max-delta 0.5 --right call --root SPXW --root SPX --adjusted --max-contracts 50 " +
      "--max-per-expiry 20 --weight 3 --only-selected",
  );
  assert.ok(task.type === "stream");
  const { contracts } = task.selection;
  assert.deepEqual(contracts, {
    minDays: 1,
    maxDays: 9,
    expiries: ["2027-01-15", "2027-02-19"],
    expiryFrom: "2027-01-01",
    expiryTo: "2027-03-01",
    maxExpiries: 4,
    strikeWindowPercent: 7.5,
    strikesEachSide: 6,
    minStrike: 4000.5,
    maxStrike: 7000,
    minAbsDelta: 0.1,
    maxAbsDelta: 0.5,
    right: "call",
    roots: ["SPXW", "SPX"],
    includeAdjusted: true,
    maxContracts: 50,
    maxContractsPerExpiry: 20,
    weight: 3,
    onlySelected: true,
  });
  const fields = OptionSelectionSchema.fields.map(({ localName }) => localName);
  assert.deepEqual(Object.keys(contracts ?? {}).sort(), fields.sort());
});

Deno.test("tail selects orders by client order id and event", () => {
  const task = parse("orders --client-id bot- --client-id Algo-7 --event fill --event canceled");
  assert.ok(task.type === "stream");
  assert.deepEqual(task.selection, {
    symbols: [],
    underlyings: [],
    orderIds: [],
    clientOrderIdPrefixes: ["bot-", "Algo-7"],
    events: ["fill", "canceled"],
    contracts: undefined,
  });
});

Deno.test("tail status requests subscriptions only with --subscriptions", () => {
  for (
    const [line, expected] of [
      ["status", false],
      ["status --subscriptions", true],
    ] as const
  ) {
    const task = parse(line);
    assert.ok(task.type === "status");
    assert.equal(task.subscriptions, expected);
  }
});

Deno.test("contracts are known in every spelling, and orders have any symbol", () => {
  const contract = "AAPL270115C00250000";
  for (const spelling of [contract, contract.toLowerCase(), `O:${contract}`]) {
    assert.ok(parse(`option-trades ${spelling}`).type === "stream", spelling);
  }
  assert.ok(parse(`orders ${contract} AAPL BTC/USD`).type === "stream");
});

Deno.test("tail status has a watch of its own", () => {
  const task = parse("status --watch --json");
  assert.ok(task.type === "status");
  assert.equal(task.watch, true);
  assert.equal(task.json, true);
});

Deno.test("--help wins over everything that parses", () => {
  assert.deepEqual(parse("quotes --help"), { type: "help" });
});

Deno.test("the address comes from the flag, then the variables, then localhost", () => {
  const env = { STREAM_PROXY_ADDRESS: "a:1", STREAM_PROXY_URL: "http://b:2" };
  const host = (line: string, from: Record<string, string>) => {
    const task = parse(line, from);
    return task.type === "help" ? "" : task.address.host;
  };
  assert.equal(host("quotes --address c:3", env), "c");
  assert.equal(host("quotes", env), "a");
  assert.equal(host("quotes", { ...env, STREAM_PROXY_ADDRESS: "" }), "b");
  assert.equal(host("quotes", {}), "localhost");
});

const REFUSED: readonly [string, RegExp][] = [
  ["", /an empty command: name one of quotes, trades, bars, updated-bars/],
  ["quote", /quote: it is one of quotes, trades, bars, .*orders, status/],
  ["toString", /toString: it is one of/],
  ["quotes *", /\*: for everything, omit the symbols/],
  ["quotes AAPL,MSFT", /AAPL,MSFT: put spaces between symbols/],
  [
    "option-quotes aapl",
    /aapl: it is not an option contract .*--underlying AAPL/,
  ],
  ["option-quotes brk.b270115c00400000", /its root has no dot: BRKB270115C00400000$/],
  ["option-quotes BRK.B", /--underlying BRK\.B$/m],
  [
    "option-trades AAPL260116C0015",
    /^(?!.*--underlying).*it is not an option contract .*strike in eight digits/,
  ],
  [
    "trades AAPL270115C00250000",
    /use option-quotes or option-trades for an option/,
  ],
  ["quotes AA$L", /AA\$L: a symbol consists of letters/],
  ["quotes --underlying SPY", /--underlying: it goes with option-quotes/],
  ["quotes --order-id 1", /--order-id: it goes with orders, not with quotes/],
  ["quotes --watch", /--watch: it goes with status/],
  ["quotes --subscriptions", /--subscriptions: it goes with status, not/],
  ["quotes --right call", /--right: it goes with --underlying/],
  ["option-quotes --max-days 7", /--max-days: it goes with --underlying/],
  [
    "option-quotes --underlying SPY --right calls",
    /--right calls: it takes call or put/,
  ],
  [
    "option-quotes --underlying SPY --max-days 3651",
    /--max-days 3651: it takes a whole number from 0 to 3650/,
  ],
  [
    "option-quotes --underlying SPY --window 0",
    /--window 0: it takes a number from 0.1 to 1000/,
  ],
  [
    "option-quotes --underlying SPY --max-contracts 0",
    /--max-contracts 0: it takes a whole number from 1 to 10000/,
  ],
  ["option-quotes --only-selected", /--only-selected: it goes with --underlying/],
  ["option-quotes --underlying SPY --min-delta 2", /--min-delta 2: it takes a number from 0 to 1/],
  ["quotes --event fill", /--event: it goes with orders, not with quotes/],
  ["option-quotes --client-id bot-", /--client-id: it goes with orders/],
  ["status AAPL", /AAPL: status takes no symbols/],
  ["status --count 1", /--count: it goes with streams/],
  ["quotes --count 0", /--count 0: it takes a whole number from 1/],
  ["quotes --seconds soon", /--seconds soon: it takes a number from 0/],
  ["quotes --address a:b:c", /--address a:b:c: an address is host:port/],
];

for (const [line, message] of REFUSED) {
  Deno.test(`"tail ${line}" is refused with what is accepted`, () => {
    assert.throws(() => parse(line), message);
  });
}

Deno.test("an address from a variable is refused by the variable's name", () => {
  assert.throws(
    () => parse("quotes", { STREAM_PROXY_URL: "ftp://x" }),
    /Cannot use STREAM_PROXY_URL ftp:\/\/x: an address is/,
  );
});

Deno.test("the help of tail fits eighty columns", () => {
  for (const what of ["quotes", "option-trades", "orders", "status"]) {
    assert.ok(TAIL_HELP.includes(what));
  }
  const long = TAIL_HELP.split("\n").filter((line) => line.length > 80);
  assert.deepEqual(long, []);
});

Deno.test("tail reads the options of a stream", () => {
  const options = (line: string) => {
    const task = parse(line);
    assert(task.type === "stream");
    return task.options;
  };
  assert.equal(options("quotes A"), undefined);
  assert.deepEqual(options("trades A --meta --notices --backfill --resume e1:17"), {
    meta: true,
    notices: true,
    snapshot: false,
    latest: false,
    backfill: true,
    minInterval: undefined,
    resume: { epoch: "e1", sequence: 17n },
  });
  assert.equal(options("quotes --snapshot --latest --min-interval 250")?.minInterval, 250);
  assert.deepEqual(options("orders --resume f3a-1:x")?.resume, { eventId: "f3a-1:x" });
  assert.throws(() => options("quotes --min-interval 250"), /it goes with --latest/);
  assert.throws(() => options("quotes --resume 17"), /it takes EPOCH:SEQUENCE/);
  assert.throws(() => options("orders --latest"), /it goes with streams of market data/);
  assert.throws(() => options("quotes --backfill"), /it goes with trades and bars/);
});
