/**
 * From what is known of the proxy to what the page says.
 *
 * @module
 */
import type { LiveView } from "../../../application/status/live_view.ts";
import { type HealthWord, judge } from "../health_body.ts";
import { presentFeed } from "./present_feeds.ts";
import {
  errorLines,
  expansionLines,
  streamLines,
  subscriptionLines,
} from "./present_tables.ts";
import { presentOthers, presentTraffic } from "./present_traffic.ts";
import { type Draft, emptyDraft, type Screen, type Tone } from "./screen.ts";
import { ICONS } from "./shapes.ts";
import { countWords, durationWords } from "./words.ts";

const OVERALL: Readonly<Record<HealthWord, readonly [string, Tone]>> = {
  healthy: ["Healthy", "good"],
  degraded: ["Degraded", "warn"],
  unhealthy: ["Unhealthy", "bad"],
};

/** Makes the screen of one moment. */
export function present(view: LiveView): Screen {
  const draft = emptyDraft();
  const { status, streams, subscriptions, errors } = view;
  const overall = presentOverall(draft, view);
  for (const feed of view.feeds) presentFeed(draft, feed, status.now);
  presentTraffic(draft, view.channels);
  presentOthers(draft, view.others);
  presentStreams(draft, view);
  const channels = subscriptionLines(view);
  draft.show["subscriptions.none"] = channels.length === 0;
  draft.show["subscriptions.some"] = channels.length > 0;
  const expansions = expansionLines(subscriptions ?? []);
  draft.show["expansions"] = expansions.length > 0;
  draft.show["errors"] = errors !== undefined;
  draft.show["errors.none"] = errors?.length === 0;
  draft.show["errors.some"] = errors !== undefined && errors.length > 0;
  return {
    ...draft,
    title: `${overall} · ${status.environment} · Alpaca Stream Proxy`,
    lines: {
      streams: streamLines(streams.shown ?? [], status.now),
      subscriptions: channels,
      expansions,
      errors: errorLines(errors ?? [], status.now),
    },
  };
}

function presentOverall(draft: Draft, view: LiveView): string {
  const { status } = view;
  const enabled = status.feeds.filter(({ feed }) => view.enabled.has(feed));
  const up = enabled.filter(({ state }) => state === "connected").length;
  const [word, tone] = status.draining
    ? ["Draining", "warn"] as const
    : OVERALL[judge(status, view.enabled)];
  draft.text["overall"] = word;
  draft.tone["overall"] = tone;
  draft.draw["overall.icon"] = ICONS[tone];
  draft.states["Proxy"] = word.toLowerCase();
  draft.text["feeds.up"] = `${up} of ${enabled.length} connected`;
  const live = status.environment === "LIVE";
  draft.text["environment"] = status.environment;
  draft.tone["environment"] = live ? "bad" : "plain";
  draft.text["environment.note"] = live ? "live money" : "paper money";
  draft.text["version"] = status.version;
  draft.text["uptime"] = durationWords(status.now - status.startedAt);
  draft.text["now"] = new Date(status.now).toISOString().slice(0, 19)
    .replace("T", " ");
  draft.show["draining"] = status.draining;
  return word;
}

function presentStreams(draft: Draft, { streams }: LiveView): void {
  const { total, shown } = streams;
  draft.text["streams.total"] = `${countWords(total)} open`;
  draft.show["streams.none"] = total === 0;
  draft.show["streams.some"] = (shown?.length ?? 0) > 0;
  draft.show["streams.untold"] = total > 0 && shown === undefined;
  const hidden = shown === undefined ? 0 : total - shown.length;
  draft.show["streams.more"] = hidden > 0;
  draft.text["streams.more"] =
    `The ${shown?.length} that are furthest behind are shown; ` +
    `${countWords(hidden)} more are open.`;
}
