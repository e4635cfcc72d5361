/**
 * Reads the members of control requests.
 *
 * @module
 */
import type { ConnectionSelector } from "../connections.ts";
import type { FaultyAction } from "../faults.ts";
import type { Encodable, StreamMessage } from "../protocol/messages.ts";

/** Keys of ids, which may be sent as text above 2^53. */
const ID_KEYS: ReadonlySet<string> = new Set(["i", "oi", "ci"]);

/**
 * Reads the members of a control request. Each method throws a RangeError that
 * names the member, the expected type and the value.
 */
export class BodyReader {
  readonly #members: Readonly<Record<string, unknown>>;

  /** Throws a RangeError when the body is not a JSON object. */
  constructor(body: unknown) {
    if (!isObject(body)) throw new RangeError("the body must be a JSON object");
    this.#members = body;
  }

  /** Text; the fallback if the member is absent. */
  text(name: string, fallback?: string): string {
    const value = this.#members[name] ?? fallback;
    if (typeof value === "string") return value;
    throw mustBe(name, "text", value);
  }

  /** A finite number. */
  number(name: string, fallback?: number): number {
    const value = this.#members[name] ?? fallback;
    if (typeof value === "number") return value;
    throw mustBe(name, "a number", value);
  }

  /** Text; undefined if the member is absent. */
  optionalText(name: string): string | undefined {
    return this.#members[name] === undefined ? undefined : this.text(name);
  }

  /** A finite number; undefined if the member is absent. */
  optionalNumber(name: string): number | undefined {
    return this.#members[name] === undefined ? undefined : this.number(name);
  }

  /** A JSON object. */
  object(name: string): Readonly<Record<string, unknown>> {
    const value = this.#members[name];
    if (isObject(value)) return value;
    throw mustBe(name, "an object", value);
  }

  /** A list of text. */
  texts(name: string): string[] {
    const value = this.#members[name];
    if (isTexts(value)) return value;
    throw mustBe(name, "a list of text", value);
  }

  /** A list of text; undefined if the member is absent. */
  optionalTexts(name: string): string[] | undefined {
    return this.#members[name] === undefined ? undefined : this.texts(name);
  }

  /** `endpoint` and `channel`, both optional. */
  place(): { endpoint?: string; channel?: string } {
    const endpoint = this.optionalText("endpoint");
    const channel = this.optionalText("channel");
    return {
      ...(endpoint === undefined ? {} : { endpoint }),
      ...(channel === undefined ? {} : { channel }),
    };
  }

  /** True or false. */
  flag(name: string, fallback: boolean): boolean {
    const value = this.#members[name] ?? fallback;
    if (typeof value === "boolean") return value;
    throw mustBe(name, "true or false", value);
  }

  /** `endpoint` and `connection`, both optional. */
  selector(): ConnectionSelector {
    const { endpoint, connection } = this.#members;
    return {
      ...(endpoint === undefined ? {} : { endpoint: this.text("endpoint") }),
      ...(connection === undefined ? {} : { connection: this.number("connection") }),
    };
  }

  /** `action`: auth or subscribe. */
  action(): FaultyAction {
    const value = this.#members["action"];
    if (value === "auth" || value === "subscribe") return value;
    throw mustBe("action", '"auth" or "subscribe"', value);
  }

  /** `elements`: messages with text `T` and `S`; long ids may be text. */
  messages(): StreamMessage[] {
    const value = this.#members["elements"];
    if (!Array.isArray(value)) throw mustBe("elements", "a list", value);
    return value.map(readMessage);
  }

  /** `text`, or the bytes of `base64`. */
  frame(): string | Uint8Array {
    const { base64 } = this.#members;
    if (base64 === undefined) return this.text("text");
    return Uint8Array.fromBase64(this.text("base64"));
  }
}

function readMessage(value: unknown): StreamMessage {
  if (!isObject(value)) throw mustBe("an entry of elements", "an object", value);
  const { T, S, symbols } = value;
  if (typeof T !== "string") throw mustBe("T", "text", T);
  const message: Record<string, Encodable> = {};
  for (const [key, member] of Object.entries(value)) {
    const isLongId = ID_KEYS.has(key) && typeof member === "string" &&
      /^\d+$/.test(member);
    // All values of parsed JSON are encodable.
    message[key] = isLongId ? BigInt(member) : member as Encodable;
  }
  if (T === "n") {
    if (isTexts(symbols)) return { ...message, T, symbols };
    throw mustBe("symbols", "a list of text", symbols);
  }
  if (typeof S !== "string") throw mustBe("S", "text", S);
  return { ...message, T, S };
}

function isTexts(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((item) => typeof item === "string");
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function mustBe(name: string, what: string, value: unknown): RangeError {
  const received = JSON.stringify(value) ?? "nothing";
  return new RangeError(`${name} must be ${what}, received ${received}`);
}
