/**
 * Kinds of settings: what a text must look like to become a value.
 *
 * Every kind is strict: what it does not know it refuses, it never falls back
 * to something else. Texts arrive trimmed and not empty.
 *
 * @module
 */
import type { FeedId } from "../../domain/connection/feed.ts";
import type { Plan } from "../../domain/subscription/plans.ts";
import {
  UPSTREAM_CHANNELS,
  type UpstreamChannel,
} from "../../domain/subscription/symbol_sets.ts";
import type { LogLevel } from "./config.ts";
import { Secret } from "./secret.ts";

/** Why a text cannot be read. */
export interface Refusal {
  /** Where the list of what is accepted does not tell enough. */
  readonly refused: string | undefined;
  /** True when the text holds a secret and must not be shown. */
  readonly hide: boolean;
}

/** A text read as a value, or why it cannot be. */
export type Reading<T> = { readonly value: T } | Refusal;

/** How the text of a setting is read. */
export interface Kind<T> {
  /** What is accepted, for messages and documentation: "a whole number …". */
  readonly accepts: string;
  /** Reads one text. */
  read(text: string): Reading<T>;
}

/** One of a closed list of words, in any letter case. */
export function word<T extends string>(words: readonly T[]): Kind<T> {
  return {
    accepts: alternatives(words),
    read: (text) => {
      const value = words.find((known) => equalFold(known, text));
      return value === undefined ? refusal() : { value };
    },
  };
}

/** A comma-separated list of words out of `words`. */
export function feedList(words: readonly FeedId[]): Kind<ReadonlySet<FeedId>> {
  return {
    accepts: `a comma-separated list of ${words.join(", ")}`,
    read: (text) => {
      const parts = text.split(",").map((part) => part.trim()).filter(Boolean);
      const found = parts.map((part) =>
        words.find((known) => equalFold(known, part))
      );
      const unknown = parts.find((_, index) => found[index] === undefined);
      if (unknown !== undefined) {
        return refusal(`does not know ${quote(unknown)}`);
      }
      if (parts.length === 0) return refusal("names no feed");
      const value = new Set(found.filter((feed) => feed !== undefined));
      return { value };
    },
  };
}

/** A comma-separated list of upstream channels; `none` is an empty one. */
export const channelList: Kind<ReadonlySet<UpstreamChannel>> = {
  accepts: `a comma-separated list of ${UPSTREAM_CHANNELS.join(", ")}, or none`,
  read(text) {
    if (equalFold(text, "none")) return { value: new Set() };
    const found = new Set<UpstreamChannel>();
    for (const part of text.split(",").map((part) => part.trim())) {
      const channel = UPSTREAM_CHANNELS.find((known) => equalFold(known, part));
      if (channel === undefined) return refusal(`does not know ${quote(part)}`);
      found.add(channel);
    }
    return { value: found };
  },
};

const PLAN_WORDS = ["auto", "basic", "plus", "unlimited"] as const;

/** A plan by name, or limits such as `stocks=30,options=200`. */
export const plan: Kind<Plan> = {
  accepts: `${
    alternatives(PLAN_WORDS)
  }, or limits such as stocks=30,options=200`,
  read(text) {
    const name = PLAN_WORDS.find((known) => equalFold(known, text));
    if (name) return { value: { name } };
    const limits: { stocks?: number; options?: number } = {};
    for (const part of text.split(",")) {
      const match = /^\s*(stocks|options)\s*=\s*(\d{1,7})\s*$/i.exec(part);
      const market = match?.[1]?.toLowerCase();
      if (!match || (market !== "stocks" && market !== "options")) {
        return refusal(`does not know ${quote(part.trim())}`);
      }
      limits[market] = Number(match[2]);
    }
    const { stocks, options } = limits;
    return { value: { name: "explicit", stocks, options } };
  },
};

/** A whole number in decimal digits within `min` and `max`. */
export function integer(min: number, max: number): Kind<number> {
  return number({ pattern: /^\d{1,15}$/, noun: "a whole number", min, max });
}

/** A decimal number such as `2` or `1.5` within `min` and `max`. */
export function decimal(min: number, max: number): Kind<number> {
  const pattern = /^\d{1,15}(\.\d{1,15})?$/;
  return number({ pattern, noun: "a decimal number", min, max });
}

function number(
  { pattern, noun, min, max }: {
    pattern: RegExp;
    noun: string;
    min: number;
    max: number;
  },
): Kind<number> {
  return {
    accepts: `${noun} from ${min} to ${max}`,
    read: (text) => {
      const value = pattern.test(text) ? Number(text) : NaN;
      return value >= min && value <= max ? { value } : refusal();
    },
  };
}

/** `true`, `false`, `1` or `0`. */
export const flag: Kind<boolean> = {
  accepts: "true, false, 1 or 0",
  read: (text) => {
    if (equalFold(text, "true") || text === "1") return { value: true };
    if (equalFold(text, "false") || text === "0") return { value: false };
    return refusal();
  },
};

/** An IP address or a host name to listen on, without a port. */
export const host: Kind<string> = {
  accepts: "an IP address or a host name, without a port",
  read: (text) =>
    /^[0-9A-Za-z.-]+$/.test(text) || /^[0-9a-f.]*(:[0-9a-f.]*){2,}$/i.test(text)
      ? { value: text }
      : refusal(),
};

/** A comma-separated list of host names; `*.` stands for all names below one. */
export const hostPatterns: Kind<readonly string[]> = {
  accepts:
    "a comma-separated list of host names with a dot, such as a.example.org,*.svc",
  read: (text) => {
    const value = text.split(",").map((part) => part.trim()).filter(Boolean);
    const wrong = value.find((part) =>
      !/^(\*|[0-9A-Za-z_-]+)(\.[0-9A-Za-z_-]+)+$/.test(part) ||
      !/[A-Za-z]/.test(part)
    );
    return wrong === undefined
      ? { value }
      : refusal(`does not accept ${quote(wrong)}`);
  },
};

/** A key or a secret: printable ASCII without spaces or quotes. */
export const credential: Kind<Secret> = {
  accepts: "the text as Alpaca shows it",
  read: (text) => {
    if (/^["'].*["']$/.test(text)) {
      return refusal(
        "stands in quotes, which would be sent as part of it",
        true,
      );
    }
    return /^[\x21-\x7e]+$/.test(text) ? { value: new Secret(text) } : refusal(
      "contains spaces, line breaks or letters that no key has",
      true,
    );
  },
};

/** A URL with one of `schemes` (`wss`, …), without user name or password. */
export function url(schemes: readonly string[]): Kind<string> {
  return {
    accepts: `a URL that starts with ${
      alternatives(schemes.map((scheme) => `${scheme}://`))
    }`,
    read: (text) => {
      const parsed = URL.parse(text);
      // An "@" may follow a password even where the rest is no URL at all.
      const hide = text.includes("@");
      if (parsed === null) return refusal("is not a URL", hide);
      if (parsed.username !== "" || parsed.password !== "") {
        return refusal(
          "carries a user name or a password, which have to go",
          true,
        );
      }
      if (!schemes.includes(parsed.protocol.slice(0, -1))) {
        return refusal(undefined, hide);
      }
      if (parsed.hash !== "") return refusal("carries a fragment (#…)", hide);
      return { value: text.replace(/\/+$/, "") };
    },
  };
}

const LEVELS: readonly LogLevel[] = [
  "trace",
  "debug",
  "info",
  "warn",
  "error",
  "off",
];

/** The name under which filter expressions may address this program. */
const LOG_TARGET = "alpaca_stream_proxy";

/**
 * A level word, or a filter expression such as `info,h2=warn`: what it says
 * for `alpaca_stream_proxy` counts, or else its global word; other targets are
 * parts that this program does not have.
 */
export const logLevel: Kind<LogLevel> = {
  accepts: `${
    alternatives(LEVELS)
  }, alone or as the global part of a filter such as info,h2=warn`,
  read: (text) => {
    let own: LogLevel | undefined;
    let global: LogLevel | undefined;
    for (const directive of text.split(",").map((part) => part.trim())) {
      if (directive === "") continue;
      const [target, level, ...more] = directive.split("=");
      const read = LEVELS.find((known) =>
        equalFold(known, level ?? target ?? "")
      );
      if (read === undefined || more.length > 0) {
        return refusal(`does not know ${quote(directive)}`);
      }
      if (level === undefined) global = read;
      else if (target === LOG_TARGET) own = read;
    }
    const value = own ?? global;
    return value === undefined
      ? refusal("sets levels for other targets only, none for this program")
      : { value };
  },
};

function refusal(refused?: string, hide = false): Refusal {
  return { refused, hide };
}

/** `a, b or c`. */
function alternatives(words: readonly string[]): string {
  const last = words.at(-1) ?? "";
  return words.length < 2
    ? last
    : `${words.slice(0, -1).join(", ")} or ${last}`;
}

function equalFold(left: string, right: string): boolean {
  return left.toLowerCase() === right.toLowerCase();
}

function quote(text: string): string {
  return JSON.stringify(text);
}
