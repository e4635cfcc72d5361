/**
 * The messages of the news stream (Alpaca: Real-time News) as domain events.
 *
 * @module
 */
import type { EventSink } from "../../application/ports/event_sink.ts";
import type { NewsArticle } from "../../domain/market/news_events.ts";
import type { MessageHandler, MessageHandlers } from "./decode.ts";
import {
  InvalidField,
  MAX_SYMBOL_LENGTH,
  type Message,
  type MessageNotes,
  readInteger,
  readTime,
} from "./fields.ts";

/** Symbols of one article; real ones have at most some dozens. */
const MAX_SYMBOLS = 1_000;
/** Bytes of a character in a message to clients, at most. */
const CHARACTER_BYTES = 3;

/**
 * The one type of the news stream. An article whose texts exceed `maxBytes` in UTF-8 is not valid.
 */
export function newsHandlers(sink: EventSink<NewsArticle>, maxBytes: number): MessageHandlers {
  const read: MessageHandler["read"] = (message, notes) => readArticle(message, notes, maxBytes);
  // An article has several symbols or none.
  return new Map([["n", { type: "article", read, sink, isAlwaysRead: true }]]);
}

/** News message `T` = `n`. */
function readArticle(message: Message, notes: MessageNotes, maxBytes: number): NewsArticle {
  const article = {
    id: readInteger(message, "id", notes),
    headline: readProse(message, "headline", notes),
    summary: readProse(message, "summary", notes),
    author: readProse(message, "author", notes),
    content: readProse(message, "content", notes),
    url: readProse(message, "url", notes),
    symbols: readSymbols(message, notes),
    source: readProse(message, "source", notes),
    createdAt: readTime(message, "created_at"),
    updatedAt: readTime(message, "updated_at"),
  };
  const { headline, summary, author, content, url, source } = article;
  const bytes = bytesOf([headline, summary, author, content, url, source], maxBytes);
  if (bytes <= maxBytes) return article;
  throw new InvalidField("content", `of ${bytes} bytes, at most ${maxBytes} are allowed`);
}

/** Reads text of any length; empty when it is absent or null, or noted. */
function readProse(message: Message, key: string, notes: MessageNotes): string {
  const value = message[key];
  if (typeof value === "string") return value;
  if (value !== undefined && value !== null) notes.inexact();
  return "";
}

/** Reads the symbols of an article; what is not a symbol is left out and noted. */
function readSymbols(message: Message, notes: MessageNotes): readonly string[] {
  const value = message["symbols"];
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) throw new InvalidField("symbols", value);
  const symbols = value.slice(0, MAX_SYMBOLS).filter(isSymbol);
  if (symbols.length < value.length) notes.inexact();
  return symbols;
}

function isSymbol(value: unknown): value is string {
  return typeof value === "string" && value.length > 0 && value.length <= MAX_SYMBOL_LENGTH;
}

const encoder = new TextEncoder();

/** Bytes of texts in UTF-8; not counted while their characters show that they are few enough. */
function bytesOf(texts: readonly string[], enough: number): number {
  const characters = texts.reduce((sum, { length }) => sum + length, 0);
  if (characters * CHARACTER_BYTES <= enough) return characters;
  return texts.reduce((sum, text) => sum + encoder.encode(text).length, 0);
}
