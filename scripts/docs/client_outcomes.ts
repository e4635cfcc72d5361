/**
 * What each client gets from proxies without and with TLS, client certificates and tokens. Tests
 * run every client and compare; the documentation prints it.
 *
 * @module
 */
import { code, table } from "./markdown.ts";

/** What a proxy requires, and what a client is given. */
export const CASES = {
  plaintext: "No TLS",
  tls: "TLS",
  mtls: "Client certificate",
  token: "Token",
  clearToken: "Token, no TLS",
  wrongToken: "Wrong token",
  noCertificate: "No certificate",
  wrongCa: "Wrong CA",
} as const;

/** Name of a case. */
export type Case = keyof typeof CASES;

/** What a client gets in one case. */
export interface Outcome {
  /** `data`, or how it is refused. */
  readonly cell: string;
  /** The client prints one of these texts, and no data. */
  readonly reports: readonly string[];
}

/** A client and what it gets. */
export interface ClientOutcomes {
  /** Name in the documentation. */
  readonly title: string;
  readonly outcomes: Readonly<Record<Case, Outcome>>;
}

/** The client receives quotes, or the state of the proxy. */
export const DATA: Outcome = { cell: "data", reports: [] };

const UNAUTHENTICATED = "`UNAUTHENTICATED`";
const NOT_SENT: Outcome = {
  cell: "not sent",
  reports: ["STREAM_PROXY_TOKEN needs an https:// address"],
};
const WRONG_TOKEN: Outcome = {
  cell: UNAUTHENTICATED,
  reports: ["The bearer token is not valid"],
};

function notConnected(...reports: string[]): Outcome {
  return { cell: "not connected", reports };
}

const ALL_DATA = { plaintext: DATA, tls: DATA, mtls: DATA, token: DATA, clearToken: DATA };

/**
 * Every client. With TLS 1.3 a client has finished its handshake when the proxy refuses it for a
 * missing certificate, so it reads the reason or only that its connection was closed.
 */
export const CLIENT_OUTCOMES = {
  TypeScript: {
    title: "TypeScript (connect-es on Node)",
    outcomes: {
      ...ALL_DATA,
      clearToken: NOT_SENT,
      wrongToken: WRONG_TOKEN,
      noCertificate: notConnected("alert certificate required", "CANCELLED: http/2 stream closed"),
      wrongCa: notConnected("UNAVAILABLE: unable to verify the first certificate"),
    },
  },
  Python: {
    title: "Python (grpcio)",
    outcomes: {
      ...ALL_DATA,
      clearToken: NOT_SENT,
      wrongToken: WRONG_TOKEN,
      noCertificate: notConnected("TLSV1_ALERT_CERTIFICATE_REQUIRED", "Socket closed"),
      wrongCa: notConnected("CERTIFICATE_VERIFY_FAILED: unable to get local issuer certificate"),
    },
  },
  Go: {
    title: "Go (grpc-go)",
    outcomes: {
      ...ALL_DATA,
      clearToken: NOT_SENT,
      wrongToken: WRONG_TOKEN,
      noCertificate: notConnected(
        "tls: certificate required",
        "broken pipe",
        "server preface: EOF",
      ),
      wrongCa: notConnected("x509: certificate signed by unknown authority"),
    },
  },
  Rust: {
    title: "Rust (tonic)",
    outcomes: {
      ...ALL_DATA,
      clearToken: NOT_SENT,
      wrongToken: WRONG_TOKEN,
      noCertificate: notConnected("operation was canceled", "transport error"),
      wrongCa: notConnected("invalid peer certificate: UnknownIssuer"),
    },
  },
  tail: {
    title: "`deno task tail`",
    outcomes: {
      ...ALL_DATA,
      wrongToken: WRONG_TOKEN,
      noCertificate: notConnected("requires a client certificate: set STREAM_PROXY_CLIENT_CERT"),
      wrongCa: notConnected("unable to verify the first certificate"),
    },
  },
  grpcurl: {
    title: "grpcurl",
    outcomes: {
      ...ALL_DATA,
      wrongToken: WRONG_TOKEN,
      noCertificate: notConnected("context deadline exceeded"),
      wrongCa: notConnected("x509: certificate signed by unknown authority"),
    },
  },
  grpc_health_probe: {
    title: "grpc_health_probe",
    outcomes: {
      ...ALL_DATA,
      wrongToken: DATA,
      noCertificate: notConnected("timeout: failed to connect service"),
      wrongCa: notConnected("timeout: failed to connect service"),
    },
  },
  Chromium: {
    title: "Web page (connect-web in Chromium)",
    outcomes: {
      ...ALL_DATA,
      mtls: { cell: UNAUTHENTICATED, reports: ["The request needs a bearer token"] },
      wrongToken: WRONG_TOKEN,
      noCertificate: { cell: UNAUTHENTICATED, reports: ["The request needs a bearer token"] },
      wrongCa: notConnected("net::ERR_CERT_AUTHORITY_INVALID"),
    },
  },
} as const satisfies Readonly<Record<string, ClientOutcomes>>;

const CASE_NAMES = Object.keys(CASES) as Case[];
const CLIENTS: readonly ClientOutcomes[] = Object.values(CLIENT_OUTCOMES);

/** One row for each client, one column for each case. */
export function outcomeTable(): string {
  return table(
    ["Client", ...Object.values(CASES)],
    CLIENTS.map(({ title, outcomes }) => [title, ...CASE_NAMES.map((name) => outcomes[name].cell)]),
  );
}

/** What each client prints when it cannot connect. */
export function reportTable(): string {
  const reports = ({ reports }: Outcome) => reports.map(code).join(" or ");
  return table(
    ["Client", CASES.noCertificate, CASES.wrongCa],
    CLIENTS.map(({ title, outcomes }) => [
      title,
      reports(outcomes.noCertificate),
      reports(outcomes.wrongCa),
    ]),
  );
}
