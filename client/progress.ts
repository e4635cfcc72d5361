/**
 * How far a stream has been processed, and whether anything is missing in it.
 *
 * @module
 */
import {
  type CaughtUp,
  type Heartbeat,
  type Hello,
  type MessageMeta,
  Origin,
} from "../src/gen/cream/v1/stream_proxy_pb.ts";
import { type StreamGap, undetectedGap } from "./gaps.ts";
import { SymbolSequences } from "./symbol_sequences.ts";

/** Where a stream continues: a position in an epoch, or the last order event. */
export type StreamPosition =
  | { readonly epoch: string; readonly sequence: bigint }
  | { readonly eventId: string };

/** What is compared. */
export interface ProgressOptions {
  /** Every message of a symbol is expected, not only the latest. */
  readonly isEvery: boolean;
  /** The stream starts with a snapshot, again after a resume that is not exact. */
  readonly wantsSnapshot: boolean;
  /**
   * The stream has every message of its symbols; false for streams of some orders, and of selected
   * contracts only.
   */
  readonly hasWholeSymbols: boolean;
  /** Continue after this position. */
  readonly position?: StreamPosition | undefined;
}

/** What a message is. */
export interface MessageResult {
  /** The consumer has it already. */
  readonly isDuplicate: boolean;
  /** A hole before it that the proxy did not report. */
  readonly gap?: StreamGap | undefined;
}

/** How a connection starts. */
export interface HelloResult {
  /** Nothing is missing since the requested position. */
  readonly isExact: boolean;
  /** What is missing before a repeated snapshot. */
  readonly gap?: StreamGap | undefined;
}

const IS_NEW: MessageResult = { isDuplicate: false };

/** Follows the order of a stream across its connections. */
export class Progress {
  readonly #options: ProgressOptions;
  readonly #symbols = new SymbolSequences();
  #epoch = "";
  #sequence = 0n;
  #eventId: string | undefined;
  /** Whether the next connection continues, instead of starting with a snapshot. */
  #hasStarted: boolean;
  /** Whether the consumer has received anything but a snapshot. */
  #wasCaughtUp: boolean;
  /** A resume was requested in this connection. */
  #isResuming = false;
  /** An inexact resume has to be followed by a gap. */
  #owedGap: StreamGap | undefined;
  /** Live messages of this connection. */
  #live = 0;
  /** Live messages that were skipped without a gap: conflated ones. */
  #holes = 0;
  /** Messages of reported gaps of a slow client. */
  #lost = 0;
  /** Missing live messages that this client has found and reported. */
  #undetected = 0;

  constructor(options: ProgressOptions) {
    this.#options = options;
    const { position } = options;
    this.#hasStarted = this.#wasCaughtUp = position !== undefined;
    if (position === undefined) return;
    if ("eventId" in position) this.#eventId = position.eventId;
    else [this.#epoch, this.#sequence] = [position.epoch, position.sequence];
  }

  /** Everything up to it was processed; undefined before the stream has begun. */
  get position(): StreamPosition | undefined {
    if (!this.#hasStarted) return undefined;
    if (this.#eventId !== undefined) return { eventId: this.#eventId };
    return this.#epoch === "" ? undefined : { epoch: this.#epoch, sequence: this.#sequence };
  }

  /** Starts a connection. */
  connect(isResuming: boolean): void {
    this.#isResuming = isResuming;
    this.#owedGap = undefined;
    this.#live =
      this.#holes =
      this.#lost =
      this.#undetected =
        0;
  }

  /**
   * Records the start of a connection. After a resume that is not exact, a
   * stream with a snapshot has to be opened again: its position is undefined then.
   */
  hello({ epoch, sequence, resumed }: Hello, hasSnapshot: boolean): HelloResult {
    const isSameEpoch = epoch === this.#epoch;
    if (!isSameEpoch) this.#symbols.reset();
    const isKnown = isSameEpoch || this.#eventId !== undefined;
    const isExact = this.#isResuming && resumed && isKnown;
    if (this.#isResuming && !isExact && this.#options.wantsSnapshot) {
      this.#hasStarted = false;
      return { isExact };
    }
    const missed = {
      firstSequence: isSameEpoch ? this.#sequence + 1n : 0n,
      lastSequence: sequence,
    };
    if (!isExact || !isSameEpoch) this.#sequence = sequence;
    this.#epoch = epoch;
    if (hasSnapshot) {
      if (!this.#wasCaughtUp) return { isExact };
      return { isExact, gap: { ...undetectedGap(0, missed), reason: "not_retained" } };
    }
    this.#hasStarted = this.#wasCaughtUp = true;
    if (this.#isResuming && !isExact) this.#owedGap = undetectedGap(0, missed);
    return { isExact };
  }

  /** Records a gap that is reported at this point of the stream. */
  gap(gap: StreamGap): void {
    this.#owedGap = undefined;
    this.#symbols.gap(gap);
    if (gap.reason === "slow_client") this.#lost += gap.count;
    if (this.#options.isEvery) this.#advance(gap.lastSequence);
  }

  /** Records the end of a snapshot or replay. */
  caughtUp({ sequence }: CaughtUp): void {
    this.#hasStarted = this.#wasCaughtUp = true;
    this.#advance(sequence);
  }

  /** Compares the totals of the proxy with what arrived; returns what is missing in them. */
  heartbeat({ sequence, delivered, conflated, lost }: Heartbeat): StreamGap | undefined {
    // A hole that was found before is in these differences too.
    const unsent = Math.max(0, Number(delivered) - this.#live) +
      Math.max(0, Number(lost) - this.#lost);
    const skipped = Math.max(0, this.#holes - Number(conflated));
    const missing = Math.max(unsent, skipped) - this.#undetected;
    this.#advance(sequence);
    if (missing <= 0) return undefined;
    this.#undetected += missing;
    return undetectedGap(missing);
  }

  /** The gap that had to follow an inexact resume and did not. */
  takeOwedGap(): StreamGap | undefined {
    const owed = this.#owedGap;
    this.#owedGap = undefined;
    return owed;
  }

  /** Compares a message with those before it. */
  message(symbol: string, meta: MessageMeta): MessageResult {
    const isLive = meta.origin === Origin.LIVE;
    if (isLive) this.#live++;
    if (meta.symbolSequence === 0n) return IS_NEW;
    const isSnapshot = meta.origin === Origin.SNAPSHOT;
    const { isEvery, hasWholeSymbols } = this.#options;
    const maySkip = isSnapshot || !hasWholeSymbols || !isEvery && !isLive;
    const result = this.#symbols.message(symbol, Number(meta.symbolSequence), maySkip);
    if (result.isDuplicate) return result;
    if (result.unreported === 0) return IS_NEW;
    if (!isEvery) {
      // Conflated, unless the next heartbeat has fewer.
      this.#holes += result.unreported;
      return IS_NEW;
    }
    if (isLive) this.#undetected += result.unreported;
    const gap = undetectedGap(result.unreported, { symbols: [symbol] });
    return { isDuplicate: false, gap };
  }

  /**
   * Records what the consumer has processed.
   *
   * @param sequence of the newest message that is not of a snapshot; 0 for none
   * @param eventId of the last order event; empty for none
   */
  processed(sequence: bigint, eventId: string): void {
    if (eventId !== "") this.#eventId = eventId;
    this.#advance(sequence);
  }

  #advance(sequence: bigint): void {
    if (sequence > this.#sequence) this.#sequence = sequence;
  }
}
