/**
 * One open stream of a client, as the application sees it.
 *
 * @module
 */
import type { ChannelName } from "../../domain/market/channels.ts";
import type { ChannelReader } from "../broadcast/channel.ts";
import type { Envelope } from "../broadcast/envelope.ts";
import type { StreamReport } from "../status/stream_report.ts";
import type { WallStamp } from "../status/wall_stamp.ts";
import type { OpenStream, Stall, StreamFilter } from "./market_streams.ts";

/** What a stream is made with, beside its queue. */
export interface StreamPlace {
  readonly channel: ChannelName;
  readonly filter: StreamFilter;
  readonly opened: WallStamp;
  /** Monotonic ms from which a stall is counted. */
  readonly progressAt: number;
  /** Gives everything back; called once. */
  readonly leave: () => void;
}

/** A reader's queue with what is known of its client. */
export class ClientStream<T> implements OpenStream<T> {
  readonly #reader: ChannelReader<T>;
  readonly #place: StreamPlace;
  #left = false;
  #toldLost = 0;
  /** When the stream last had nothing waiting or had taken something. */
  #progressAt: number;
  #deliveredThen = 0;
  #onStall: ((stall: Stall) => void) | undefined;

  /** Made by {@linkcode Streams}. */
  constructor(reader: ChannelReader<T>, place: StreamPlace) {
    this.#reader = reader;
    this.#place = place;
    this.#progressAt = place.progressAt;
  }

  get lost(): number {
    return this.#reader.queue.lost;
  }

  get delivered(): number {
    return this.#reader.queue.delivered;
  }

  batches(signal: AbortSignal): AsyncGenerator<readonly Envelope<T>[], void> {
    return this.#reader.queue.batches(signal);
  }

  take(limit?: number): readonly Envelope<T>[] {
    return this.#reader.queue.take(limit);
  }

  whenReady(wake: () => void): void {
    this.#reader.queue.whenReady(wake);
  }

  get ended(): boolean {
    return this.#reader.queue.ended;
  }

  whenStalled(onStall: (stall: Stall) => void): void {
    this.#onStall = onStall;
  }

  /**
   * How long messages have waited and none was taken, in ms, as far as earlier
   * calls can tell; 0 when nothing waits or something was taken since the last.
   *
   * @param now monotonic ms
   */
  stalledFor(now: number): number {
    const { delivered, waiting } = this.#reader.queue;
    if (waiting === 0 || delivered !== this.#deliveredThen) {
      this.#deliveredThen = delivered;
      this.#progressAt = now;
    }
    return now - this.#progressAt;
  }

  /** Has the stream ended because its client does not read. */
  stall(now: number): void {
    const { waiting } = this.#reader.queue;
    const stalledMs = now - this.#progressAt;
    this[Symbol.dispose]();
    this.#onStall?.({ waiting, stalledMs });
  }

  /** Events lost since the last call. */
  takeLosses(): number {
    const { lost } = this.#reader.queue;
    const since = lost - this.#toldLost;
    this.#toldLost = lost;
    return since;
  }

  /** What the stream has received and lost. */
  report(): StreamReport {
    const { channel, filter, opened: { at: openedAt } } = this.#place;
    const { delivered, waiting, lost } = this.#reader.queue;
    const described = describeFilter(filter);
    return { channel, filter: described, openedAt, delivered, waiting, lost };
  }

  [Symbol.dispose](): void {
    if (this.#left) return;
    this.#left = true;
    this.#place.leave();
  }
}

/** Names shown of a filter; the others are only counted. */
const SHOWN = 3;

function describeFilter(filter: StreamFilter): string {
  const names = [
    ...filter.symbols,
    ...(filter.underlyings ?? []).map((name) => `underlying ${name}`),
    ...(filter.orderIds ?? []).map((id) => `order ${id}`),
  ];
  if (names.length === 0) return "everything";
  const shown = names.slice(0, SHOWN).join(", ");
  const others = names.length - SHOWN;
  return others > 0 ? `${shown} and ${others} more` : shown;
}
