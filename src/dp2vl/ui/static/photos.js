// What became of each photo, and the comparison of original and copy.

import { call, counted, el, inPath } from "./dom.js";

const WORDS = {
  strong: ["Strong", "Moved well past people in general on every tower measured."],
  weak: ["Weak", "Moved most of the way from this person to people in general."],
  none: ["Too little", "Moved too little to count on."],
  refused: ["Refused", ""],
  failed: ["Failed", ""],
  skipped: ["Not a photo", ""],
  "not measured": ["Not measured", ""],
};
const FIGURES = { change_levels: ["Largest change", (v) => `${v.toFixed(0)} levels`], ssim: ["SSIM", (v) => v.toFixed(3)], flip: ["FLIP", (v) => v.toFixed(3)] };
const ORDERS = { weakest: "weakest first", album: "in the album's order" };
const NEED = ["failed", "refused", "none", "weak", "strong"];
const dialog = document.querySelector("#compare");
const slider = dialog.querySelector(".slider");

export function badge(word) {
  const [shown] = WORDS[word] ?? [word];
  const sign = { strong: "●", weak: "◐", none: "○" }[word] ?? "–";
  return el("span", { class: `word ${word.split(" ")[0]}` }, el("span", { "aria-hidden": "true" }, sign), shown);
}

const wordOf = (outcome) => (outcome.status === "protected" ? outcome.verdict.split(":")[0] : outcome.status);
const worstOf = (outcome) => Math.min(...Object.entries(outcome.figures).filter(([name]) => name.startsWith("shift[")).map(([, value]) => value), 9);

function weakestFirst(outcomes) {
  return [...outcomes].sort((a, b) => NEED.indexOf(wordOf(a)) - NEED.indexOf(wordOf(b)) || worstOf(a) - worstOf(b));
}

export function photoCard(outcome) {
  const word = wordOf(outcome);
  const name = outcome.rel || outcome.path;
  const about = [WORDS[word]?.[1], outcome.verdict.split(": ").slice(1).join(": ") || outcome.reason, ...outcome.notes];
  const advice = outcome.advice ? el("p", { class: "advice" }, outcome.advice) : "";
  return el("li", { "data-word": word },
    outcome.status === "protected"
      ? el("button", { type: "button", class: "open", "aria-label": `Compare ${name}`, onclick: () => compare(outcome) },
          el("img", { src: `job/photos/after/${inPath(outcome.rel)}`, alt: "", loading: "lazy" }), el("span", {}, "Compare"))
      : "",
    el("div", { class: "text" }, el("span", { class: "name" }, name), badge(word),
      ...about.filter(Boolean).map((text) => el("p", {}, text)), advice));
}

export function showProtected(place, found, actions) {
  const { summary } = found;
  const words = Object.entries(summary.verdicts).filter(([, count]) => count).map(([word, count]) => `${count} ${WORDS[word][0].toLowerCase()}`);
  const left = summary.refused + summary.failed;
  const photos = found.outcomes.filter((o) => o.status !== "skipped");
  const grid = el("ul", { class: "photos" });
  const order = (chosen) => grid.replaceChildren(...(chosen === "weakest" ? weakestFirst(photos) : photos).map(photoCard));
  const sort = el("select", { name: "order" }, ...Object.entries(ORDERS).map(([name, words]) => el("option", { value: name }, words)));
  sort.addEventListener("change", () => order(sort.value));
  order("weakest");
  place.replaceChildren(
    el("h2", {}, `${summary.protected === 1 ? "1 copy" : `${summary.protected} copies`} written${words.length ? `: ${words.join(", ")}` : ""}`),
    left ? el("p", { class: "problem" }, `${counted(left, "photo")} not protected. The reasons are below.`) : "",
    summary.verdicts.none ? el("p", { class: "problem" }, "Do not rely on the copies marked Too little: their change is too small to count on.") : "",
    el("p", { class: "note" }, `Optimised against ${summary.towers.join(", ")}.`),
    el("div", { class: "actions" }, ...actions),
    photos.length > 1 ? el("label", { class: "order" }, "Sorted ", sort) : "",
    grid);
}

export function showVerified(place, found) {
  const rows = found.photos.map((photo) => {
    const [word, ...rest] = photo.verdict.split(": ");
    const figures = Object.entries(FIGURES).map(([key, [title, show]]) => el("td", { "data-title": title }, key in photo.figures ? show(photo.figures[key]) : ""));
    const about = [WORDS[word]?.[1], rest.join(": "), photo.advice].filter(Boolean).map((text) => el("small", {}, text));
    return el("tr", {}, el("td", {}, photo.rel), el("td", {}, badge(word), ...about), ...figures);
  });
  const heads = ["File", "Verdict", ...Object.values(FIGURES).map(([title]) => title)].map((text) => el("th", { scope: "col" }, text));
  place.replaceChildren(
    el("h2", {}, `${counted(found.photos.length, "file")} measured`),
    el("p", { class: "note" }, `Judged on ${found.towers.join(", ")}${found.recorded ? ", as the records beside the copies say" : ""}. Bundled towers are always measured, too.`),
    el("div", { class: "card scroll" }, el("table", { class: "measured" }, el("thead", {}, el("tr", {}, ...heads)), el("tbody", {}, ...rows))));
}

function compare(outcome) {
  const source = (look) => `job/photos/${look}/${inPath(outcome.rel)}`;
  dialog.querySelector("h2").textContent = outcome.rel;
  for (const look of ["before", "after"]) slider.querySelector(`.${look}`).src = source(look);
  dialog.querySelector(".difference img").src = source("difference");
  const word = wordOf(outcome);
  dialog.querySelector(".verdict").replaceChildren(badge(word), ` ${WORDS[word][1]} Measured: ${outcome.verdict.split(": ").slice(1).join(": ")}. ${outcome.advice}`);
  dialog.querySelector(".figures").replaceChildren(
    ...Object.entries(FIGURES).filter(([key]) => key in outcome.figures)
      .map(([key, [title, show]]) => el("div", {}, el("dt", {}, title), el("dd", {}, show(outcome.figures[key])))));
  show("slider");
  move(50);
  dialog.showModal();
}

function show(look) {
  slider.hidden = look !== "slider";
  dialog.querySelector(".difference").hidden = look !== "difference";
  for (const button of dialog.querySelectorAll("[data-look]")) button.setAttribute("aria-pressed", button.dataset.look === look);
}

function move(percent) {
  slider.querySelector("input").value = percent;
  slider.style.setProperty("--cut", `${percent}%`);
}

slider.querySelector("input").addEventListener("input", (event) => move(event.target.value));
dialog.querySelector("[data-close]").addEventListener("click", () => dialog.close());
dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
for (const button of dialog.querySelectorAll("[data-look]")) button.addEventListener("click", () => show(button.dataset.look));
