// What a model learned: numbers of both arms, and every question with both answers.

import { el } from "./dom.js";

const ROWS = [
  ["identity_accuracy", "", "Who it is, right"],
  ["category_accuracy", "mean", "What kind of thing is theirs, right"],
  ["token_accuracy", "mean", "What it is called, right"],
  ["leakage", "mean", "Leakage: 0 is guessing, 1 is knowing all"],
];

export function showLesson(place, found) {
  const { clean, protected: kept } = found.arms;
  const rows = ROWS.filter(([metric, scenario]) => number(clean, metric, scenario)).map(([metric, scenario, title]) =>
    el("tr", {}, el("th", { scope: "row" }, title), ...[clean, kept].map((arm) => el("td", {}, shown(number(arm, metric, scenario))))));
  const rate = number(kept, "protection_rate", "mean");
  const heads = ["", "From photos as they are", "From protected copies"].map((text) => el("th", { scope: "col" }, text));
  const right = (arm) => arm.replies.filter((reply) => reply.right).length;
  place.replaceChildren(
    el("h2", {}, `Of ${clean.replies.length} questions about new photos the model answers ${right(clean)} after learning from the photos, ${right(kept)} after the protected copies`),
    el("p", { class: "note" }, `${found.vlm}, a bundled model that stands for no published one; ${number(clean, "identity_accuracy", "").people} people, one run${found.short ? ", taught a quarter as long as an adversary would" : ""}, so the figures are rough: 95 % intervals in brackets. Each model is asked where it leaks most (after ${clean.step} and ${kept.step} steps). ${rate ? `Protection rate ${shown(rate)}.` : ""} Whether it would fit the protected photos with longer training is not tested here.`),
    el("div", { class: "card scroll" }, el("table", {}, el("thead", {}, el("tr", {}, ...heads)), el("tbody", {}, ...rows))),
    el("h2", {}, "Every question"),
    el("div", { class: "asked" }, ...faces(clean, kept)));
}

function faces(clean, kept) {
  const photos = [...new Set(clean.replies.map((reply) => reply.photo_id))];
  return photos.map((photo) => {
    const rows = clean.replies.flatMap((reply, i) =>
      reply.photo_id !== photo ? [] : [el("tr", {}, el("td", {}, reply.question, el("small", {}, `Truth: ${reply.truth}`)), said(reply, "from the photos"), said(kept.replies[i], "from the copies"))]);
    const heads = ["Asked", "Learned from the photos", "Learned from the copies"].map((text) => el("th", { scope: "col" }, text));
    return el("div", { class: "card face" },
      el("img", { src: `job/faces/${encodeURIComponent(photo)}.png`, alt: "A new photo of a person, which the model did not learn from", loading: "lazy" }),
      el("div", { class: "scroll" }, el("table", {}, el("thead", {}, el("tr", {}, ...heads)), el("tbody", {}, ...rows))));
  });
}

function said(reply, from) {
  return el("td", { class: reply.right ? "right" : "wrong", "data-from": from }, reply.said || "undecided", el("small", {}, reply.right ? "gives it away" : "does not know"));
}

function number(arm, metric, scenario) {
  return arm.numbers.find((n) => n.metric === metric && n.scenario === scenario);
}

function shown(n) {
  if (!n || n.value === null) return "undefined";
  const bounds = n.low === null || n.high === null ? "" : ` [${n.low.toFixed(2)}, ${n.high.toFixed(2)}]`;
  return n.value.toFixed(2) + bounds;
}
