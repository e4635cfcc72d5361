/**
 * Elements that are bound to a name of the screen: filled here when the server
 * renders, and by the script afterwards.
 *
 * @module
 */
import { html, type Markup } from "./markup.ts";
import { BARS_BOX } from "./shapes.ts";
import type { Line, Screen, TableName } from "./screen.ts";

/** How a cell of a table looks. */
export interface Column {
  /** Heading. */
  readonly title: string;
  /** A word for the style sheet: `number`, `note`, … */
  readonly look?: string;
  /** Cells before this one that it shares a column with. @default false */
  readonly joined?: boolean;
}

/** A table whose lines come and go; the first column heads each line. */
export interface LineTable {
  readonly name: TableName;
  readonly caption: string;
  readonly columns: readonly Column[];
}

/** Binds elements to one screen. */
export class Bindings {
  readonly #screen: Screen;

  constructor(screen: Screen) {
    this.#screen = screen;
  }

  /** A text. */
  text(name: string): Markup {
    return html`<span data-text="${name}">${
      this.#screen.text[name] ?? ""
    }</span>`;
  }

  /** Attributes of an element that carries a tone. */
  tone(name: string): Markup {
    const tone = this.#screen.tone[name] ?? "plain";
    return html`data-tone="${name}" data-tone-is="${tone}"`;
  }

  /** Attributes of an element that is there or not. */
  show(name: string): Markup {
    const hidden = this.#screen.show[name] === true ? "" : " hidden";
    return html`data-show="${name}"${hidden}`;
  }

  /** A path. */
  draw(name: string): Markup {
    return html`
      <path data-draw="${name}" d="${this.#screen.draw[name] ?? ""}" />
    `;
  }

  /** An icon, which says nothing that no word beside it says. */
  icon(name: string): Markup {
    return html`<svg class="icon" viewBox="0 0 16 16" aria-hidden="true">${
      this.draw(name)
    }</svg>`;
  }

  /** A chart of the last minutes; the script keeps what it shows. */
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

  /** Bars side by side; the words beside them say the same. */
  bars(name: string): Markup {
    const box = `0 0 ${BARS_BOX.width} ${BARS_BOX.height}`;
    return html`
      <svg class="bars" viewBox="${box}" preserveAspectRatio="none"
        aria-hidden="true">${this.draw(name)}</svg>
    `;
  }

  /** A gauge; the words beside it say the same. */
  gauge(name: string): Markup {
    const tone = this.tone(name);
    return html`
      <svg class="gauge" viewBox="0 0 100 4" preserveAspectRatio="none"
        aria-hidden="true" ${tone}>${this.draw(name)}</svg>
    `;
  }

  /** A table with its lines, and the pattern by which the script makes more. */
  table(table: LineTable): Markup {
    const { name, caption, columns } = table;
    const heads = columns.filter(({ joined }) => !joined);
    const lines = this.#screen.lines[name].map((line) => row(columns, line));
    return html`
      <table class="lines ${name}">
        <caption class="unseen">${caption}</caption>
        <thead>
          <tr>${heads.map(({ title, look }) =>
            html`<th scope="col" class="${look ?? ""}">${title}</th>`
          )}</tr>
        </thead>
        <tbody data-lines="${name}">${lines}</tbody>
      </table>
      <template data-line="${name}">${row(columns, {
        cells: [],
        tone: "plain",
      })}</template>
    `;
  }
}

function row(columns: readonly Column[], line: Line): Markup {
  const groups: { look: string; spans: Markup[] }[] = [];
  columns.forEach(({ look = "", joined = false }, index) => {
    const text = line.cells[index] ?? "";
    const span = html`<span class="cell-${
      look || "text"
    }" data-cell="${index}">${text}</span>`;
    const group = groups.at(-1);
    if (joined && group) group.spans.push(span);
    else groups.push({ look, spans: [span] });
  });
  const cells = groups.map(({ look, spans }, index) => {
    const content = spans.length > 1
      ? [html`<div class="joined">${spans}</div>`]
      : spans;
    return index === 0
      ? html`<th scope="row" class="${look}">${content}</th>`
      : html`<td class="${look}">${content}</td>`;
  });
  return html`<tr data-tone-is="${line.tone}">${cells}</tr>`;
}
