/**
 * Counts and logs what upstream rejects or does not acknowledge.
 *
 * @module
 */
import {
  errorText,
  type SubscriptionRequest,
  type UpstreamError,
} from "../../domain/subscription/pairs.ts";
import type { Subscriptions } from "../../domain/subscription/reconciler.ts";
import type { Rejection } from "../../domain/subscription/rejections.ts";
import type { Log } from "../ports/log.ts";

/** What {@linkcode RejectionLog} needs. */
interface RejectionLogOptions {
  readonly log: Log;
  /** Called for every rejection and error, for counting. */
  readonly onRejection: (text: string) => void;
}

/** Logs the rejections of one feed. */
export class RejectionLog {
  readonly #options: RejectionLogOptions;
  /** Reserved slots above the quota that were logged. */
  #overcommitted = 0;

  constructor(options: RejectionLogOptions) {
    this.#options = options;
  }

  /** Reports given-up pairs in one line: there can be a whole chunk of them. */
  givenUp(givenUp: readonly Rejection[]): void {
    const [first] = givenUp;
    if (!first) return;
    const { log, onRejection } = this.#options;
    const { channel, symbol, error: { message } } = first;
    const others = givenUp.length > 1 ? ` and ${givenUp.length - 1} more` : "";
    onRejection(`${message}: ${channel} ${symbol}${others}`);
    log.warn("Alpaca does not acknowledge symbols", { channel, symbol, pairs: givenUp.length });
  }

  /** Reports an error, with the pair that it rejects and the request that it replies to. */
  rejected(
    rejection: Rejection | undefined,
    request: SubscriptionRequest | undefined,
    error: UpstreamError,
  ): void {
    const { log, onRejection } = this.#options;
    const cause = errorText(error);
    if (rejection) {
      const { channel, symbol } = rejection;
      onRejection(`${cause}: ${channel} ${symbol}`);
      log.warn("Alpaca rejects a symbol", { channel, symbol, cause });
    } else if (!request) {
      onRejection(cause);
      log.warn("Alpaca reports an error", { cause });
    }
  }

  /** Logs when a limit was learned that reservations exceed. */
  checkReservations({ shares, quota }: Pick<Subscriptions, "shares" | "quota">): void {
    const overcommitted = shares?.overcommitted ?? 0;
    if (overcommitted > 0 && overcommitted !== this.#overcommitted) {
      this.#options.log.warn("reservedSlots exceed the symbol quota; reduced in proportion", {
        quota: quota.limit,
        reserved: (quota.limit ?? 0) + overcommitted,
      });
    }
    this.#overcommitted = overcommitted;
  }
}
