/**
 * The document: landmarks, headings and tables, filled from a screen.
 *
 * @module
 */
import { FEEDS } from "../../../domain/connection/feed.ts";
import { Bindings } from "./bindings.ts";
import { feedCard } from "./feed_card.ts";
import { html, type Markup } from "./markup.ts";
import type { Screen } from "./screen.ts";
import { SCRIPT } from "./script.ts";
import { STYLE } from "./style.ts";
import { ERRORS, EXPANSIONS, STREAMS, SUBSCRIPTIONS } from "./tables.ts";
import { trafficTable } from "./traffic_table.ts";

/** The whole document. */
export function renderDocument(screen: Screen): string {
  const bind = new Bindings(screen);
  const body = html`
    <a class="skip" href="#main">Skip to the feeds</a>
    ${header(bind)}
    <main id="main" tabindex="-1">
      ${notices(bind)} ${feeds(bind)}
      <div class="columns">
        <div class="column">${traffic(bind)} ${subscriptions(bind)}</div>
        <div class="column">${streams(bind)} ${errors(bind)}</div>
      </div>
    </main>
    ${footer()}
  `;
  // Not a template: a formatter must not touch what the policy's hashes cover.
  return [
    "<!doctype html>",
    '<html lang="en">',
    `<head>${head(screen.title).text}<style>${STYLE}</style></head>`,
    `<body>${body.text}<script>${SCRIPT}</script></body>`,
    "</html>\n",
  ].join("\n");
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

function header(bind: Bindings): Markup {
  const note = html`<span class="unseen">: ${
    bind.text("environment.note")
  }</span>`;
  return html`
    <header class="top">
      <h1>Alpaca Stream Proxy</h1>
      <p class="badge" ${bind.tone("environment")}>${bind.text(
        "environment",
      )}${note}</p>
      <p class="overall" ${bind.tone("overall")}>
        ${bind.icon("overall.icon")} ${bind.text("overall")}
      </p>
      <dl class="facts">
        <div>
          <dt>Version</dt>
          <dd>${bind.text("version")}</dd>
        </div>
        <div>
          <dt>Uptime</dt>
          <dd>${bind.text("uptime")}</dd>
        </div>
        <div class="clock">
          <dt>UTC</dt>
          <dd>${bind.text("now")}</dd>
        </div>
      </dl>
      <p class="link" data-link="off">
        <span class="dot" aria-hidden="true"></span>
        <span data-link-text>Not live</span>
      </p>
      <button type="button" class="pause" data-pause hidden>Pause</button>
      <p class="unseen" role="status" aria-live="polite" data-news></p>
    </header>
  `;
}

function notices(bind: Bindings): Markup {
  return html`
    <noscript>
      <p class="notice">
        Without scripts this page shows the moment at which it was loaded.
        <a href="">Load it again</a> for the present one.
      </p>
    </noscript>
    <p class="notice draining" ${bind.show("draining")}>
      <strong>Shutting down.</strong> No new streams are accepted; open ones are
      being ended.
    </p>
  `;
}

function feeds(bind: Bindings): Markup {
  const note = html`${bind.text("feeds.up")} · processing: last minute`;
  return html`
    <section aria-labelledby="feeds">
      ${heading("feeds", "Feeds", note)}
      <div class="feeds">${FEEDS.map((feed) => feedCard(bind, feed))}</div>
    </section>
  `;
}

function traffic(bind: Bindings): Markup {
  const note = html`<span>charts: the last minutes, 5 at most</span>`;
  return html`
    <section class="panel" aria-labelledby="traffic" ${bind.show("traffic")}>
      ${heading("traffic", "Traffic", note)}
      ${scroller("Rates by type", trafficTable(bind))}
    </section>
  `;
}

function subscriptions(bind: Bindings): Markup {
  const note = html`<span>symbols upstream</span>`;
  return html`
    <section class="panel" aria-labelledby="subscriptions">
      ${heading("subscriptions", "Subscriptions", note)}
      <p class="empty" ${bind.show(
        "subscriptions.none",
      )}>No stream wants a symbol.</p>
      <div ${bind.show("subscriptions.some")}>
        ${scroller("Symbols by channel", bind.table(SUBSCRIPTIONS))}
      </div>
      <div ${bind.show("expansions")}>
        ${scroller("Contracts by underlying", bind.table(EXPANSIONS))}
      </div>
    </section>
  `;
}

function streams(bind: Bindings): Markup {
  return html`
    <section class="panel" aria-labelledby="streams">
      ${heading("streams", "Client streams", bind.text("streams.total"))}
      <p class="empty" ${bind.show("streams.none")}>No client is connected.</p>
      <p class="empty" ${bind.show(
        "streams.untold",
      )}>Only their number is known.</p>
      <div ${bind.show("streams.some")}>
        ${scroller("Open streams", bind.table(STREAMS))}
      </div>
      <p class="empty" ${bind.show("streams.more")}>${bind.text(
        "streams.more",
      )}</p>
    </section>
  `;
}

function errors(bind: Bindings): Markup {
  const note = html`<span>warnings too</span>`;
  return html`
    <section class="panel" aria-labelledby="errors" ${bind.show("errors")}>
      ${heading("errors", "Recent errors", note)}
      <p class="empty" ${bind.show("errors.none")}>None since the start.</p>
      <div ${bind.show("errors.some")}>
        ${scroller("Latest first", bind.table(ERRORS))}
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

/** A region that scrolls by itself, by keyboard too. */
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
