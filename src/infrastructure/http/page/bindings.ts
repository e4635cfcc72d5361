/**
 * Elements that are bound to a name of the page: filled here when the server
 * renders, and by the script afterwards.
 *
 * @module
 */
import { html, type Markup } from "./html.ts";
import type { Page, Row, TableName } from "./page.ts";
import { BARS_BOX } from "./svg_paths.ts";

/** A column of a table. */
export interface Column {
  /** Heading. */
  readonly title: string;
  /** CSS class: `number`, `note`, … */
  readonly style?: string;
  /** Whether it shares a column with the cell before it. @default false */
  readonly joined?: boolean;
}

/** A table with a varying number of rows; the first column is their header. */
export interface Table {
  readonly name: TableName;
  readonly caption: string;
  readonly columns: readonly Column[];
}

/** Renders the elements bound to one page. */
export class Bindings {
  readonly #page: Page;

  constructor(page: Page) {
    this.#page = page;
  }

  /** A text. */
  text(name: string): Markup {
    return html`<span data-text="${name}">${this.#page.text[name] ?? ""}</span>`;
  }

  /** Attributes of an element that carries a tone. */
  tone(name: string): Markup {
    const tone = this.#page.tone[name] ?? "plain";
    return html`data-tone="${name}" data-tone-is="${tone}"`;
  }

  /** Attributes of an element that is visible or not. */
  show(name: string): Markup {
    const hidden = this.#page.show[name] === true ? "" : " hidden";
    return html`data-show="${name}"${hidden}`;
  }

  /** A path. */
  draw(name: string): Markup {
    return html`
      <path data-draw="${name}" d="${this.#page.draw[name] ?? ""}" />
    `;
  }

  /** An icon; the text beside it has the same meaning. */
  icon(name: string): Markup {
    return html`<svg class="icon" viewBox="0 0 16 16" aria-hidden="true">${this.draw(name)}</svg>`;
  }

  /** A chart of the last minutes, drawn by the script. */
  chart(name: string, label: string): Markup {
    return html`
      <svg class="chart" data-chart="${name}" data-label="${label}"
        viewBox="0 0 300 30" preserveAspectRatio="none" role="img"
        aria-label="${label}: no history yet">
        <path class="area" />
        <path class="line" />
      </svg>
    `;
  }

  /** Bars side by side; the text beside them has the same meaning. */
  bars(name: string): Markup {
    const box = `0 0 ${BARS_BOX.width} ${BARS_BOX.height}`;
    return html`
      <svg class="bars" viewBox="${box}" preserveAspectRatio="none"
        aria-hidden="true">${this.draw(name)}</svg>
    `;
  }

  /** A gauge; the text beside it has the same meaning. */
  gauge(name: string): Markup {
    const tone = this.tone(name);
    return html`
      <svg class="gauge" viewBox="0 0 100 4" preserveAspectRatio="none"
        aria-hidden="true" ${tone}>${this.draw(name)}</svg>
    `;
  }

  /** A table with its rows, and the template for rows that the script adds. */
  table(table: Table): Markup {
    const { name, caption, columns } = table;
    const heads = columns.filter(({ joined }) => !joined);
    const rows = this.#page.rows[name].map((each) => tableRow(columns, each));
    return html`
      <table class="lines ${name}">
        <caption class="unseen">${caption}</caption>
        <thead>
          <tr>${heads.map(({ title, style }) =>
            html`<th scope="col" class="${style ?? ""}">${title}</th>`
          )}</tr>
        </thead>
        <tbody data-rows="${name}">${rows}</tbody>
      </table>
      <template data-row="${name}">${tableRow(columns, {
        cells: [],
        tone: "plain",
      })}</template>
    `;
  }
}

function tableRow(columns: readonly Column[], row: Row): Markup {
  const groups: { style: string; spans: Markup[] }[] = [];
  columns.forEach(({ style = "", joined = false }, index) => {
    const text = row.cells[index] ?? "";
    const span = html`<span class="cell-${style || "text"}" data-cell="${index}">${text}</span>`;
    const group = groups.at(-1);
    if (joined && group) group.spans.push(span);
    else groups.push({ style, spans: [span] });
  });
  const cells = groups.map(({ style, spans }, index) => {
    const content = spans.length > 1 ? [html`<div class="joined">${spans}</div>`] : spans;
    return index === 0
      ? html`<th scope="row" class="${style}">${content}</th>`
      : html`<td class="${style}">${content}</td>`;
  });
  return html`<tr data-tone-is="${row.tone}">${cells}</tr>`;
}
