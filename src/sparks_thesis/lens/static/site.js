// Search and random class on the first page; charts in the page's own colours; links into folds.
"use strict";

// --- charts: Bokeh draws them, this gives them the colours of the page --------------------------

function drawCharts() {
  const style = getComputedStyle(document.documentElement);
  const ink = style.getPropertyValue("--ink").trim();
  const grid = style.getPropertyValue("--line").trim();
  for (const source of document.querySelectorAll("script[data-chart]")) {
    const place = document.getElementById(source.dataset.chart);
    const text = source.textContent.replaceAll("#010203", ink).replaceAll("#040506", grid);
    place.replaceChildren();
    Bokeh.embed.embed_item(JSON.parse(text), place.id).then(() => (place.dataset.drawn = "yes"));
  }
}

if (document.querySelector("script[data-chart]")) {
  drawCharts();
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawCharts);
}

// --- concepts that are folded away: a link to one opens the fold ---------------------------------

function unfold() {
  const place = location.hash && document.querySelector(location.hash);
  const fold = place && place.closest("details");
  if (!fold || fold.open) return;
  fold.open = true;
  place.scrollIntoView();
}

addEventListener("hashchange", unfold);
unfold();

// --- search: a combobox with a list of suggestions ----------------------------------------------

const MOST = 12;

function matches(text) {
  const wanted = text.toLowerCase().split(/\s+/).filter(Boolean);
  if (!wanted.length) return [];
  const good = window.lensClasses.filter(([name, , where]) => {
    const all = `${name} ${where}`.toLowerCase();
    return wanted.every((word) => all.includes(word));
  });
  const starts = ([name]) => (name.toLowerCase().startsWith(wanted[0]) ? 0 : 1);
  return good.sort((a, b) => starts(a) - starts(b));
}

function searchable(input, list, matches) {
  let chosen = -1;

  function choose(index) {
    chosen = index;
    [...list.children].forEach((item, i) => item.setAttribute("aria-selected", String(i === index)));
    if (index >= 0) {
      input.setAttribute("aria-activedescendant", list.children[index].id);
      list.children[index].scrollIntoView({ block: "nearest" });
    } else input.removeAttribute("aria-activedescendant");
  }

  function close() {
    list.hidden = true;
    input.setAttribute("aria-expanded", "false");
    choose(-1);
  }

  function open() {
    const found = matches(input.value);
    list.replaceChildren(...found.slice(0, MOST).map(([name, page, where], index) => {
      const item = document.createElement("li");
      item.id = `found-${index}`;
      item.setAttribute("role", "option");
      item.dataset.page = page;
      item.append(name, " ");
      const small = document.createElement("span");
      small.className = "small";
      small.textContent = where;
      item.append(small);
      return item;
    }));
    list.hidden = !found.length;
    input.setAttribute("aria-expanded", String(!list.hidden));
    const more = found.length > MOST ? `, the first ${MOST} shown` : "";
    matches.textContent = input.value.trim() ? `${found.length} found${more}` : "";
    choose(-1);
  }

  input.addEventListener("input", open);
  input.addEventListener("blur", close);
  input.addEventListener("keydown", (event) => {
    const count = list.children.length;
    if (event.key === "Escape") close();
    if (list.hidden || !count) return;
    if (event.key === "ArrowDown") choose((chosen + 1) % count);
    else if (event.key === "ArrowUp") choose((chosen + count - 1 + (chosen < 0)) % count);
    else if (event.key === "Enter") location.href = list.children[Math.max(chosen, 0)].dataset.page;
    else return;
    event.preventDefault();
  });
  // Before the input loses the focus, which closes the list.
  list.addEventListener("pointerdown", (event) => {
    const item = event.target.closest("li");
    if (item) location.href = item.dataset.page;
  });
}

const input = document.getElementById("search");
if (input) {
  searchable(input, document.getElementById("found"), document.getElementById("matches"));
  document.getElementById("random").addEventListener("click", () => {
    const every = window.lensClasses;
    location.href = every[Math.floor(Math.random() * every.length)][1];
  });
}
