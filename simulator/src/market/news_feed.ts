/**
 * The articles of the news stream: most are short, a few exceed 1 MiB, and one
 * in ten is a new version of an earlier one.
 *
 * @module
 */
import type { NewsArticle } from "../protocol/messages.ts";
import type { Timestamp } from "../protocol/timestamp.ts";
import type { SeededRandom } from "../random.ts";
import type { Subscribers } from "../session/subscribers.ts";
import type { MarketFeed } from "./engine.ts";

/** Bytes of the shortest content. */
const SHORTEST = 200;
/** Of this many articles one is a new version of an earlier one. */
const ARTICLES_PER_UPDATE = 10;
/** Articles that may get a new version. */
const KEPT_ARTICLES = 50;
const MAX_SYMBOLS = 4;
const FIRST_ID = 24_843_171;

const WORDS = "shares rise quarter guidance analyst results forecast revenue margin outlook " +
  "market trading session upgrade Zürich café naïve 株価 📈 “quoted” & <em>said</em>";

/** What an article is published with; the rest is drawn. */
export interface ArticleOptions {
  /** Symbols; may be empty. */
  readonly symbols?: readonly string[];
  /** Bytes of the content, approximately; 0 to 16 MiB. */
  readonly bytes?: number;
}

/** Most bytes of a content. */
const MAX_BYTES = 16 * 1024 * 1024;

/** Dependencies of a news feed. */
interface NewsFeedDependencies {
  readonly subscribers: Subscribers;
  readonly random: SeededRandom;
  /** Symbols that articles are about. */
  readonly symbols: readonly string[];
  /** Mean time between articles; 0 for none. */
  readonly everySeconds: number;
  /** Bytes of the longest content. */
  readonly maxBytes: number;
}

/** The articles of the news stream. */
export class NewsFeed implements MarketFeed {
  readonly #deps: NewsFeedDependencies;
  #kept: NewsArticle[] = [];
  #nextId = FIRST_ID;
  #dueAt = NaN;

  constructor(deps: NewsFeedDependencies) {
    this.#deps = deps;
  }

  weight(): number {
    return 0;
  }

  produce(): void {
    // Articles do not depend on the rate.
  }

  advanceTo(now: Timestamp): void {
    const { everySeconds, random, subscribers } = this.#deps;
    if (everySeconds === 0) return;
    const seconds = now.seconds + now.nanos / 1e9;
    const { all, symbols } = subscribers.subscribed("news");
    const wanted = [...symbols];
    if (!all && wanted.length === 0) return void (this.#dueAt = NaN);
    const delay = () => seconds - Math.log(1 - random.next()) * everySeconds;
    if (Number.isNaN(this.#dueAt)) this.#dueAt = delay();
    if (seconds < this.#dueAt) return;
    this.#dueAt = delay();
    const isUpdate = this.#kept.length > 0 && random.below(ARTICLES_PER_UPDATE) === 0;
    if (isUpdate) return void subscribers.publish(this.#update(now));
    // Half of the articles are about a symbol that a session names.
    const named = wanted.length > 0 && random.next() < 0.5 ? [random.pick(wanted)] : [];
    this.#publish(now, { symbols: [...named, ...this.#drawnSymbols()] });
  }

  flush(): void {
    this.#deps.subscribers.flush();
  }

  /** Publishes an article now. Throws a RangeError for a size out of range. */
  publish(options: ArticleOptions, now: Timestamp): NewsArticle {
    const { bytes = 0 } = options;
    if (!(bytes >= 0 && bytes <= MAX_BYTES)) {
      throw new RangeError(`bytes must be from 0 to ${MAX_BYTES}, received ${bytes}`);
    }
    const article = this.#publish(now, options);
    this.flush();
    return article;
  }

  #publish(now: Timestamp, options: ArticleOptions): NewsArticle {
    const { random, subscribers } = this.#deps;
    const { symbols = this.#drawnSymbols(), bytes = this.#drawnSize() } = options;
    const distinct = [...new Set(symbols.map((symbol) => symbol.replace("/", "")))];
    const id = this.#nextId++;
    const article: NewsArticle = {
      T: "n",
      id,
      headline: `${distinct.join(", ") || "Markets"}: ${this.#words(8)}`,
      summary: random.next() < 0.3 ? "" : this.#words(30),
      author: "Benzinga Newsdesk",
      created_at: now,
      updated_at: now,
      url: `https://www.benzinga.com/news/${id}/simulated`,
      content: this.#content(bytes),
      symbols: distinct,
      source: "benzinga",
    };
    // Long ones are not kept, so that the kept ones stay small.
    if (bytes < 100_000) this.#kept = [...this.#kept.slice(1 - KEPT_ARTICLES), article];
    subscribers.publish(article);
    return article;
  }

  #update(now: Timestamp): NewsArticle {
    const earlier = this.#deps.random.pick(this.#kept);
    return { ...earlier, headline: `UPDATE: ${String(earlier["headline"])}`, updated_at: now };
  }

  #drawnSymbols(): string[] {
    const { random, symbols } = this.#deps;
    return Array.from({ length: random.below(MAX_SYMBOLS + 1) }, () => random.pick(symbols));
  }

  /** Sizes are distributed evenly over their orders of magnitude. */
  #drawnSize(): number {
    const { random, maxBytes } = this.#deps;
    return Math.round(SHORTEST * (maxBytes / SHORTEST) ** random.next());
  }

  #content(bytes: number): string {
    const encoder = new TextEncoder();
    const paragraph = `<p>${this.#words(60)}</p>\n`;
    const { length } = encoder.encode(paragraph);
    return paragraph.repeat(Math.ceil(bytes / length));
  }

  #words(count: number): string {
    const { random } = this.#deps;
    const words = WORDS.split(" ");
    return Array.from({ length: count }, () => random.pick(words)).join(" ");
  }
}
