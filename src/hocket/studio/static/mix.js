// The mix as a curve over the bars, drawn with the mouse or the keyboard, to the text of --mix and back.
import { colour } from "./paint.js";
import { button, el } from "./dom.js";
import { words } from "./words.js";

const HIGH = 150, PAD = 12;
const rounded = (weight) => Math.round(Math.min(Math.max(weight, 0), 1) * 100) / 100;

export class Mix {
  constructor(titles, bars, points, onChange) {
    Object.assign(this, { titles, bars, onChange });
    this.points = points?.length ? points : [{ bar: 0, weight: .5 }];
    this.canvas = el("canvas", { "aria-hidden": "true" });
    this.area = el("div", { class: "mix", onpointerdown: (event) => this.down(event) }, this.canvas);
    const preset = (text, made) => button(text, () => { this.points = made().map(([bar, weight]) => ({ bar, weight })); this.changed(); });
    this.element = el("div", { role: "group", "aria-label": words.mix },
      el("div", { class: "mix-ends" }, el("span", {}, words.moreOf(titles[0])), el("span", { class: "presets" },
        preset(words.even, () => [[0, .5]]), preset(words.cross, () => [[0, 1], [this.bars, 0]]), preset(words.crossBack, () => [[0, 0], [this.bars, 1]]))),
      this.area, el("div", { class: "mix-ends" }, el("span", {}, words.moreOf(titles.slice(1).join(", "))), el("output", {})),
      el("p", { class: "quiet small" }, words.mixHelp));
    this.output = this.element.querySelector("output");
    this.watch = new ResizeObserver(() => this.draw());
    this.watch.observe(this.area);
  }

  text() {
    const points = this.sorted();
    return points.length === 1 ? points[0].weight : points.map((point) => `${point.bar}:${point.weight}`).join(", ");
  }

  sorted() {
    const seen = new Map();
    for (const point of [...this.points].sort((a, b) => a.bar - b.bar)) seen.set(point.bar, point);
    return [...seen.values()];
  }

  setBars(bars) {
    this.points.forEach((point) => { point.bar = this.bars ? Math.round(point.bar * bars / this.bars) : 0; });
    this.bars = bars; this.draw();
  }

  x(bar) { return PAD + bar / Math.max(this.bars, 1) * (this.wide - 2 * PAD); }
  y(weight) { return PAD + (1 - weight) * (HIGH - 2 * PAD); }

  draw() {
    const ratio = window.devicePixelRatio || 1, pen = this.canvas.getContext("2d");
    this.wide = this.area.clientWidth || 600;
    this.canvas.width = this.wide * ratio; this.canvas.height = HIGH * ratio;
    this.canvas.style.width = `${this.wide}px`; this.canvas.style.height = `${HIGH}px`;
    pen.scale(ratio, ratio);
    const points = this.sorted(), line = [[PAD, this.y(points[0].weight)], ...points.map((p) => [this.x(p.bar), this.y(p.weight)]), [this.wide - PAD, this.y(points.at(-1).weight)]];
    const fill = (edge, name) => {
      pen.beginPath(); pen.moveTo(PAD, edge); line.forEach(([x, y]) => pen.lineTo(x, y)); pen.lineTo(this.wide - PAD, edge); pen.closePath();
      pen.globalAlpha = .28; pen.fillStyle = colour(name); pen.fill(); pen.globalAlpha = 1;
    };
    fill(HIGH - PAD, "--c0"); fill(PAD, "--c1");
    pen.strokeStyle = colour("--line"); pen.lineWidth = 1;
    for (let bar = 0; bar <= this.bars; bar += this.bars > 48 ? 8 : 4) { pen.beginPath(); pen.moveTo(this.x(bar), PAD); pen.lineTo(this.x(bar), HIGH - PAD); pen.stroke(); }
    pen.strokeStyle = colour("--ink"); pen.lineWidth = 2; pen.beginPath(); line.forEach(([x, y], i) => (i ? pen.lineTo(x, y) : pen.moveTo(x, y))); pen.stroke();
    this.place();
    this.output.textContent = String(this.text());
  }

  place() {
    while (this.area.querySelectorAll("button").length > this.points.length) this.area.lastChild.remove();
    this.points.forEach((point, i) => {
      let handle = this.area.querySelectorAll("button")[i];
      if (!handle) {
        handle = el("button", { type: "button", role: "slider", class: "point", "aria-valuemin": "0", "aria-valuemax": "100" });
        handle.addEventListener("keydown", (event) => this.key(event, i));
        handle.addEventListener("dblclick", () => this.drop(i));
        this.area.append(handle);
      }
      handle.style.left = `${this.x(point.bar)}px`; handle.style.top = `${this.y(point.weight)}px`;
      handle.setAttribute("aria-valuenow", String(Math.round(point.weight * 100)));
      handle.setAttribute("aria-valuetext", words.mixPoint(point.bar, point.weight, this.titles[0]));
      handle.setAttribute("aria-label", `${words.mix}, ${i + 1}`);
    });
  }

  changed() { this.draw(); this.onChange(this.text()); }

  drop(i) { if (this.points.length > 1) { this.points.splice(i, 1); this.changed(); this.area.querySelector("button")?.focus(); } }

  key(event, i) {
    const point = this.points[i], step = event.shiftKey ? .01 : .05;
    if (event.key === "ArrowUp") point.weight = rounded(point.weight + step);
    else if (event.key === "ArrowDown") point.weight = rounded(point.weight - step);
    else if (event.key === "ArrowLeft") point.bar = Math.max(point.bar - 1, 0);
    else if (event.key === "ArrowRight") point.bar = Math.min(point.bar + 1, this.bars);
    else if (event.key === "Delete" || event.key === "Backspace") { event.preventDefault(); this.drop(i); return; }
    else if (event.key === "Enter") { this.points.splice(i + 1, 0, { bar: Math.min(point.bar + 4, this.bars), weight: point.weight }); this.changed(); event.preventDefault(); this.area.querySelectorAll("button")[i + 1].focus(); return; }
    else return;
    event.preventDefault(); this.changed();
  }

  at(event) {
    const box = this.area.getBoundingClientRect();
    return { bar: Math.round(Math.min(Math.max((event.clientX - box.left - PAD) / (this.wide - 2 * PAD), 0), 1) * this.bars),
      weight: rounded(1 - (event.clientY - box.top - PAD) / (HIGH - 2 * PAD)) };
  }

  down(event) {
    let i = [...this.area.querySelectorAll("button")].indexOf(event.target);
    if (i < 0) { this.points.push(this.at(event)); i = this.points.length - 1; this.changed(); }
    const point = this.points[i], begun = this.at(event);
    let moved = false;
    const move = (e) => {
      const to = this.at(e);
      if (!moved && to.bar === begun.bar && Math.abs(to.weight - begun.weight) < .02) return;
      moved = true; Object.assign(point, to); this.draw();
    };
    const up = () => { removeEventListener("pointermove", move); removeEventListener("pointerup", up); if (moved) this.changed(); };
    addEventListener("pointermove", move); addEventListener("pointerup", up);
    this.area.querySelectorAll("button")[i].focus(); event.preventDefault();
  }
}

export function pointsOf(text) {
  if (typeof text === "number") return [{ bar: 0, weight: text }];
  return String(text).split(",").map((each) => each.split(":").map(Number)).filter(([bar, weight]) => bar >= 0 && weight >= 0).map(([bar, weight]) => ({ bar, weight }));
}
