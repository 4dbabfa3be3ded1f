// Elements and requests. Texts from files are only ever set as text, never as markup.

export function el(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "onclick") made.addEventListener("click", value);
    else if (value !== false && value !== undefined) made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.filter((child) => child !== undefined && child !== ""));
  return made;
}

export class Problem extends Error {
  constructor(error, hint = "") {
    super(error);
    this.hint = hint;
  }
}

export async function call(method, path, body) {
  const json = body !== undefined && !(body instanceof Blob);
  let answer;
  try {
    answer = await fetch(path, {
      method,
      body: json ? JSON.stringify(body) : body,
      headers: json ? { "content-type": "application/json" } : {},
    });
  } catch {
    throw new Problem("the app does not answer", "is dp2vl ui still running in the terminal?");
  }
  if (answer.status === 204) return null;
  const value = await answer.json().catch(() => ({ error: `the app failed (${answer.status})`, hint: "" }));
  if (!answer.ok) throw new Problem(value.error, value.hint);
  return value;
}

export function sayProblem(place, problem) {
  place.hidden = !problem;
  place.replaceChildren();
  if (!problem) return;
  place.append(problem.message);
  if (problem.hint) place.append(el("small", {}, problem.hint));
}

export const inPath = (name) => name.split("/").map(encodeURIComponent).join("/");
export const megabytes = (bytes) => (bytes < 1e5 ? `${Math.ceil(bytes / 1e3)} KB` : `${(bytes / 1e6).toFixed(1)} MB`);
export const counted = (count, noun) => `${count} ${noun}${count === 1 ? "" : "s"}`;
