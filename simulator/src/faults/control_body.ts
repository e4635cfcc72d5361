import type { ConnectionSelector } from "../connections.ts";
import type { Encodable } from "../protocol/elements.ts";
import type { FaultyAction } from "./faults.ts";

/** Keys of ids, which may be written as text when they pass 2^53. */
const ID_KEYS: ReadonlySet<string> = new Set(["i", "oi", "ci"]);

/** An element of a request, checked as far as it must be. */
export interface BodyElement {
  readonly T: string;
  readonly S: string;
  readonly [key: string]: Encodable;
}

/**
 * Reads the members of a control request. Every reader throws a RangeError
 * that names the member, what it must be and what it was.
 */
export class BodyReader {
  readonly #members: Readonly<Record<string, unknown>>;

  /** Throws a RangeError when the body is no JSON object. */
  constructor(body: unknown) {
    if (!isObject(body)) throw new RangeError("the body must be a JSON object");
    this.#members = body;
  }

  /** Text; the fallback stands in when the member is absent. */
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
      ...(connection === undefined
        ? {}
        : { connection: this.number("connection") }),
    };
  }

  /** `action`: auth or subscribe. */
  action(): FaultyAction {
    const value = this.#members["action"];
    if (value === "auth" || value === "subscribe") return value;
    throw mustBe("action", '"auth" or "subscribe"', value);
  }

  /** `elements`: objects with text `T` and `S`; long ids may be text. */
  elements(): BodyElement[] {
    const value = this.#members["elements"];
    if (!Array.isArray(value)) throw mustBe("elements", "a list", value);
    return value.map(readElement);
  }

  /** `text`, or the bytes of `base64`. */
  frame(): string | Uint8Array {
    const { base64 } = this.#members;
    if (base64 === undefined) return this.text("text");
    return Uint8Array.fromBase64(this.text("base64"));
  }
}

function readElement(value: unknown): BodyElement {
  if (!isObject(value)) throw mustBe("an element", "an object", value);
  const { T, S } = value;
  if (typeof T !== "string") throw mustBe("T", "text", T);
  if (typeof S !== "string") throw mustBe("S", "text", S);
  const element: Record<string, Encodable> = {};
  for (const [key, member] of Object.entries(value)) {
    const isLongId = ID_KEYS.has(key) && typeof member === "string" &&
      /^\d+$/.test(member);
    // Parsed JSON is made of nothing but encodable values.
    element[key] = isLongId ? BigInt(member) : member as Encodable;
  }
  return { ...element, T, S };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function mustBe(name: string, what: string, value: unknown): RangeError {
  const received = JSON.stringify(value) ?? "nothing";
  return new RangeError(`${name} must be ${what}, received ${received}`);
}
