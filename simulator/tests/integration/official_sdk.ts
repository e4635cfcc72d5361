/**
 * The official npm SDK, unmodified. Its package offers Deno a build without
 * streams, for runtimes that lack sockets; the complete build lies beside it
 * and is what Node.js users get. The types below are the part that tests use.
 */

/** A trade as the SDK shows it. */
export interface SdkTrade {
  readonly symbol: string;
  readonly idRaw: string;
  readonly price: number;
  readonly size: number;
  readonly conditions: unknown;
  readonly timestampRaw: string;
}

/** A quote as the SDK shows it. */
export interface SdkQuote {
  readonly symbol: string;
  readonly bidPrice: number;
  readonly askSize: number;
  readonly tape: string;
  readonly timestampRaw: string;
}

/** A bar as the SDK shows it. */
export interface SdkBar {
  readonly symbol: string;
  readonly volume: number;
  readonly timestamp: Date;
}

/** A market-data stream of the SDK. */
export interface SdkStream {
  connect(): void;
  disconnect(): void;
  subscribeForTrades(symbols: string[]): void;
  subscribeForQuotes(symbols: string[]): void;
  subscribeForBars(symbols: string[]): void;
  onTrade(listener: (trade: SdkTrade) => void): this;
  onQuote(listener: (quote: SdkQuote) => void): this;
  onBar(listener: (bar: SdkBar) => void): this;
  on(event: string, listener: (value: unknown) => void): this;
}

/** What a stream of the SDK is made with. */
export interface SdkStreamOptions {
  readonly credentials: { readonly keyId: string; readonly secret: string };
  readonly url: string;
  readonly reconnect?: boolean;
}

/** The classes that tests use. */
export interface OfficialSdk {
  readonly StockDataStream: new (options: SdkStreamOptions) => SdkStream;
  readonly OptionDataStream: new (options: SdkStreamOptions) => SdkStream;
}

/** Loads the complete build. */
export async function loadOfficialSdk(): Promise<OfficialSdk> {
  const entry = import.meta.resolve("@alpacahq/alpaca-trade-api");
  const { streaming } = await import(new URL("./index.mjs", entry).href);
  return streaming;
}
