// The labelling page: every change goes to the server at once, which writes the label files.
import { View, colour } from "/drawing.js";

const by = (id) => document.getElementById(id);
const state = await (await fetch("/state")).json();
const now = { instant: 0, individual: 0, keypoint: 0, view: null };
const done = [], undone = [];
let guides = [];
let waiting = 0;

const columns = Math.ceil(Math.sqrt(state.views.length));
by("views").style.gridTemplateColumns = `repeat(${columns}, 1fr)`;
by("views").style.gridAutoRows = "1fr";
let views = null; // views draw themselves when zoomed, before all of them are there
views = state.views.map((name, number) => new View(by("views"), name, number, state.sizes[number], {
  entered: hover, clicked: click, dragged: drag, dropped: drop,
  chosen: (keypoint) => { now.keypoint = keypoint; draw(); },
  zoomed: () => views && draw(),
}));

function points(view) {
  return state.points[now.instant][view][now.individual];
}

function hover(view) {
  now.view = view.number;
  views.forEach((other) => other.box.classList.toggle("hovered", other === view));
}

function click(view, xy) {
  change(view, now.keypoint, xy);
  const free = state.keypoints.findIndex((_, k) => k > now.keypoint && !points(view)[k]);
  if (free >= 0) now.keypoint = free;
  draw();
}

let before = null;
function drag(view, keypoint, xy) {
  before ??= points(view)[keypoint];
  points(view)[keypoint] = xy;
  draw();
}

function drop(view, keypoint, xy) {
  points(view)[keypoint] = before;
  before = null;
  change(view, keypoint, xy);
}

function change(view, keypoint, xy) {
  const entry = { instant: now.instant, individual: now.individual, view, keypoint };
  done.push({ ...entry, from: points(view)[keypoint], to: xy });
  undone.length = 0;
  apply(entry, xy);
}

function step(from, to, key) {
  const entry = from.pop();
  if (!entry) return;
  to.push(entry);
  Object.assign(now, { instant: entry.instant, individual: entry.individual, keypoint: entry.keypoint });
  show();
  apply(entry, entry[key]);
}

// Requests go one after the other, so that the last one wins in the files too.
let queue = Promise.resolve();
function apply(entry, xy) {
  state.points[entry.instant][entry.view][entry.individual][entry.keypoint] = xy;
  draw();
  waiting += 1;
  tell("saving ...");
  queue = queue.then(async () => {
    const { instant, individual, view, keypoint } = entry;
    const body = JSON.stringify({ instant, individual, view, keypoint, xy });
    try {
      const answer = await fetch("/point", { method: "POST", headers: { "Content-Type": "application/json" }, body });
      const result = await answer.json();
      if (!answer.ok) throw new Error(result.error);
      if (instant === now.instant && individual === now.individual) guides = result;
      waiting -= 1;
      if (!waiting) tell("saved");
    } catch (error) {
      waiting -= 1;
      tell(`not saved: ${error.message}`, true);
    }
    draw();
  });
}

async function fetchGuides() {
  const { instant, individual } = now;
  const found = await (await fetch(`/guides?instant=${instant}&individual=${individual}`)).json();
  if (instant === now.instant && individual === now.individual) guides = found;
  draw();
}

function show() {
  guides = [];
  views.forEach((view) => view.image.setAttribute("href", `/image?instant=${now.instant}&view=${view.number}`));
  by("instant").textContent = `frame ${state.instants[now.instant]} (${now.instant + 1} of ${state.instants.length})`;
  draw();
  fetchGuides();
}

function go(by_) {
  const target = now.instant + by_;
  if (target < 0 || target >= state.instants.length) return;
  now.instant = target;
  show();
}

function turn(by_) {
  const count = state.keypoints.length;
  now.keypoint = (now.keypoint + by_ + count) % count;
  draw();
}

function takeGuide() {
  const guide = guides.find((one) => one.view === now.view && one.keypoint === now.keypoint && one.xy);
  if (guide) click(now.view, guide.xy);
}

function clear() {
  if (now.view !== null && points(now.view)[now.keypoint]) change(now.view, now.keypoint, null);
}

function tell(words, bad = false) {
  by("status").textContent = words;
  by("status").classList.toggle("bad", bad);
}

function draw() {
  const visible = by("show-guides").checked ? guides : [];
  views.forEach((view) => view.draw({
    points: points(view.number),
    bones: state.bones,
    names: state.keypoints,
    guides: visible.filter((guide) => guide.view === view.number && !guide.labelled),
    chosen: now.keypoint,
  }));
  by("keypoints").replaceChildren(...state.keypoints.map((name, keypoint) => {
    const row = document.createElement("li");
    const found = state.views.filter((_, view) => points(view)[keypoint]).length;
    row.innerHTML = `<span class="dot"></span><span class="label"></span><span class="count"></span>`;
    row.children[0].style.background = colour(keypoint, state.keypoints.length);
    row.children[1].textContent = name;
    row.children[2].textContent = `${found}/${state.views.length}`;
    row.classList.toggle("chosen", keypoint === now.keypoint);
    row.onclick = () => { now.keypoint = keypoint; draw(); };
    return row;
  }));
  [...by("individuals").children].forEach((button, k) => button.classList.toggle("chosen", k === now.individual));
}

function choose(individual) {
  if (individual >= state.individuals.length) return;
  now.individual = individual;
  show();
}

state.individuals.forEach((name, individual) => {
  const button = document.createElement("button");
  button.textContent = name;
  button.onclick = () => choose(individual);
  by("individuals").append(button);
});

by("previous").onclick = () => go(-1);
by("next").onclick = () => go(1);
by("undo").onclick = () => step(done, undone, "from");
by("redo").onclick = () => step(undone, done, "to");
by("fit").onclick = () => views.forEach((view) => view.fit());
by("show-guides").onchange = draw;

const keys = {
  ArrowLeft: () => go(-1), ArrowRight: () => go(1), ArrowUp: () => turn(-1), ArrowDown: () => turn(1),
  Delete: clear, Backspace: clear, Enter: takeGuide,
  f: () => views.forEach((view) => view.fit()),
};

window.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey) {
    if (event.key.toLowerCase() !== "z") return;
    event.preventDefault();
    return event.shiftKey ? step(undone, done, "to") : step(done, undone, "from");
  }
  if (/^[1-9]$/.test(event.key)) return choose(Number(event.key) - 1);
  const action = keys[event.key];
  if (action) { event.preventDefault(); action(); }
});
window.addEventListener("resize", draw);
window.addEventListener("beforeunload", (event) => { if (waiting) event.preventDefault(); });

show();
tell(state.calibrated ? "ready" : "ready (no calibration: no guides)");
