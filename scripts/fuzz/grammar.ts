/**
 * Generates messages of the three streams and faults in them.
 *
 * @module
 */
import type { Random } from "../rig/random.ts";
import type { Target } from "./target.ts";
import { anyNode, type Field, list, map, type Node, number, text, time } from "./values.ts";
import type { Write } from "./writers.ts";

/** Symbols of the messages; test streams subscribe to the first two. */
export const SYMBOLS: readonly string[] = [
  "AAPL",
  "SPY261218C00650000",
  "MSFT",
  "BRK.B",
  "SPXW240327P04925000",
];

const AT = time(1_789_396_202, 118_450_321);
const bar = {
  S: text("AAPL"),
  o: number(388.985),
  h: number(389.13),
  l: number(388.975),
  c: number(389.12),
  v: number(49378),
  n: number(461),
  vw: number(389.062639),
  t: time(1_789_396_200, 0),
};
const quote = {
  T: text("q"),
  S: text("AAPL"),
  bx: text("Q"),
  bp: number(150.25),
  bs: number(3),
  ax: text("P"),
  ap: number(150.27),
  as: number(4),
  c: list(text("R")),
  z: text("C"),
  t: AT,
};
const trade = {
  T: text("t"),
  i: number(52983525029461),
  S: text("AAPL"),
  x: text("D"),
  p: number(126.55),
  s: number(1),
  t: AT,
  c: list(text("@"), text("I")),
  z: text("C"),
};
const tail = { t: AT, z: text("C") };

/** Messages of both market data streams. */
const CONTROL: readonly Node[] = [
  map({ T: text("success"), msg: text("connected") }),
  map({ T: text("error"), code: number(405), msg: text("symbol limit") }),
  map({
    T: text("subscription"),
    trades: list(text("AAPL")),
    quotes: list(text("*"), text("MSFT")),
    bars: list(),
  }),
];

/** One valid message of each type of the stock stream. */
export const STOCK_MESSAGES: readonly Node[] = [
  map(quote),
  map(trade),
  map({ ...trade, s: number(0.25) }),
  map({ T: text("b"), ...bar }),
  map({ T: text("u"), ...bar }),
  map({ T: text("d"), ...bar }),
  map({
    T: text("s"),
    S: text("AAPL"),
    sc: text("H"),
    sm: text("Halt"),
    ...tail,
  }),
  map({
    T: text("l"),
    S: text("AAPL"),
    u: number(3.24),
    d: number(2.65),
    i: text("B"),
    ...tail,
  }),
  map({
    T: text("c"),
    S: text("AAPL"),
    x: text("M"),
    oi: number(52983525033527),
    op: number(39.1582),
    os: number(440000),
    oc: list(text("7")),
    ci: number("9007199254740993"),
    cp: number(39.1809),
    cs: number(440000),
    cc: list(text("7")),
    ...tail,
  }),
  map({
    T: text("x"),
    S: text("AAPL"),
    i: number(465),
    x: text("D"),
    p: number(270.1),
    s: number(100),
    a: text("C"),
    ...tail,
  }),
  map({ T: text("i"), S: text("AAPL"), p: number(9.12), ...tail }),
  ...CONTROL,
];

/** One valid message of each type of the option stream. */
export const OPTION_MESSAGES: readonly Node[] = [
  map({
    T: text("q"),
    S: text("SPY261218C00650000"),
    bx: text("C"),
    bp: number(9.46),
    bs: number(53),
    ax: text("C"),
    ap: number(9.66),
    as: number(38),
    c: text("A"),
    t: AT,
  }),
  map({
    T: text("t"),
    S: text("SPY261218C00650000"),
    p: number(2.84),
    s: number(70_000),
    x: text("N"),
    c: text("S"),
    t: AT,
  }),
  ...CONTROL,
];

const leg = map({
  id: text("leg-1"),
  symbol: text("AAPL"),
  side: text("buy"),
  qty: number(1),
  filled_qty: text("0"),
  ratio_qty: text("1"),
  status: text("new"),
});
const order = map({
  id: text("b3e4f1c2-0000-4000-8000-000000000001"),
  client_order_id: text("rebalance-7"),
  created_at: text("2026-09-14T10:31:07.1-04:00"),
  updated_at: text("2026-09-14T14:31:07.402118Z"),
  filled_at: { kind: "word", word: null },
  symbol: text("MSFT"),
  asset_class: text("us_equity"),
  qty: text("100"),
  filled_qty: text("30"),
  filled_avg_price: text("402.110000000"),
  order_class: text("mleg"),
  type: text("limit"),
  side: text("buy"),
  time_in_force: text("day"),
  limit_price: number("402.150"),
  status: text("partially_filled"),
  extended_hours: { kind: "word", word: true },
  legs: list(leg, leg),
});
const update = map({
  event: text("partial_fill"),
  event_id: text("01K54Q3V9T6H2D7N8R0A4BCXYZ"),
  at: text("2026-09-14T14:31:07.402118Z"),
  execution_id: text("6f0a7d52"),
  timestamp: text("2026-09-14T10:31:07.401977312-04:00"),
  price: number("402.11"),
  qty: text("30"),
  position_qty: number("-130"),
  order,
});

/** One valid message of each type of the trading stream. */
export const ORDER_MESSAGES: readonly Node[] = [
  map({ stream: text("trade_updates"), data: update }),
  map({
    stream: text("authorization"),
    data: map({ status: text("authorized"), action: text("authenticate") }),
  }),
  map({
    stream: text("listening"),
    data: map({ streams: list(text("trade_updates")) }),
  }),
  map({ stream: text("listening"), data: map({ error: text("not allowed") }) }),
  map({
    action: text("error"),
    data: map({ error_message: text("internal server error") }),
  }),
];

/** Messages of a frame and whether they are in a list. */
export interface FrameShape {
  readonly messages: readonly Node[];
  /** Whether upstream sends single messages, too. @default false */
  readonly alone?: boolean;
}

/** The inputs of a decoder of frames. */
export function frameInputs(
  shape: FrameShape,
  write: Write,
): Pick<Target, "examples" | "generate"> {
  return {
    examples: (random) => validFrames(shape).map((frame) => write(frame, random)),
    generate: (random) => write(anyFrame(random, shape), random),
  };
}

/** Valid frames: each message once, twice, and all messages together. */
function validFrames({ messages, alone }: FrameShape): readonly Node[] {
  const frames: Node[] = messages.flatMap((message) => [list(message), list(message, message)]);
  frames.push(list(...messages));
  return alone ? [...messages, ...frames] : frames;
}

/** A frame of valid messages, most of the time with faults. */
function anyFrame(random: Random, shape: FrameShape): Node {
  const count = random.oneIn(30) ? random.below(12) : 1 + random.below(2);
  const messages = Array.from({ length: count }, () => {
    // The first three carry the data.
    const usual = shape.messages.slice(0, 3);
    const good = random.pick(random.oneIn(3) ? shape.messages : usual);
    let message = withSymbol(good, random);
    for (let i = random.below(4); i > 0; i--) message = wrong(message, random);
    return message;
  });
  const [first] = messages;
  if (first && random.oneIn(shape.alone ? 2 : 60)) return first;
  return random.oneIn(200) ? anyNode(random) : list(...messages);
}

function withSymbol(message: Node, random: Random): Node {
  if (message.kind !== "map") return message;
  const symbol = text(random.pick(SYMBOLS));
  return {
    kind: "map",
    fields: message.fields.map(([key, value]) =>
      isText(key, "S") ? [key, symbol] as const : [key, value] as const
    ),
  };
}

function isText(node: Node, value: string): boolean {
  return node.kind === "text" && node.text === value;
}

/** A copy of the node with one change, at any depth. */
function wrong(node: Node, random: Random): Node {
  if (node.kind === "list" && node.items.length > 0) {
    const items = [...node.items];
    change(items, random, (item) => wrong(item, random), () => anyNode(random));
    return { kind: "list", items };
  }
  if (node.kind === "map" && node.fields.length > 0) {
    const fields = [...node.fields];
    change<Field>(
      fields,
      random,
      (field) => wrongField(field, random),
      () => [anyKey(random, fields), anyNode(random)],
    );
    return { kind: "map", fields };
  }
  return anyNode(random);
}

function wrongField([key, value]: Field, random: Random): Field {
  switch (random.below(6)) {
    case 0:
      return [anyNode(random, 0), value];
    case 1:
      return [key, anyNode(random)];
    default:
      return [key, wrong(value, random)];
  }
}

/** The same key or another one. */
function anyKey(random: Random, fields: readonly Field[]): Node {
  return random.oneIn(2) ? random.pick(fields)[0] : anyNode(random, 0);
}

/** Replaces, removes, duplicates, moves or adds one item. */
function change<T>(
  items: T[],
  random: Random,
  replace: (item: T) => T,
  make: () => T,
): void {
  const at = random.below(items.length);
  switch (random.below(8)) {
    case 0:
      items.splice(at, 1);
      break;
    case 1:
      items.splice(random.below(items.length + 1), 0, items[at] as T);
      break;
    case 2:
      items.push(...items.splice(at, 1));
      break;
    case 3:
      items.splice(random.below(items.length + 1), 0, make());
      break;
    default:
      items[at] = replace(items[at] as T);
  }
}
