/**
 * Wires the options-by-underlying: catalogue, expansions and their settings.
 *
 * @module
 */
import type { SubscriptionSink } from "../application/feeds/subscription_manager.ts";
import { Expansions } from "../application/options/expansions.ts";
import type { Clock } from "../application/ports/clock.ts";
import type { Log } from "../application/ports/log.ts";
import type { UnderlyingDirectory } from "../domain/options/underlying_directory.ts";
import { AlpacaCatalog } from "../infrastructure/catalog/alpaca_catalog.ts";
import { RestClient } from "../infrastructure/catalog/rest_client.ts";
import type { Config, KeyPair } from "../infrastructure/config/config.ts";

/** Chains kept in memory; one has about 0.4 MB, that of SPX ten times as much. */
const MAX_CHAINS = 128;

/** What the expansions share with the rest of the proxy. */
export interface ExpansionSurroundings {
  readonly config: Config;
  readonly sink: SubscriptionSink;
  readonly directory: UnderlyingDirectory;
  readonly clock: Clock;
  readonly log: Log;
  /** Most contracts that may be chosen for all underlyings together. */
  readonly maxContracts: () => number;
}

/** Wires the expansions; nothing is looked up yet. */
export function buildExpansions(around: ExpansionSurroundings): Expansions {
  const { config, sink, directory, clock, log, maxContracts } = around;
  const { chains, selection, priceIntervalMs } = config.options;
  return new Expansions({
    catalog: chains ? catalogOf(config, { clock, log }) : undefined,
    sink,
    directory,
    clock,
    log,
    settings: {
      selection,
      priceIntervalMs,
      maxChains: MAX_CHAINS,
      maxContracts,
    },
  });
}

function catalogOf(
  config: Config,
  tools: { readonly clock: Clock; readonly log: Log },
): AlpacaCatalog {
  const { trading, data } = config.credentials;
  const client = (pair: KeyPair) =>
    new RestClient({
      ...tools,
      credentials: () => ({
        key: pair.key.reveal(),
        secret: pair.secret.reveal(),
      }),
    });
  const { kind } = config.stock;
  return new AlpacaCatalog({
    trading: { client: client(trading), url: config.trading.apiUrl },
    data: { client: client(data), url: config.dataApiUrl },
    // The test stream has no prices of real underlyings.
    stockFeed: kind === "test" ? undefined : kind,
    optionFeed: config.option.kind,
  });
}
