/**
 * Alpaca's REST API by way of a hub, which has the credentials and the rate limit of the account.
 *
 * @module
 */
import { ApiUnavailable } from "../../../application/ports/api_unavailable.ts";
import type { RestApi, RestForwarder } from "../../../application/ports/rest_forwarder.ts";
import type {
  RestCounters,
  RestOutcome,
  RestPurpose,
} from "../../../application/status/counters.ts";
import { type ApiClient, type ApiHost, parseBody } from "./responses.ts";

/** Stands for the address, which only the hub knows. */
const ADDRESS = "http://hub";

/** Dependencies of a forwarded API. */
interface ForwardedApiOptions {
  readonly api: RestApi;
  readonly forwarder: RestForwarder;
  readonly counters: RestCounters;
}

/** Makes the host of an API that is read through a hub. */
export function forwardedApi(options: ForwardedApiOptions): ApiHost {
  return { client: new ForwardedClient(options), url: ADDRESS };
}

class ForwardedClient implements ApiClient {
  readonly #options: ForwardedApiOptions;
  clockAheadMs = 0;

  constructor(options: ForwardedApiOptions) {
    this.#options = options;
  }

  async get(url: URL, signal: AbortSignal, purpose: RestPurpose): Promise<unknown> {
    return parse((await this.getText(url, signal, purpose)).body, url.pathname);
  }

  async getText({ pathname, search }: URL, signal: AbortSignal, purpose: RestPurpose) {
    const { api, forwarder, counters } = this.#options;
    const request = { api, path: pathname, query: search.slice(1), purpose };
    try {
      const response = await forwarder.get(request, signal);
      this.clockAheadMs = response.clockAheadMs ?? this.clockAheadMs;
      counters[purpose].ok++;
      return { body: response.body, serverTime: 0 };
    } catch (error) {
      counters[purpose][outcomeOf(error)]++;
      throw error;
    }
  }
}

function parse(body: string, path: string): unknown {
  try {
    return parseBody(body);
  } catch {
    throw new ApiUnavailable(`${path}: the response is not JSON`);
  }
}

function outcomeOf(error: unknown): RestOutcome {
  const status = error instanceof ApiUnavailable ? error.status : undefined;
  if (status === 429) return "rate_limited";
  return status !== undefined && status < 500 ? "rejected" : "failed";
}
