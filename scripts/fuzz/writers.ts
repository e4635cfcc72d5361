/**
 * Writes value trees as JSON or MessagePack, in upstream's notation or in an
 * equivalent one.
 *
 * @module
 */
import type { Random } from "../rig/random.ts";
import type { Node } from "./values.ts";

const utf8 = new TextEncoder();

/** Writes one frame. */
export type Write = (node: Node, random: Random) => Uint8Array;

/** A JSON frame. */
export const writeJson: Write = (node, random) => {
  const out = new JsonText();
  const space = () => {
    if (random.oneIn(400)) out.text += random.pick([" ", "\n", "\t ", "\r"]);
  };
  const write = (node: Node, asKey = false): void => {
    space();
    switch (node.kind) {
      case "text":
        out.text += jsonText(node.text, random);
        break;
      case "number":
        out.text += asKey ? JSON.stringify(node.text) : node.text;
        break;
      case "word":
        out.text += asKey ? `"${node.word}"` : String(node.word);
        break;
      case "time":
        out.text += JSON.stringify(rfc3339(node.seconds, node.nanos));
        break;
      case "raw":
        out.raw(node.bytes);
        break;
      case "list":
        out.text += "[";
        node.items.forEach((item, i) => {
          if (i > 0) out.text += ",";
          write(item);
        });
        out.text += "]";
        break;
      case "map":
        out.text += "{";
        node.fields.forEach(([key, value], i) => {
          if (i > 0) out.text += ",";
          write(key, true);
          out.text += ":";
          write(value);
        });
        out.text += "}";
    }
    space();
  };
  write(node);
  return out.bytes();
};

/** Text with raw bytes in between. */
class JsonText {
  text = "";
  readonly #before: number[] = [];

  raw(bytes: readonly number[]): void {
    this.#before.push(...utf8.encode(this.text), ...bytes);
    this.text = "";
  }

  bytes(): Uint8Array {
    const rest = utf8.encode(this.text);
    if (this.#before.length === 0) return rest;
    const all = new Uint8Array(this.#before.length + rest.length);
    all.set(this.#before);
    all.set(rest, this.#before.length);
    return all;
  }
}

function jsonText(text: string, random: Random): string {
  const written = JSON.stringify(text);
  if (!random.oneIn(200) || text === "") return written;
  const code = text.charCodeAt(0).toString(16).padStart(4, "0");
  return `"\\u${code}${JSON.stringify(text.slice(1)).slice(1)}`;
}

function rfc3339(seconds: number, nanos: number): string {
  const date = new Date(seconds * 1000);
  if (Number.isNaN(date.getTime())) return "yesterday";
  const fraction = String(nanos).padStart(9, "0").replace(/0+$/, "");
  const whole = date.toISOString().slice(0, -5);
  return fraction === "" ? `${whole}Z` : `${whole}.${fraction}Z`;
}

/** A MessagePack frame. */
export const writeMsgpack: Write = (node, random) => {
  const out = new Packer();
  const write = (node: Node): void => {
    // Mostly the shortest form, as encoders do; sometimes a longer one.
    const longer = random.oneIn(60) ? 1 + random.below(3) : 0;
    switch (node.kind) {
      case "text":
        out.text(utf8.encode(node.text), longer);
        break;
      case "number":
        out.number(node.text, longer);
        break;
      case "word":
        out.bytes.push(node.word === null ? 0xc0 : node.word ? 0xc3 : 0xc2);
        break;
      case "time":
        out.time(node.seconds, node.nanos, longer);
        break;
      case "raw":
        out.bytes.push(...node.bytes);
        break;
      case "list":
        out.head(node.items.length, { fix: 0x90, wide: 0xdc }, longer);
        node.items.forEach(write);
        break;
      case "map":
        out.head(node.fields.length, { fix: 0x80, wide: 0xde }, longer);
        for (const [key, value] of node.fields) {
          write(key);
          write(value);
        }
    }
  };
  write(node);
  return Uint8Array.from(out.bytes);
};

/** A growing MessagePack buffer. */
class Packer {
  readonly bytes: number[] = [];

  head(
    count: number,
    heads: { readonly fix: number; readonly wide: number },
    longer: number,
  ): void {
    if (count < 16 && longer === 0) this.bytes.push(heads.fix | count);
    else if (count < 65_536 && longer < 2) this.#uint(heads.wide, count, 2);
    else this.#uint(heads.wide + 1, count, 4);
  }

  text(text: Uint8Array, longer: number): void {
    const { length } = text;
    if (length < 32 && longer === 0) this.bytes.push(0xa0 | length);
    else if (length < 256 && longer < 2) this.#uint(0xd9, length, 1);
    else if (length < 65_536 && longer < 3) this.#uint(0xda, length, 2);
    else this.#uint(0xdb, length, 4);
    for (const byte of text) this.bytes.push(byte);
  }

  number(text: string, longer: number): void {
    if (/^-?\d{1,20}$/.test(text) && text !== "-0" && longer < 3) {
      return this.#integer(BigInt(text), longer);
    }
    const view = new DataView(new ArrayBuffer(8));
    view.setFloat64(0, Number(text));
    this.bytes.push(0xcb, ...new Uint8Array(view.buffer));
  }

  time(seconds: number, nanos: number, longer: number): void {
    if (nanos === 0 && seconds >= 0 && seconds < 2 ** 32 && longer === 0) {
      this.bytes.push(0xd6, 0xff);
      return this.#put(BigInt(seconds), 4);
    }
    if (seconds >= 0 && seconds < 2 ** 34 && nanos < 2 ** 30 && longer < 2) {
      this.bytes.push(0xd7, 0xff);
      return this.#put((BigInt(nanos) << 34n) | BigInt(seconds), 8);
    }
    this.bytes.push(0xc7, 12, 0xff);
    this.#put(BigInt(nanos), 4);
    this.#put(BigInt(seconds), 8);
  }

  #integer(value: bigint, longer: number): void {
    if (longer === 0 && value >= -32n && value < 128n) {
      this.bytes.push(Number(value) & 0xff);
      return;
    }
    let power = Math.max(0, longer - 1);
    for (; power < 3; power++) {
      const bits = BigInt(8 << power);
      if (value >= 0n ? value < 1n << bits : value >= -(1n << (bits - 1n))) {
        break;
      }
    }
    this.bytes.push((value >= 0n ? 0xcc : 0xd0) + power);
    this.#put(value, 1 << power);
  }

  #uint(head: number, value: number, width: number): void {
    this.bytes.push(head);
    this.#put(BigInt(value), width);
  }

  #put(value: bigint, width: number): void {
    for (let i = width - 1; i >= 0; i--) {
      this.bytes.push(Number((value >> BigInt(8 * i)) & 0xffn));
    }
  }
}
