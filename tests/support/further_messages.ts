/**
 * Messages of every type of Alpaca's crypto and news streams.
 *
 * @module
 */
import type { Message, NewsArticle } from "@alpaca-stream-proxy/simulator";

const AT = "2026-09-13T12:00:02.118450321Z";
const MINUTE = "2026-09-13T12:00:00Z";
const FIRST_TRADE = 3_447_222_699_101_865_076n;
const FIRST_ARTICLE = 24_843_171;

/**
 * Two messages of the order books of a pair, the whole one and a change, and one of each other
 * channel; numbers depend on `index`.
 */
export function cryptoMessages(symbol: string, index: number): readonly Message[] {
  const S = symbol;
  const price = (6_425_000 + index) / 100;
  const size = (1 + index) / 1e9;
  const bar = { S, o: price, h: price + 1, l: price - 1, c: price, v: 7 + size, n: 3 };
  return [
    { T: "t", S, p: price, s: 2, t: AT, i: FIRST_TRADE + BigInt(index), tks: "B" },
    { T: "q", S, bp: price, bs: size, ap: price + 0.5, as: 3, t: AT },
    { T: "b", ...bar, vw: price + 0.001, t: MINUTE },
    { T: "u", ...bar, vw: price + 0.002, t: MINUTE },
    { T: "d", ...bar, v: 0, vw: 0, t: "2026-09-13T00:00:00Z" },
    {
      T: "o",
      S,
      t: AT,
      b: [{ p: price, s: 1 }, { p: price - 1, s: 2.5 }],
      a: [{ p: price + 1, s: size }],
      r: true,
    },
    { T: "o", S, t: AT, b: [{ p: price, s: 0 }], a: [{ p: price + 2, s: 4 }] },
  ];
}

/** An article about a symbol. */
export function newsMessages(symbol: string, index: number): readonly NewsArticle[] {
  const id = FIRST_ARTICLE + index;
  return [{
    T: "n",
    id,
    headline: `${symbol} rises – “quoted” & <em>said</em>`,
    summary: "",
    author: "Benzinga Newsdesk",
    created_at: AT,
    updated_at: MINUTE,
    url: `https://www.benzinga.com/news/${id}/simulated`,
    content: `<p>Zürich 株価 📈 ${index}</p>`,
    symbols: [symbol],
    source: "benzinga",
  }];
}
