/**
 * Converts a view of the proxy to the content of the status page.
 *
 * @module
 */
import type {
  Flow,
  LastMessage,
  LiveChannel,
  LiveFeed,
  LiveOther,
  LiveView,
} from "../../../application/status/live_view.ts";
import type { QuotaReport } from "../../../application/status/subscription_report.ts";
import { type HealthStatus, healthStatus } from "../health_body.ts";
import {
  formatAge,
  formatBound,
  formatCount,
  formatDuration,
  formatRate,
  UNKNOWN,
} from "./format.ts";
import { FEED_LABELS, STATES } from "./labels.ts";
import { type Draft, emptyDraft, type Page, type Tone } from "./page.ts";
import { bars, gauge, ICONS } from "./svg_paths.ts";
import { errorRows, expansionRows, streamRows, subscriptionRows } from "./view_model_tables.ts";

const OVERALL: Readonly<Record<HealthStatus, readonly [string, Tone]>> = {
  healthy: ["Healthy", "good"],
  degraded: ["Degraded", "warn"],
  unhealthy: ["Unhealthy", "bad"],
};

/** Makes the page from a view of the proxy. */
export function viewModel(view: LiveView): Page {
  const draft = emptyDraft();
  const { status, streams, subscriptions, errors } = view;
  const overall = addOverall(draft, view);
  for (const feed of view.feeds) addFeed(draft, feed, status.now);
  addTraffic(draft, view.channels);
  addOthers(draft, view.others);
  addStreams(draft, view);
  const channels = subscriptionRows(subscriptions);
  draft.show["subscriptions.none"] = channels.length === 0;
  draft.show["subscriptions.some"] = channels.length > 0;
  const expansions = expansionRows(subscriptions);
  draft.show["expansions"] = expansions.length > 0;
  draft.show["errors.none"] = errors.length === 0;
  draft.show["errors.some"] = errors.length > 0;
  return {
    ...draft,
    title: `${overall} · ${status.environment} · Alpaca Stream Proxy`,
    rows: {
      streams: streamRows(streams.shown, status.now),
      subscriptions: channels,
      expansions,
      errors: errorRows(errors, status.now),
    },
  };
}

function addOverall(draft: Draft, view: LiveView): string {
  const { status } = view;
  const enabled = status.feeds.filter(({ feed }) => view.enabled.has(feed));
  const up = enabled.filter(({ state }) => state === "connected").length;
  const [label, tone] = status.draining
    ? ["Draining", "warn"] as const
    : OVERALL[healthStatus(status, view.enabled)];
  draft.text["overall"] = label;
  draft.tone["overall"] = tone;
  draft.draw["overall.icon"] = ICONS[tone];
  draft.states["Proxy"] = label.toLowerCase();
  draft.text["feeds.up"] = `${up} of ${enabled.length} connected`;
  const live = status.environment === "LIVE";
  draft.text["environment"] = status.environment;
  draft.tone["environment"] = live ? "bad" : "plain";
  draft.text["environment.note"] = live ? "live money" : "paper money";
  draft.text["version"] = status.version;
  draft.text["uptime"] = formatDuration(status.now - status.startedAt);
  draft.text["now"] = new Date(status.now).toISOString().slice(0, 19)
    .replace("T", " ");
  draft.show["draining"] = status.draining;
  return label;
}

function addStreams(draft: Draft, { streams }: LiveView): void {
  const { total, shown } = streams;
  draft.text["streams.total"] = `${formatCount(total)} open`;
  draft.show["streams.none"] = total === 0;
  draft.show["streams.some"] = total > 0;
  const hidden = total - shown.length;
  draft.show["streams.more"] = hidden > 0;
  draft.text["streams.more"] = `The ${shown.length} that are furthest behind are shown; ` +
    `${formatCount(hidden)} more are open.`;
}

/** From this share on, a quota is marked as nearly full. */
const NEARLY_FULL = 0.9;

/** Adds the card of one feed. */
function addFeed(
  draft: Draft,
  feed: LiveFeed,
  now: number,
): void {
  const { status, enabled } = feed;
  const name = `feed.${status.feed}`;
  const [label, tone] = enabled ? STATES[status.state] : ["Off", "off"] as const;
  draft.text[`${name}.kind`] = status.kind;
  draft.text[`${name}.state`] = label;
  draft.tone[name] = tone;
  draft.draw[`${name}.icon`] = ICONS[tone];
  draft.states[`${FEED_LABELS[status.feed]} feed`] = label.toLowerCase();
  draft.text[`${name}.rate`] = formatRate(feed.received.perSecond);
  draft.rate[name] = feed.received.perSecond ?? null;
  draft.text[`${name}.total`] = formatCount(feed.received.total);
  draft.text[`${name}.last`] = formatLast(feed.lastMessage, now);
  draft.text[`${name}.since`] = formatConnected(feed, now);
  addProcessing(draft, feed);
  addSubscriptions(draft, feed);
  addErrors(draft, feed);
}

function formatLast(last: LastMessage, now: number): string {
  if (last.type === "at") return formatAge(now - last.at);
  return last.type === "none" ? "none yet" : UNKNOWN;
}

function formatConnected({ status, enabled }: LiveFeed, now: number): string {
  if (!enabled) return "disabled by the settings";
  const { lastConnectedAt: at, state } = status;
  if (at === undefined) return "never yet";
  return state === "connected" ? `for ${formatDuration(now - at)}` : formatAge(now - at);
}

function addProcessing(draft: Draft, feed: LiveFeed): void {
  const { processing, status } = feed;
  const name = `feed.${status.feed}`;
  draft.text[`${name}.p50`] = formatBound(processing.p50);
  draft.text[`${name}.p99`] = formatBound(processing.p99);
  draft.text[`${name}.window`] = processing.recent === false ? "since start" : "";
  draft.draw[`${name}.bars`] = bars(processing.counts);
}

function addSubscriptions(draft: Draft, feed: LiveFeed): void {
  const { quota, status } = feed;
  const name = `feed.${status.feed}`;
  draft.text[`${name}.subscriptions`] = formatCount(status.subscriptionCount);
  const text = formatQuota(quota);
  draft.text[`${name}.budget`] = text;
  draft.show[`${name}.budget`] = text !== "";
  const share = quota?.limit ? quota.used / quota.limit : undefined;
  draft.draw[`${name}.gauge`] = gauge(share ?? 0);
  draft.tone[`${name}.gauge`] = gaugeTone(share);
}

function formatQuota(quota: QuotaReport | undefined): string {
  if (quota?.limit === undefined) return "";
  const { used, limit, learned } = quota;
  const known = learned ? ", learned" : "";
  return `${formatCount(used)} of ${formatCount(limit)}${known}`;
}

function gaugeTone(share: number | undefined): Tone {
  if (share === undefined) return "plain";
  return share > 1 ? "bad" : share >= NEARLY_FULL ? "warn" : "plain";
}

function addErrors(draft: Draft, feed: LiveFeed): void {
  const { status, errors } = feed;
  const name = `feed.${status.feed}`;
  const total = errors.reduce((sum, [, count]) => sum + count, 0);
  const kinds = errors.slice(0, 3).map(([type, count]) =>
    `${type.replaceAll("_", " ")} ${formatCount(count)}`
  ).join(", ");
  draft.text[`${name}.errors`] = total === 0 ? "none" : `${formatCount(total)} (${kinds})`;
  draft.tone[`${name}.errors`] = total === 0 ? "plain" : "warn";
  const attempts = status.reconnectAttempts > 0 ? `attempt ${status.reconnectAttempts}` : "";
  draft.text[`${name}.attempts`] = attempts;
  draft.show[`${name}.attempts`] = attempts !== "";
  draft.text[`${name}.problem`] = status.errorMessage ?? "";
  draft.show[`${name}.problem`] = status.errorMessage !== undefined;
}

/** Adds the rates of every channel. */
function addTraffic(
  draft: Draft,
  channels: readonly LiveChannel[],
): void {
  for (const { channel, received, sent, dropped } of channels) {
    addFlow(draft, `in.${channel}`, received);
    addFlow(draft, `out.${channel}`, sent);
    draft.text[`lost.${channel}`] = formatCount(dropped.total);
    draft.tone[`lost.${channel}`] = dropped.total > 0 ? "warn" : "plain";
  }
}

/** Adds the rates of messages that no channel delivers; hides unseen types. */
function addOthers(
  draft: Draft,
  others: readonly LiveOther[],
): void {
  for (const { type, received } of others) {
    addFlow(draft, `other.${type}`, received);
    draft.show[`other.${type}`] = received.total > 0;
  }
}

function addFlow(draft: Draft, name: string, flow: Flow): void {
  draft.text[name] = formatRate(flow.perSecond);
  draft.text[`${name}.total`] = formatCount(flow.total);
  draft.rate[name] = flow.perSecond ?? null;
}
