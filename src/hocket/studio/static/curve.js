// How learning goes: a line of losses, and dots of the bars kept apart, for each theme.
import { colour } from "./paint.js";
import { el } from "./dom.js";
import { words } from "./words.js";

export class Curve {
  constructor() {
    this.canvas = el("canvas", { "aria-hidden": "true" });
    this.told = el("ul", { class: "words" });
    this.area = el("div", { class: "curve" }, this.canvas);
    this.element = el("figure", {}, this.area, el("figcaption", { class: "quiet small" }, words.curve), this.told);
    this.watch = new ResizeObserver(() => this.draw());
    this.watch.observe(this.area);
    this.lines = [];
  }

  set(lines) {
    this.lines = lines;
    this.told.replaceChildren(...lines.filter((line) => line.points.length).map(({ title, points }) => {
      const [, loss, held] = points.at(-1);
      return el("li", {}, words.curveOf(title, loss.toFixed(2), held === null ? null : held.toFixed(2)));
    }));
    this.draw();
  }

  draw() {
    const ratio = window.devicePixelRatio || 1, wide = this.area.clientWidth || 600, high = 160, pen = this.canvas.getContext("2d");
    this.canvas.width = wide * ratio; this.canvas.height = high * ratio;
    this.canvas.style.width = `${wide}px`; this.canvas.style.height = `${high}px`;
    pen.scale(ratio, ratio); pen.font = "11px sans-serif";
    const every = this.lines.flatMap((line) => line.points);
    if (!every.length) return;
    const values = every.flatMap((point) => [point[1], point[2]]).filter((value) => value !== null && Number.isFinite(value));
    const most = Math.max(...values), least = Math.min(...values, 0), last = Math.max(...every.map((point) => point[0]), 20);
    const x = (step) => 34 + step / last * (wide - 44), y = (value) => 8 + (most - value) / Math.max(most - least, .1) * (high - 30);
    pen.strokeStyle = colour("--line"); pen.fillStyle = colour("--soft");
    for (let i = 0; i <= 4; i++) {
      const value = least + (most - least) * i / 4;
      pen.beginPath(); pen.moveTo(34, y(value)); pen.lineTo(wide - 10, y(value)); pen.stroke(); pen.fillText(value.toFixed(1), 6, y(value) + 4);
    }
    pen.fillText(String(last), wide - 28, high - 6); pen.fillText("0", 34, high - 6);
    this.lines.forEach(({ points, code }) => {
      pen.strokeStyle = pen.fillStyle = colour(`--c${code % 6}`); pen.lineWidth = 1.5; pen.setLineDash(code % 2 ? [6, 3] : []);
      pen.beginPath(); points.forEach((point, i) => (i ? pen.lineTo(x(point[0]), y(point[1])) : pen.moveTo(x(point[0]), y(point[1])))); pen.stroke();
      pen.setLineDash([]);
      let before = null;
      points.forEach((point) => { if (point[2] !== null && point[2] !== before) { pen.beginPath(); pen.arc(x(point[0]), y(point[2]), 3.5, 0, 7); pen.fill(); before = point[2]; } });
    });
  }
}
