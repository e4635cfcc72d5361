/**
 * The style sheet of the page.
 *
 * Two palettes by preference, each with text at a contrast of 4.5:1 or better; system fonts;
 * nothing moves.
 *
 * @module
 */

/** CSS. */
export const STYLE = `
:root {
  --ground: #f4f5f7; --panel: #fff; --edge: #dcdfe4; --row: #eceef1;
  --ink: #1f242c; --soft: #565f6c;
  --good: #17713a; --warn: #8a5300; --bad: #b3202c; --off: #5d6673;
  --in: #1f60c4; --out: #6b3fb5; --focus: #1f60c4;
  --warn-ground: #fdf1dc; --bad-ground: #fdecec; --live-ground: #a01c28;
  color-scheme: light;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #111217; --panel: #181b1f; --edge: #2b2f36; --row: #22262b;
    --ink: #dcdde4; --soft: #9ba3b0;
    --good: #73bf69; --warn: #f0b23e; --bad: #ff7a85; --off: #98a0ad;
    --in: #6ea6ff; --out: #b998f2; --focus: #8ab8ff;
    --warn-ground: #33280f; --bad-ground: #381b1f; --live-ground: #b3202c;
    color-scheme: dark;
  }
}
* { box-sizing: border-box; }
[hidden] { display: none !important; }
html {
  font: 14px/1.45 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif;
  -webkit-text-size-adjust: 100%;
}
body {
  margin: 0; background: var(--ground); color: var(--ink);
  font-variant-numeric: tabular-nums;
}
h1, h2, h3, p, dl, dd { margin: 0; }
h1 { font-size: 1.14rem; font-weight: 600; letter-spacing: -.01em; }
h2, h3 { font-size: 1rem; font-weight: 600; }
small { font-size: .857rem; color: var(--soft); font-weight: 400; }
code {
  font: .857rem ui-monospace, SFMono-Regular, Menlo, Consolas, monospace;
  color: var(--soft); font-weight: 400; margin-left: .3em;
}
a { color: var(--in); text-underline-offset: 2px; }
:focus-visible { outline: 2px solid var(--focus); outline-offset: 2px; border-radius: 3px; }
main:focus { outline: none; }
.unseen {
  position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%);
  white-space: nowrap;
}
.skip {
  position: absolute; left: 8px; top: -60px; z-index: 2; padding: 8px 12px;
  background: var(--panel); border: 1px solid var(--edge); border-radius: 4px;
}
.skip:focus { top: 8px; }

.top {
  display: flex; flex-wrap: wrap; align-items: center; gap: 8px 14px; padding: 10px 20px;
  background: var(--panel); border-bottom: 1px solid var(--edge); position: relative;
}
.badge {
  font-size: .786rem; font-weight: 700; letter-spacing: .06em; padding: 1px 8px;
  border: 1px solid var(--in); color: var(--in); border-radius: 3px;
}
.badge[data-tone-is=bad] {
  background: var(--live-ground); border-color: var(--live-ground); color: #fff;
}
.overall, .state {
  display: inline-flex; align-items: center; gap: 6px; font-weight: 600;
  white-space: nowrap;
}
.icon {
  width: 15px; height: 15px; flex: none; fill: none; stroke: currentColor;
  stroke-width: 1.7; stroke-linecap: round; stroke-linejoin: round;
}
.facts { display: flex; flex-wrap: wrap; gap: 4px 18px; margin-left: auto; }
.facts div { display: flex; gap: 6px; }
dt { color: var(--soft); }
.link { display: inline-flex; align-items: center; gap: 6px; min-width: 4em; }
.dot { width: 9px; height: 9px; border: 2px solid var(--off); border-radius: 50%; }
[data-link=live] .dot { background: var(--good); border-color: var(--good); }
[data-link=live] { color: var(--good); }
[data-link=lost] { color: var(--warn); }
[data-link=lost] .dot { border-color: var(--warn); border-radius: 0; }
.button {
  font: inherit; color: var(--ink); background: transparent;
  border: 1px solid var(--edge); border-radius: 4px; padding: 2px 10px; min-height: 28px;
  cursor: pointer;
}
.button:hover { background: var(--row); }
.button:disabled { color: var(--soft); cursor: default; }
.pause { min-width: 5.6em; }
.actions { margin-top: auto; text-align: right; }
.streams .act { padding: 0 8px; min-height: 24px; }
.streams .action { text-align: right; width: 1%; }
.confirm {
  width: min(30rem, calc(100vw - 24px)); padding: 16px; color: var(--ink);
  background: var(--panel); border: 1px solid var(--edge); border-radius: 6px;
}
.confirm::backdrop { background: #0008; }
.confirm p, .confirm label { margin-bottom: 10px; overflow-wrap: anywhere; }
.confirm p:empty { display: none; }
.confirm label { display: block; color: var(--soft); }
.confirm input {
  display: block; width: 100%; margin-top: 3px; padding: 5px 8px; font: inherit;
  color: var(--ink); background: var(--ground); border: 1px solid var(--edge); border-radius: 4px;
}
.confirm .subject { color: var(--soft); }
.confirm .result { font-weight: 600; color: var(--good); }
.confirm .result[data-failed=true] { color: var(--bad); }
.confirm .buttons { display: flex; justify-content: flex-end; gap: 8px; margin: 0; }
.danger { color: #fff; background: var(--live-ground); border-color: var(--live-ground); }
.danger:hover { background: var(--live-ground); filter: brightness(1.1); }
.danger:disabled { color: #fff; opacity: .6; }
[data-tone-is=good] > .state, .overall[data-tone-is=good] { color: var(--good); }
.overall[data-tone-is=warn] { color: var(--warn); }
.overall[data-tone-is=bad] { color: var(--bad); }
.overall[data-tone-is=off] { color: var(--off); }

main { padding: 14px 20px 8px; max-width: 1680px; margin: 0 auto; display: grid; gap: 14px; }
.notice {
  padding: 9px 14px; border-radius: 4px; border: 1px solid var(--edge);
  background: var(--panel);
}
.draining { background: var(--warn-ground); border-color: var(--warn); }
.head { display: flex; align-items: baseline; gap: 10px; margin-bottom: 6px; }
.head p { color: var(--soft); font-size: .857rem; }
.panel {
  background: var(--panel); border: 1px solid var(--edge); border-radius: 4px;
  padding: 11px 14px; min-width: 0;
}
.feeds { display: grid; grid-template-columns: repeat(3, minmax(0, 1fr)); gap: 14px; }
.columns {
  display: grid; grid-template-columns: minmax(0, 1.08fr) minmax(0, 1fr); gap: 14px;
  align-items: start;
}
.column { display: grid; gap: 14px; min-width: 0; }

.feed { border-left: 3px solid var(--off); display: flex; flex-direction: column; gap: 8px; }
.feed > header {
  display: flex; justify-content: space-between; align-items: center; gap: 8px;
  flex-wrap: wrap;
}
.feed .state { color: var(--off); }
.attempts { font-weight: 400; color: var(--soft); }
.feed[data-tone-is=good] { border-left-color: var(--good); }
.feed[data-tone-is=good] .state { color: var(--good); }
.feed[data-tone-is=warn] { border-left-color: var(--warn); }
.feed[data-tone-is=warn] .state { color: var(--warn); }
.feed[data-tone-is=bad] { border-left-color: var(--bad); }
.feed[data-tone-is=bad] .state { color: var(--bad); }
.flow { display: flex; align-items: flex-end; gap: 12px; }
.flow .chart { height: 38px; flex: 1; }
.big {
  font-size: 1.714rem; line-height: 1.2; font-weight: 500; letter-spacing: -.02em;
  min-width: 4.9em; white-space: nowrap;
}
.big small { letter-spacing: 0; }
.market { color: var(--soft); font-size: .857rem; white-space: nowrap; }
.feed dl { display: grid; grid-template-columns: minmax(0, 1fr) minmax(0, 1fr); gap: 3px 14px; }
.feed dl div { display: flex; gap: 8px; min-width: 0; }
.feed dl .wide { grid-column: 1 / -1; }
.feed dt { flex: none; }
.feed dd { min-width: 0; overflow-wrap: anywhere; }
.feed dl .wide dd { flex: 1; display: flex; align-items: center; gap: 0 .35em; flex-wrap: wrap; }
.toned[data-tone-is=warn] { color: var(--warn); font-weight: 600; }
.toned[data-tone-is=bad] { color: var(--bad); font-weight: 600; }
.problem {
  font-size: .929rem; background: var(--warn-ground); border-radius: 3px;
  padding: 4px 8px; overflow-wrap: anywhere;
}
[data-tone-is=bad] > .problem { background: var(--bad-ground); }
.gauge {
  flex: 1; min-width: 50px; height: 5px; background: var(--row); border-radius: 3px;
  margin-left: 8px; fill: var(--in);
}
.gauge[data-tone-is=warn] { fill: var(--warn); }
.gauge[data-tone-is=bad] { fill: var(--bad); }
.bars {
  width: 64px; height: 14px; margin-left: auto; fill: var(--in);
  border-bottom: 1px solid var(--edge);
}

.chart {
  display: block; width: 100%; min-width: 0; overflow: hidden;
  border-bottom: 1px solid var(--edge);
}
.chart path {
  fill: var(--in); fill-opacity: .16; stroke: var(--in); stroke-width: 1.4;
  stroke-linejoin: round; vector-effect: non-scaling-stroke;
}
.out .chart path { fill: var(--out); stroke: var(--out); }

.scroller { overflow: auto; margin: 0 -4px; padding: 0 4px; }
.scroller:has(.streams), .scroller:has(.errors), .scroller:has(.expansions) { max-height: 27rem; }
.scroller[data-more]::after {
  content: "Scroll for more"; position: sticky; bottom: 0; display: block; text-align: center;
  padding: 3px; background: var(--panel); border-top: 1px solid var(--edge); color: var(--in);
  font-size: .857rem;
}
.scroller thead { position: sticky; top: 0; background: var(--panel); }
table { border-collapse: collapse; width: 100%; }
th, td {
  text-align: left; padding: 3px 10px 3px 0; font-weight: 400;
  border-top: 1px solid var(--row); vertical-align: baseline;
}
th:last-child, td:last-child { padding-right: 0; }
thead th { color: var(--soft); font-size: .857rem; border-top: 0; white-space: nowrap; }
.number { text-align: right; white-space: nowrap; }
.traffic tbody th { white-space: nowrap; }
.traffic { table-layout: fixed; }
.traffic th:first-child { width: 8rem; }
.traffic .number { width: 4.8rem; }
.cells {
  display: grid; grid-template-columns: 3.2em minmax(30px, 1fr) 4.3em; gap: 8px;
  align-items: center;
}
.cells .now { text-align: right; }
.cells .total { color: var(--soft); font-size: .857rem; }
.traffic .chart { height: 18px; }
.traffic .other, .traffic .other .out { color: var(--soft); }
.lines .name { width: 60%; }
.joined { display: flex; gap: 0 10px; align-items: baseline; }
th .cell-name { min-width: 8.2em; flex: none; white-space: nowrap; }
.cell-note, .cell-id {
  color: var(--soft); font-size: .857rem; overflow-wrap: anywhere; min-width: 0;
}
.streams tr[data-tone-is=warn] td.loss { color: var(--warn); font-weight: 600; }
.subscriptions tr[data-tone-is=warn] .cell-note,
.expansions tr[data-tone-is=warn] .cell-note {
  color: var(--warn);
}
.expansions { margin-top: 10px; }
.expansions th .joined { flex-wrap: wrap; }
.expansions .number .joined { justify-content: flex-end; flex-wrap: wrap; }
.cell-known { color: var(--soft); font-size: .857rem; overflow-wrap: anywhere; min-width: 0; }
.errors .when, .errors .where { white-space: nowrap; width: 1%; }
.errors .when .joined, .errors .when span,
.streams .number .joined, .streams .number span { display: block; }
.streams th .joined { flex-wrap: wrap; }
.streams .number .cell-note { white-space: normal; overflow-wrap: normal; font-weight: 400; }
.errors .joined { flex-wrap: wrap; gap: 0 8px; }
.errors td { overflow-wrap: anywhere; }
.errors tr[data-tone-is=bad] .cell-what { color: var(--bad); }
.cell-times { color: var(--soft); }
.empty { color: var(--soft); }

[data-contact=lost] .big, [data-contact=lost] dd, [data-contact=lost] td,
[data-contact=lost] .feed .state { color: var(--soft); }
[data-contact=lost] .chart path { fill: var(--off); stroke: var(--off); }
[data-contact=lost] .gauge, [data-contact=lost] .bars { fill: var(--off); }

footer { padding: 4px 20px 18px; max-width: 1680px; margin: 0 auto; }
footer nav { display: flex; flex-wrap: wrap; gap: 4px 16px; font-size: .929rem; }

@media (max-width: 1080px) {
  .columns { grid-template-columns: minmax(0, 1fr); }
}
@media (max-width: 860px) {
  .feeds { grid-template-columns: minmax(0, 1fr); gap: 10px; }
}
@media (max-width: 620px) {
  .top { padding: 10px 12px; }
  .badge { margin-left: auto; }
  h1 { font-size: 1rem; }
  .clock { display: none !important; }
  .facts { margin-left: 0; margin-right: auto; font-size: .857rem; gap: 0 12px; }
  .feed dl { font-size: .929rem; gap: 3px 8px; }
  .lines .name { width: auto; }
  main { padding: 10px 12px; gap: 10px; }
  .columns, .column { gap: 10px; }
  .panel { padding: 10px 12px; }
  .cells { grid-template-columns: 1fr auto; gap: 0 8px; }
  .cells .now { text-align: left; }
  .cells .chart { grid-column: 1 / -1; grid-row: 2; }
  .cells .total { display: none; }
  .traffic th:first-child { width: 6.2rem; white-space: normal; }
  .traffic thead th { white-space: normal; }
  .traffic .number { width: 5rem; }
  .lines th .joined { display: block; }
  .joined span { display: block; }
  th, td { padding-right: 7px; }
  .subscriptions tr { display: grid; grid-template-columns: repeat(5, 1fr); }
  .subscriptions th:first-child { grid-column: 1 / -1; padding-bottom: 0; }
  .subscriptions td { border-top: 0; }
  .subscriptions .number { padding-right: 0; }
  .top { gap: 6px 12px; }
  thead th { font-size: .786rem; }
  .streams th:nth-child(2), .streams td:nth-child(2) { display: none; }
  .streams:has(.action) th:nth-child(3), .streams:has(.action) td:nth-child(3) { display: none; }
  footer { padding: 4px 12px 16px; }
}
@media (forced-colors: active) {
  .chart path { stroke: CanvasText; }
  .gauge, .bars, .chart path { fill: CanvasText; }
}
@media (prefers-reduced-motion: reduce) {
  * { animation: none !important; transition: none !important; scroll-behavior: auto !important; }
}
`;
