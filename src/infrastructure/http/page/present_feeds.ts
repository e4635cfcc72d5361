import type {
  LastMessage,
  LiveFeed,
} from "../../../application/status/live_view.ts";
import type { QuotaReport } from "../../../application/status/subscription_report.ts";
import { FEED_NAMES, STATES } from "./names.ts";
import type { Draft, Tone } from "./screen.ts";
import { bars, gauge, ICONS } from "./shapes.ts";
import {
  agoWords,
  boundWords,
  countWords,
  durationWords,
  rateWords,
  UNKNOWN,
} from "./words.ts";

/** A budget this full is worth a second look. */
const NEARLY_FULL = 0.9;

/** Puts the card of one feed on a draft. */
export function presentFeed(
  draft: Draft,
  feed: LiveFeed,
  now: number,
): void {
  const { status, enabled } = feed;
  const name = `feed.${status.feed}`;
  const [word, tone] = enabled ? STATES[status.state] : ["Off", "off"] as const;
  draft.text[`${name}.kind`] = status.kind;
  draft.text[`${name}.state`] = word;
  draft.tone[name] = tone;
  draft.draw[`${name}.icon`] = ICONS[tone];
  draft.states[`${FEED_NAMES[status.feed]} feed`] = word.toLowerCase();
  draft.text[`${name}.rate`] = rateWords(feed.received.perSecond);
  draft.rate[name] = feed.received.perSecond ?? null;
  draft.text[`${name}.total`] = countWords(feed.received.total);
  draft.text[`${name}.last`] = lastWords(feed.lastMessage, now);
  draft.text[`${name}.since`] = sinceWords(feed, now);
  presentProcessing(draft, feed);
  presentSubscriptions(draft, feed);
  presentTrouble(draft, feed);
}

function lastWords(last: LastMessage, now: number): string {
  if (last.type === "at") return agoWords(now - last.at);
  return last.type === "none" ? "none yet" : UNKNOWN;
}

function sinceWords({ status, enabled }: LiveFeed, now: number): string {
  if (!enabled) return "left out by the settings";
  const { lastConnectedAt: at, state } = status;
  if (at === undefined) return "never yet";
  return state === "connected"
    ? `for ${durationWords(now - at)}`
    : agoWords(now - at);
}

function presentProcessing(draft: Draft, feed: LiveFeed): void {
  const { processing, status } = feed;
  const name = `feed.${status.feed}`;
  draft.show[`${name}.processing`] = processing !== undefined;
  draft.text[`${name}.p50`] = boundWords(processing?.p50);
  draft.text[`${name}.p99`] = boundWords(processing?.p99);
  draft.text[`${name}.window`] = processing?.recent === false
    ? "since start"
    : "";
  draft.draw[`${name}.bars`] = bars(processing?.counts ?? [0]);
}

function presentSubscriptions(draft: Draft, feed: LiveFeed): void {
  const { quota, status } = feed;
  const name = `feed.${status.feed}`;
  draft.text[`${name}.subscriptions`] = countWords(status.subscriptionCount);
  const words = quotaWords(quota);
  draft.text[`${name}.budget`] = words;
  draft.show[`${name}.budget`] = words !== "";
  const share = quota?.limit ? quota.used / quota.limit : undefined;
  draft.draw[`${name}.gauge`] = gauge(share ?? 0);
  draft.tone[`${name}.gauge`] = gaugeTone(share);
}

function quotaWords(quota: QuotaReport | undefined): string {
  if (quota?.limit === undefined) return "";
  const { used, limit, learned } = quota;
  const known = learned ? ", learned" : "";
  return `${countWords(used)} of ${countWords(limit)}${known}`;
}

function gaugeTone(share: number | undefined): Tone {
  if (share === undefined) return "plain";
  return share > 1 ? "bad" : share >= NEARLY_FULL ? "warn" : "plain";
}

function presentTrouble(draft: Draft, feed: LiveFeed): void {
  const { status, errors } = feed;
  const name = `feed.${status.feed}`;
  const total = errors?.reduce((sum, [, count]) => sum + count, 0) ?? 0;
  const kinds = errors?.slice(0, 3).map(([type, count]) =>
    `${type.replaceAll("_", " ")} ${countWords(count)}`
  ).join(", ");
  draft.show[`${name}.errors`] = errors !== undefined;
  draft.text[`${name}.errors`] = total === 0
    ? "none"
    : `${countWords(total)} (${kinds})`;
  draft.tone[`${name}.errors`] = total === 0 ? "plain" : "warn";
  const attempts = status.reconnectAttempts > 0
    ? `attempt ${status.reconnectAttempts}`
    : "";
  draft.text[`${name}.attempts`] = attempts;
  draft.show[`${name}.attempts`] = attempts !== "";
  draft.text[`${name}.problem`] = status.errorMessage ?? "";
  draft.show[`${name}.problem`] = status.errorMessage !== undefined;
}
