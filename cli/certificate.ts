/**
 * Makes a certificate for a port of this machine, signed by a CA that is made with it, for demos
 * and measurements. The private key of the CA is not kept.
 *
 * @module
 */

/** PEM texts of a port with TLS. */
export interface PortCertificate {
  /** What clients trust. */
  readonly ca: string;
  /** Certificate of the port. */
  readonly cert: string;
  /** Its private key. */
  readonly key: string;
}

const ALGORITHM = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;
const DAY_MS = 86_400_000;
const encoder = new TextEncoder();

/** Tags of DER (ITU-T X.690). */
const TAG = {
  boolean: 0x01,
  integer: 0x02,
  bits: 0x03,
  octets: 0x04,
  oid: 0x06,
  text: 0x0c,
  time: 0x17,
  sequence: 0x30,
  set: 0x31,
} as const;

/** Object identifiers, as DER has them (RFC 5280, RFC 5758). */
const OID = {
  ecdsaWithSha256: [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02],
  commonName: [0x55, 0x04, 0x03],
  alternativeNames: [0x55, 0x1d, 0x11],
  basicConstraints: [0x55, 0x1d, 0x13],
  keyUsage: [0x55, 0x1d, 0x0f],
  subjectKey: [0x55, 0x1d, 0x0e],
  authorityKey: [0x55, 0x1d, 0x23],
} as const;

/** Makes a certificate for DNS names and IPv4 addresses, which is valid for a day. */
export async function makePortCertificate(names: readonly string[]): Promise<PortCertificate> {
  const [authority, port] = [await newKeys(), await newKeys()];
  const issuer = "Alpaca Stream Proxy, for this run only";
  const sign = (part: Omit<Certificate, "issuer" | "signer">) =>
    signed({ issuer, signer: authority.privateKey, ...part });
  const keyId = (await publicBytes(authority.publicKey)).slice(-20);
  const isCa = der(TAG.sequence, der(TAG.boolean, [0xff]));
  const ca = await sign({
    subject: issuer,
    publicKey: authority.publicKey,
    extensions: [
      extension(OID.basicConstraints, isCa),
      extension(OID.keyUsage, der(TAG.bits, [2, 0x04])), // signs certificates
      named(OID.subjectKey, der(TAG.octets, keyId)),
    ],
  });
  const cert = await sign({
    subject: names[0] ?? "",
    publicKey: port.publicKey,
    extensions: [
      extension(OID.basicConstraints, der(TAG.sequence)),
      extension(OID.alternativeNames, der(TAG.sequence, ...names.map(alternativeName))),
      named(OID.authorityKey, der(TAG.sequence, der(0x80, keyId))),
    ],
  });
  const key = new Uint8Array(await crypto.subtle.exportKey("pkcs8", port.privateKey));
  return {
    ca: pem("CERTIFICATE", ca),
    cert: pem("CERTIFICATE", cert),
    key: pem("PRIVATE KEY", key),
  };
}

async function newKeys(): Promise<CryptoKeyPair> {
  return await crypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]) as CryptoKeyPair;
}

async function publicBytes(key: CryptoKey): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.exportKey("spki", key));
}

interface Certificate {
  readonly issuer: string;
  readonly subject: string;
  readonly publicKey: CryptoKey;
  readonly extensions: readonly Uint8Array[];
  readonly signer: CryptoKey;
}

/** A signed certificate (RFC 5280, section 4.1). */
async function signed(
  { issuer, subject, publicKey, extensions, signer }: Certificate,
): Promise<Uint8Array> {
  const algorithm = der(TAG.sequence, der(TAG.oid, OID.ecdsaWithSha256));
  const serial = crypto.getRandomValues(new Uint8Array(16));
  serial[0] = 0x40 | (serial[0] ?? 0) & 0x3f; // positive, and no leading zero
  const body = der(
    TAG.sequence,
    der(0xa0, der(TAG.integer, [2])), // version 3
    der(TAG.integer, serial),
    algorithm,
    commonName(issuer),
    der(TAG.sequence, time(Date.now() - DAY_MS / 24), time(Date.now() + DAY_MS)),
    commonName(subject),
    await publicBytes(publicKey),
    der(0xa3, der(TAG.sequence, ...extensions)),
  );
  const signature = new Uint8Array(await crypto.subtle.sign(ALGORITHM, signer, body));
  const [r, s] = [signature.subarray(0, 32), signature.subarray(32)];
  const value = der(TAG.sequence, integer(r), integer(s));
  return der(TAG.sequence, body, algorithm, der(TAG.bits, [0], value));
}

/** An element: its tag, its length, and its content. */
function der(
  tag: number,
  ...content: readonly (Uint8Array | readonly number[])[]
): Uint8Array<ArrayBuffer> {
  const size = content.reduce((sum, { length }) => sum + length, 0);
  const length = size < 0x80
    ? [size]
    : size < 0x100
    ? [0x81, size]
    : [0x82, size >> 8, size & 0xff];
  const bytes = new Uint8Array(1 + length.length + size);
  bytes.set([tag, ...length]);
  let at = 1 + length.length;
  for (const part of content) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/** A positive integer; DER has no unneeded zeros, and a leading bit means a negative one. */
function integer(bytes: Uint8Array): Uint8Array {
  const first = bytes.findIndex((byte) => byte !== 0);
  const digits = bytes.subarray(first < 0 ? bytes.length - 1 : first);
  return (digits[0] ?? 0) & 0x80 ? der(TAG.integer, [0], digits) : der(TAG.integer, digits);
}

function commonName(text: string): Uint8Array {
  const name = der(TAG.sequence, der(TAG.oid, OID.commonName), der(TAG.text, encoder.encode(text)));
  return der(TAG.sequence, der(TAG.set, name));
}

function time(ms: number): Uint8Array {
  const digits = new Date(ms).toISOString().replaceAll(/[^0-9]/g, "").slice(2, 14);
  return der(TAG.time, encoder.encode(`${digits}Z`));
}

/** A critical extension. */
function extension(oid: readonly number[], value: Uint8Array): Uint8Array {
  return der(TAG.sequence, der(TAG.oid, oid), der(TAG.boolean, [0xff]), der(TAG.octets, value));
}

/** An extension that a client may ignore. */
function named(oid: readonly number[], value: Uint8Array): Uint8Array {
  return der(TAG.sequence, der(TAG.oid, oid), der(TAG.octets, value));
}

function alternativeName(name: string): Uint8Array {
  const isAddress = /^\d+(\.\d+){3}$/.test(name);
  return isAddress ? der(0x87, name.split(".").map(Number)) : der(0x82, encoder.encode(name));
}

function pem(label: string, bytes: Uint8Array): string {
  const lines = bytes.toBase64().match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join("\n")}\n-----END ${label}-----\n`;
}
