/**
 * Reads who a client certificate was issued to.
 *
 * - Product: node:crypto of Deno 2.9.6.
 * - Symptom: it lists subject alternative names without quotes, so that one URI that contains
 *   ", URI:spiffe://…" reads as two. Node.js quotes such names (CVE-2021-44532). So the names are
 *   read from the bytes of the certificate.
 * - Report: none found.
 * - Test: "node:crypto lists one URI as two" fails once this can go.
 *
 * @module
 */
import type { PeerCertificate } from "../../application/access/access.ts";

/** Tags of DER. */
const SEQUENCE = 0x30;
const SET = 0x31;
const OBJECT_ID = 0x06;
const OCTET_STRING = 0x04;
/** UTF8String, PrintableString and IA5String. */
const TEXTS: readonly number[] = [0x0c, 0x13, 0x16];
/** Times with two digits for the year, and with four. */
const UTC_TIME = 0x17;
const GENERALIZED_TIME = 0x18;
/** The version of a certificate; absent in the first one. */
const VERSION = 0xa0;
/** The extensions of a certificate. */
const EXTENSIONS = 0xa3;
/** A URI among the subject alternative names. */
const URI = 0x86;

/** The object id of subject alternative names (2.5.29.17), in hex. */
const ALTERNATIVE_NAMES = "551d11";

/** Object ids of the attributes of a subject, in hex. */
const ATTRIBUTES: Readonly<Record<string, string>> = {
  "550403": "CN",
  "550405": "serialNumber",
  "550406": "C",
  "550407": "L",
  "550408": "ST",
  "55040a": "O",
  "55040b": "OU",
  "0992268993f22c640101": "UID",
  "0992268993f22c640119": "DC",
  "2a864886f70d010901": "emailAddress",
};

/** An element of DER. */
interface Element {
  readonly tag: number;
  readonly content: Uint8Array;
}

/**
 * Reads the subject and the URIs of a certificate in DER. Attributes of other kinds and texts with
 * control characters are left out.
 *
 * @returns undefined when the bytes are not a certificate
 */
export function readCertificate(der: Uint8Array): PeerCertificate | undefined {
  const [certificate] = elements(der);
  const [body] = elements(childOf(certificate, SEQUENCE));
  const fields = elements(childOf(body, SEQUENCE));
  if (fields[0]?.tag === VERSION) fields.shift();
  // Serial number, signature, issuer, validity, subject.
  const [, , , validity, subject] = fields;
  const [, notAfter] = elements(childOf(validity, SEQUENCE));
  const expiresAt = notAfter && timeOf(notAfter);
  if (subject?.tag !== SEQUENCE || expiresAt === undefined) return undefined;
  const extensions = fields.find(({ tag }) => tag === EXTENSIONS);
  return { subject: attributesOf(subject).join("\n"), uris: urisOf(extensions), expiresAt };
}

/** The epoch ms of a time in a certificate: to the second, in UTC (RFC 5280, 4.1.2.5). */
function timeOf({ tag, content }: Element): number | undefined {
  const digits = /^((?:\d\d)+)Z$/.exec(textOf(content) ?? "")?.[1] ?? "";
  const century = Number(digits.slice(0, 2)) < 50 ? "20" : "19";
  const full = tag === UTC_TIME ? century + digits : tag === GENERALIZED_TIME ? digits : "";
  if (full.length !== 14) return undefined;
  const [year = 0, month = 0, ...rest] = [full.slice(0, 4), ...full.slice(4).match(/../g) ?? []]
    .map(Number);
  return Date.UTC(year, month - 1, ...rest);
}

/** The content of an element with this tag; empty if it has another. */
function childOf(element: Element | undefined, tag: number): Uint8Array {
  return element?.tag === tag ? element.content : new Uint8Array();
}

/** The elements that follow each other in `bytes`, up to the first that is malformed. */
function elements(bytes: Uint8Array): Element[] {
  const found: Element[] = [];
  for (let at = 0; at + 2 <= bytes.length;) {
    const tag = bytes[at] ?? 0;
    let length = bytes[at + 1] ?? 0;
    at += 2;
    if (length >= 0x80) {
      const count = length & 0x7f;
      // No certificate of a handshake is longer than three bytes can tell.
      if (count === 0 || count > 3 || at + count > bytes.length) return found;
      length = 0;
      for (let i = 0; i < count; i++) length = length * 256 + (bytes[at + i] ?? 0);
      at += count;
    }
    if (at + length > bytes.length) return found;
    found.push({ tag, content: bytes.subarray(at, at + length) });
    at += length;
  }
  return found;
}

function attributesOf(subject: Element): string[] {
  return elements(subject.content).flatMap((set) => elements(childOf(set, SET))).flatMap((one) => {
    const [type, value] = elements(childOf(one, SEQUENCE));
    const name = ATTRIBUTES[childOf(type, OBJECT_ID).toHex()];
    const text = value && TEXTS.includes(value.tag) ? textOf(value.content) : undefined;
    return name === undefined || text === undefined ? [] : [`${name}=${text}`];
  });
}

function urisOf(extensions: Element | undefined): string[] {
  const [list] = elements(extensions?.content ?? new Uint8Array());
  for (const extension of elements(childOf(list, SEQUENCE))) {
    const [type, ...rest] = elements(childOf(extension, SEQUENCE));
    if (childOf(type, OBJECT_ID).toHex() !== ALTERNATIVE_NAMES) continue;
    const [names] = elements(childOf(rest.at(-1), OCTET_STRING));
    return elements(childOf(names, SEQUENCE)).filter(({ tag }) => tag === URI)
      .map(({ content }) => textOf(content)).filter((uri) => uri !== undefined);
  }
  return [];
}

/** The text, unless it is not UTF-8 or has control characters. */
function textOf(bytes: Uint8Array): string | undefined {
  try {
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    return /\p{Cc}/u.test(text) ? undefined : text;
  } catch {
    return undefined;
  }
}
