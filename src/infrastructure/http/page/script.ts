/**
 * The script of the page, as text; it runs in browsers and is tested there.
 *
 * It follows `events`, applies each new page to the bound elements (texts as
 * `textContent` only), and shows how old the page is. The server decides what a page
 * shows.
 *
 * @module
 */

/** Plain JavaScript without any import. */
export const SCRIPT = String.raw`
"use strict";
(() => {
  const STALE_MS = 5000;
  const RECONNECT_MS = 10000;
  const find = (selector) => [...document.querySelectorAll(selector)];
  const bound = (kind) => find("[data-" + kind + "]")
    .map((element) => [element, element.getAttribute("data-" + kind)]);
  const elements = {
    text: bound("text"),
    tone: bound("tone"),
    show: bound("show"),
    draw: bound("draw"),
    rows: bound("rows"),
    chart: bound("chart"),
  };
  const link = document.querySelector("[data-link]");
  const linkText = document.querySelector("[data-link-text]");
  const news = document.querySelector("[data-news]");
  const pause = document.querySelector("[data-pause]");
  let states;
  let source;
  let reconnect;
  let lastAt;
  let paused = false;

  const setText = (element, text) => {
    if (element.textContent !== text) element.textContent = text;
  };
  const setAttribute = (element, name, value) => {
    if (element.getAttribute(name) !== value) element.setAttribute(name, value);
  };

  function show(page) {
    document.title = page.title;
    for (const [element, name] of elements.text) {
      setText(element, page.text[name] ?? "");
    }
    for (const [element, name] of elements.tone) {
      setAttribute(element, "data-tone-is", page.tone[name] ?? "plain");
    }
    for (const [element, name] of elements.show) {
      const hidden = page.show[name] !== true;
      if (element.hidden !== hidden) element.hidden = hidden;
    }
    for (const [element, name] of elements.draw) {
      setAttribute(element, "d", page.draw[name] ?? "");
    }
    for (const [element, name] of elements.chart) {
      setAttribute(element, "aria-label", page.chart[name] ?? "");
    }
    for (const [body, name] of elements.rows) {
      showRows(body, name, page.rows[name] ?? []);
    }
  }

  function showRows(body, name, rows) {
    const template = document.querySelector('[data-row="' + name + '"]');
    while (body.rows.length > rows.length) body.deleteRow(-1);
    while (body.rows.length < rows.length) {
      body.append(template.content.cloneNode(true));
    }
    rows.forEach((row, index) => {
      const element = body.rows[index];
      setAttribute(element, "data-tone-is", row.tone);
      for (const cell of element.querySelectorAll("[data-cell]")) {
        setText(cell, row.cells[Number(cell.getAttribute("data-cell"))] ?? "");
      }
    });
  }

  /* Announces changed states; the first page announces none. */
  function announce(next) {
    const changed = states === undefined ? [] : Object.entries(next)
      .filter(([name, word]) => states[name] !== word)
      .map(([name, word]) => name + ": " + word);
    states = next;
    if (changed.length > 0) setText(news, changed.join(". "));
  }

  function showLink(state, text) {
    setAttribute(link, "data-link", state);
    setText(linkText, text);
  }

  function showAge() {
    if (paused) return showLink("off", "Paused");
    const age = lastAt === undefined ? Infinity : performance.now() - lastAt;
    if (age <= STALE_MS) return showLink("live", "Live");
    if (lastAt === undefined) return showLink("lost", "Connecting");
    showLink("lost", "Stale for " + Math.round(age / 1000) + " s");
  }

  function connect() {
    clearTimeout(reconnect);
    source?.close();
    source = new EventSource("events");
    source.onmessage = (event) => {
      const page = JSON.parse(event.data);
      lastAt = performance.now();
      show(page);
      announce(page.states);
      showAge();
    };
    /* A rejection ends an EventSource; it recovers from everything else itself. */
    source.onerror = () => {
      if (source.readyState !== EventSource.CLOSED) return;
      clearTimeout(reconnect);
      reconnect = setTimeout(connect, RECONNECT_MS);
    };
  }

  pause.hidden = false;
  pause.addEventListener("click", () => {
    paused = !paused;
    setText(pause, paused ? "Resume" : "Pause");
    if (paused) {
      clearTimeout(reconnect);
      source.close();
    } else {
      lastAt = undefined;
      connect();
    }
    showAge();
  });
  showLink("lost", "Connecting");
  setInterval(showAge, 1000);
  connect();
})();
`;
