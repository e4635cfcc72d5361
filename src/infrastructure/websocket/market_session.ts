/**
 * One client of a market data stream, from the welcome message to the close:
 *
 *   connected → auth → authenticated → (subscribe, unsubscribe)* → closed
 *
 * Every frame is a list of maps; those about the session are lists of one.
 *
 * @module
 */
import { authorizeFeed, PermissionDenied } from "../../application/access/authorize.ts";
import { authorizeSymbols } from "../../application/relay/authorize_relay.ts";
import type { RelayQueue } from "../../application/relay/relay_queue.ts";
import type { PendingSymbols, RelayedStream } from "../../application/relay/relayed_stream.ts";
import type { MessageFormat } from "../../application/relay/relayed_message.ts";
import { Draining } from "../../application/streaming/market_streams.ts";
import type { MarketFeedId } from "../../domain/connection/feed.ts";
import { parseOccSymbol } from "../../domain/market/occ_symbol.ts";
import {
  type SymbolSets,
  type UpstreamChannel,
  type UpstreamError,
  WILDCARD,
} from "../../domain/subscription/pairs.ts";
import { Acknowledgements } from "./acknowledgements.ts";
import {
  ClientSession,
  CLOSE,
  type HeaderLogin,
  type SessionClient,
  type SessionContext,
} from "./client_session.ts";
import type { Command } from "./commands.ts";
import { AUTOMATIC_CHANNELS, isRequestable } from "./endpoints.ts";
import { type BatchFrames, controlFrame } from "./frames.ts";
import { CLOSING, StreamError, streamErrorOf } from "./stream_errors.ts";

/**
 * Longest time from the arrival of a request until it is acknowledged although upstream has not
 * answered, in ms: the Go SDK waits for 3 s.
 */
const ACKNOWLEDGE_MS = 2_000;
/** Requests of a client for symbols that are sent upstream before the first one is answered. */
const MAX_UNANSWERED = 16;
/** Logins of a connection that are answered: the Go SDK tries 15 times on one. */
const MAX_LOGINS = 20;
/** Messages of one write. */
const MAX_MESSAGES = 512;
/** Articles of one write: each can have several MiB. */
const MAX_ARTICLES = 4;
/** A crypto pair; on the stream of news also without its slash. */
const PAIR = /^[A-Z0-9]{1,20}\/[A-Z0-9]{1,20}$/;
/** A symbol of a stock: printable, without quotes and commas. */
const STOCK_SYMBOL = /^[\x21\x23-\x26\x28\x29\x2b\x2d-\x5b\x5d-\x7e]{1,32}$/;

/** The stream of a market session. */
interface MarketPath {
  readonly feed: MarketFeedId;
  /** Whether the proxy carries the product of the path. */
  readonly isCarried: boolean;
  /** How frames to the client are encoded. */
  readonly format: MessageFormat;
  /** Whether the client can read compressed frames. */
  readonly isCompressed: boolean;
  readonly frames: BatchFrames;
}

/** One client of a market data stream. */
export class MarketSession extends ClientSession {
  readonly #path: MarketPath;
  #stream: RelayedStream | undefined;
  /** Messages that were dropped because the client is slow, when that was last checked. */
  #dropped = 0;
  /** Messages that could not be read or converted, when that was last checked. */
  #lost = 0;
  /** Monotonic ms of the first drop since the queue was last empty. */
  #behindSince: number | undefined;
  /** Whether the client was sent an error about that. */
  #isNotified = false;
  readonly #acknowledgements: Acknowledgements;
  /** Ends with the answers to the requests for symbols, in order; never rejects. */
  #answers: Promise<void> = Promise.resolve();
  #unanswered = 0;
  /** Requests that upstream has refused. */
  #refused = 0;
  #logins = 0;
  /** Whether a login was refused that may succeed later. */
  #mayRetry = false;

  constructor(context: SessionContext, client: SessionClient, path: MarketPath) {
    super(context, client);
    this.#path = path;
    this.#acknowledgements = new Acknowledgements(path.feed, path.format);
  }

  override start(login?: HeaderLogin): void {
    this.#send({ T: "success", msg: "connected" });
    super.start(login);
  }

  override tick(now: number): void {
    super.tick(now);
    this.#acknowledgements.release();
    const { maxSlowMs, clock } = this.context;
    if (this.#stream) this.#checkDrops(this.#stream);
    if (maxSlowMs === 0 || this.#behindSince === undefined) return;
    if (clock.monotonic() - this.#behindSince >= maxSlowMs) this.terminate("slow client");
  }

  protected takeFrames(replies: Uint8Array[]): readonly Uint8Array[] {
    const stream = this.#stream;
    if (stream === undefined) return [];
    const { queue } = stream;
    queue.releaseInFlight();
    if (!queue.isReady) {
      queue.onReady(this.schedule);
      return [];
    }
    this.#checkDrops(stream);
    const frames = this.#takeBatch(queue);
    const hasLost = queue.lost !== this.#lost;
    this.#lost = queue.lost;
    // One error, and order books once, for losses that follow one another.
    const isBehind = this.#behindSince !== undefined || (hasLost && !this.#isNotified);
    if (isBehind && !this.#isNotified) {
      this.#isNotified = true;
      replies.push(this.#frameOf(errorMessage(new StreamError(407))));
    }
    if (!queue.isReady) {
      // Changes of order books were dropped.
      if (isBehind) stream.resendOrderBooks();
      this.#behindSince = undefined;
      this.#isNotified = hasLost;
      if (frames.length === 0) {
        if (queue.isReady) this.schedule();
        else queue.onReady(this.schedule);
      }
    }
    return frames;
  }

  /** Takes a batch of messages that can be sent. */
  #takeBatch(queue: RelayQueue): readonly Uint8Array[] {
    const { feed, frames, format, isCompressed } = this.#path;
    const most = feed === "news" ? MAX_ARTICLES : MAX_MESSAGES;
    while (queue.isReady) {
      const batch = queue.take(most);
      // The client has unsubscribed from all of the messages.
      if (batch.length === 0) continue;
      const made = frames.of(batch, format, isCompressed);
      if (made.lost > 0) queue.lose(made.lost);
      // None of the messages can be transcoded.
      if (made.frames.length > 0) return made.frames;
    }
    return [];
  }

  protected async handle(command: Command | undefined, arrivedAt: number): Promise<void> {
    if (this.#unanswered === 0) return await this.#handleNext(command, arrivedAt);
    const refused = this.#refused;
    // Requests for symbols that are sent together are one upstream.
    try {
      if (this.#mayPrecede(command)) return await this.#handleNext(command, arrivedAt);
    } catch (error) {
      await this.#answers;
      // It may have been refused for what a request before it would have taken.
      if (this.#refused === refused) throw error;
    }
    await this.#answers;
    if (!this.isEnded) await this.#handleNext(command, arrivedAt);
  }

  /** Whether a request can be sent upstream before those before it are answered. */
  #mayPrecede(command: Command | undefined): boolean {
    return command?.action === "subscribe" && this.#unanswered < MAX_UNANSWERED &&
      !this.#stream?.isPending(this.#read(command.symbols));
  }

  async #handleNext(command: Command | undefined, arrivedAt: number): Promise<void> {
    if (command === undefined) throw new StreamError(400);
    if (this.#path.feed === "opra" && command.format === "json") throw new StreamError(412);
    switch (command.action) {
      case "auth":
        return await this.logIn(command.key, command.secret);
      case "subscribe":
        return this.#subscribe(this.#read(command.symbols), arrivedAt);
      case "unsubscribe":
        return this.#unsubscribe(this.#read(command.symbols));
      default:
        throw new StreamError(400);
    }
  }

  protected failed(error: unknown): void {
    if (error instanceof Draining) return this.close(CLOSE.restart, error.message);
    const answer = streamErrorOf(error);
    if (error instanceof PermissionDenied) this.denied(error);
    if (answer.code === 500) this.context.log.error("A client session failed", { cause: error });
    this.refused(String(answer.code), error instanceof Error ? error.message : answer.message);
    this.#sendError(answer);
    if (answer.code === 406) this.#mayRetry = true;
    if (CLOSING.has(answer.code)) this.close(CLOSE.normal, answer.message);
  }

  protected loginExpired(): void {
    // Clients that get 404 do not try again.
    if (this.#mayRetry) this.close(CLOSE.tryAgain, new StreamError(406).message);
    else this.failed(new StreamError(404));
  }

  protected release(): void {
    const stream = this.#stream;
    const { sent = 0, dropped = 0, discarded = 0 } = stream?.queue ?? {};
    this.client.span.set({
      "stream.sent": sent,
      "stream.dropped": dropped,
      "stream.discarded": discarded,
    });
    stream?.[Symbol.dispose]();
  }

  /** Notes since when the client loses messages. */
  #checkDrops({ queue: { dropped: all, lost } }: RelayedStream): void {
    const dropped = all - lost;
    if (dropped === this.#dropped) return;
    this.#dropped = dropped;
    this.#behindSince ??= this.context.clock.monotonic();
  }

  protected async logIn(key: string, secret: string): Promise<void> {
    if (this.#stream) throw new StreamError(403);
    if (++this.#logins > MAX_LOGINS) return this.close(CLOSE.tryAgain, "too many logins");
    const identity = await this.authenticate(key, secret);
    if (this.isEnded || this.#stream) return;
    if (identity === undefined) throw new StreamError(402);
    const { feed, isCarried } = this.#path;
    if (!isCarried) throw new StreamError(409);
    authorizeFeed(identity.grants, feed);
    const stream = this.context.streams.openRelayed(feed, this.streamClient(identity));
    this.identity = identity;
    this.#stream = stream;
    stream.onRejected = (error) => this.#sendError(error);
    stream.queue.onReady(this.schedule);
    this.#send({ T: "success", msg: "authenticated" });
  }

  #subscribe(pairs: SymbolSets, arrivedAt: number): void {
    const stream = this.#stream;
    if (stream === undefined || this.identity === undefined) throw new StreamError(401);
    authorizeSymbols(this.identity.grants, this.#path.feed, pairs);
    this.#checkNumber(stream, pairs);
    const pending = stream.request(pairs);
    this.#unanswered++;
    this.#answers = this.#answers
      .then(() => this.#answer(stream, { pairs, pending, deadline: arrivedAt + ACKNOWLEDGE_MS }))
      .catch((error) => this.failed(error))
      .finally(() => this.#unanswered--);
  }

  async #answer(stream: RelayedStream, { pairs, pending, deadline }: {
    readonly pairs: SymbolSets;
    readonly pending: PendingSymbols;
    /** Monotonic ms. */
    readonly deadline: number;
  }): Promise<void> {
    const error = await this.#answerOf(pending, deadline);
    if (this.isEnded) return;
    if (error) {
      this.#refused++;
      pending.cancel();
      // Says what is left.
      if (error.code === 405) stream.checkRefused(pairs);
      this.refused(String(error.code), error.message);
      return this.#sendError(error);
    }
    pending.accept();
    this.#acknowledge(stream);
  }

  /** The answer of upstream; `undefined` also if there is none at a monotonic time in ms. */
  async #answerOf(
    { answered }: PendingSymbols,
    deadline: number,
  ): Promise<UpstreamError | undefined> {
    const { clock } = this.context;
    const leftMs = deadline - clock.monotonic();
    // Requests that were sent together do not wait one after the other.
    if (leftMs <= 0) return await Promise.race([answered, undefined]);
    const done = new AbortController();
    const signal = AbortSignal.any([done.signal, this.signal]);
    const expired = clock.sleep(leftMs, signal).then(() => undefined);
    const error = await Promise.race([answered, expired]);
    done.abort();
    return error;
  }

  #unsubscribe(pairs: SymbolSets): void {
    const stream = this.#stream;
    if (stream === undefined) throw new StreamError(401);
    stream.remove(pairs);
    this.#acknowledgements.forget(pairs.keys());
    this.#acknowledge(stream);
  }

  /** The symbols of a request by channel, checked. */
  #read(symbols: ReadonlyMap<string, ReadonlySet<string>>): SymbolSets {
    if (this.#stream === undefined) throw new StreamError(401);
    const { feed } = this.#path;
    const pairs = new Map<UpstreamChannel, ReadonlySet<string>>();
    for (const [channel, names] of symbols) {
      // SDKs may name what follows trades by itself.
      if (feed === "sip" && AUTOMATIC_CHANNELS.has(channel)) continue;
      if (!isRequestable(feed, channel)) throw new StreamError(410);
      for (const name of names) {
        if (name === WILDCARD) {
          if (feed === "opra" && channel === "quotes") throw new StreamError(413);
        } else if (!isSymbol(feed, name)) throw new StreamError(400);
      }
      pairs.set(channel, names);
    }
    return pairs;
  }

  #checkNumber(stream: RelayedStream, pairs: SymbolSets): void {
    const { maxSymbols } = this.context;
    for (const [channel, symbols] of pairs) {
      const own = stream.requested.get(channel) ?? new Set();
      const { size: added } = symbols.difference(own);
      const left = maxSymbols - own.size;
      if (added > left) {
        throw new StreamError(405, `${left} of ${maxSymbols} left, ${added} more requested`);
      }
    }
  }

  #acknowledge(stream: RelayedStream): void {
    this.reply(this.#acknowledgements.frameOf(stream.symbols));
  }

  #sendError(error: UpstreamError): void {
    this.#send(errorMessage(error));
  }

  #send(message: Readonly<Record<string, unknown>>): void {
    this.reply(this.#frameOf(message));
  }

  #frameOf(message: Readonly<Record<string, unknown>>): Uint8Array {
    return controlFrame(message, this.#path.format);
  }
}

function errorMessage({ code, message }: UpstreamError): Readonly<Record<string, unknown>> {
  return { T: "error", code, msg: message };
}

function isSymbol(feed: MarketFeedId, name: string): boolean {
  if (feed === "opra") return parseOccSymbol(name) !== undefined;
  return feed === "crypto" ? PAIR.test(name) : STOCK_SYMBOL.test(name);
}
