/**
 * Frames that are encoded before a run, so that the feeder only overwrites the
 * timestamps of their quotes when it sends them.
 *
 * All frames are in one buffer as WebSocket frames, so a sequence of them is one
 * slice and one write.
 *
 * @module
 */
import { encode, ExtData } from "@msgpack/msgpack";
import type { Moment } from "../wall_clock.ts";
import { optionSymbol, stockSymbol } from "./symbols.ts";
import { OPCODE, webSocketFrame } from "./websocket_frames.ts";

/** How the quotes of a feed are encoded. */
export type FeedFormat = "json" | "msgpack";

/** Options of a pool. */
export interface PoolShape {
  readonly format: FeedFormat;
  /** Quotes per frame. */
  readonly perFrame: number;
  /** Number of instruments. */
  readonly symbols: number;
}

/** Minimum of quotes in a pool, so that quotes do not stay in caches. */
const FEWEST = 8_192;
const PLACEHOLDER = "2026-01-01T00:00:00.000000000Z";
const TIMESTAMP_EXTENSION = -1;
/** Step between instruments, a prime, so that they are not in order. */
const STRIDE = 7_919;

const utf8 = new TextEncoder();

/** Cents of a plausible price that differs from quote to quote. */
function priceOf(index: number): number {
  return (10_000 + (index * 37) % 5_000) / 100;
}

function stockQuote(index: number, symbols: number): string {
  const bid = priceOf(index);
  return JSON.stringify({
    T: "q",
    S: stockSymbol((index * STRIDE) % symbols),
    bx: "Q",
    bp: bid,
    bs: 1 + index % 9,
    ax: "P",
    ap: Number((bid + 0.02).toFixed(2)),
    as: 1 + index % 7,
    c: ["R"],
    z: "C",
    t: PLACEHOLDER,
  });
}

const STAMP_OF_ZEROES = new ExtData(TIMESTAMP_EXTENSION, new Uint8Array(8));

function optionQuote(index: number, symbols: number): Record<string, unknown> {
  const bid = priceOf(index) / 10;
  return {
    T: "q",
    S: optionSymbol((index * STRIDE) % symbols),
    bx: "C",
    bp: bid,
    bs: 1 + index % 90,
    ax: "C",
    ap: bid + 0.05,
    as: 1 + index % 70,
    c: "A",
    t: STAMP_OF_ZEROES,
  };
}

interface Encoded {
  readonly payload: Uint8Array;
  /** Offsets of the timestamps in the payload. */
  readonly stamps: readonly number[];
}

/** Offsets of `mark` in `bytes`. */
function placesOf(mark: Uint8Array, bytes: Uint8Array): number[] {
  const places: number[] = [];
  for (let at = 0; at + mark.length <= bytes.length; at++) {
    let same = 0;
    while (same < mark.length && bytes[at + same] === mark[same]) same++;
    if (same === mark.length) places.push(at);
  }
  return places;
}

function encodeFrame(shape: PoolShape, first: number): Encoded {
  const { format, perFrame, symbols } = shape;
  const indexes = Array.from({ length: perFrame }, (_, i) => first + i);
  if (format === "json") {
    const quotes = indexes.map((index) => stockQuote(index, symbols));
    const payload = utf8.encode(`[${quotes.join(",")}]`);
    return { payload, stamps: placesOf(utf8.encode(PLACEHOLDER), payload) };
  }
  const payload = encode(indexes.map((index) => optionQuote(index, symbols)));
  // fixext 8, type -1, then the eight bytes of the timestamp.
  const mark = new Uint8Array([0xd7, 0xff, 0, 0, 0, 0, 0, 0, 0, 0]);
  const stamps = placesOf(mark, payload).map((place) => place + 2);
  return { payload, stamps };
}

/** Encoded frames. */
export class FramePool {
  readonly shape: PoolShape;
  /** Number of frames. */
  readonly length: number;
  /** All frames, one after another. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Start of each frame, and the end of the last one. */
  readonly starts: Uint32Array;
  readonly #headers: readonly number[];
  readonly #stamps: Uint32Array;
  readonly #view: DataView;

  /** @throws Error when a frame does not have one time per quote */
  constructor(shape: PoolShape) {
    this.shape = shape;
    const quotes = Math.max(FEWEST, shape.symbols);
    this.length = Math.ceil(quotes / shape.perFrame);
    const opcode = shape.format === "json" ? OPCODE.text : OPCODE.binary;
    const frames: Uint8Array[] = [];
    const headers: number[] = [];
    this.starts = new Uint32Array(this.length + 1);
    this.#stamps = new Uint32Array(this.length * shape.perFrame);
    for (let i = 0, at = 0; i < this.length; i++) {
      const { payload, stamps } = encodeFrame(shape, i * shape.perFrame);
      if (stamps.length !== shape.perFrame) {
        throw new Error(`Cannot stamp a frame: ${stamps.length} times found`);
      }
      const frame = webSocketFrame(opcode, payload);
      const header = frame.length - payload.length;
      stamps.forEach((stamp, j) => {
        this.#stamps[i * shape.perFrame + j] = at + header + stamp;
      });
      headers.push(header);
      frames.push(frame);
      at += frame.length;
      this.starts[i + 1] = at;
    }
    this.#headers = headers;
    this.bytes = new Uint8Array(this.starts[this.length] ?? 0);
    frames.forEach((frame, i) => this.bytes.set(frame, this.starts[i]));
    this.#view = new DataView(this.bytes.buffer);
  }

  /** The WebSocket frames `from` up to `to`. */
  slice(from: number, to: number): Uint8Array<ArrayBuffer> {
    return this.bytes.subarray(this.starts[from], this.starts[to]);
  }

  /** The payload of a frame. */
  payload(frame: number): Uint8Array<ArrayBuffer> {
    const start = (this.starts[frame] ?? 0) + (this.#headers[frame] ?? 0);
    return this.bytes.subarray(start, this.starts[frame + 1]);
  }

  /** Writes `moment` over the times of the frames `from` up to `to`. */
  stamp(from: number, to: number, moment: Moment): void {
    const { perFrame, format } = this.shape;
    const first = from * perFrame;
    const end = to * perFrame;
    if (format === "json") {
      const text = stampText(moment);
      for (let i = first; i < end; i++) {
        this.bytes.set(text, this.#stamps[i]);
      }
      return;
    }
    // 30 bits of nanoseconds, then 34 bits of seconds, whose upper two are 0.
    const high = moment.nanos * 4;
    for (let i = first; i < end; i++) {
      const at = this.#stamps[i] ?? 0;
      this.#view.setUint32(at, high);
      this.#view.setUint32(at + 4, moment.seconds);
    }
  }
}

/** A time in Alpaca's format, always with nine fraction digits. */
function stampText({ seconds, nanos }: Moment): Uint8Array {
  const date = new Date(seconds * 1000).toISOString().slice(0, 19);
  return utf8.encode(`${date}.${String(nanos).padStart(9, "0")}Z`);
}
