import type { SimulatorSettings } from "./options.ts";
import type { SessionPolicy } from "./session/session_services.ts";

/** The part of the settings that concerns single sessions. */
export function sessionPolicy(settings: SimulatorSettings): SessionPolicy {
  const { slowClientBytes, coalesceAboveBytes, maxFrameBytes } = settings;
  return {
    authTimeoutMs: settings.authTimeoutSeconds * 1000,
    closingErrors: new Set(settings.closingErrors),
    closeCode: settings.closeCode,
    strictEncoding: settings.strictEncoding,
    symbolCounting: settings.symbolCounting,
    countOptionTrades: settings.countOptionTrades,
    stockSymbolPattern: settings.stockSymbolPattern,
    outbox: { maxBytes: slowClientBytes, coalesceAboveBytes, maxFrameBytes },
  };
}
