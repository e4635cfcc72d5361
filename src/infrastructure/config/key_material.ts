/**
 * Reads the certificate, key and client CA of the settings, and checks that they belong together.
 *
 * node:tls of Deno 2.9.6 checks none of that when it makes a context: with a wrong key, each
 * handshake fails.
 *
 * @module
 */
import { createPrivateKey, X509Certificate } from "node:crypto";
import type { KeyMaterial } from "../../application/connections/connection_security.ts";
import type { TlsSettings } from "./config.ts";
import type { Problem } from "./config_error.ts";

/** How long before its end a certificate is worth a warning, in ms. */
const SOON_MS = 7 * 24 * 3_600_000;

const CERTIFICATES = /-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g;

const KINDS_OF_KEYS = "RSA of 2048 bits or more, ECDSA (P-256, P-384, P-521) or Ed25519";

/** Thrown when the material cannot be used; has every problem. */
export class UnusableKeyMaterial extends Error {
  override readonly name = "UnusableKeyMaterial";
  /** In the order of the settings; never empty. */
  readonly problems: readonly Omit<Problem, "received">[];

  constructor(problems: readonly Omit<Problem, "received">[]) {
    super(problems.map(({ variable, message }) => `${variable} ${message}`).join("; "));
    this.problems = problems;
  }
}

/** The parts of the material, and the fields of their settings. */
const PARTS = {
  certificate: { file: "certificateFile", variable: "STREAM_PROXY_TLS_CERT" },
  key: { file: "keyFile", variable: "STREAM_PROXY_TLS_KEY" },
  clientCa: { file: "clientCaFile", variable: "STREAM_PROXY_TLS_CLIENT_CA" },
} as const;

type Part = keyof typeof PARTS;

/** The variable that sets a part, by text or by file. */
function variableOf(settings: Omit<TlsSettings, "ports">, part: Part): string {
  const { file, variable } = PARTS[part];
  return settings[file] === undefined ? variable : `${variable}_FILE`;
}

/** The paths of all files. */
export function filesOf(settings: Omit<TlsSettings, "ports">): string[] {
  return Object.values(PARTS).map(({ file }) => settings[file]).filter((path) =>
    path !== undefined
  );
}

/** The material, and what is probably wrong with it. */
interface ReadMaterial {
  readonly material: KeyMaterial;
  readonly warnings: readonly string[];
}

/**
 * Reads the material; `undefined` when no certificate is set.
 *
 * @param now epoch ms
 * @param known material that was checked before; returned where nothing has changed
 * @throws {UnusableKeyMaterial} with everything that is wrong
 */
export function readKeyMaterial(
  settings: Omit<TlsSettings, "ports">,
  now: number,
  known?: KeyMaterial,
): ReadMaterial | undefined {
  const reader = new Reader(settings, now);
  const certificate = reader.text("certificate");
  const key = reader.text("key");
  const clientCa = reader.text("clientCa");
  if (certificate === undefined || key === undefined) {
    if (reader.problems.length > 0) throw new UnusableKeyMaterial(reader.problems);
    return undefined;
  }
  const isKnown = certificate === known?.certificate && key === known.key &&
    clientCa === known.clientCa;
  if (isKnown && reader.problems.length === 0) return { material: known, warnings: [] };
  const [own] = reader.certificates("certificate", certificate);
  if (own !== undefined) {
    reader.checkDates("certificate", own);
    reader.checkKey(own, { certificate, key });
  }
  if (clientCa !== undefined) {
    for (const ca of reader.certificates("clientCa", clientCa)) reader.checkCa(ca);
  }
  if (own === undefined || reader.problems.length > 0) {
    throw new UnusableKeyMaterial(reader.problems);
  }
  const { warnings } = reader;
  const subject = nameOf(own);
  const expiresAt = own.validToDate.getTime();
  return { material: { certificate, key, clientCa, subject, expiresAt }, warnings };
}

/** Reads the parts and collects what is wrong with them. */
class Reader {
  readonly problems: Omit<Problem, "received">[] = [];
  readonly warnings: string[] = [];
  readonly #settings: Omit<TlsSettings, "ports">;
  readonly #now: number;

  constructor(settings: Omit<TlsSettings, "ports">, now: number) {
    this.#settings = settings;
    this.#now = now;
  }

  /** The text of a part, from its file or its variable. */
  text(part: Part): string | undefined {
    const path = this.#settings[PARTS[part].file];
    if (path === undefined) {
      return part === "key" ? this.#settings.key?.reveal() : this.#settings[part];
    }
    // Deno would ask on a terminal.
    if (Deno.permissions.querySync({ name: "read", path }).state !== "granted") {
      // One problem for all files, because one flag solves it.
      const files = filesOf(this.#settings);
      if (path === files.find((file) => !isReadable(file))) {
        this.#reject(
          part,
          "may not be read: the process has no permission for it",
          `Add --allow-read=${files.join(",")} to the command, before the program's path`,
        );
      }
      return undefined;
    }
    try {
      return Deno.readTextFileSync(path);
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      this.#reject(part, `cannot be read: ${reason}`, "Check the path and who may read the file");
      return undefined;
    }
  }

  /** All certificates of a part. */
  certificates(part: "certificate" | "clientCa", text: string): X509Certificate[] {
    const found = text.match(CERTIFICATES) ?? [];
    if (found.length === 0) {
      this.#reject(
        part,
        "contains no certificate in PEM",
        "Put -----BEGIN CERTIFICATE----- … there",
      );
    }
    const read: X509Certificate[] = [];
    for (const [index, pem] of found.entries()) {
      try {
        read.push(new X509Certificate(pem));
      } catch {
        const which = found.length > 1 ? `certificate ${index + 1} of ${found.length}` : "one";
        this.#reject(
          part,
          `contains a certificate that cannot be read (${which})`,
          "Copy the whole PEM text, with its line breaks",
        );
        return [];
      }
    }
    return read;
  }

  /** Rejects a certificate outside of its validity. */
  checkDates(part: "certificate" | "clientCa", certificate: X509Certificate): void {
    const { validFromDate, validToDate } = certificate;
    const [from, to] = [validFromDate.getTime(), validToDate.getTime()];
    const name = nameOf(certificate);
    if (from > this.#now) {
      this.#reject(
        part,
        `has a certificate (${name}) that is not valid before ${isoTime(from)}`,
        "Check the clock of this machine, or use a certificate that is valid now",
      );
    } else if (to <= this.#now) {
      this.#reject(part, `has a certificate (${name}) that expired at ${isoTime(to)}`, "Renew it");
    } else if (to - this.#now < SOON_MS) {
      const variable = variableOf(this.#settings, part);
      this.warnings.push(`The certificate of ${variable} (${name}) expires at ${isoTime(to)}`);
    }
  }

  /** Rejects a CA that has expired, and one that is none. */
  checkCa(certificate: X509Certificate): void {
    this.checkDates("clientCa", certificate);
    if (certificate.ca) return;
    this.#reject(
      "clientCa",
      `has a certificate (${nameOf(certificate)}) that is not that of a CA`,
      "Name the CA that signs the certificates of clients, not one of these",
    );
  }

  /** Rejects a key that is not that of the certificate, or of no use for TLS. */
  checkKey(
    own: X509Certificate,
    { certificate, key }: { readonly certificate: string; readonly key: string },
  ): void {
    if (/ENCRYPTED/.test(key)) {
      this.#reject(
        "key",
        "is encrypted with a passphrase",
        "Decrypt it: openssl pkey -in encrypted.pem -out key.pem",
      );
      return;
    }
    let isOwn = false;
    try {
      isOwn = own.checkPrivateKey(createPrivateKey(key));
    } catch {
      // The error of OpenSSL names no cause that helps.
      this.#reject("key", "contains no private key that can be read", "Copy the whole PEM text");
      return;
    }
    if (!isOwn) {
      this.#reject(
        "key",
        `is not the key of the certificate (${nameOf(own)})`,
        "Use the certificate and the key that were made together",
      );
      return;
    }
    try {
      // Makes the same checks as a handshake would.
      Deno.createHttpClient({ cert: certificate, key }).close();
    } catch {
      this.#reject("key", "is of a kind that TLS does not use", `Use ${KINDS_OF_KEYS}`);
    }
  }

  #reject(part: Part, message: string, remedy: string): void {
    this.problems.push({ variable: variableOf(this.#settings, part), message, remedy });
  }
}

function isReadable(path: string): boolean {
  return Deno.permissions.querySync({ name: "read", path }).state === "granted";
}

/** The subject on one line. */
function nameOf({ subject, subjectAltName }: X509Certificate): string {
  return (subject || subjectAltName || "without a name").replaceAll("\n", ", ");
}

function isoTime(epochMs: number): string {
  return Temporal.Instant.fromEpochMilliseconds(epochMs).toString();
}
