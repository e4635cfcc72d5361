/**
 * One valid message of every type of the stock stream, and its event.
 *
 * @module
 */
import type { MessageNotes } from "../../../../src/infrastructure/alpaca/fields.ts";
import { stockHandlers } from "../../../../src/infrastructure/alpaca/messages.ts";
import { stockSinks } from "../../../support/stock_sinks.ts";

const SINK = { mayHaveSubscribers: () => true, publish: () => {}, unreadable: () => {} };
const HANDLERS = stockHandlers(stockSinks(SINK));

/** Returns the reader of a message type. */
export function readerOf(type: string): (message: Message, notes: MessageNotes) => unknown {
  const handler = HANDLERS.get(type);
  if (!handler) throw new Error(`No message of type ${type}`);
  return handler.read;
}

/** Notes that are counted. */
export class CountingNotes implements MessageNotes {
  count = 0;

  inexact(): void {
    this.count++;
  }

  rounded(): void {
    this.count++;
  }

  unknownValues(): void {}
}

/** The time of every specimen, and what it means. */
export const TIME = "2026-09-14T14:30:02.118450321Z";
export const timestamp = { seconds: 1_789_396_202, nanos: 118_450_321 };

/** A decoded map. */
export type Message = Readonly<Record<string, unknown>>;

/** One type of message: a valid one, its event, and its fields by kind. */
export interface Specimen {
  readonly valid: Message;
  readonly means: unknown;
  readonly read: (message: Message, notes: MessageNotes) => unknown;
  readonly numbers: readonly string[];
  readonly sizes: readonly string[];
  readonly ids: readonly string[];
  readonly codes: readonly string[];
  readonly lists: readonly string[];
}

/** The fields of every kind of bar, and what they mean. */
export const bar = {
  S: "SPY",
  o: 388.985,
  h: 389.13,
  l: 388.975,
  c: 389.12,
  v: 49378,
  n: 461,
  vw: 389.062639,
  t: TIME,
};

export const barMeans = {
  symbol: "SPY",
  timestamp,
  open: 388.985,
  high: 389.13,
  low: 388.975,
  close: 389.12,
  volume: 49378,
  tradeCount: 461,
  vwap: 389.062639,
};

const barFields = {
  numbers: ["o", "h", "l", "c"],
  sizes: [],
  ids: ["v"],
  codes: [],
  lists: [],
};

/** Specimens by type word. */
export const SPECIMENS: Readonly<Record<string, Specimen>> = {
  t: {
    valid: {
      T: "t",
      S: "MSFT",
      i: 71675212345678,
      x: "D",
      p: 402.115,
      s: 1,
      c: ["@", "I"],
      t: TIME,
      z: "C",
    },
    means: {
      symbol: "MSFT",
      timestamp,
      tradeId: 71675212345678,
      exchange: "D",
      price: 402.115,
      size: 1,
      conditions: ["@", "I"],
      tape: "C",
    },
    read: readerOf("t"),
    numbers: ["p"],
    sizes: ["s"],
    ids: ["i"],
    codes: ["x", "z"],
    lists: ["c"],
  },
  q: {
    valid: {
      T: "q",
      S: "F",
      bx: "N",
      bp: 11.04,
      bs: 2300,
      ax: " ",
      ap: 0,
      as: 0,
      c: [" "],
      t: TIME,
      z: "A",
    },
    means: {
      symbol: "F",
      timestamp,
      bidExchange: "N",
      bidPrice: 11.04,
      bidSize: 2300,
      askExchange: " ",
      askPrice: 0,
      askSize: 0,
      conditions: [" "],
      tape: "A",
    },
    read: readerOf("q"),
    numbers: ["bp", "ap"],
    sizes: ["bs", "as"],
    ids: [],
    codes: ["bx", "ax", "z"],
    lists: ["c"],
  },
  b: {
    valid: { T: "b", ...bar },
    means: { kind: "minute", ...barMeans },
    read: readerOf("b"),
    ...barFields,
  },
  u: {
    valid: { T: "u", ...bar },
    means: { kind: "updated", ...barMeans },
    read: readerOf("u"),
    ...barFields,
  },
  d: {
    valid: { T: "d", ...bar },
    means: { kind: "daily", ...barMeans },
    read: readerOf("d"),
    ...barFields,
  },
  s: {
    valid: {
      T: "s",
      S: "AAPL",
      sc: "H",
      sm: "Trading Halt",
      rc: "T12",
      rm: "",
      t: TIME,
      z: "C",
    },
    means: {
      symbol: "AAPL",
      timestamp,
      statusCode: "H",
      statusMessage: "Trading Halt",
      reasonCode: "T12",
      reasonMessage: "",
      tape: "C",
    },
    read: readerOf("s"),
    numbers: [],
    sizes: [],
    ids: [],
    codes: ["sc", "sm", "rc", "rm", "z"],
    lists: [],
  },
  l: {
    valid: { T: "l", S: "IONM", u: 3.24, d: 2.65, i: "B", t: TIME, z: "C" },
    means: {
      symbol: "IONM",
      timestamp,
      limitUp: 3.24,
      limitDown: 2.65,
      indicator: "B",
      tape: "C",
    },
    read: readerOf("l"),
    numbers: ["u", "d"],
    sizes: [],
    ids: [],
    codes: ["i", "z"],
    lists: [],
  },
  x: {
    valid: {
      T: "x",
      S: "GOOGL",
      i: 465,
      x: "D",
      p: 270.1,
      s: 100,
      a: "C",
      t: TIME,
      z: "C",
    },
    means: {
      kind: "cancelled",
      symbol: "GOOGL",
      timestamp,
      tradeId: 465,
      exchange: "D",
      price: 270.1,
      size: 100,
      action: "C",
      tape: "C",
    },
    read: readerOf("x"),
    numbers: ["p"],
    sizes: ["s"],
    ids: ["i"],
    codes: ["x", "a", "z"],
    lists: [],
  },
  c: {
    valid: {
      T: "c",
      S: "EEM",
      x: "M",
      oi: 52983525033527,
      op: 39.1582,
      os: 440000,
      oc: [" ", "7"],
      ci: 52983525034326,
      cp: 39.1809,
      cs: 440000,
      cc: [" ", "7"],
      t: TIME,
      z: "B",
    },
    means: {
      kind: "corrected",
      symbol: "EEM",
      timestamp,
      exchange: "M",
      originalId: 52983525033527,
      originalPrice: 39.1582,
      originalSize: 440000,
      originalConditions: [" ", "7"],
      correctedId: 52983525034326,
      correctedPrice: 39.1809,
      correctedSize: 440000,
      correctedConditions: [" ", "7"],
      tape: "B",
    },
    read: readerOf("c"),
    numbers: ["op", "cp"],
    sizes: ["os", "cs"],
    ids: ["oi", "ci"],
    codes: ["x", "z"],
    lists: ["oc", "cc"],
  },
  i: {
    valid: { T: "i", S: "INAQU", p: 9.12, t: TIME, z: "C" },
    means: { symbol: "INAQU", timestamp, price: 9.12, tape: "C" },
    read: readerOf("i"),
    numbers: ["p"],
    sizes: [],
    ids: [],
    codes: ["z"],
    lists: [],
  },
};
