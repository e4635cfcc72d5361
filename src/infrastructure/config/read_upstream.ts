/**
 * Where upstream is, checked for what would show one thing as another: an
 * address without encryption, of another feed, of the other account.
 *
 * @module
 */
import type { Environment } from "../../domain/connection/feed.ts";
import type { Config } from "./config.ts";
import type { Setting } from "./setting.ts";
import { OPTION_FEEDS, SETTINGS, STOCK_FEEDS } from "./settings.ts";
import type { SettingsReader } from "./settings_reader.ts";
import {
  DATA_API_URL,
  isExposed,
  optionStreamUrl,
  stockStreamUrl,
  tradingHost,
} from "./upstream_urls.ts";

/** The settings that say where upstream is. */
export type UpstreamConfig = Pick<
  Config,
  | "environment"
  | "stock"
  | "option"
  | "trading"
  | "dataApiUrl"
  | "allowPlaintextUpstream"
>;

/** Reads which feeds are followed, where, and with whose account. */
export function readUpstream(reader: SettingsReader): UpstreamConfig {
  const environment = reader.value(SETTINGS.environment, "PAPER");
  const trading = tradingHost(environment);
  const plaintext = reader.value(SETTINGS.allowPlaintext, false);
  const address = (setting: Setting<string>, fallback: string): string => {
    const url = reader.value(setting, fallback);
    if (!plaintext && isExposed(url)) refuseExposed(reader, setting, url);
    return url;
  };
  const account = (setting: Setting<string>, fallback: string): string => {
    const url = address(setting, fallback);
    refuseOtherAccount(reader, { setting, url, environment });
    return url;
  };
  return {
    environment,
    stock: readFeed(reader, SETTINGS.stockFeed, {
      feeds: STOCK_FEEDS,
      fallback: "sip",
      setting: SETTINGS.stockUrl,
      url: (feed) => address(SETTINGS.stockUrl, stockStreamUrl(feed)),
    }),
    option: readFeed(reader, SETTINGS.optionFeed, {
      feeds: OPTION_FEEDS,
      fallback: environment === "LIVE" ? "opra" : "indicative",
      setting: SETTINGS.optionUrl,
      url: (feed) => address(SETTINGS.optionUrl, optionStreamUrl(feed)),
    }),
    trading: {
      url: account(SETTINGS.tradingUrl, `wss://${trading}/stream`),
      apiUrl: account(SETTINGS.tradingApiUrl, `https://${trading}`),
    },
    dataApiUrl: address(SETTINGS.dataApiUrl, DATA_API_URL),
    allowPlaintextUpstream: plaintext,
  };
}

/**
 * A feed and its address. An address that names a feed says which one it is;
 * one that contradicts the setting would show the data of one as another's.
 */
function readFeed<T extends string>(
  reader: SettingsReader,
  feed: Setting<T>,
  { feeds, fallback, setting, url }: {
    readonly feeds: readonly T[];
    readonly fallback: T;
    readonly setting: Setting<string>;
    readonly url: (feed: T) => string;
  },
): { readonly kind: T; readonly url: string } {
  const said = reader.value(feed, fallback);
  const address = url(said);
  const { pathname } = new URL(address);
  const named = feeds.find((one) => pathname.endsWith(`/${one}`)) ?? said;
  if (named !== said && reader.find(feed) !== undefined) {
    reader.refuse(setting.name, {
      received: address,
      message: `is the feed ${named}, but ${feed.name} is ${said}`,
      remedy: `Set ${feed.name}=${named}, or unset one of the two`,
    });
  }
  return { kind: named, url: address };
}

/** Real money must not pass for paper, nor paper for real money. */
function refuseOtherAccount(
  reader: SettingsReader,
  { setting, url, environment }: {
    readonly setting: Setting<string>;
    readonly url: string;
    readonly environment: Environment;
  },
): void {
  const other = environment === "LIVE" ? "PAPER" : "LIVE";
  if (new URL(url).hostname !== tradingHost(other)) return;
  const { name } = SETTINGS.environment;
  reader.refuse(setting.name, {
    received: url,
    message: `is the host of ${other}, but ${name} is ${environment}`,
    remedy: `Set ${name}=${other}, or unset ${setting.name}`,
  });
}

function refuseExposed(
  reader: SettingsReader,
  setting: Setting<string>,
  url: string,
): void {
  const safe = url.startsWith("ws:") ? "wss:" : "https:";
  reader.refuse(setting.name, {
    received: url,
    message: "would send the credentials unencrypted to another machine",
    remedy:
      `Use ${safe}//, or set ${SETTINGS.allowPlaintext.name}=true if it is a simulator`,
  });
}
