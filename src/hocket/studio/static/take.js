// A fusion and its takes: heard, seen, read, asked why, and taken home.
import { ask } from "./api.js";
import { button, el, note, tell } from "./dom.js";
import { LETTERS, paint } from "./paint.js";
import { Roll, nameOf } from "./roll.js";
import { words } from "./words.js";

const KINDS = ["mid", "musicxml", "mp3", "svg", "pdf", "zip"];

export class Fusion {
  constructor(job, number) {
    this.id = job.id; this.takes = new Map();
    this.list = el("div", {});
    const base = `/api/fusions/${job.id}`, title = words.fusion(number, job.titles);
    const remove = () => tell(async () => {
      await ask("DELETE", `/jobs/${job.id}`);
      note(words.deleted(title), { text: words.undo, run: () => tell(() => ask("POST", `/jobs/${job.id}/restore`)) });
    });
    this.page = el("a", { class: "button small", href: `${base}/page`, download: "", hidden: true }, words.page);
    this.element = el("section", { "aria-label": title }, el("div", { class: "row" }, el("h3", {}, title),
      el("a", { class: "button small", href: `${base}/zip`, download: "" }, words.allZip), this.page,
      el("a", { class: "button small", href: `${base}/report`, download: "" }, words.report),
      button(words.delete, remove, { class: "small", "aria-label": `${words.delete}: ${title}` })), this.list);
  }

  update(job) {
    this.page.hidden = !job.page;
    for (const told of job.takes) {
      let take = this.takes.get(told.number);
      if (told.deleted) { if (take) { take.close(); this.takes.delete(told.number); } continue; }
      if (!take) {
        take = new Take(job, told);
        this.takes.set(told.number, take);
        const after = [...this.takes.values()].filter((each) => each.number > told.number).sort((a, b) => a.number - b.number)[0];
        this.list.insertBefore(take.element, after?.element || null);
      }
      take.update(told);
    }
  }

  close() { for (const take of this.takes.values()) take.close(); this.element.remove(); }
}

class Take {
  constructor(job, told) {
    this.number = told.number; this.titles = job.titles;
    this.base = `/fusions/${job.id}/takes/${told.number}`;
    const name = words.take(told.number);
    this.play = el("span", {}, el("span", { class: "quiet" }, words.opening)); this.roll = el("div", { class: "roll-home" });
    this.told = el("p", { class: "told", role: "status" }, words.mixAbove); this.why = el("div", {});
    this.star = button("☆", () => tell(() => ask("PATCH", this.base, { favourite: !this.favourite })), { class: "star", "aria-label": `${words.favourite}: ${name}`, "aria-pressed": "false" });
    const remove = () => tell(async () => {
      await ask("DELETE", this.base);
      note(words.deleted(name), { text: words.undo, run: () => tell(() => ask("POST", `${this.base}/restore`)) });
    });
    this.score = el("div", { class: "score", tabindex: "0", role: "region", "aria-label": `${words.score}: ${name}` }, el("p", { class: "quiet" }, words.scoring));
    const pages = el("details", { class: "score-part", ontoggle: () => { if (pages.open && !this.heads) tell(() => this.engrave()); } }, el("summary", {}, words.score), this.score);
    this.pages = pages;
    const codes = job.titles.map((title, i) => [`${LETTERS[i]} ${title}`, i]).concat([[job.titles.length > 2 ? words.several : words.both, job.titles.length], [words.fresh, job.titles.length + 1]]);
    this.swatches = codes.map(([, code]) => [el("canvas", { "aria-hidden": "true" }), code]);
    const copy = () => navigator.clipboard.writeText(told.recipe).then(() => note(words.copied));
    this.element = el("article", { class: "card take", "aria-label": name },
      el("div", { class: "row" }, el("h3", {}, name), this.play, this.star, button(words.moreLike, () => tell(() => ask("POST", `${this.base}/more`)), { class: "small", "aria-label": `${words.moreLike}: ${name}` }),
        button(words.delete, remove, { class: "small", "aria-label": `${words.delete}: ${name}` })),
      this.roll, this.told, this.why,
      el("ul", { class: "legend" }, codes.map(([text], i) => el("li", {}, this.swatches[i][0], `${text} `, el("span", { class: "quiet" }, `${Math.round(100 * told.shares[i])} %`)))),
      el("ul", { class: "words" }, told.words.map((line) => el("li", {}, line))), pages,
      el("details", {}, el("summary", {}, words.how), el("pre", { tabindex: "0" }, told.recipe), button(words.copy, copy, { class: "small" })),
      el("div", { class: "files" }, KINDS.map((kind) => el("a", { class: "button small", href: `/api${this.base}/file/${kind}`, download: "", "data-kind": kind, "aria-label": `${words.files[kind]}: ${name}` }, words.files[kind]))));
    tell(() => this.open(name, job.titles.length));
  }

  async open(name, themes) {
    const shown = await ask("GET", `${this.base}/shown`);
    this.view = new Roll(name, shown, { url: `/api${this.base}/file/mp3`, themes, onNote: (found, i) => tell(() => this.explain(found, i)), onPlace: (now, on) => this.light(now, on) });
    this.roll.replaceChildren(this.view.element);
    this.play.replaceChildren(this.view.player.button, " ", this.view.time);
    for (const [canvas, code] of this.swatches) {
      const ratio = window.devicePixelRatio || 1, pen = canvas.getContext("2d");
      canvas.width = 27 * ratio; canvas.height = 13 * ratio; pen.scale(ratio, ratio); paint(pen, themes, code, 0, 0, 27, 13);
    }
    new IntersectionObserver((seen, watch) => { if (seen.some((each) => each.isIntersecting)) { watch.disconnect(); this.view.player.load(); } }).observe(this.element);
  }

  update(told) {
    this.favourite = told.favourite;
    this.star.textContent = told.favourite ? "★" : "☆";
    this.star.setAttribute("aria-pressed", String(told.favourite));
  }

  close() { this.view?.close(); this.element.remove(); }

  async engrave() {
    const pages = await ask("GET", `${this.base}/score`), parser = new DOMParser();
    this.score.replaceChildren(...pages.map((page, i) => {
      const svg = document.importNode(parser.parseFromString(page.replace(/<style[^]*?<\/style>/g, ""), "image/svg+xml").documentElement, true);
      svg.querySelectorAll("script,foreignObject").forEach((each) => each.remove());
      svg.removeAttribute("color");
      svg.querySelectorAll("[color=black]").forEach((each) => each.removeAttribute("color"));
      const seen = new Map([[svg.id, `s${this.base}p${i}`]]);  // the ids of a page are its own
      svg.querySelectorAll("[id]").forEach((each) => { if (/^n\d+$/.test(each.id)) each.dataset.note = each.id.slice(1); seen.set(each.id, `s${this.base}p${i}${each.id}`); each.id = seen.get(each.id); });
      svg.querySelectorAll("*").forEach((each) => { for (const key of ["href", "xlink:href"]) { const to = each.getAttribute(key)?.slice(1); if (to && seen.has(to)) each.setAttribute(key, `#${seen.get(to)}`); } });
      svg.setAttribute("role", "img"); svg.setAttribute("aria-label", `${words.score}, ${i + 1}`);
      return svg;
    }));
    this.heads = new Map([...this.score.querySelectorAll("[data-note]")].map((head) => [Number(head.dataset.note), head]));
  }

  light(now, on) {
    if (!this.heads || !this.pages.open) return;
    this.view.shown.notes.forEach((found, i) => this.heads.get(i)?.classList.toggle("sounding", Boolean(on) && found[0] <= now && now < found[0] + found[1]));
  }

  async explain(found, i) {
    const [, , pitch, code, bar, theme, from, moved, run] = found, name = nameOf(pitch), themes = this.titles.length;
    const title = theme ? this.titles[LETTERS.indexOf(theme[0])] || theme : "";
    this.told.textContent = code > themes || !run ? words.newNote(bar, name) : words.knownNote(bar, name, run, title, from, moved, code === themes);
    const { reasons } = await ask("GET", `${this.base}/why?bar=${bar}`);
    const same = this.view.shown.notes.slice(0, i + 1).filter((each) => each[4] === bar && each[2] === pitch).length;
    const reason = reasons.filter((each) => each.note.what.replace("#", "♯").replace(/([A-G])b/, "$1♭") === name || each.note.what === name || pitchOf(each.note.what) === pitch)[same - 1];
    if (!reason) { this.why.replaceChildren(el("p", { class: "quiet" }, words.whyNone)); return; }
    const letters = Object.keys(reason.note.votes), percent = (value) => `${(100 * value).toFixed(1)} %`;
    const row = (choice, head) => el("tr", {}, el("th", { scope: "row" }, choice.what, head ? ` (${words.came})` : ""), el("td", {}, percent(choice.chance)), letters.map((letter) => el("td", {}, percent(choice.votes[letter]))));
    this.why.replaceChildren(el("div", { class: "why" }, el("div", { class: "row" }, el("h3", {}, words.why(bar, name)), button(words.close, () => this.why.replaceChildren(), { class: "small" })),
      reason.laid_out ? el("p", {}, words.laidOut(reason.laid_out)) : null,
      el("table", {}, el("thead", {}, el("tr", {}, [words.whyHead[0], words.whyHead[1], ...letters].map((head) => el("th", { scope: "col" }, head)))), el("tbody", {}, row(reason.note, true), reason.others.map((choice) => row(choice))))));
  }
}

function pitchOf(text) {
  const found = /^([A-G])([#b♯♭]*)(-?\d+)$/.exec(text);
  if (!found) return -1;
  const sharps = [...found[2]].reduce((sum, sign) => sum + ("#♯".includes(sign) ? 1 : -1), 0);
  return { C: 0, D: 2, E: 4, F: 5, G: 7, A: 9, B: 11 }[found[1]] + sharps + 12 * (Number(found[3]) + 1);
}
