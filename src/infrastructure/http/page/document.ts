/**
 * Renders the status page from a view of the proxy: landmarks, headings and tables, and the values
 * that the script updates.
 *
 * @module
 */
import type { FlowName } from "../../../application/status/activity.ts";
import { MESSAGE_TYPES } from "../../../application/status/counters.ts";
import type { LiveView } from "../../../application/status/live_view.ts";
import { type ChannelName, CHANNELS } from "../../../domain/market/channels.ts";
import { type HealthStatus, healthStatus } from "../health_body.ts";
import { actionButton, type Content, Elements, type Tone } from "./elements.ts";
import { feedCard } from "./feed_card.ts";
import {
  CHANNEL_LABELS,
  formatCount,
  formatDuration,
  formatRate,
  formatRole,
  formatTime,
  OTHER_LABELS,
} from "./format.ts";
import { html, type Markup } from "./html.ts";
import { SCRIPT } from "./script.ts";
import { STYLE } from "./style.ts";
import {
  edgesTable,
  errorsTable,
  expansionsTable,
  followedTable,
  streamsTable,
  subscriptionsTable,
} from "./tables.ts";

/** One rendering of the status page. */
export interface RenderedPage {
  /** The whole document. */
  readonly html: string;
  /** The values in it, for pages that are open already. */
  readonly content: Content;
}

/** Who views the page. */
interface Viewer {
  /** Whether the page has actions. It does not change the values in `content`. */
  readonly isOperator: boolean;
}

/** Renders the page from a view of the proxy. */
export function renderPage(
  view: LiveView,
  { isOperator }: Viewer = { isOperator: false },
): RenderedPage {
  const page = new Elements(isOperator);
  const body = html`
    <a class="skip" href="#main">Skip to the feeds</a>
    ${header(page, view)}
    <main id="main" tabindex="-1">
      ${notices(page, view)} ${feeds(page, view)}
      <div class="columns">
        <div class="column">${traffic(page, view)} ${subscriptions(page, view)}</div>
        <div class="column">
          ${edges(page, view.status)} ${followedHub(page, view.status)} ${streams(
            page,
            view,
          )} ${errors(page, view)}
        </div>
      </div>
    </main>
    ${footer()} ${page.isOperator ? confirmation() : html``}
  `;
  // Not a template: a formatter must not change what the policy's hashes cover.
  const document = [
    "<!doctype html>",
    '<html lang="en">',
    `<head>${head(page.content.title).text}<style>${STYLE}</style></head>`,
    `<body>${body.text}<script>${SCRIPT}</script></body>`,
    "</html>\n",
  ].join("\n");
  return { html: document, content: page.content };
}

function head(title: string): Markup {
  return html`
    <meta charset="utf-8">
    <title>${title}</title>
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <meta name="color-scheme" content="light dark">
    <meta name="robots" content="noindex">
    <link rel="icon" href="icon.svg" type="image/svg+xml">
  `;
}

const OVERALL: Readonly<Record<HealthStatus, readonly [string, Tone]>> = {
  healthy: ["Healthy", "good"],
  degraded: ["Degraded", "warn"],
  unhealthy: ["Unhealthy", "bad"],
  standby: ["Standby", "good"],
};

function header(page: Elements, { status, feeds }: LiveView): Markup {
  const enabled = new Set(feeds.filter((each) => each.enabled).map((each) => each.status.feed));
  const { environment } = status;
  const isLive = environment === "LIVE";
  const [label, tone] = status.draining
    ? ["Draining", "warn"] as const
    : OVERALL[healthStatus(status, enabled)];
  page.content.title = `${label} · ${environment} · Alpaca Stream Proxy`;
  page.content.states["Proxy"] = label.toLowerCase();
  const note = page.text("environment.note", isLive ? "live money" : "paper money");
  const uptime = `${formatDuration(status.now - status.startedAt)} (since ${
    formatTime(status.startedAt, status.now)
  })`;
  const now = new Date(status.now).toISOString().slice(0, 19).replace("T", " ");
  return html`
    <header class="top">
      <h1>Alpaca Stream Proxy</h1>
      <p class="badge" ${page.tone("environment", isLive ? "bad" : "plain")}>
        ${page.text("environment", environment)}<span class="unseen">: ${note}</span>
      </p>
      <p class="overall" ${page.tone("overall", tone)}>
        ${page.icon("overall.icon", tone)} ${page.text("overall", label)}
      </p>
      <dl class="facts">
        <div>
          <dt>Version</dt>
          <dd>${page.text("version", status.version)}</dd>
        </div>
        <div>
          <dt>Uptime</dt>
          <dd>${page.text("uptime", uptime)}</dd>
        </div>
        ${roleFact(page, status)}
        <div class="clock">
          <dt>UTC</dt>
          <dd>${page.text("now", now)}</dd>
        </div>
      </dl>
      <p class="link" data-link="off">
        <span class="dot" aria-hidden="true"></span>
        <span data-link-text>Not live</span>
      </p>
      <button type="button" class="button pause" data-pause hidden>Pause</button>
      ${drainButtons(page, status.draining)}
      <p class="unseen" role="status" aria-live="polite" data-news></p>
    </header>
  `;
}

/** The part of the process in a cluster. */
function roleFact(page: Elements, { cluster, now }: LiveView["status"]): Markup {
  if (!cluster) return html``;
  return html`
    <div>
      <dt>Role</dt>
      <dd>${page.text("role", formatRole(cluster, now))}</dd>
    </div>
  `;
}

/** Begins draining, or ends it. */
function drainButtons(page: Elements, isDraining: boolean): Markup {
  if (!page.isOperator) return html``;
  const begin = page.show("drain.begin", !isDraining);
  const undo = page.show("drain.undo", isDraining);
  return html`
    <span ${begin}>${actionButton({
      action: "drain",
      label: "Drain",
      question: "Report not ready and refuse new streams? Open streams continue.",
      hasReason: true,
    })}</span>
    <span ${undo}>${actionButton({
      action: "undrain",
      label: "Accept streams",
      question: "Report ready again and accept new streams?",
    })}</span>
  `;
}

/** Asks before an action and shows its result. */
function confirmation(): Markup {
  return html`
    <dialog class="confirm" data-confirm aria-labelledby="confirm-question">
      <p id="confirm-question" data-confirm-question></p>
      <p class="subject" data-confirm-subject></p>
      <label data-confirm-reason-label>Reason, for clients and the log
        <input type="text" maxlength="200" autocomplete="off" data-confirm-reason></label>
      <p class="result" role="status" aria-live="polite" data-confirm-result></p>
      <p class="buttons">
        <button type="button" class="button" data-confirm-no>Cancel</button>
        <button type="button" class="button danger" data-confirm-yes>Confirm</button>
      </p>
    </dialog>
  `;
}

function notices(page: Elements, { status }: LiveView): Markup {
  return html`
    <noscript>
      <p class="notice">
        Without scripts this page does not update.
        <a href="">Load it again</a> for the present state.
      </p>
    </noscript>
    <p class="notice draining" ${page.show("draining", status.draining)}>
      <strong>Draining.</strong> No new streams are accepted.
    </p>
  `;
}

function feeds(page: Elements, view: LiveView): Markup {
  const enabled = view.feeds.filter((feed) => feed.enabled);
  const up = enabled.filter(({ status }) => status.state === "connected").length;
  const connected = page.text("feeds.up", `${up} of ${enabled.length} connected`);
  return html`
    <section aria-labelledby="feeds">
      ${heading("feeds", "Feeds", html`${connected} · processing: last minute · times in UTC`)}
      <div class="feeds">${view.feeds.map((feed) => feedCard(page, feed, view.status.now))}</div>
    </section>
  `;
}

function traffic(page: Elements, view: LiveView): Markup {
  const note = html`<span>charts: the last minutes, 5 at most</span>`;
  return html`
    <section class="panel" aria-labelledby="traffic">
      ${heading("traffic", "Traffic", note)}
      ${scroller("Rates by type", trafficTable(page, view))}
    </section>
  `;
}

/** The table of received and sent messages, by type. */
function trafficTable(page: Elements, view: LiveView): Markup {
  return html`
    <table class="traffic">
      <caption class="unseen">Messages per second and in total, by type</caption>
      <thead>
        <tr>
          <th scope="col">Type</th>
          <th scope="col" class="flowing">In, per second</th>
          <th scope="col" class="flowing">Out, per second</th>
          <th scope="col" class="number">Dropped</th>
        </tr>
      </thead>
      <tbody>${channelRows(page, view)} ${otherRows(page, view)}</tbody>
    </table>
  `;
}

/** Channels that most clients do not use; unseen ones are hidden. */
const OCCASIONAL: ReadonlySet<ChannelName> = new Set([
  "stockUpdatedBars",
  "stockDailyBars",
  "tradingStatuses",
  "priceBands",
  "tradeCorrections",
  "imbalances",
  "cryptoQuotes",
  "cryptoTrades",
  "cryptoBars",
  "cryptoUpdatedBars",
  "cryptoDailyBars",
  "orderbooks",
  "news",
]);

function channelRows(page: Elements, view: LiveView): Markup[] {
  return CHANNELS.map((channel) => {
    const label = CHANNEL_LABELS[channel];
    const name = `dropped.${channel}`;
    const { dropped } = view.channels[channel];
    const tone = page.tone(name, dropped > 0 ? "warn" : "plain");
    const isShown = !OCCASIONAL.has(channel) ||
      view.flow(`in.${channel}`).total + view.channels[channel].published > 0;
    return html`
      <tr ${page.show(`channel.${channel}`, isShown)}>
        <th scope="row">${label}</th>
        <td class="flowing in">${flow(page, view, `in.${channel}`, `${label} in`)}</td>
        <td class="flowing out">${flow(page, view, `out.${channel}`, `${label} out`)}</td>
        <td class="number toned" ${tone}>${page.text(name, formatCount(dropped))}</td>
      </tr>
    `;
  });
}

/** Rows of messages that no channel delivers; unseen types are hidden. */
function otherRows(page: Elements, view: LiveView): Markup[] {
  return MESSAGE_TYPES.map((type) => {
    const name = OTHER_LABELS[type];
    const other = `other.${type}` as const;
    return html`
      <tr class="other" ${page.show(other, view.flow(other).total > 0)}>
        <th scope="row">${name}</th>
        <td class="flowing in">${flow(page, view, other, `${name} in`)}</td>
        <td class="flowing out">not delivered</td>
        <td class="number">–</td>
      </tr>
    `;
  });
}

function flow(page: Elements, view: LiveView, name: FlowName, label: string): Markup {
  const { total, rates } = view.flow(name);
  const sum = page.text(`${name}.total`, formatCount(total));
  return html`
    <div class="cells">
      <span class="now">${page.text(name, formatRate(rates.at(-1)))}</span>
      ${page.chart(name, `${label} per second`, rates)}
      <span class="total">${sum}<span class="unseen"> in total</span></span>
    </div>
  `;
}

function subscriptions(page: Elements, view: LiveView): Markup {
  const reports = view.subscriptions;
  const some = reports.some(({ channels }) => channels.length > 0);
  const expanded = reports.some(({ expansions }) => expansions.length > 0);
  return html`
    <section class="panel" aria-labelledby="subscriptions">
      ${heading("subscriptions", "Subscriptions", html`<span>symbols upstream</span>`)}
      <p class="empty" ${page.show("subscriptions.none", !some)}>No stream requests a symbol.</p>
      <div ${page.show("subscriptions.some", some)}>
        ${scroller("Symbols by channel", subscriptionsTable(page, reports))}
      </div>
      <div ${page.show("expansions", expanded)}>
        ${scroller("Contracts by underlying", expansionsTable(page, reports, view.status.now))}
      </div>
    </section>
  `;
}

/** The edges of a hub; nothing on other pages. */
function edges(page: Elements, { cluster, now }: LiveView["status"]): Markup {
  const { distribution } = cluster ?? {};
  if (!distribution) return html``;
  const count = distribution.edges.length;
  return html`
    <section class="panel" aria-labelledby="edges">
      ${heading("edges", "Edges", page.text("edges.total", `${formatCount(count)} attached`))}
      <p class="empty" ${page.show("edges.none", count === 0)}>No edge is attached.</p>
      <div ${page.show("edges.some", count > 0)}>
        ${scroller("Attached edges", edgesTable(page, distribution.edges, now))}
      </div>
    </section>
  `;
}

/** The hub that an edge follows. */
function followedHub(page: Elements, { cluster, now }: LiveView["status"]): Markup {
  const { hub } = cluster ?? {};
  if (!hub) return html``;
  const missing = `${formatCount(hub.missing)} ${hub.missing === 1 ? "entry" : "entries"} missing`;
  return html`
    <section class="panel" aria-labelledby="hub">
      ${heading("hub", "Hub", page.text("hub.missing", missing))}
      <p class="empty" ${page.show("hub.problem", hub.problem !== undefined)}>
        ${page.text("hub.problem", hub.problem ?? "")}
      </p>
      ${scroller("Feeds of the hub", followedTable(page, hub.feeds, now))}
    </section>
  `;
}

function streams(page: Elements, { streams: { total, shown }, status }: LiveView): Markup {
  const hidden = total - shown.length;
  const more = page.text(
    "streams.more",
    `The ${shown.length} that are furthest behind are shown; ${formatCount(hidden)} more are open.`,
  );
  const open = page.text("streams.total", `${formatCount(total)} open`);
  return html`
    <section class="panel" aria-labelledby="streams">
      ${heading("streams", "Client streams", open)}
      <p class="empty" ${page.show("streams.none", total === 0)}>No client is connected.</p>
      <div ${page.show("streams.some", total > 0)}>
        ${scroller("Open streams", streamsTable(page, shown, status.now))}
      </div>
      <p class="empty" ${page.show("streams.more", hidden > 0)}>${more}</p>
    </section>
  `;
}

function errors(page: Elements, { errors, status }: LiveView): Markup {
  return html`
    <section class="panel" aria-labelledby="errors">
      ${heading("errors", "Recent errors", html`<span>warnings too</span>`)}
      <p class="empty" ${page.show("errors.none", errors.length === 0)}>None since the start.</p>
      <div ${page.show("errors.some", errors.length > 0)}>
        ${scroller("Latest first", errorsTable(page, errors, status.now))}
      </div>
    </section>
  `;
}

function heading(id: string, title: string, note: Markup): Markup {
  return html`
    <header class="head">
      <h2 id="${id}">${title}</h2>
      <p>${note}</p>
    </header>
  `;
}

/** A region that scrolls separately, also by keyboard. */
function scroller(label: string, content: Markup): Markup {
  return html`
    <div class="scroller" role="region" tabindex="0" aria-label="${label}">
      ${content}
    </div>
  `;
}

function footer(): Markup {
  return html`
    <footer>
      <nav aria-label="Other pages of this port">
        <a href="health">Health</a>
        <a href="healthz">Liveness</a>
        <a href="readyz">Readiness</a>
        <a href="metrics">Metrics</a>
      </nav>
    </footer>
  `;
}
