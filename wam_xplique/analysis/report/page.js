"use strict";
// What a report does on clicks and keys; without it, all of the page is there, one below the other.

const root = document.documentElement;
const get = id => document.getElementById(id);
const all = (selector, within = document) => [...within.querySelectorAll(selector)];
const make = (name, properties) => Object.assign(document.createElement(name), properties);
const press = (button, on) => button.setAttribute("aria-pressed", on);
const isPressed = button => button.getAttribute("aria-pressed") === "true";
const toggle = (id, change) => get(id).addEventListener("click", () => {
  press(get(id), !isPressed(get(id)));
  change(isPressed(get(id)));
});

// --- which inputs are shown, and in which order ---

const rows = all(".inputs tbody tr");
const articles = all("article");
const articleOf = row => articles[row.dataset.number];

const isShown = {
  "": () => true,
  warned: row => row.dataset.warnings > 0,
  wrong: row => row.dataset.wrong === "True",
  differ: row => row.dataset.differ === "True",
};

function filter() {
  const text = get("find").value.trim().toLowerCase();
  for (const row of rows) {
    const found = row.textContent.toLowerCase().includes(text);
    row.hidden = articleOf(row).hidden = !(found && isShown[get("show").value](row));
  }
  get("count").value = `${rows.filter(row => !row.hidden).length} of ${rows.length}`;
}

const order = {
  number: row => row.dataset.number,
  name: row => row.cells[0].textContent,
  score: row => row.dataset.score,
  warnings: row => -row.dataset.warnings,
};
const shareOf = level => row => -row.dataset.shares.split(" ")[level];

function sort() {
  const by = get("sort").value, key = order[by] ?? shareOf(by);
  const compare = (a, b) => key(a).localeCompare(key(b), "en", { numeric: true });
  const sorted = [...rows].sort(by === "name" ? compare : (a, b) => key(a) - key(b));
  for (const row of sorted) {
    row.parentElement.append(row);
    articleOf(row).parentElement.append(articleOf(row));
  }
}

get("find").addEventListener("input", filter);
get("show").addEventListener("change", filter);
get("sort").addEventListener("change", sort);

// --- an input: its scales, and what is left of it from coarse to fine ---

// Lays what is left, and a map, over the picture of an input; without either, takes it away.
function lay(picture, left, map) {
  const of = (figure, layer) => figure ? [figure.querySelector(layer).cloneNode()] : [];
  for (const layer of all(".laid", picture)) layer.remove();
  const laid = [...of(left, ".base"), ...of(map, ".over")];
  for (const layer of laid) layer.classList.add("laid");
  picture.querySelector(".base").after(...laid);
}

function prepare(side) {
  const stage = side.querySelector("figure.input");
  if (!stage) return;
  const figures = role => new Map(all(`figure.${role}`, side).map(f => [f.dataset.level, f]));
  const [maps, rest] = [figures("map"), figures("left")];
  const picture = stage.querySelector("svg"), told = stage.querySelector("figcaption strong");
  const labels = all(".scales tbody th", side).map(cell => cell.textContent);
  const buttons = new Map();
  const state = { level: "all", left: rest.size };

  function update() {
    const [map, left] = [maps.get(state.level), rest.get(String(state.left))];
    lay(picture, left, map);
    const parts = [left && left.querySelector("strong").textContent,
      state.level !== "all" && `map of ${labels[state.level]}`];
    told.textContent = ["Input", ...parts.filter(Boolean)].join(", ");
    for (const [level, button] of buttons) press(button, level === state.level);
    if (rest.size) {
      slider.value = state.left;
      slider.setAttribute("aria-valuetext", left ? told.textContent : "all scales");
    }
  }

  for (const row of all(".scales tbody tr", side)) {
    const cell = row.cells[0], level = row.dataset.level;
    if (!maps.has(level)) continue;
    const button = make("button", { type: "button", textContent: cell.textContent });
    button.title = "Show the map of this scale";
    button.addEventListener("click", () => {
      select(side, isPressed(button) ? undefined : labels[level]);
    });
    buttons.set(level, button);
    cell.replaceChildren(button);
  }
  const slider = make("input", { type: "range", min: 0, max: rest.size, value: rest.size });
  if (rest.size) {
    const label = make("label", { className: "slide" });
    slider.addEventListener("input", () => slide(side, rest.size - slider.value));
    label.append("coarse", slider, "fine");
    slider.setAttribute("aria-label", "What is left of the input, from coarse to fine");
    stage.append(label);
  }
  side.select = label => {
    const level = String(labels.indexOf(label));
    state.level = maps.has(level) ? level : "all";
    update();
  };
  side.slide = without => { state.left = Math.max(rest.size - without, 0); update(); };
  update();
}

// What is compared side by side shows the same scale, and is without as many of the finest ones.
const beside = side => all(".side", side.parentElement).filter(one => one.select);
const select = (side, label) => beside(side).forEach(one => one.select(label));
const slide = (side, without) => beside(side).forEach(one => one.slide(without));
all(".side").forEach(prepare);

// --- overlay, colours and keys ---

toggle("overlay", on => root.classList.toggle("plain", !on));
const isDark = matchMedia("(prefers-color-scheme: dark)").matches;
toggle("dark", on => { root.dataset.theme = on ? "dark" : "light"; });
press(get("dark"), isDark);

function go(step) {
  const shown = all("article").filter(article => !article.hidden);
  const here = shown.indexOf(document.activeElement.closest("article"));
  const next = shown[Math.min(Math.max(here + step, 0), shown.length - 1)];
  if (!next) return;
  next.focus({ preventScroll: true });
  next.scrollIntoView();
}

const keys = {
  j: () => go(1),
  k: () => go(-1),
  ArrowRight: () => go(1),
  ArrowLeft: () => go(-1),
  o: () => get("overlay").click(),
  d: () => get("dark").click(),
};

document.addEventListener("keydown", event => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const moves = event.key.startsWith("Arrow");
  const own = moves ? "input, select, audio, .scroll" : "input[type=search], select";
  if (event.target.closest(own)) return;
  const act = keys[event.key];
  if (!act) return;
  event.preventDefault();
  act();
});

get("overlay").hidden = !document.querySelector(".over");
document.querySelector(".tools").hidden = false;
root.classList.add("live");
filter();
