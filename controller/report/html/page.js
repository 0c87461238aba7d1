// Extras of a page: filters, the chain of a box under the pointer, closed parts opened for printing.
"use strict";
(() => {
  const all = (selector, within = document) => Array.from(within.querySelectorAll(selector));
  const root = document.documentElement;
  root.classList.add("script");

  // Filters: a form with data-filters="NAME" decides which children of data-list="NAME" are shown.
  for (const form of all("form[data-filters]")) {
    const name = form.dataset.filters;
    const items = all(`[data-list="${name}"]`).flatMap((list) => Array.from(list.children));
    const texts = items.map((item) => item.textContent.toLowerCase());
    const output = form.querySelector("output");
    const field = (key) => (form.elements[key] ? form.elements[key].value.trim() : "");
    const apply = () => {
      const boxes = all('input[type="checkbox"]', form);
      const off = new Set(boxes.filter((box) => !box.checked).map((box) => `${box.name}=${box.value}`));
      const words = field("text").toLowerCase().split(/\s+/).filter(Boolean);
      const id = field("id");
      const subject = field("subject").toLowerCase();
      const kinds = boxes.map((box) => box.name).filter((key, at, keys) => keys.indexOf(key) === at);
      let shown = 0;
      items.forEach((item, at) => {
        const data = item.dataset;
        const about = [data.host, data.agent, data.connector, data.system].filter((it) => it !== undefined).map((it) => it.toLowerCase());
        const fits =
          kinds.every((key) => !off.has(`${key}=${data[key]}`)) &&
          (!id || data.id === id) &&
          (!subject || about.includes(subject) || (!exact(subject) && about.some((it) => it.includes(subject)))) &&
          words.every((word) => texts[at].includes(word));
        item.hidden = !fits;
        shown += fits ? 1 : 0;
      });
      output.textContent = shown === items.length ? `all ${items.length}` : `${shown} of ${items.length}`;
    };
    // A name that is in the list means itself and not those that it is a part of.
    const names = new Set(all("datalist option", form.parentElement).map((option) => option.value.toLowerCase()));
    const exact = (text) => names.has(text);
    form.addEventListener("input", apply);
    form.addEventListener("change", apply);
    form.addEventListener("reset", () => setTimeout(apply));
    form.addEventListener("submit", (event) => event.preventDefault());
    apply();
  }

  // The picture: what lies left and right of a box along its lines.
  for (const picture of all("svg.picture")) {
    const boxes = new Map(all(".box", picture).map((box) => [box.dataset.box, box]));
    const lines = all(".lines path", picture);
    const next = { from: new Map(), to: new Map() };
    for (const line of lines) {
      for (const side of ["from", "to"]) {
        const key = line.dataset[side];
        if (!next[side].has(key)) next[side].set(key, []);
        next[side].get(key).push(line);
      }
    }
    const chain = (start) => {
      const found = { boxes: new Set([start]), lines: new Set() };
      for (const [side, other] of [["from", "to"], ["to", "from"]]) {
        const queue = [start];
        const seen = new Set(queue);
        while (queue.length) {
          for (const line of next[side].get(queue.pop()) || []) {
            found.lines.add(line);
            const key = line.dataset[other];
            if (!seen.has(key)) {
              seen.add(key);
              found.boxes.add(key);
              queue.push(key);
            }
          }
        }
      }
      return found;
    };
    const clear = () => {
      picture.classList.remove("chosen");
      for (const on of all(".on", picture)) on.classList.remove("on");
    };
    const choose = (event) => {
      const box = event.target.closest(".box");
      if (!box) return;
      clear();
      const found = chain(box.dataset.box);
      found.boxes.forEach((key) => boxes.get(key).classList.add("on"));
      found.lines.forEach((line) => line.classList.add("on"));
      picture.classList.add("chosen");
    };
    picture.addEventListener("pointerover", choose);
    picture.addEventListener("focusin", choose);
    picture.addEventListener("pointerleave", clear);
    picture.addEventListener("focusout", clear);
    picture.addEventListener("click", (event) => {
      const box = event.target.closest(".box");
      const form = document.querySelector('form[data-filters="findings"]');
      if (!box || !form || !box.dataset.name || !box.matches(".error, .warning, .info")) return;
      form.reset();
      form.elements.subject.value = box.dataset.name;
      setTimeout(() => form.dispatchEvent(new Event("input")));
    });
  }

  // A link to something within a closed part opens it.
  const open = () => {
    const target = location.hash.length > 1 && document.getElementById(location.hash.slice(1));
    for (let at = target; at; at = at.parentElement) if (at.tagName === "DETAILS") at.open = true;
    if (target) target.scrollIntoView();
  };
  addEventListener("hashchange", open);
  if (location.hash) open();

  addEventListener("beforeprint", () => all("details:not([open]):not(.log)").forEach((part) => { part.open = true; part.dataset.opened = ""; }));
  addEventListener("afterprint", () => all("details[data-opened]").forEach((part) => { part.open = false; delete part.dataset.opened; }));
})();
