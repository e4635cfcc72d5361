/**
 * Messages of every type of Alpaca's stock and option streams.
 *
 * @module
 */
import type { Message } from "@alpaca-stream-proxy/simulator";

const AT = "2026-09-14T14:30:02.118450321Z";
const MINUTE = "2026-09-14T14:30:00Z";

/** A message of each channel of a stock; numbers and texts depend on `index`. */
export function stockMessages(symbol: string, index: number): readonly Message[] {
  const S = symbol;
  const price = (10_000 + index) / 100;
  const bar = { S, o: price, h: price + 1, l: price - 1, c: price, v: 2 ** 33 + index, n: 3 };
  return [
    {
      T: "t",
      S,
      i: 9_007_199_254_740_993n + BigInt(index),
      x: "V",
      p: 232.115,
      s: 7 + index,
      c: ["@", "I"],
      t: AT,
      z: "C",
    },
    {
      T: "q",
      S,
      bx: "Q",
      bp: price,
      bs: 100,
      ax: "P",
      ap: price + 0.01,
      as: 300,
      c: ["R"],
      t: AT,
      z: "C",
    },
    { T: "b", ...bar, vw: price + 0.001, t: MINUTE },
    { T: "u", ...bar, vw: price + 0.002, t: MINUTE },
    { T: "d", ...bar, vw: price + 0.003, t: "2026-09-14T04:00:00Z" },
    { T: "s", S, sc: "H", sm: "Trading Halt", rc: "T12", rm: "", t: AT, z: "C" },
    { T: "l", S, u: price + 5, d: price - 5, i: "B", t: AT, z: "C" },
    { T: "i", S, p: price, t: AT, z: "C" },
    {
      T: "c",
      S,
      x: "V",
      oi: 1 + index,
      op: price,
      os: 3,
      oc: ["@"],
      ci: 2 + index,
      cp: price + 0.01,
      cs: 4,
      cc: ["@", "I"],
      t: AT,
      z: "C",
    },
    { T: "x", S, i: 1 + index, x: "V", p: price, s: 3, a: "C", t: AT, z: "C" },
  ];
}

/** A trade and a quote of a contract. */
export function optionMessages(symbol: string, index: number): readonly Message[] {
  const S = symbol;
  const price = (500 + index) / 100;
  return [
    { T: "t", S, t: AT, p: price, s: 4 + index, x: "C", c: "I" },
    { T: "q", S, t: AT, bx: "C", bp: price, bs: 40, ax: "X", ap: price + 0.05, as: 18, c: "A" },
  ];
}

/** Types of messages by channel. */
export const TYPE_OF_CHANNEL: Readonly<Record<string, string>> = {
  trades: "t",
  quotes: "q",
  bars: "b",
  updatedBars: "u",
  dailyBars: "d",
  statuses: "s",
  lulds: "l",
  imbalances: "i",
  corrections: "c",
  cancelErrors: "x",
  orderbooks: "o",
  news: "n",
};
