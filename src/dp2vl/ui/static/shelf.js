// Photos that are dropped or chosen, sent one after the other.

import { call, counted, el, inPath, megabytes, Problem } from "./dom.js";

const most = Number(document.body.dataset.mostBytes);

export class Shelf {
  constructor(name, onChange) {
    this.name = name;
    this.onChange = onChange;
    this.photos = [];
    this.sending = 0;
    this.drop = document.querySelector(`.drop[data-shelf="${name}"]`);
    this.list = document.querySelector(`.shelf[data-shelf="${name}"]`);
    const input = this.drop.querySelector("input");
    input.addEventListener("change", () => {
      this.add([...input.files].map((file) => ({ file, name: file.webkitRelativePath || file.name })));
      input.value = "";
    });
    for (const kind of ["dragover", "dragleave", "drop"]) {
      this.drop.addEventListener(kind, (event) => {
        event.preventDefault();
        this.drop.classList.toggle("over", kind === "dragover");
      });
    }
    this.drop.addEventListener("drop", async (event) => this.add(await readEntries(event.dataTransfer)));
  }

  async load() {
    const { photos } = await call("GET", `shelves/${this.name}`);
    this.photos = photos.map((photo) => ({ ...photo, state: "here", why: "" }));
    this.show();
  }

  get ready() {
    return this.photos.filter((photo) => photo.state === "here");
  }

  async add(files) {
    const fresh = files.map(({ file, name }) => ({ name, size: file.size, file, state: "waiting", why: "" }));
    this.photos = [...this.photos.filter((photo) => photo.state === "here"), ...fresh];
    this.sending += 1;
    this.show();
    for (const photo of fresh) {
      photo.state = "sending";
      this.show();
      try {
        if (photo.size > most) throw new Problem(`larger than ${most >> 20} MB`, "name its folder instead");
        await call("PUT", `shelves/${this.name}/${inPath(photo.name)}`, photo.file);
        photo.state = "here";
      } catch (problem) {
        photo.state = "refused";
        photo.why = [problem.message, problem.hint].filter(Boolean).join("; ");
      }
      delete photo.file;
      this.show();
    }
    this.sending -= 1;
    this.show();
  }

  async clear() {
    await call("DELETE", `shelves/${this.name}`);
    this.photos = [];
    this.show();
  }

  show() {
    const bytes = this.ready.reduce((sum, photo) => sum + photo.size, 0);
    const head = el("span", {}, `${counted(this.ready.length, "photo")}, ${megabytes(bytes)} `);
    const clear = el("button", { type: "button", class: "quiet", onclick: () => this.clear() }, "Remove all");
    const rows = this.photos.map((photo) =>
      el("li", { class: photo.state === "refused" ? "bad" : "" },
        el("span", {}, photo.state === "refused" ? blame(photo) : photo.name),
        el("span", {}, photo.state === "here" ? megabytes(photo.size) : photo.state === "refused" ? "" : "sending …")));
    this.list.replaceChildren(...(this.photos.length ? [head, clear, el("ul", {}, ...rows)] : []));
    this.onChange();
  }
}

const blame = (photo) => (photo.why.startsWith(photo.name) ? photo.why : `${photo.name}: ${photo.why}`);

async function readEntries(transfer) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (!entries.length) return [...transfer.files].map((file) => ({ file, name: file.name }));
  const found = [];
  for (const entry of entries) await walk(entry, "", found);
  return found;
}

async function walk(entry, above, found) {
  if (entry.name.startsWith(".")) return;
  const name = above + entry.name;
  if (entry.isFile) {
    found.push({ name, file: await new Promise((done, failed) => entry.file(done, failed)) });
    return;
  }
  const reader = entry.createReader();
  for (;;) {
    const some = await new Promise((done, failed) => reader.readEntries(done, failed));
    if (!some.length) return;
    for (const inner of some) await walk(inner, `${name}/`, found);
  }
}
