// The page: which part is shown, what is asked of the server, how far the job is.

import { call, counted, el, Problem, sayProblem } from "./dom.js";
import { showLesson } from "./lesson.js";
import { photoCard, showProtected, showVerified } from "./photos.js";
import { Shelf } from "./shelf.js";

const POLL_MS = 500;
const parts = ["protect", "verify", "simulate", "reports"];
const form = (kind) => document.querySelector(`#${kind}-form`);
const result = (kind) => document.querySelector(`#${kind}-result`);
const shelves = Object.fromEntries(["photos", "originals", "copies"].map((name) => [name, new Shelf(name, refresh)]));
let busy = false;

function showPart() {
  const chosen = parts.find((part) => `#${part}` === location.hash) ?? "protect";
  for (const part of parts) {
    document.querySelector(`#${part}`).hidden = part !== chosen;
    const link = document.querySelector(`nav a[href="#${part}"]`);
    if (part === chosen) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
}

function refresh() {
  const count = shelves?.photos.ready.length ?? 0;
  const dropped = form("protect").elements.from.value === "dropped";
  form("protect").querySelector(".main").textContent = dropped && count ? `Protect ${counted(count, "photo")}` : "Protect";
}

for (const kind of ["protect", "verify", "simulate"]) {
  for (const radio of form(kind).querySelectorAll("[name=from]")) {
    radio.addEventListener("change", () => {
      for (const box of form(kind).querySelectorAll("[data-from]")) box.hidden = box.dataset.from !== form(kind).elements.from.value;
      refresh();
    });
  }
}

function submit(kind, ask) {
  form(kind).addEventListener("submit", async (event) => {
    event.preventDefault();
    const place = form(kind).querySelector(".problem");
    sayProblem(place, null);
    try {
      if (busy) throw new Problem("another job is running", "wait until it ends, or stop it");
      await ask(form(kind).elements);
    } catch (problem) {
      sayProblem(place, problem);
      place.scrollIntoView({ block: "nearest" });
    }
  });
}

const settings = (fields) => ({ strength: fields.strength.value, effort: fields.effort.value, surrogates: fields.surrogates.value });

submit("protect", async (fields) => {
  if (shelves.photos.sending) throw new Problem("photos are still being taken in", "wait a moment");
  const named = fields.from.value === "folder" ? { source: fields.source.value, out: fields.out.value } : {};
  if (fields.from.value === "folder" && !named.source.trim()) throw new Problem("no folder is named", "write its whole path");
  watch(await call("POST", "jobs/protect", { ...named, ...settings(fields) }));
});

submit("verify", async (fields) => {
  const named = fields.from.value === "folder" ? { target: fields.target.value, against: fields.against.value } : {};
  if (fields.from.value === "folder" && !named.target.trim()) throw new Problem("no copies are named", "write the whole path of a folder or file");
  watch(await call("POST", "jobs/verify", { ...named, surrogates: fields.surrogates.value }));
});

submit("simulate", async (fields) => {
  const how = { taught: fields.taught.value, ...settings(fields) };
  if (fields.from.value === "madeup") return watch(await call("POST", "jobs/simulate", how));
  const album = fields.album.value;
  const box = form("simulate").querySelector(".consent");
  if (!fields.consent.checked || box.dataset.album !== album) {
    const { names } = await call("POST", "people", { album });
    box.querySelector("span").textContent = `${names.join(", ")} agreed, or it is me: teach a model on this machine who they are, and forget it afterwards.`;
    box.dataset.album = album;
    box.hidden = false;
    fields.consent.checked = false;
    throw new Problem("consent is needed", "tick the box above and press the button again");
  }
  return watch(await call("POST", "jobs/simulate", { album, against: fields.against.value, consent: "yes", ...how }));
});

submit("reports", async (fields) => {
  const { url } = await call("POST", "reports", { folder: fields.folder.value });
  const link = el("a", { href: url, target: "_blank", rel: "noopener" }, fields.folder.value);
  document.querySelector("#opened").prepend(el("li", {}, link));
  link.focus();
});

async function watch(job) {
  busy = true;
  const card = document.querySelector(`.progress[data-kind="${job.kind}"]`);
  const line = el("span", { role: "status" });
  const time = el("span", {});
  const bar = el("progress", { "aria-label": "Progress" });
  const stop = el("button", { type: "button", class: "stop" }, "Stop");
  stop.addEventListener("click", async () => {
    stop.disabled = true;
    stop.textContent = "Stopping …";
    await call("POST", "job/stop").catch((problem) => sayProblem(form(job.kind).querySelector(".problem"), problem));
  });
  card.replaceChildren(el("div", { class: "row" }, el("h2", {}, { protect: "Protecting", verify: "Measuring", simulate: "Teaching and asking" }[job.kind]), stop), bar, el("p", {}, line, time));
  card.hidden = false;
  result(job.kind).replaceChildren();
  const seen = [];
  const grid = el("ul", { class: "photos" });
  if (job.kind === "protect") result(job.kind).append(grid);
  try {
    while (job.state === "running") {
      await new Promise((done) => setTimeout(done, POLL_MS));
      job = await call("GET", `job?since=${seen.length}`);
      seen.push(...job.outcomes);
      if (job.kind === "protect") grid.append(...job.outcomes.map(photoCard));
      sayProgress(job, bar, line, time);
    }
    finish(job, seen);
  } catch (problem) {
    sayProblem(form(job.kind).querySelector(".problem"), problem);
  } finally {
    card.hidden = true;
    busy = false;
  }
}

function sayProgress(job, bar, line, time) {
  const steps = /: (\d+) of (\d+) steps$/.exec(job.line);
  const photos = job.total !== null && job.finished < job.total;
  if (job.finished && (photos || job.kind !== "simulate")) {
    bar.max = job.total;
    bar.value = job.finished;
  } else if (steps) {
    const half = job.line.includes(", protected,") ? 0.5 : 0;
    bar.max = 1;
    bar.value = half + Number(steps[1]) / Number(steps[2]) / 2;
  } else bar.removeAttribute("value");
  const words = [photos ? `${job.finished} of ${counted(job.total, "photo")} finished` : "", job.line || "getting ready"].filter(Boolean).join(" · ");
  if (line.textContent !== words) line.textContent = words;
  time.textContent = ` · ${Math.round(job.seconds)} s${job.left_s ? `, about ${duration(job.left_s)} left` : ""}`;
}

const duration = (s) => (s < 90 ? `${Math.max(5, Math.ceil(s / 5) * 5)} s` : s < 5400 ? `${Math.round(s / 60)} min` : `${(s / 3600).toFixed(1)} h`);

function finish(job, seen) {
  const place = result(job.kind);
  const problem = form(job.kind).querySelector(".problem");
  if (job.state === "failed") sayProblem(problem, new Problem(job.error, job.hint));
  else if (job.state === "stopped") {
    place.prepend(el("h2", {}, `Stopped. ${job.kind === "protect" ? `${counted(seen.length, "photo")} finished; nothing is half-written.` : "Nothing was kept."}`));
    if (seen.some((outcome) => outcome.status === "protected") && job.kind === "protect") place.querySelector("h2").after(el("div", { class: "actions" }, download()));
  } else if (job.kind === "protect") {
    const report = el("a", { class: "button", href: "job/report/index.html", target: "_blank", rel: "noopener" }, "Open the report");
    const kept = job.found.out ? el("p", { class: "note" }, "The copies are in ", el("code", {}, job.found.out)) : "";
    showProtected(place, job.found, [job.found.summary.protected ? download() : "", report, kept]);
  } else if (job.kind === "verify") showVerified(place, job.found);
  else showLesson(place, job.found);
}

const download = () => el("a", { class: "main", href: "job/zip", download: "protected.zip" }, "Download all as a zip");

document.querySelector("#remove").addEventListener("click", async () => {
  await call("DELETE", "job").catch(() => null);
  location.reload();
});
addEventListener("hashchange", showPart);
for (const kind of ["dragover", "drop"]) addEventListener(kind, (event) => event.preventDefault());
showPart();
refresh();
await Promise.all(Object.values(shelves).map((shelf) => shelf.load()));
const job = await call("GET", "job");
if (job.state !== "none" && !location.hash) location.hash = job.kind;
if (job.state === "running") watch({ ...job, outcomes: [] });
else if (job.state !== "none") finish(job, job.outcomes);
