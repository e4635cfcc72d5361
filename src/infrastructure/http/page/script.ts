/**
 * The script of the page, as text; it runs in browsers and is tested there.
 *
 * It follows `events` and applies each new page to the bound elements (texts as `textContent`
 * only). Without contact to the proxy it replaces the states, because they may have changed since.
 * The server decides everything else that a page shows.
 *
 * @module
 */
import { ACTION_HEADER } from "../actions.ts";
import { ICONS } from "./elements.ts";

/** Plain JavaScript without any import. */
export const SCRIPT = String.raw`
"use strict";
(() => {
  const STALE_MS = 5000;
  const RECONNECT_MS = 10000;
  const OFF_ICON = ${JSON.stringify(ICONS.off)};
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
  const textOf = (field) => elements.text.find(([, name]) => name === field)[0].textContent;
  const link = document.querySelector("[data-link]");
  const linkText = document.querySelector("[data-link-text]");
  const news = document.querySelector("[data-news]");
  const pause = document.querySelector("[data-pause]");
  const draining = document.querySelector(".draining");
  const scrollers = find(".scroller");
  let states;
  let source;
  let reconnect;
  let lastAt = performance.now();
  let paused = false;
  let contact = "pending";

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
    for (const scroller of scrollers) markHidden(scroller);
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

  /* Marks a scroller that has more below. */
  function markHidden(scroller) {
    const below = scroller.scrollHeight - scroller.clientHeight - scroller.scrollTop;
    scroller.toggleAttribute("data-more", below > 2);
  }

  /* Announces changed states; the first page announces none. */
  function announce(next) {
    const changed = states === undefined ? [] : Object.entries(next)
      .filter(([name, word]) => states[name] !== word)
      .map(([name, word]) => name + ": " + word);
    if (contact === "lost") changed.unshift("Contact again");
    states = next;
    if (changed.length > 0) setText(news, changed.join(". "));
  }

  /* Nothing on the page may look as if it were so now. */
  function loseContact() {
    if (paused || contact === "lost") return;
    contact = "lost";
    const since = " contact since " + textOf("now").slice(11);
    const text = (draining.hidden ? "No" : "Shut down, no") + since + " UTC";
    document.title = text + " · " + textOf("environment") + " · Alpaca Stream Proxy";
    document.body.setAttribute("data-contact", "lost");
    const isState = (name) => name === "overall" || /^feed\.\w+(\.state)?$/.test(name);
    for (const [element, name] of elements.text) {
      if (name === "overall") setText(element, text);
      else if (name === "feeds.up") setText(element, "states are not known");
      else if (isState(name) && !element.closest("[data-tone-is=off]")) {
        setText(element, "No" + since);
      } else if (/^uptime$|\.(last|since)$/.test(name)) {
        /* Of "12 s ago (15:41:58)" only the time stays true. */
        setText(element, element.textContent.replace(/^.*\((.*)\)/, "$1"));
      }
    }
    for (const [element, name] of elements.tone) {
      if (isState(name)) setAttribute(element, "data-tone-is", "off");
    }
    for (const [element, name] of elements.draw) {
      if (name.endsWith("icon")) setAttribute(element, "d", OFF_ICON);
    }
    setText(news, text);
    showAge();
  }

  function showLink(state, text) {
    setAttribute(link, "data-link", state);
    setText(linkText, text);
  }

  function showAge() {
    if (paused) return showLink("off", "Paused");
    const age = performance.now() - lastAt;
    if (age > STALE_MS) loseContact();
    if (contact === "live") return showLink("live", "Live");
    if (contact === "pending") return showLink("lost", "Connecting");
    showLink("lost", "No contact for " + Math.round(age / 1000) + " s");
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
      contact = "live";
      document.body.removeAttribute("data-contact");
      showAge();
    };
    /* A rejection ends an EventSource; it recovers from everything else itself. */
    source.onerror = () => {
      loseContact();
      if (source.readyState !== EventSource.CLOSED) return;
      clearTimeout(reconnect);
      reconnect = setTimeout(connect, RECONNECT_MS);
    };
  }

  /* Only the page of an operator has actions. */
  const dialog = document.querySelector("[data-confirm]");
  if (dialog !== null) {
    const part = (name) => dialog.querySelector("[data-confirm-" + name + "]");
    const [yes, no, reason, result] = ["yes", "no", "reason", "result"].map(part);
    let action;
    document.addEventListener("click", (event) => {
      const button = event.target.closest("[data-action]");
      if (button === null) return;
      const row = button.closest("tr");
      const texts = row === null ? [] : [...row.querySelectorAll("th [data-cell]")]
        .map((cell) => cell.textContent).filter((text) => text !== "");
      const id = row?.querySelector(".cell-id")?.textContent ?? "";
      action = {
        action: button.getAttribute("data-action"),
        target: button.getAttribute("data-target") || id,
      };
      setText(part("question"), button.getAttribute("data-question"));
      setText(part("subject"), texts.join(" · "));
      setText(result, "");
      setText(no, "Cancel");
      reason.value = "";
      part("reason-label").hidden = button.getAttribute("data-has-reason") !== "true";
      yes.hidden = false;
      yes.disabled = false;
      dialog.showModal();
    });
    no.addEventListener("click", () => dialog.close());
    yes.addEventListener("click", async () => {
      yes.disabled = true;
      const query = new URLSearchParams({ ...action, reason: reason.value });
      try {
        const headers = { ${JSON.stringify(ACTION_HEADER)}: "1" };
        /* Not relative to the base of the page, which may have a name and a password. */
        const url = new URL("actions?" + query, location.href);
        const response = await fetch(url, { method: "POST", headers });
        const text = (await response.text()).trim();
        setText(result, response.ok ? text : "Not done: " + text);
        result.setAttribute("data-failed", String(!response.ok));
      } catch {
        setText(result, "Not done: no contact to the proxy");
        result.setAttribute("data-failed", "true");
      }
      yes.hidden = true;
      part("reason-label").hidden = true;
      setText(no, "Close");
    });
  }

  pause.hidden = false;
  pause.addEventListener("click", () => {
    paused = !paused;
    setText(pause, paused ? "Resume" : "Pause");
    if (paused) {
      document.title = "Paused · " + document.title;
      clearTimeout(reconnect);
      source.close();
    } else {
      lastAt = performance.now();
      contact = "pending";
      connect();
    }
    showAge();
  });
  for (const scroller of scrollers) {
    markHidden(scroller);
    scroller.addEventListener("scroll", () => markHidden(scroller), { passive: true });
  }
  addEventListener("resize", () => scrollers.forEach(markHidden));
  setInterval(showAge, 1000);
  showAge();
  connect();
})();
`;
