/**
 * Parsers of settings: from the text of a variable to its value and back.
 *
 * Every parser is strict: an invalid text is an error; there is no silent
 * fallback. Texts arrive trimmed and not empty.
 *
 * @module
 */
import { dayOfDate } from "../../domain/calendar/exchange_time.ts";
import type { Plan } from "../../domain/subscription/quota.ts";
import { LOG_LEVELS, type LogLevel } from "../../application/ports/log.ts";
import type { PartProblem } from "./policy_reader.ts";
import { Secret } from "./secret.ts";

/** Why a text cannot be parsed. */
interface ParseError {
  /** The reason, where the description of what is accepted does not suffice. */
  readonly reason: string | undefined;
  /** True when the text may contain a secret and must not be shown. */
  readonly hide: boolean;
  /** All that is wrong with parts of the text, where that is known. */
  readonly problems?: readonly PartProblem[];
}

/** The value of a text, or why it has none. */
type Parsed<T> = { readonly value: T } | ParseError;

/** Parses the text of a setting. */
export interface Parser<T> {
  /** What is accepted, for messages and documentation: "a whole number …". */
  readonly accepts: string;
  /**
   * JSON Schema of the texts that are accepted, numbers and booleans as such.
   * It may accept less than `parse`, never more.
   */
  readonly schema: Readonly<Record<string, unknown>>;
  parse(text: string): Parsed<T>;
  /** The value as a log line shows it, where that is not the value itself. */
  format?(value: T): string;
}

/** One of a closed list of words, in any letter case. */
export function oneOf<T extends string>(words: readonly T[]): Parser<T> {
  return {
    accepts: alternatives(words),
    schema: { type: "string", enum: words },
    parse: (text) => {
      const value = findWord(words, text);
      return value === undefined ? failure() : { value };
    },
  };
}

/** A comma-separated list of `words`; `none`, if given, is the word for an empty one. */
export function listOf<T extends string>(
  words: readonly T[],
  none?: string,
): Parser<ReadonlySet<T>> {
  const list = repeated(`(${words.join("|")})`);
  return {
    accepts: `a comma-separated list of ${words.join(", ")}${none ? `, or ${none}` : ""}`,
    schema: pattern(none ? `(${list}|${none})` : `(${list})`),
    parse: (text) => {
      const value = new Set<T>();
      if (none !== undefined && equalFold(text, none)) return { value };
      for (const part of splitList(text)) {
        const word = findWord(words, part);
        if (word === undefined) return unknownValue(part);
        value.add(word);
      }
      return value.size > 0 ? { value } : failure("is an empty list");
    },
    format: (value) => [...value].join(",") || "none",
  };
}

const PLAN_NAMES = ["auto", "basic", "plus", "unlimited"] as const;

/** A plan by name, or limits such as `stocks=30,options=200`. */
export const plan: Parser<Plan> = {
  accepts: `${alternatives(PLAN_NAMES)}, or limits such as stocks=30,options=200`,
  schema: pattern(`(${PLAN_NAMES.join("|")}|${repeated("(stocks|options)=[0-9]{1,7}")})`),
  parse(text) {
    const name = findWord(PLAN_NAMES, text);
    if (name) return { value: { name } };
    const limits: { stocks?: number; options?: number } = {};
    for (const part of text.split(",")) {
      const [, word = "", limit] = /^\s*(\w+)\s*=\s*(\d{1,7})\s*$/.exec(part) ?? [];
      const market = findWord(["stocks", "options"] as const, word);
      if (market === undefined) return unknownValue(part.trim());
      limits[market] = Number(limit);
    }
    const { stocks, options } = limits;
    return { value: { name: "explicit", stocks, options } };
  },
  format(value) {
    if (value.name !== "explicit") return value.name;
    const { stocks, options } = value;
    return Object.entries({ stocks, options }).filter(([, limit]) => limit !== undefined).map((
      [market, limit],
    ) => `${market}=${limit}`).join(",");
  },
};

/** A whole number in decimal digits within `min` and `max`. */
export function integer(min: number, max: number): Parser<number> {
  return {
    accepts: `a whole number from ${min} to ${max}`,
    schema: { type: "integer", minimum: min, maximum: max },
    parse: (text) => parseNumber(text, { digits: /^\d{1,15}$/, min, max }),
  };
}

/** A decimal number such as `2` or `1.5` within `min` and `max`. */
export function decimal(min: number, max: number): Parser<number> {
  return {
    accepts: `a decimal number from ${min} to ${max}`,
    schema: { type: "number", minimum: min, maximum: max },
    parse: (text) => parseNumber(text, { digits: /^\d{1,15}(\.\d{1,15})?$/, min, max }),
  };
}

function parseNumber(
  text: string,
  { digits, min, max }: { readonly digits: RegExp; readonly min: number; readonly max: number },
): Parsed<number> {
  const value = digits.test(text) ? Number(text) : NaN;
  return value >= min && value <= max ? { value } : failure();
}

/** `true`, `false`, `1` or `0`. */
export const flag: Parser<boolean> = {
  accepts: "true, false, 1 or 0",
  schema: { type: "boolean" },
  parse: (text) => {
    const word = findWord(["true", "1", "false", "0"], text);
    return word === undefined ? failure() : { value: word === "true" || word === "1" };
  },
};

/** An IP address or a host name to listen on, without a port. */
export const host: Parser<string> = {
  accepts: "an IP address or a host name, without a port",
  schema: pattern("[0-9A-Za-z.:-]+"),
  parse: (text) =>
    /^[0-9A-Za-z.-]+$/.test(text) || /^[0-9a-f.]*(:[0-9a-f.]*){2,}$/i.test(text)
      ? { value: text }
      : failure(),
};

/** A comma-separated list of host names; `*.` stands for all names below one. */
export const hostPatterns: Parser<readonly string[]> = {
  accepts: "a comma-separated list of host names with a dot, such as a.example.org,*.svc",
  schema: pattern(repeated("(\\*|[0-9A-Za-z_-]+)(\\.[0-9A-Za-z_-]+)*\\.[A-Za-z][0-9A-Za-z_-]*")),
  parse: (text) => {
    const value = splitList(text);
    const wrong = value.find((part) =>
      !/^(\*|[0-9A-Za-z_-]+)(\.[0-9A-Za-z_-]+)+$/.test(part) || !/[A-Za-z]/.test(part)
    );
    return wrong === undefined
      ? { value }
      : failure(`contains the invalid name ${JSON.stringify(wrong)}`);
  },
  format: (value) => value.join(",") || "none",
};

/** Host names and IPv4 addresses that a URL keeps as they are. */
const ORIGIN_HOST = (() => {
  const label = "[a-z][0-9a-z]*(-[0-9a-z]+)*";
  const byte = "(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])";
  return `(${label}(\\.${label})*|${byte}(\\.${byte}){3})`;
})();

/** A comma-separated list of origins of web pages; `*` is every origin. */
export const originList: Parser<readonly string[]> = {
  accepts: "a comma-separated list of origins, such as https://app.example.org, or *",
  schema: pattern(`(\\*|${repeated(`https?://${ORIGIN_HOST}(:[1-9][0-9]{3}|:[1-5][0-9]{4})?`)})`),
  parse: (text) => {
    const value = splitList(text);
    if (value.length === 1 && value[0] === "*") return { value };
    const wrong = value.find((part) =>
      !/^https?:\/\/[^*]+$/.test(part) || URL.parse(part)?.origin !== part
    );
    return wrong === undefined
      ? { value }
      : failure(`contains ${JSON.stringify(wrong)}, which is not an origin as browsers send it`);
  },
  format: (value) => value.join(",") || "none",
};

/** A comma-separated list of dates. */
export const dateList: Parser<readonly string[]> = {
  accepts: "a comma-separated list of dates, such as 2025-01-09",
  // February 29 is accepted by `parse` only.
  schema: pattern(
    repeated(
      "[0-9]{4}-((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])" +
        "|(0[469]|11)-(0[1-9]|[12][0-9]|30)|02-(0[1-9]|1[0-9]|2[0-8]))",
    ),
  ),
  parse: (text) => {
    const value = splitList(text);
    const wrong = value.find((date) => dayOfDate(date) === undefined);
    return wrong === undefined
      ? { value }
      : failure(`contains the invalid date ${JSON.stringify(wrong)}`);
  },
  format: (value) => value.join(",") || "none",
};

/** A key or a secret: printable ASCII without spaces or quotes. */
export const credential: Parser<Secret> = {
  accepts: "the text as Alpaca shows it",
  schema: { type: "string", minLength: 1 },
  parse: (text) => {
    if (/^["'].*["']$/.test(text)) {
      return failure("is in quotes, which would be sent as part of it", true);
    }
    return /^[\x21-\x7e]+$/.test(text)
      ? { value: new Secret(text) }
      : failure("contains spaces, line breaks or characters that no key has", true);
  },
  format: () => "<set>",
};

/** A user name: printable ASCII without spaces. */
export const userName: Parser<string> = {
  accepts: "a name without spaces",
  schema: pattern("[!-~]+"),
  parse: (text) => /^[!-~]+$/.test(text) ? { value: text } : failure(),
};

/** Certificates or a key in PEM; `\\n` in it is a line break. */
export function pem(kind: "CERTIFICATE" | "PRIVATE KEY"): Parser<string> {
  return {
    accepts: `PEM text (-----BEGIN ${kind}-----); \\n may stand for its line breaks`,
    schema: pattern(`-----BEGIN ${kind}-----[\\s\\S]+`),
    parse: (text) => {
      const value = `${text.replaceAll("\\n", "\n").trim()}\n`;
      const [, found] = /-----BEGIN ([A-Z ]+)-----/.exec(value) ?? [];
      if (found === undefined) return failure("is not PEM text", true);
      return found.endsWith(kind) ? { value } : failure(`begins with a ${found}`, true);
    },
    format: () => "<set>",
  };
}

/** A private key in PEM. */
export const privateKey: Parser<Secret> = {
  ...pem("PRIVATE KEY"),
  parse: (text) => {
    const parsed = pem("PRIVATE KEY").parse(text);
    return "value" in parsed ? { value: new Secret(parsed.value) } : parsed;
  },
  format: () => "<set>",
};

/** The text of a `.creds` file of NATS; `\\n` in it is a line break. */
export const natsCredentials: Parser<Secret> = {
  accepts: "the text of a .creds file; \\n may stand for its line breaks",
  schema: pattern("[\\s\\S]*NATS USER JWT[\\s\\S]+"),
  parse: (text) => {
    const value = `${text.replaceAll("\\n", "\n").trim()}\n`;
    return value.includes("-----BEGIN NATS USER JWT-----")
      ? { value: new Secret(value) }
      : failure("is not the text of a .creds file", true);
  },
  format: () => "<set>",
};

/** A comma-separated list of NATS servers. */
export const natsServers: Parser<readonly string[]> = {
  accepts: "a comma-separated list of URLs such as tls://nats.example.org:4222",
  schema: pattern(repeated("(nats|tls)://[^@#/?,\\s]+")),
  parse: (text) => {
    const value = splitList(text).map((part) => part.replace(/\/$/, ""));
    const hide = text.includes("@");
    if (hide) {
      return failure("contains a user name or a password; they have settings of their own", true);
    }
    const wrong = value.find((part) => {
      const { protocol, host, pathname, search, hash } = URL.parse(part) ?? {};
      return !(protocol === "nats:" || protocol === "tls:") || !host ||
        ![undefined, "", "/"].includes(pathname) || search !== "" || hash !== "";
    });
    if (wrong !== undefined) return failure(`contains ${JSON.stringify(wrong)}`);
    const schemes = new Set(value.map((part) => part.split(":")[0]));
    return schemes.size > 1 ? failure("mixes servers with and without TLS") : { value };
  },
  format: (value) => value.join(",") || "none",
};

/** The first parts of a NATS subject. */
export const subjectPrefix: Parser<string> = {
  accepts: "letters, digits, - and _, in parts that are separated by dots",
  schema: pattern("[0-9A-Za-z_-]+(\\.[0-9A-Za-z_-]+)*"),
  parse: (text) => /^[\w-]+(\.[\w-]+)*$/.test(text) ? { value: text } : failure(),
};

/** The absolute path of a file. */
export const filePath: Parser<string> = {
  accepts: "the absolute path of a file",
  schema: pattern("/[^\\s,]+"),
  parse: (text) => {
    if (!/^([A-Za-z]:)?[/\\]/.test(text)) return failure();
    // --allow-read separates paths by commas.
    return text.includes(",") ? failure("contains a comma") : { value: text };
  },
};

/** A URL with one of `schemes` (`wss`, …), without user name or password. */
export function url(schemes: readonly string[]): Parser<string> {
  return {
    accepts: `a URL that starts with ${alternatives(schemes.map((scheme) => `${scheme}://`))}`,
    schema: pattern(`(${schemes.join("|")})://[^@#\\s]+`),
    parse: (text) => {
      const parsed = URL.parse(text);
      // An "@" may follow a password even where the rest is no URL at all.
      const hide = text.includes("@");
      if (parsed === null) return failure("is not a URL", hide);
      if (parsed.username !== "" || parsed.password !== "") {
        return failure("contains a user name or a password, which is not supported", true);
      }
      if (!schemes.includes(parsed.protocol.slice(0, -1))) return failure(undefined, hide);
      if (parsed.hash !== "") return failure("contains a fragment (#…)", hide);
      return { value: text.replace(/\/+$/, "") };
    },
    // A query may contain a token.
    format: (value) => value.replace(/\?.*$/s, "?…"),
  };
}

/** The URL of an HTTP proxy; `http://` may be left out. */
export const httpProxy: Parser<string> = {
  accepts: "http://host:port, with user:password@ before the host if the proxy needs them",
  // A password belongs into a Secret, not into the chart's configuration.
  schema: pattern("http://[0-9A-Za-z.-]+:[0-9]{1,5}/?"),
  parse: (text) => {
    const hide = text.includes("@");
    const isAddress = !text.includes("://") && /:\d+\/?$/.test(text);
    const parsed = URL.parse(isAddress ? `http://${text}` : text);
    if (parsed === null) return failure("is not a URL", hide);
    if (parsed.protocol !== "http:") {
      return failure("is not an HTTP proxy, the only kind that WebSockets are sent through", hide);
    }
    return { value: parsed.href };
  },
  format: (value) => value === "" ? "none" : `http://${new URL(value).host}`,
};

/** A comma-separated list of hosts without ports; `*` is every host. */
export const hostSuffixes: Parser<readonly string[]> = {
  accepts: "a comma-separated list of hosts, such as example.org,10.0.0.1, or *",
  schema: pattern(repeated("(\\*|[0-9A-Za-z.:_/-]+)")),
  // Lenient: other programs use it too.
  parse: (text) => ({ value: splitList(text) }),
  format: (value) => value.join(",") || "none",
};

/** The name by which filter expressions address this program. */
const LOG_TARGET = "alpaca_stream_proxy";

const LEVEL = `(${LOG_LEVELS.join("|")})`;
const TARGET_LEVEL = `[A-Za-z0-9_:]+=${LEVEL}`;

/**
 * A level, or a filter expression such as `info,h2=warn`: the level for
 * `alpaca_stream_proxy` counts, or else the global one; other targets are parts
 * that this program does not have.
 */
export const logLevel: Parser<LogLevel> = {
  accepts: `${
    alternatives(LOG_LEVELS)
  }, alone or as the global part of a filter such as info,h2=warn`,
  schema: pattern(`(${TARGET_LEVEL},)*${LEVEL}(,${TARGET_LEVEL})*`),
  parse: (text) => {
    let own: LogLevel | undefined;
    let global: LogLevel | undefined;
    for (const directive of splitList(text)) {
      const [target = "", level, ...more] = directive.split("=");
      const found = findWord(LOG_LEVELS, level ?? target);
      if (found === undefined || more.length > 0) return unknownValue(directive);
      if (level === undefined) global = found;
      else if (target === LOG_TARGET) own = found;
    }
    const value = own ?? global;
    return value === undefined
      ? failure("sets levels for other targets only, none for this program")
      : { value };
  },
};

function findWord<T extends string>(words: readonly T[], text: string): T | undefined {
  return words.find((word) => equalFold(word, text));
}

function splitList(text: string): string[] {
  return text.split(",").map((part) => part.trim()).filter(Boolean);
}

function failure(reason?: string, hide = false): ParseError {
  return { reason, hide };
}

function unknownValue(text: string): ParseError {
  return failure(`contains the unknown value ${JSON.stringify(text)}`);
}

/** `a, b or c`. */
function alternatives(words: readonly string[]): string {
  const last = words.at(-1) ?? "";
  return words.length < 2 ? last : `${words.slice(0, -1).join(", ")} or ${last}`;
}

function equalFold(left: string, right: string): boolean {
  return left.toLowerCase() === right.toLowerCase();
}

function pattern(source: string): Parser<unknown>["schema"] {
  return { type: "string", pattern: `^${source}$` };
}

/** A regular expression for a comma-separated list. */
function repeated(one: string): string {
  return `${one}(,${one})*`;
}
