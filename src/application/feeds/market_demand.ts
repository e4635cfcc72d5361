/**
 * Demand drives supply: what open streams want becomes requests on the socket.
 *
 * Changes within one turn of the event loop become one look at the difference;
 * one request is in flight at a time; the answer to each leads to the next
 * look. A request that nothing answers is asked again, a session that never
 * answers is given up; a question that only asks for a sign of life is the
 * heartbeat's to judge. Nothing here ever re-opens the socket for a change.
 *
 * @module
 */
import type { Refusal } from "../../domain/subscription/refusals.ts";
import {
  errorText,
  isFault,
  type SubscriptionRequest,
  type UpstreamError,
} from "../../domain/subscription/request.ts";
import type {
  SymbolSets,
  UpstreamChannel,
} from "../../domain/subscription/symbol_sets.ts";
import type { Clock } from "../ports/clock.ts";
import type { FeedSession } from "../ports/feed_connector.ts";
import type { Log } from "../ports/log.ts";
import type { Span, Tracing } from "../ports/tracing.ts";
import type { FeedBook } from "./feed_book.ts";
import type { FeedDemand } from "./feed_demand.ts";
import { FeedFailure } from "./feed_failure.ts";

/** Unanswered requests in a row after which an answering session is given up. */
const PATIENCE = 3;

/** Pause after a fault of upstream, in ms. */
const FAULT_PAUSE_MS = 1_000;

/** What a market feed's demand needs. */
export interface MarketDemandParts {
  readonly book: FeedBook;
  /** How long a request may wait for its answer, in ms. */
  readonly answerTimeoutMs: number;
  readonly clock: Clock;
  readonly log: Log;
  readonly tracing: Tracing;
  /** Told of every refusal and error, for counting. */
  readonly onRefusal: (text: string) => void;
}

/** Demand of a market data feed. */
export class MarketDemand implements FeedDemand {
  readonly #parts: MarketDemandParts;
  #session: FeedSession | undefined;
  #gone = new AbortController();
  #scheduled = false;
  /** The session whose lingering symbols are being watched. */
  #swept: AbortController | undefined;
  /** The sleep until something refused or given up is requested again. */
  #due: { readonly at: number; readonly over: AbortController } | undefined;
  #unanswered = 0;
  #everAnswered = false;
  #acknowledgedAt: number | undefined;
  #answered: AbortController | undefined;
  #span: Span | undefined;

  constructor(parts: MarketDemandParts) {
    this.#parts = parts;
  }

  get subscriptionCount(): number {
    return this.#session ? this.#book.ledger.acknowledgedCount : 0;
  }

  get trouble(): string | undefined {
    return this.#book.trouble();
  }

  get acknowledgedAt(): number | undefined {
    return this.#acknowledgedAt;
  }

  /**
   * Checks whether a new stream's symbols have a place; subscribes nothing.
   *
   * @throws OverBudget
   */
  admit(channel: UpstreamChannel, symbols: Iterable<string>): void {
    try {
      this.#book.admit(channel, symbols);
    } catch (error) {
      // What the stream was refused for may test a learned limit.
      this.#wakeWhenDue();
      throw error;
    }
  }

  /** A stream wants these symbols from now on. */
  want(channel: UpstreamChannel, symbols: Iterable<string>): void {
    if (this.#book.interest.add(channel, symbols)) this.#schedule();
  }

  /** A stream that wanted these symbols has left. */
  release(channel: UpstreamChannel, symbols: Iterable<string>): void {
    const { interest } = this.#book;
    const now = this.#parts.clock.monotonic();
    if (!interest.remove(channel, symbols, now)) return;
    // Nothing is carried without a session, so nothing needs to linger.
    if (!this.#session) interest.dropLingering();
    this.#schedule();
    this.#sweep();
  }

  /** Places left on a channel; `undefined` where no limit is known or counts. */
  freePlaces(channel: UpstreamChannel): number | undefined {
    return this.#book.freePlaces(channel);
  }

  /**
   * A symbol is left out for want of a place: where the limit was learned, it
   * may be tested with that symbol.
   */
  miss(channel: UpstreamChannel, symbol: string): void {
    const { budget, ledger } = this.#book;
    if (!budget.learned) return;
    ledger.wish({ channel, symbol });
    this.#wakeWhenDue();
  }

  attach(session: FeedSession): void {
    this.#session = session;
    this.#gone = new AbortController();
    this.#book.ledger.reset();
    this.#unanswered = 0;
    this.#everAnswered = false;
    this.#acknowledgedAt = undefined;
    this.#sendNext();
  }

  detach(): void {
    this.#session = undefined;
    this.#settle();
    this.#gone.abort();
    this.#due?.over.abort();
    this.#due = undefined;
    this.#book.ledger.reset();
    this.#book.interest.dropLingering();
  }

  ask(): void {
    const probe = this.#session && this.#book.ledger.probe();
    if (probe) this.#send(probe);
  }

  acknowledged(state: SymbolSets): void {
    if (!this.#session) return;
    this.#unanswered = 0;
    this.#everAnswered = true;
    this.#acknowledgedAt = this.#parts.clock.monotonic();
    this.#settle();
    this.#book.ledger.acknowledge(state);
    this.#sendNext();
  }

  refused(error: UpstreamError): void {
    if (!this.#session) return;
    const request = this.#book.ledger.inFlight;
    this.#span?.set({ code: error.code });
    this.#settle();
    this.#unanswered = 0;
    this.#everAnswered = true;
    this.#report(this.#book.ledger.refuse(error), request, error);
    this.#schedule(isFault(error) ? FAULT_PAUSE_MS : 0);
  }

  get #book(): FeedBook {
    return this.#parts.book;
  }

  #schedule(delayMs = 0): void {
    if (this.#scheduled || !this.#session) return;
    this.#scheduled = true;
    this.#parts.clock.sleep(delayMs, this.#gone.signal).then(() => {
      this.#scheduled = false;
      this.#sendNext();
    });
  }

  /** Lets go of lingering symbols as their grace ends. */
  async #sweep(): Promise<void> {
    const { book: { interest }, clock } = this.#parts;
    const gone = this.#gone;
    if (this.#swept === gone || !this.#session) return;
    this.#swept = gone;
    for (let next = interest.nextSweepAt; next !== undefined;) {
      await clock.sleep(next - clock.monotonic(), gone.signal);
      if (gone.signal.aborted) return;
      if (interest.sweep(clock.monotonic())) this.#schedule();
      next = interest.nextSweepAt;
    }
    this.#swept = undefined;
  }

  #sendNext(): void {
    if (!this.#session) return;
    const request = this.#book.ledger.next();
    this.#reportGivenUp();
    if (request) this.#send(request);
    else if (!this.#book.ledger.inFlight) this.#wakeWhenDue();
  }

  /** Looks again when something refused or given up is to be requested again. */
  #wakeWhenDue(): void {
    const { book: { ledger }, clock } = this.#parts;
    const at = this.#session && ledger.dueAt;
    if (at === this.#due?.at) return;
    this.#due?.over.abort();
    this.#due = undefined;
    if (at === undefined) return;
    const over = new AbortController();
    this.#due = { at, over };
    clock.sleep(at - clock.monotonic(), over.signal).then(() => {
      if (over.signal.aborted) return;
      this.#due = undefined;
      this.#sendNext();
    });
  }

  #send(request: SubscriptionRequest): void {
    const { book: { feed }, log, tracing } = this.#parts;
    log.debug("Requesting a subscription change", describe(request));
    if (!request.probe) {
      this.#span = tracing.span("feed.subscribe", {
        "feed.id": feed,
        "feed.action": request.action,
        "feed.pairs": request.pairs.length,
      });
    }
    this.#session?.request(request);
    this.#watch(request);
  }

  /** Gives up waiting for an answer when it is overdue. */
  async #watch(request: SubscriptionRequest): Promise<void> {
    const answered = this.#answered = new AbortController();
    const { clock, answerTimeoutMs, log } = this.#parts;
    await clock.sleep(answerTimeoutMs, answered.signal);
    if (answered.signal.aborted) return;
    this.#span?.fail(new Error("No answer"));
    this.#settle();
    this.#book.ledger.expire();
    if (request.probe) return this.#sendNext();
    this.#unanswered++;
    log.warn("Upstream did not answer a request", describe(request));
    if (this.#unanswered >= (this.#everAnswered ? PATIENCE : 1)) {
      this.#session?.fail(
        new FeedFailure(
          `No answer to a subscription request within ${answerTimeoutMs} ms`,
          { errorType: "timeout" },
        ),
      );
    } else this.#sendNext();
  }

  #settle(): void {
    this.#answered?.abort();
    this.#answered = undefined;
    this.#span?.end();
    this.#span = undefined;
  }

  /** One line for all of them: a whole chunk can be given up at once. */
  #reportGivenUp(): void {
    const givenUp = this.#book.ledger.takeGivenUp();
    const [first] = givenUp;
    if (!first) return;
    const { channel, symbol, error: { message } } = first;
    const others = givenUp.length > 1 ? ` and ${givenUp.length - 1} more` : "";
    this.#parts.onRefusal(`${message}: ${channel} ${symbol}${others}`);
    this.#parts.log.warn("Upstream does not acknowledge symbols", {
      channel,
      symbol,
      pairs: givenUp.length,
    });
  }

  #report(
    refusal: Refusal | undefined,
    request: SubscriptionRequest | undefined,
    error: UpstreamError,
  ): void {
    const text = errorText(error);
    if (refusal) {
      const { channel, symbol } = refusal;
      this.#parts.onRefusal(`${text}: ${channel} ${symbol}`);
      this.#parts.log.warn("Upstream refuses a symbol", {
        channel,
        symbol,
        cause: text,
      });
    } else if (!request) {
      this.#parts.onRefusal(text);
      this.#parts.log.warn("Upstream reports an error", { cause: text });
    }
  }
}

function describe(request: SubscriptionRequest): Record<string, unknown> {
  const { action, pairs, probe } = request;
  return { action, pairs: pairs.length, probe };
}
