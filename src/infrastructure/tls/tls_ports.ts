/**
 * Encrypts the client connections of the ports with the certificate in force.
 *
 * @module
 */
import type { Socket } from "node:net";
import { createSecureContext, type SecureContext, type TLSSocket } from "node:tls";
import type { PeerCertificate } from "../../application/access/access.ts";
import type { ConnectionLimits } from "../../application/connections/connection_limits.ts";
import type {
  ClientAuth,
  ConnectionSecurity,
  KeyMaterial,
} from "../../application/connections/connection_security.ts";
import type { Clock } from "../../application/ports/clock.ts";
import { addressBlock } from "../../domain/limits/address_block.ts";
import { explainFailure } from "./explain_failure.ts";
import { type HandshakeFault, Handshakes } from "./handshakes.ts";
import { readCertificate } from "./peer_certificate.ts";
import {
  certificateFault,
  failWithAlert,
  markSecure,
  secureServerSocket,
} from "./server_socket.ts";
import { VerifiedCertificates } from "./verified_certificates.ts";

/** Time in which a client can read why it is refused, in ms. */
const ALERT_MS = 500;

/** What {@linkcode TlsPorts} needs. */
interface TlsPortsOptions {
  /** The material until it is replaced. */
  readonly material: KeyMaterial;
  readonly clientAuth: ClientAuth;
  /** Time in which a handshake has to complete, in ms. */
  readonly handshakeMs: number;
  /** Counts and logs failed handshakes. */
  readonly connections: Pick<ConnectionLimits, "refused">;
  readonly clock: Pick<Clock, "now" | "monotonic" | "sleep">;
}

/** How the two kinds of ports differ. */
interface PortOptions {
  /** Names of the protocols that the port serves: `h2`. */
  readonly protocols: readonly string[];
  /** Whether clients are asked for a certificate, if there is a CA to verify it. */
  readonly asksClients: boolean;
}

/** How a client that is asked for a certificate is verified. */
interface Demand {
  readonly isMandatory: boolean;
  readonly verified: VerifiedCertificates;
  readonly clock: Pick<Clock, "now">;
}

/** Makes the {@linkcode ConnectionSecurity} of each port. */
export class TlsPorts {
  readonly #options: TlsPortsOptions;
  #material: KeyMaterial;
  #context: SecureContext;
  /** By the CAs of the material; those of other CAs are others. */
  #verified = new VerifiedCertificates();

  /** @throws {Error} when the material cannot be used */
  constructor(options: TlsPortsOptions) {
    this.#options = options;
    this.#material = options.material;
    this.#context = contextOf(options.material);
  }

  /** The material in force. */
  get material(): KeyMaterial {
    return this.#material;
  }

  /** The gRPC port: HTTP/2, and client certificates. */
  grpc(): ConnectionSecurity<Socket> {
    return this.#port({ protocols: ["h2"], asksClients: true });
  }

  /** The WebSocket port: HTTP/1.1, and client certificates. */
  websocket(): ConnectionSecurity<Socket> {
    return this.#port({ protocols: ["http/1.1"], asksClients: true });
  }

  /** A port of HTTP/1.1; probes and Prometheus need no certificate. */
  http(): ConnectionSecurity<Socket> {
    return this.#port({ protocols: ["http/1.1"], asksClients: false });
  }

  /**
   * Uses other material for the connections from now on.
   *
   * @throws {Error} when it cannot be used; the one in force stays
   */
  replace(material: KeyMaterial): void {
    this.#context = contextOf(material);
    if (material.clientCa !== this.#material.clientCa) this.#verified = new VerifiedCertificates();
    this.#material = material;
  }

  #port(port: PortOptions): ConnectionSecurity<Socket> {
    const { clock, handshakeMs } = this.#options;
    const handshakes = new Handshakes(clock, handshakeMs);
    return { secure: (raw, onSecured) => this.#secure(raw, { ...port, handshakes, onSecured }) };
  }

  #secure(raw: Socket, { handshakes, onSecured, ...port }: PortOptions & {
    readonly handshakes: Handshakes;
    readonly onSecured: (secured: Socket, certificate?: PeerCertificate) => void;
  }): void {
    const { connections } = this.#options;
    const { remoteAddress = "", remotePort } = raw;
    const peer = `${remoteAddress}:${remotePort}`;
    const done = handshakes.add({
      address: addressBlock(remoteAddress),
      start: () => {
        if (raw.destroyed) return;
        const demand = this.#demandOf(port);
        const secured = this.#start(raw, port, demand);
        secured.on("error", (cause) => {
          const reason = isComplete ? undefined : explainFailure(cause);
          if (reason !== undefined) connections.refused("handshake", peer, reason);
        });
        let isComplete = false;
        secured.once("secure", () => {
          isComplete = true;
          done();
          const fault = faultOf(secured, port, demand);
          if (fault !== undefined) {
            connections.refused("handshake", peer, fault);
            this.#refuse(secured, raw);
            return;
          }
          markSecure(secured);
          onSecured(secured, demand && certificateOf(secured));
        });
      },
      end: (fault) => {
        connections.refused(...this.#explain(fault, peer));
        raw.resetAndDestroy();
      },
    });
    raw.once("close", done);
  }

  /** What a connection of a port that begins now has to prove; undefined for nothing. */
  #demandOf({ asksClients }: PortOptions): Demand | undefined {
    if (!asksClients || this.#material.clientCa === undefined) return undefined;
    const { clientAuth, clock } = this.#options;
    return { isMandatory: clientAuth === "require", verified: this.#verified, clock };
  }

  #start(raw: Socket, { protocols }: PortOptions, demand: Demand | undefined): TLSSocket {
    return secureServerSocket(raw, {
      secureContext: this.#context,
      protocols,
      requestsCertificate: demand !== undefined,
      requiresCertificate: demand?.isMandatory ?? false,
    });
  }

  /** Ends a connection that is not served although its handshake is complete. */
  #refuse(secured: TLSSocket, raw: Socket): void {
    if (!secured.isSessionReused()) {
      raw.resetAndDestroy();
      return;
    }
    // It would resume the same session each time.
    failWithAlert(secured);
    void this.#options.clock.sleep(ALERT_MS).then(() => raw.resetAndDestroy());
  }

  #explain(
    fault: HandshakeFault,
    peer: string,
  ): [limit: "handshakes" | "handshake_time", peer: string, reason: string] {
    if (fault === "too_many") return ["handshakes", peer, "Too many TLS handshakes are pending"];
    const { handshakeMs } = this.#options;
    const reason = `The TLS handshake was not complete within ${handshakeMs} ms, the limit of ` +
      "STREAM_PROXY_REQUEST_TIMEOUT_SECS, or less while others wait";
    return ["handshake_time", peer, reason];
  }
}

/** Why a connection is not served although its handshake is complete. */
function faultOf(
  secured: TLSSocket,
  { protocols }: PortOptions,
  demand: Demand | undefined,
): string | undefined {
  // Without ALPN, clients of HTTP/1.1 are usual; those of HTTP/2 are none (RFC 9113, 3.3).
  if (secured.alpnProtocol === false && protocols.includes("h2")) {
    return explainFailure(Object.assign(new Error(), { code: "ERR_SSL_NO_APPLICATION_PROTOCOL" }));
  }
  const fault = demand && faultOfCertificate(secured, demand);
  return fault && `The certificate of the client is not accepted: ${fault}`;
}

function faultOfCertificate(
  secured: TLSSocket,
  { isMandatory, verified, clock }: Demand,
): string | undefined {
  const fault = certificateFault(secured);
  if (fault !== undefined) return fault;
  const certificate = secured.getPeerX509Certificate()?.raw;
  if (!secured.isSessionReused()) {
    if (certificate) verified.add(certificate);
    return undefined;
  }
  const isAccepted = certificate ? verified.has(certificate) : !isMandatory;
  if (!isAccepted) return "it resumes a session in which these CAs have verified none";
  const { expiresAt = Infinity } = certificate && readCertificate(certificate) || {};
  return expiresAt > clock.now() ? undefined : "it resumes a session, and has expired since";
}

function contextOf({ certificate, key, clientCa }: KeyMaterial): SecureContext {
  const ca = clientCa === undefined ? {} : { ca: clientCa };
  return createSecureContext({ cert: certificate, key, minVersion: "TLSv1.2", ...ca });
}

/** The certificate that a client has sent and that was verified. */
function certificateOf(secured: TLSSocket): PeerCertificate | undefined {
  const certificate = secured.getPeerX509Certificate();
  return certificate && readCertificate(certificate.raw);
}
