/**
 * Limits what one identity may have open: streams, and the symbols of its streams.
 *
 * Only identities with open streams are remembered. Streams without an identity, while
 * authentication is off, have no limits here.
 *
 * @module
 */
import type { IdentityLimits } from "../../domain/access/grants.ts";
import type { OpeningRate } from "./opening_rate.ts";

/** A limit of a role. */
type LimitName = "streams" | "symbols" | "symbolsPerStream";

/** What the limits count, for messages. */
const COUNTED: Readonly<Record<LimitName, string>> = {
  streams: "open streams",
  symbols: "symbols, underlyings and order ids of all its streams",
  symbolsPerStream: "symbols, underlyings and order ids of one stream",
};

/** A limit of an identity, what it uses, and what a new stream adds. */
interface IdentityExcess {
  readonly limit: LimitName;
  readonly allowed: number;
  readonly used: number;
  readonly requested: number;
}

/** A new stream exceeds a limit of its identity; it is not opened. */
export class IdentityLimitExceeded extends Error {
  override readonly name = "IdentityLimitExceeded";
  readonly excess: IdentityExcess;
  /** Whether the same stream can be opened once others of the identity are closed. */
  readonly isTransient: boolean;

  constructor(excess: IdentityExcess) {
    const { limit, allowed, used, requested } = excess;
    const left = Math.max(0, allowed - used);
    super(
      `The identity may have ${allowed} ${COUNTED[limit]} (${limit} of its role): ` +
        `${used} used, ${left} left, ${requested} more requested`,
    );
    this.excess = excess;
    this.isTransient = requested <= allowed;
  }
}

/** The client of a stream, as far as limits depend on it. */
interface LimitedClient {
  readonly identity?: string | undefined;
  readonly limits?: IdentityLimits | undefined;
}

/** Counts the streams of identities and what they request. */
export class IdentityUsage {
  readonly #openings: OpeningRate | undefined;
  readonly #used = new Map<string, { streams: number; symbols: number }>();

  /** @param openings limits how often an identity opens streams; absent means no limit */
  constructor(openings?: OpeningRate) {
    this.#openings = openings;
  }

  /** Number of identities with open streams. */
  get size(): number {
    return this.#used.size;
  }

  /**
   * Checks whether an identity may open a stream; counts an opening.
   *
   * @param symbols symbols, underlyings and order ids of the stream
   * @throws {IdentityLimitExceeded}
   * @throws {OpenedTooOften}
   */
  check({ identity = "", limits = {} }: LimitedClient, symbols: number): void {
    if (identity === "") return;
    const tooOften = this.#openings?.checkIdentity(identity);
    if (tooOften) throw tooOften;
    const used = this.#used.get(identity) ?? { streams: 0, symbols: 0 };
    checkLimit(limits, "symbolsPerStream", { used: 0, requested: symbols });
    checkLimit(limits, "streams", { used: used.streams, requested: 1 });
    checkLimit(limits, "symbols", { used: used.symbols, requested: symbols });
  }

  /**
   * Checks whether an open stream may have more symbols.
   *
   * @param size its symbols, and those that are added
   * @throws {IdentityLimitExceeded}
   */
  checkSymbols({ identity = "", limits = {} }: LimitedClient, { own, added }: {
    readonly own: number;
    readonly added: number;
  }): void {
    if (identity === "") return;
    const { symbols = 0 } = this.#used.get(identity) ?? {};
    checkLimit(limits, "symbolsPerStream", { used: own, requested: added });
    checkLimit(limits, "symbols", { used: symbols, requested: added });
  }

  /** Counts symbols that an open stream has added, or removed if below 0. */
  add({ identity = "" }: LimitedClient, symbols: number): void {
    const used = this.#used.get(identity);
    if (used) used.symbols += symbols;
  }

  /**
   * Counts a stream of an identity until the returned function is called, which is to be called
   * once.
   */
  open({ identity = "" }: LimitedClient, symbols: number): () => void {
    if (identity === "") return () => {};
    const used = this.#used.get(identity) ?? { streams: 0, symbols: 0 };
    this.#used.set(identity, used);
    used.streams++;
    used.symbols += symbols;
    return () => {
      used.symbols -= symbols;
      if (--used.streams === 0) this.#used.delete(identity);
    };
  }
}

function checkLimit(
  limits: IdentityLimits,
  limit: LimitName,
  { used, requested }: { readonly used: number; readonly requested: number },
): void {
  const { [limit]: allowed = Infinity } = limits;
  if (requested === 0 || used + requested <= allowed) return;
  throw new IdentityLimitExceeded({ limit, allowed, used, requested });
}
