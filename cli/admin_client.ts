/**
 * A client of `cream.v1.AdminService`.
 *
 * @module
 */
import type {
  DescMessage,
  DescMethodUnary,
  MessageInitShape,
  MessageShape,
} from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { createGrpcTransport, Http2SessionManager } from "@connectrpc/connect-node";
import { addressText, type ProxyAddress } from "../client/address.ts";
import type { TlsOptions } from "../client/credentials.ts";
import { RpcError } from "../client/rpc_client.ts";

/** Deadline of a call, in ms. */
const TIMEOUT_MS = 10_000;

/** One connection to the administration of a proxy; `using` closes it. */
export class AdminClient implements Disposable {
  readonly #session: Http2SessionManager;
  readonly #transport: ReturnType<typeof createGrpcTransport>;
  readonly #headers: Readonly<Record<string, string>>;

  constructor(address: ProxyAddress, token: string, tls: TlsOptions = {}) {
    const baseUrl = `${address.tls ? "https" : "http"}://${addressText(address)}`;
    this.#session = new Http2SessionManager(baseUrl, {}, tls);
    this.#transport = createGrpcTransport({ baseUrl, sessionManager: this.#session });
    this.#headers = { authorization: `Bearer ${token}` };
  }

  /** Makes a call. @throws {RpcError} when it fails */
  async call<I extends DescMessage, O extends DescMessage>(
    method: DescMethodUnary<I, O>,
    request: MessageInitShape<I>,
    signal: AbortSignal,
  ): Promise<MessageShape<O>> {
    try {
      const { message } = await this.#transport.unary(
        method,
        signal,
        TIMEOUT_MS,
        this.#headers,
        request,
      );
      return message;
    } catch (error) {
      const { code, rawMessage } = ConnectError.from(error);
      const name = Code[code].replaceAll(/(?<=[a-z])(?=[A-Z])/g, "_").toUpperCase();
      throw new RpcError(name, rawMessage, { cause: error });
    }
  }

  /** Closes the connection. */
  [Symbol.dispose](): void {
    this.#session.abort();
  }
}
