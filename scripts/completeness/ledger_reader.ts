/**
 * Reads the simulator's ledger.
 *
 * @module
 */
import type { Channel, ProducedMessage } from "./records.ts";

/** Entries of one request. */
const PAGE = 20_000;

/** Channels that are compared. */
const CHANNELS: ReadonlySet<string> = new Set<Channel>(["quotes", "trades", "bars"]);

/** The part of a message that identifies it. */
export interface LedgerMessage {
  readonly S: string;
  readonly t: string;
  readonly i?: number | string;
  readonly bp?: number;
  readonly ap?: number;
  readonly v?: number;
}

interface LedgerEntry {
  readonly number: number;
  readonly at: number;
  readonly channel: Channel;
  readonly message: LedgerMessage;
}

/** A delivery: the number of its message, and what became of it. */
type DeliveryEntry = LedgerEntry & {
  readonly produced: number;
  readonly outcome: ProducedMessage["outcome"];
};

/** What the stock market has produced, and what became of it. */
export class LedgerReader {
  readonly #url: string;
  readonly #produced = new Map<number, Omit<ProducedMessage, "outcome">>();
  readonly #outcomes = new Map<number, ProducedMessage["outcome"]>();

  /** @param url of the simulator */
  constructor(url: string) {
    this.#url = url;
  }

  /** Reads everything; to be called once, when the market has stopped. */
  async read(): Promise<void> {
    for await (const { number, at, channel, message } of this.#pages<LedgerEntry>("produced")) {
      if (!CHANNELS.has(channel)) continue;
      this.#produced.set(number, {
        at,
        channel,
        symbol: message.S,
        key: messageKey(channel, message),
      });
    }
    for await (const { produced, outcome } of this.#pages<DeliveryEntry>("deliveries")) {
      this.#outcomes.set(produced, outcome);
    }
  }

  /** Everything read so far, oldest first. */
  *messages(): Generator<ProducedMessage, void> {
    for (const [number, message] of this.#produced) {
      yield { ...message, outcome: this.#outcomes.get(number) ?? "unsent" };
    }
  }

  async *#pages<T extends LedgerEntry>(kind: string): AsyncGenerator<T, void> {
    for (let after = 0;;) {
      const query = `kind=${kind}&endpoint=sip&after=${after}&limit=${PAGE}`;
      const response = await fetch(`${this.#url}/_control/ledger?${query}`);
      const text = await response.text();
      if (!response.ok) throw new Error(`Cannot read the ledger: ${text}`);
      const { entries, dropped } = JSON.parse(text) as {
        readonly entries: readonly T[];
        readonly dropped: number;
      };
      if (dropped > 0) throw new Error(`The ledger has dropped ${dropped} entries`);
      yield* entries;
      const last = entries.at(-1);
      if (!last || entries.length < PAGE) return;
      after = last.number;
    }
  }
}

/** As in `client.py`: the time to the nanosecond, and an id or prices. */
export function messageKey(channel: Channel, { t, i, bp = 0, ap = 0, v }: LedgerMessage): string {
  const [whole = "", fraction = ""] = t.replace("Z", "").split(".");
  const at = `${Date.parse(`${whole}Z`) / 1000}.${fraction.padEnd(9, "0")}`;
  if (channel === "trades") return `${at} ${i}`;
  if (channel === "quotes") return `${at} ${Math.round(bp * 10_000)} ${Math.round(ap * 10_000)}`;
  return `${at} ${v}`;
}
