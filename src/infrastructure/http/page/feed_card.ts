import type { LiveFeed } from "../../../application/status/live_view.ts";
import type { QuotaReport } from "../../../application/status/reports.ts";
import type { Elements, Tone } from "./elements.ts";
import {
  FEED_LABELS,
  formatAge,
  formatBound,
  formatCount,
  formatDuration,
  formatRate,
  STATES,
} from "./format.ts";
import { html, type Markup } from "./html.ts";

/** From this share on, a quota is marked as nearly full. */
const NEARLY_FULL = 0.9;

/** Kinds of errors that a card lists. */
const LISTED_ERRORS = 3;

/**
 * Renders the card of one feed.
 *
 * @param now wall clock ms
 */
export function feedCard(page: Elements, feed: LiveFeed, now: number): Markup {
  const { status, received: { rates } } = feed;
  const name = `feed.${status.feed}`;
  const title = FEED_LABELS[status.feed];
  const [label, tone] = feed.enabled ? STATES[status.state] : ["Off", "off"] as const;
  page.content.states[`${title} feed`] = label.toLowerCase();
  const { reconnectAttempts: attempts, errorMessage } = status;
  return html`
    <article class="panel feed" ${page.tone(name, tone)} aria-labelledby="${name}">
      <header>
        <h3 id="${name}">${title} <code>${page.text(`${name}.kind`, status.kind)}</code></h3>
        <p class="state">
          ${page.icon(`${name}.icon`, tone)} ${page.text(`${name}.state`, label)}
          <span class="attempts" ${page.show(`${name}.attempts`, attempts > 0)}>
            ${page.text(`${name}.attempts`, `attempt ${attempts}`)}
          </span>
        </p>
      </header>
      <div class="flow">
        <p class="big">${page.text(`${name}.rate`, formatRate(rates.at(-1)))}<small>
          msg/s</small></p>
        ${page.chart(name, `${title}, messages per second`, rates)}
      </div>
      <dl>${facts(page, feed, now)}</dl>
      <p class="problem" ${page.show(`${name}.problem`, errorMessage !== undefined)}>
        <strong>Last error</strong> ${page.text(`${name}.problem`, errorMessage ?? "")}
      </p>
    </article>
  `;
}

function facts(page: Elements, feed: LiveFeed, now: number): Markup {
  const { status, received, processing } = feed;
  const name = `feed.${status.feed}`;
  const quota = formatQuota(feed.quota);
  const errors = page.tone(`${name}.errors`, feed.errors.length === 0 ? "plain" : "warn");
  return html`
    <div>
      <dt>Last message</dt>
      <dd>${page.text(`${name}.last`, formatLast(feed, now))}</dd>
    </div>
    <div>
      <dt>Connected</dt>
      <dd>${page.text(`${name}.since`, formatConnected(feed, now))}</dd>
    </div>
    <div>
      <dt>Received</dt>
      <dd>${page.text(`${name}.total`, formatCount(received.total))}</dd>
    </div>
    <div>
      <dt>Subscribed</dt>
      <dd>${page.text(`${name}.subscriptions`, formatCount(status.subscriptionCount))}</dd>
    </div>
    <div class="wide" ${page.show(`${name}.budget`, quota !== "")}>
      <dt>Quota</dt>
      <dd>${page.text(`${name}.budget`, quota)} ${quotaGauge(page, feed)}</dd>
    </div>
    <div class="wide">
      <dt>Errors</dt>
      <dd class="toned" ${errors}>${page.text(`${name}.errors`, formatErrors(feed))}</dd>
    </div>
    <div class="wide">
      <dt>Processing</dt>
      <dd>
        <span>p50 ${page.text(`${name}.p50`, formatBound(processing.p50))}, p99
          ${page.text(`${name}.p99`, formatBound(processing.p99))}</span>
        <small>${page.text(`${name}.window`, processing.recent ? "" : "since start")}</small>
        ${page.bars(`${name}.bars`, processing.counts)}
      </dd>
    </div>
  `;
}

function formatLast({ lastMessageAt: at }: LiveFeed, now: number): string {
  return at === undefined ? "none yet" : formatAge(now - at);
}

function formatConnected({ status, enabled }: LiveFeed, now: number): string {
  if (!enabled) return "disabled by the settings";
  const { lastConnectedAt: at, state } = status;
  if (at === undefined) return "never yet";
  return state === "connected" ? `for ${formatDuration(now - at)}` : formatAge(now - at);
}

function formatQuota(quota: QuotaReport | undefined): string {
  if (quota?.limit === undefined) return "";
  const { used, limit, learned } = quota;
  return `${formatCount(used)} of ${formatCount(limit)}${learned ? ", learned" : ""}`;
}

function quotaGauge(page: Elements, { quota, status }: LiveFeed): Markup {
  const share = quota?.limit ? quota.used / quota.limit : 0;
  const tone: Tone = share > 1 ? "bad" : share >= NEARLY_FULL ? "warn" : "plain";
  return page.gauge(`feed.${status.feed}.gauge`, share, tone);
}

function formatErrors({ errors }: LiveFeed): string {
  if (errors.length === 0) return "none";
  const total = errors.reduce((sum, [, count]) => sum + count, 0);
  const kinds = errors.slice(0, LISTED_ERRORS).map(([type, count]) =>
    `${type.replaceAll("_", " ")} ${formatCount(count)}`
  );
  return `${formatCount(total)} (${kinds.join(", ")})`;
}
