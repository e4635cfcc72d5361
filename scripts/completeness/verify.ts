/**
 * Compares what a stream has received with what the market has produced.
 *
 * @module
 */
import type { Channel, Item, NoticeJson, ProducedMessage } from "./records.ts";

/** What is known of a stream beforehand. */
export interface ExpectedStream {
  readonly name: string;
  readonly channel: Channel;
  readonly symbols: readonly string[];
  readonly isLatest: boolean;
  /** Whether `delivered` counts messages that the client has acknowledged. */
  readonly isAcknowledged: boolean;
}

/** The result for one stream. */
export interface StreamResult {
  readonly name: string;
  /** Messages of the market from the first one that the stream received. */
  readonly produced: number;
  readonly received: number;
  /** Messages with the origins replay and backfill, and those of snapshots. */
  readonly replayed: number;
  readonly snapshots: number;
  /** Missing messages by what was reported to the stream. */
  readonly slowClient: number;
  readonly conflated: number;
  readonly upstreamLost: number;
  readonly notSubscribed: number;
  readonly unreadable: number;
  readonly notRetained: number;
  readonly opens: number;
  readonly exactResumes: number;
  readonly heartbeats: number;
  /** Contradictions, at most {@linkcode MAX_PROBLEMS}; empty for a stream that is complete. */
  readonly problems: readonly string[];
}

/** Problems that are listed of a stream. */
const MAX_PROBLEMS = 12;

/**
 * Tolerance of the times of a gap, in ms: a message is produced some ms before the proxy can
 * receive it, and on a busy machine the proxy notices the end of a session late.
 */
const TOLERANCE_MS = 500;

interface Span {
  readonly reason: string;
  readonly start: number;
  end: number;
  readonly symbols: readonly string[];
}

/** Totals of the gaps and data of one call. */
interface CallTotals {
  live: number;
  slow: number;
  heartbeat: NonNullable<NoticeJson["heartbeat"]> | undefined;
}

/** Verifies one stream over all its calls. */
export class StreamVerifier {
  readonly #expected: ExpectedStream;
  readonly #problems: string[] = [];
  readonly #received = new Map<string, number>();
  readonly #firstAt = new Map<string, number>();
  /** Last sequence of each symbol, and the slow-client gaps since then that include it. */
  readonly #symbolSequences = new Map<string, number>();
  readonly #gapsSince = new Map<string, number>();
  readonly #spans: Span[] = [];
  /** Times between a position and an inexact resume. */
  readonly #unknown: Span[] = [];
  /** The same of symbols of which nothing was received since the resume. */
  readonly #resuming = new Map<string, Span>();
  readonly #sequences = new Set<number>();
  #call: CallTotals = { live: 0, slow: 0, heartbeat: undefined };
  #epoch = "";
  /** When the last message of each symbol was received. */
  readonly #lastReceivedAt = new Map<string, number>();
  #isInexact = false;
  #count = 0;
  #replayed = 0;
  #snapshots = 0;
  #slow = 0;
  #holes = 0;
  #conflated = 0;
  #unreadable = 0;
  #opens = 0;
  #exactResumes = 0;
  #heartbeats = 0;

  constructor(expected: ExpectedStream) {
    this.#expected = expected;
  }

  /** Checks the next item of the stream. */
  add(item: Item): void {
    switch (item.kind) {
      case "open":
        this.#endCall();
        this.#opens++;
        break;
      case "data":
        this.#addData(item);
        break;
      case "notice":
        this.#addNotice(item.notice, item.at);
        break;
      case "end":
        break;
    }
  }

  /** Compares everything with the ledger. */
  finish(produced: Iterable<ProducedMessage>): StreamResult {
    this.#endCall();
    const missing = this.#compare(produced);
    const { isLatest, name } = this.#expected;
    const reported = this.#slow + (isLatest ? this.#conflated : 0);
    // Totals of a call that ended before its last heartbeat are not known.
    const isKnown = !isLatest || this.#opens === 1;
    const isExplained = missing.unexplained <= reported &&
      reported <= missing.unexplained + missing.beside;
    if (isKnown && !isExplained) {
      const { unexplained, from, until } = missing;
      const span = `${new Date(from).toISOString()} to ${new Date(until).toISOString()}`;
      this.#problem(`${unexplained} messages are missing (${span}), ${reported} were reported`);
    }
    if (this.#holes > this.#slow) {
      this.#problem(`${this.#holes} symbol sequences are missing, ${this.#slow} were reported`);
    }
    return {
      name,
      produced: missing.produced,
      received: this.#count,
      replayed: this.#replayed,
      snapshots: this.#snapshots,
      slowClient: this.#slow,
      conflated: this.#conflated,
      upstreamLost: missing.upstreamLost,
      notSubscribed: missing.notSubscribed,
      unreadable: this.#unreadable,
      notRetained: missing.notRetained,
      opens: this.#opens,
      exactResumes: this.#exactResumes,
      heartbeats: this.#heartbeats,
      problems: this.#problems,
    };
  }

  #addData(item: Extract<Item, { kind: "data" }>): void {
    const { symbol, key, sequence, symbolSequence, origin, receivedAt } = item;
    this.#resuming.delete(symbol);
    this.#lastReceivedAt.set(symbol, receivedAt);
    const id = `${symbol} ${key}`;
    if (origin === "snapshot") {
      this.#snapshots++;
      if (!this.#symbolSequences.has(symbol) && symbolSequence > 0) {
        this.#symbolSequences.set(symbol, symbolSequence);
        this.#gapsSince.delete(symbol);
      }
      // The first message of the symbol: what was produced before it is not expected.
      if (!this.#firstAt.has(symbol)) this.#firstAt.set(symbol, receivedAt);
      this.#received.set(id, this.#received.get(id) ?? 0);
      return;
    }
    this.#count++;
    if (origin === "live") this.#call.live++;
    else this.#replayed++;
    if (!this.#firstAt.has(symbol)) this.#firstAt.set(symbol, receivedAt);
    const isRepeated = sequence > 0 && this.#sequences.has(sequence);
    // The position of a stream with LATEST is that of its last heartbeat.
    if (isRepeated && !this.#expected.isLatest) this.#problem(`${sequence} is received twice`);
    if (sequence > 0) this.#sequences.add(sequence);
    this.#received.set(id, (this.#received.get(id) ?? 0) + 1);
    if (symbolSequence > 0 && !this.#expected.isLatest) this.#checkHole(symbol, symbolSequence);
  }

  #checkHole(symbol: string, sequence: number): void {
    const last = this.#symbolSequences.get(symbol);
    const gaps = this.#gapsSince.get(symbol) ?? 0;
    if (last !== undefined) {
      const hole = sequence - last - 1;
      if (hole < 0) this.#problem(`${symbol} goes back from ${last} to ${sequence}`);
      else if (hole > 0 && gaps === 0) {
        this.#problem(`${symbol} misses ${hole} after ${last} without a gap`);
      }
      this.#holes += Math.max(0, hole);
    }
    this.#symbolSequences.set(symbol, sequence);
    this.#gapsSince.delete(symbol);
  }

  #addNotice(notice: NoticeJson, at: number): void {
    const { hello, gap, heartbeat, subscription } = notice;
    if (hello) this.#addHello(hello, at);
    if (subscription?.state === "SYMBOL_STATE_ACKNOWLEDGED") {
      // Where it was not subscribed, the stream starts with that.
      const resuming = this.#resuming.get(subscription.symbol);
      if (resuming) resuming.end = at;
    }
    if (gap) this.#addGap(gap, at);
    if (heartbeat) this.#addHeartbeat(heartbeat);
  }

  #addHello(hello: NonNullable<NoticeJson["hello"]>, at: number): void {
    this.#isInexact = this.#opens > 1 && !hello.resumed;
    if (hello.resumed) this.#exactResumes++;
    if (this.#isInexact) {
      // An outage that a symbol was in is not reported any more.
      for (const symbol of this.#expected.symbols) {
        const start = this.#lastReceivedAt.get(symbol) ?? 0;
        const span = { reason: "", start, end: at, symbols: [symbol] };
        this.#resuming.set(symbol, span);
        this.#unknown.push(span);
      }
      this.#symbolSequences.clear();
      this.#gapsSince.clear();
    }
    if (this.#epoch !== hello.epoch) this.#sequences.clear();
    this.#epoch = hello.epoch;
  }

  #addGap(gap: NonNullable<NoticeJson["gap"]>, at: number): void {
    const { reason, count = "0", symbols = [], startTime, endTime } = gap;
    switch (reason) {
      case "GAP_REASON_SLOW_CLIENT":
        this.#slow += Number(count);
        this.#call.slow += Number(count);
        for (const symbol of symbols.length > 0 ? symbols : this.#symbolSequences.keys()) {
          this.#gapsSince.set(symbol, (this.#gapsSince.get(symbol) ?? 0) + 1);
        }
        break;
      case "GAP_REASON_UNREADABLE":
        this.#unreadable += Number(count);
        break;
      case "GAP_REASON_NOT_RETAINED":
        if (!this.#isInexact) this.#problem("a gap of an exact resume");
        this.#isInexact = false;
        break;
      default: {
        if (startTime === undefined) this.#problem(`a gap without a start: ${reason}`);
        const start = startTime === undefined ? at : Date.parse(startTime);
        const end = endTime === undefined ? at : Date.parse(endTime);
        this.#spans.push({ reason, start, end, symbols });
      }
    }
  }

  #addHeartbeat(heartbeat: NonNullable<NoticeJson["heartbeat"]>): void {
    this.#heartbeats++;
    const { published = 0, delivered = 0, conflated = 0, lost = 0 } = heartbeat;
    const sum = Number(delivered) + Number(conflated) + Number(lost);
    if (Number(published) !== sum) this.#problem(`${published} published, ${sum} counted`);
    const { live, slow } = this.#call;
    if (Number(lost) !== slow) this.#problem(`${lost} lost, ${slow} in gaps`);
    if (!this.#expected.isAcknowledged && Number(delivered) !== live) {
      this.#problem(`${delivered} delivered, ${live} received`);
    }
    this.#call.heartbeat = heartbeat;
  }

  #endCall(): void {
    if (this.#isInexact) this.#problem("an inexact resume without a gap");
    this.#isInexact = false;
    this.#conflated += Number(this.#call.heartbeat?.conflated ?? 0);
    this.#call = { live: 0, slow: 0, heartbeat: undefined };
  }

  #compare(produced: Iterable<ProducedMessage>) {
    const { channel, symbols } = this.#expected;
    const wanted = new Set(symbols);
    const found = {
      produced: 0,
      unexplained: 0,
      invalid: 0,
      upstreamLost: 0,
      notSubscribed: 0,
      notRetained: 0,
      /** Messages that were sent and are missing within a span and its tolerance. */
      beside: 0,
      /** Times of the first and the last unexplained message. */
      from: 0,
      until: 0,
    };
    const unclaimed = new Map(this.#received);
    for (const message of produced) {
      if (message.channel !== channel || !wanted.has(message.symbol)) continue;
      const id = `${message.symbol} ${message.key}`;
      const copies = unclaimed.get(id);
      if (copies !== undefined) {
        unclaimed.delete(id);
        found.produced++;
        if (copies > 1 && !this.#expected.isLatest) {
          this.#problem(`${id} is received ${copies} times`);
        }
        continue;
      }
      if (message.at <= (this.#firstAt.get(message.symbol) ?? Infinity)) continue;
      found.produced++;
      const span = this.#spans.find((span) => covers(span, message));
      if (span && message.outcome === "sent") found.beside++;
      if (span?.reason === "GAP_REASON_NOT_SUBSCRIBED") found.notSubscribed++;
      else if (span) found.upstreamLost++;
      else if (this.#unknown.some((span) => covers(span, message))) found.notRetained++;
      else if (message.outcome === "malformed") found.invalid++;
      else if (message.outcome === "sent" || message.outcome === "waiting") {
        found.unexplained++;
        found.from ||= message.at;
        found.until = message.at;
      } else {
        this.#problem(
          `${id} (${message.outcome}, ${new Date(message.at).toISOString()}) is in no gap`,
        );
      }
    }
    for (const [id, copies] of unclaimed) {
      if (copies > 0) this.#problem(`${id} was never produced`);
    }
    if (found.invalid !== this.#unreadable) {
      this.#problem(`${found.invalid} messages were invalid, ${this.#unreadable} were reported`);
    }
    return found;
  }

  #problem(text: string): void {
    if (this.#problems.length < MAX_PROBLEMS) this.#problems.push(text);
  }
}

function covers({ start, end, symbols }: Span, { at, symbol }: ProducedMessage): boolean {
  return (symbols.length === 0 || symbols.includes(symbol)) &&
    start - TOLERANCE_MS <= at && at <= end + TOLERANCE_MS;
}
