/**
 * The script of the page, as text: it runs in browsers and is checked there.
 *
 * It follows `events`, puts every new screen onto the bound elements (texts as
 * `textContent`, nothing else), keeps five minutes of every rate, and tells how
 * fresh all that is. What a screen says is decided by the server.
 *
 * @module
 */

/** Plain JavaScript without any import. */
export const SCRIPT = String.raw`
"use strict";
(() => {
  const KEEP_MS = 300000;
  const STALE_MS = 5000;
  const REDIAL_MS = 10000;
  const find = (selector) => [...document.querySelectorAll(selector)];
  const bound = (kind) => find("[data-" + kind + "]")
    .map((element) => [element, element.getAttribute("data-" + kind)]);
  const elements = {
    text: bound("text"),
    tone: bound("tone"),
    show: bound("show"),
    draw: bound("draw"),
    lines: bound("lines"),
    chart: bound("chart"),
  };
  const link = document.querySelector("[data-link]");
  const linkText = document.querySelector("[data-link-text]");
  const news = document.querySelector("[data-news]");
  const pause = document.querySelector("[data-pause]");
  const history = new Map();
  let states;
  let source;
  let redial;
  let firstAt;
  let lastAt;
  let paused = false;

  const setText = (element, text) => {
    if (element.textContent !== text) element.textContent = text;
  };
  const setAttribute = (element, name, value) => {
    if (element.getAttribute(name) !== value) element.setAttribute(name, value);
  };

  function show(screen) {
    document.title = screen.title;
    for (const [element, name] of elements.text) {
      setText(element, screen.text[name] ?? "");
    }
    for (const [element, name] of elements.tone) {
      setAttribute(element, "data-tone-is", screen.tone[name] ?? "plain");
    }
    for (const [element, name] of elements.show) {
      const hidden = screen.show[name] !== true;
      if (element.hidden !== hidden) element.hidden = hidden;
    }
    for (const [element, name] of elements.draw) {
      setAttribute(element, "d", screen.draw[name] ?? "");
    }
    for (const [body, name] of elements.lines) {
      showLines(body, name, screen.lines[name] ?? []);
    }
  }

  function showLines(body, name, lines) {
    const pattern = document.querySelector('[data-line="' + name + '"]');
    while (body.rows.length > lines.length) body.deleteRow(-1);
    while (body.rows.length < lines.length) {
      body.append(pattern.content.cloneNode(true));
    }
    lines.forEach((line, index) => {
      const row = body.rows[index];
      setAttribute(row, "data-tone-is", line.tone);
      for (const cell of row.querySelectorAll("[data-cell]")) {
        setText(cell, line.cells[Number(cell.getAttribute("data-cell"))] ?? "");
      }
    });
  }

  function keep(rates, at) {
    for (const [name, value] of Object.entries(rates)) {
      const kept = history.get(name) ?? [];
      if (value !== null) kept.push([at, value]);
      while (kept.length > 0 && kept[0][0] < at - KEEP_MS) kept.shift();
      history.set(name, kept);
    }
  }

  /* A box of 300 by 30 for one minute at first, five later; a gap in time is a gap. */
  function drawCharts(at) {
    const reach = Math.min(KEEP_MS, Math.max(60000, at - firstAt));
    for (const [chart, name] of elements.chart) {
      const kept = history.get(name) ?? [];
      const peak = kept.reduce((most, [, value]) => Math.max(most, value), 0);
      let line = "";
      let area = "";
      let before = -Infinity;
      let start = 0;
      const close = (x) => area += line === "" ? "" : "L" + x + " 30L" + start + " 30Z";
      let lastX = 0;
      for (const [when, value] of kept) {
        const x = Math.round((1 - (at - when) / reach) * 3000) / 10;
        const y = Math.round((28 - (peak > 0 ? value / peak : 0) * 26) * 10) / 10;
        if (when - before > 3500) {
          close(lastX);
          start = x;
          line += "M" + x + " " + y;
          area += "M" + x + " " + y;
        } else {
          line += "L" + x + " " + y;
          area += "L" + x + " " + y;
        }
        before = when;
        lastX = x;
      }
      close(lastX);
      setAttribute(chart.querySelector(".line"), "d", line);
      setAttribute(chart.querySelector(".area"), "d", area);
      setAttribute(chart, "aria-label", inWords(chart, kept, peak));
    }
  }

  function inWords(chart, kept, peak) {
    const label = chart.getAttribute("data-label");
    if (kept.length === 0) return label + ": no history yet";
    const round = (value) => Math.round(value * 10) / 10;
    const now = kept[kept.length - 1][1];
    return label + ": now " + round(now) + ", peak " + round(peak) +
      " in the last " + Math.max(1, Math.round((kept[kept.length - 1][0] - kept[0][0]) / 60000)) +
      " min";
  }

  /* Only what changed is told, and nothing on the first look. */
  function announce(next) {
    const told = states === undefined ? [] : Object.entries(next)
      .filter(([name, word]) => states[name] !== word)
      .map(([name, word]) => name + ": " + word);
    states = next;
    if (told.length > 0) setText(news, told.join(". "));
  }

  function tell(state, text) {
    setAttribute(link, "data-link", state);
    setText(linkText, text);
  }

  function tellAge() {
    if (paused) return tell("off", "Paused");
    const age = lastAt === undefined ? Infinity : performance.now() - lastAt;
    if (age <= STALE_MS) return tell("live", "Live");
    if (lastAt === undefined) return tell("lost", "Connecting");
    tell("lost", "Stale for " + Math.round(age / 1000) + " s");
  }

  function dial() {
    clearTimeout(redial);
    source?.close();
    source = new EventSource("events");
    source.onmessage = (event) => {
      const screen = JSON.parse(event.data);
      lastAt = performance.now();
      firstAt ??= lastAt;
      show(screen);
      keep(screen.rate, lastAt);
      drawCharts(lastAt);
      announce(screen.states);
      tellAge();
    };
    /* A refusal ends an EventSource for good; everything else it mends itself. */
    source.onerror = () => {
      if (source.readyState !== EventSource.CLOSED) return;
      clearTimeout(redial);
      redial = setTimeout(dial, REDIAL_MS);
    };
  }

  pause.hidden = false;
  pause.addEventListener("click", () => {
    paused = !paused;
    setText(pause, paused ? "Resume" : "Pause");
    if (paused) {
      clearTimeout(redial);
      source.close();
    } else {
      lastAt = undefined;
      dial();
    }
    tellAge();
  });
  tell("lost", "Connecting");
  setInterval(tellAge, 1000);
  dial();
})();
`;
