import type { FeedId } from "../../../domain/connection/feed.ts";
import type { Bindings } from "./bindings.ts";
import { html, type Markup } from "./markup.ts";
import { FEED_NAMES } from "./names.ts";
import { BARS_BOX } from "./shapes.ts";

/** The card of one feed. */
export function feedCard(bind: Bindings, feed: FeedId): Markup {
  const name = `feed.${feed}`;
  const title = FEED_NAMES[feed];
  return html`
    <article class="panel feed" ${bind.tone(name)} aria-labelledby="${name}">
      <header>
        <h3 id="${name}">${title} <code>${bind.text(`${name}.kind`)}</code></h3>
        <p class="state">${bind.icon(`${name}.icon`)} ${bind.text(
          `${name}.state`,
        )}
    <span class="attempts" ${bind.show(`${name}.attempts`)}>${bind.text(
      `${name}.attempts`,
    )}</span></p>
      </header>
      <div
        class="flow"><p class="big">${bind.text(
          `${name}.rate`,
        )}<small> msg/s</small></p>${bind.chart(
          name,
          `${title}, messages per second`,
        )}</div>
      <dl>
        <div>
          <dt>Last message</dt>
          <dd>${bind.text(`${name}.last`)}</dd>
        </div>
        <div>
          <dt>Connected</dt>
          <dd>${bind.text(`${name}.since`)}</dd>
        </div>
        <div>
          <dt>Received</dt>
          <dd>${bind.text(`${name}.total`)}</dd>
        </div>
        <div ${bind.show(`${name}.errors`)}>
          <dt>Errors</dt>
          <dd class="toned" ${bind.tone(`${name}.errors`)}>${bind.text(
            `${name}.errors`,
          )}</dd>
        </div>
        <div class="wide">
          <dt>Subscribed</dt>
          <dd>${bind.text(
            `${name}.subscriptions`,
          )}<svg class="gauge" viewBox="0 0 100 4" preserveAspectRatio="none" aria-hidden="true" ${bind
            .tone(`${name}.gauge`)} ${bind.show(`${name}.gauge`)}>${bind.draw(
              `${name}.gauge`,
            )}</svg></dd>
        </div>
        <div class="wide" ${bind.show(`${name}.processing`)}>
          <dt>Processing <small>${bind.text(`${name}.window`)}</small></dt>
          <dd>p50 ${bind.text(`${name}.p50`)} · p99 ${bind.text(
            `${name}.p99`,
          )} · mean ${bind.text(
            `${name}.mean`,
          )}<svg class="bars" viewBox="0 0 ${BARS_BOX.width} ${BARS_BOX
            .height}" aria-hidden="true">${bind.draw(`${name}.bars`)}</svg></dd>
        </div>
      </dl>
      <p class="problem" ${bind.show(
        `${name}.problem`,
      )}><strong>Last error</strong> ${bind.text(`${name}.problem`)}</p>
    </article>
  `;
}
