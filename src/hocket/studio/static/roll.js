// A piano roll with a player and a playhead; of a theme, an opening or a take.
import { NAMES, colour, paint } from "./paint.js";
import { el } from "./dom.js";
import { clock, words } from "./words.js";

const TOP = 34, HIGH = 6, FAST = 24, MOST_PIXELS = 12000;
const calm = matchMedia("(prefers-reduced-motion: reduce)");
const rolls = new Set();

export const nameOf = (pitch) => `${NAMES[pitch % 12]}${Math.floor(pitch / 12) - 1}`;

export class Player {
  constructor(label, url, onTime) {
    this.url = url; this.onTime = onTime;
    this.button = el("button", { type: "button", class: "play", "aria-label": words.playOf(label), "aria-pressed": "false", onclick: () => this.toggle() }, words.play);
    Player.all.add(this);
  }

  load() {
    if (this.sound) return;
    this.sound = new Audio(); this.sound.preload = "auto"; this.sound.src = this.url;
    for (const name of ["play", "pause", "ended"]) this.sound.addEventListener(name, () => this.running());
    for (const name of ["seeked", "loadedmetadata"]) this.sound.addEventListener(name, () => this.onTime());
    this.sound.addEventListener("waiting", () => { this.button.textContent = words.loading; });
    this.sound.addEventListener("playing", () => this.running());
  }

  get on() { return Boolean(this.sound) && !this.sound.paused && !this.sound.ended; }
  get now() { return this.sound ? this.sound.currentTime : 0; }

  toggle() {
    this.load();
    if (this.on) { this.sound.pause(); return; }
    for (const other of Player.all) if (other !== this) other.sound?.pause();
    this.button.textContent = words.loading;
    this.sound.play().catch(() => this.running());
  }

  seek(seconds) { this.load(); this.sound.currentTime = Math.max(0, seconds); this.onTime(); }

  running() {
    this.button.textContent = this.on ? words.pause : words.play;
    this.button.setAttribute("aria-pressed", String(this.on));
    if (this.on && !this.framed) this.frame(); else this.onTime();
  }

  frame() {
    this.onTime(); this.framed = this.on;
    if (this.on) requestAnimationFrame(() => this.frame());
  }

  close() { this.sound?.pause(); if (this.sound) this.sound.src = ""; Player.all.delete(this); }
}
Player.all = new Set();

export class Roll {
  constructor(label, shown, { url, themes = 1, code, onNote, onPlace } = {}) {
    Object.assign(this, { label, shown, themes, code, onNote, onPlace });
    this.end = shown.bars.at(-1) || 1;
    const pitches = shown.notes.map((note) => note[2]);
    this.low = Math.min(...pitches, 60) - 2; this.high = Math.max(...pitches, 72) + 2;
    this.top = shown.mix.length ? TOP : 20;
    this.canvas = el("canvas", { "aria-hidden": "true" });
    this.line = el("div", { class: "head-line" });
    this.chosen = -1;
    this.element = el("div", { class: "roll", tabindex: "0", role: "slider", "aria-label": words.rollOf(label), "aria-valuemin": "0",
      "aria-valuemax": this.end.toFixed(1), "aria-valuenow": "0", onkeydown: (event) => this.key(event), onclick: (event) => this.click(event) }, this.canvas, this.line);
    this.time = el("span", { class: "time" });
    this.player = url ? new Player(label, url, () => this.place()) : null;
    rolls.add(this);
    this.watch = new ResizeObserver(() => { if (this.room !== this.element.clientWidth) this.draw(); });
    this.watch.observe(this.element);
  }

  close() { rolls.delete(this); this.watch.disconnect(); this.player?.close(); }

  scale() { return this.width / this.end; }
  y(pitch) { return this.top + (this.high - pitch) * HIGH; }

  draw() {
    this.room = this.element.clientWidth || 600;
    const ratio = window.devicePixelRatio || 1;
    this.width = Math.min(Math.max(this.room, this.end * FAST), MOST_PIXELS / ratio);
    const height = this.top + (this.high - this.low + 1) * HIGH, pen = this.canvas.getContext("2d");
    this.canvas.width = this.width * ratio; this.canvas.height = height * ratio;
    this.canvas.style.width = `${this.width}px`; this.canvas.style.height = `${height}px`;
    const x = (seconds) => seconds * this.scale(), { bars, notes, mix, first } = this.shown;
    pen.scale(ratio, ratio);
    pen.fillStyle = colour("--card"); pen.fillRect(0, 0, this.width, height);
    for (let pitch = this.low; pitch <= this.high; pitch++) {
      if ([1, 3, 6, 8, 10].includes(pitch % 12)) { pen.fillStyle = colour("--black-key"); pen.fillRect(0, this.y(pitch), this.width, HIGH); }
    }
    mix.forEach((weights, i) => {
      let from = 0;
      weights.forEach((weight, theme) => {
        paint(pen, this.themes, theme, x(bars[i]), 2 + from * 13, x(bars[i + 1] - bars[i]), Math.max(weight * 13, 0)); from += weight;
      });
    });
    pen.font = "11px sans-serif"; pen.textBaseline = "top";
    bars.forEach((bar, i) => {
      pen.fillStyle = colour("--line"); pen.fillRect(Math.round(x(bar)), 0, 1, height);
      if (i + 1 < bars.length && i + 1 >= first) { pen.fillStyle = colour("--soft"); pen.fillText(String(i + 2 - first), x(bar) + 4, this.top - 16); }
    });
    notes.forEach((note, i) => {
      const code = this.code === undefined ? note[3] : this.code, wide = Math.max(x(note[1]) - 1, 2);
      paint(pen, Math.max(this.themes, 1 + (this.code || 0)), code, x(note[0]), this.y(note[2]), wide, HIGH);
      if (i === this.chosen) { pen.strokeStyle = colour("--playhead"); pen.lineWidth = 2; pen.strokeRect(x(note[0]) - 1, this.y(note[2]) - 1, wide + 2, HIGH + 2); }
    });
    this.place();
  }

  bar() { return Math.max(this.shown.bars.filter((bar) => bar <= (this.player?.now || 0) + .02).length - 1, 0); }

  key(event) {
    const bar = this.bar(), bars = this.shown.bars, notes = this.shown.notes;
    if (this.onNote && event.key === "Enter") {
      const now = this.player?.now || 0;
      this.choose(Math.max(notes.findIndex((note) => note[0] >= now - .02), 0));
    } else if (this.onNote && this.chosen >= 0 && ["ArrowUp", "ArrowDown"].includes(event.key)) {
      this.choose(Math.min(Math.max(this.chosen + (event.key === "ArrowDown" ? 1 : -1), 0), notes.length - 1));
    } else if (event.key === " ") this.player?.toggle();
    else {
      const to = { ArrowLeft: bars[Math.max(bar - 1, 0)], ArrowRight: bars[Math.min(bar + 1, bars.length - 1)], Home: 0, End: this.end }[event.key];
      if (to === undefined) return;
      this.player?.seek(to);
    }
    event.preventDefault();
  }

  choose(i) { this.chosen = i; this.draw(); this.onNote(this.shown.notes[i], i); }

  click(event) {
    const box = this.canvas.getBoundingClientRect(), seconds = (event.clientX - box.left) / this.scale();
    const pitch = this.high - Math.floor((event.clientY - box.top - this.top) / HIGH);
    const near = (reach) => this.shown.notes.findIndex((note) => Math.abs(note[2] - pitch) <= reach && note[0] <= seconds && seconds < note[0] + Math.max(note[1], 4 / this.scale()));
    const found = near(0) >= 0 ? near(0) : near(1);
    if (this.onNote && found >= 0) this.choose(found); else this.player?.seek(seconds);
  }

  place() {
    const now = this.player?.now || 0, x = Math.min(now, this.end) * this.scale();
    this.line.style.transform = `translateX(${x}px)`;
    const bar = this.shown.bars.length > 1 ? this.bar() + 2 - this.shown.first : 0;
    this.time.textContent = `${clock(now)} / ${clock(this.end)}`;
    this.element.setAttribute("aria-valuenow", now.toFixed(1));
    this.element.setAttribute("aria-valuetext", `bar ${bar}, ${clock(now)} of ${clock(this.end)}`);
    const left = this.element.scrollLeft, room = this.element.clientWidth;
    if (this.player?.on && (x < left || x > left + room * .85)) this.element.scrollTo({ left: x - room * .15, behavior: calm.matches ? "auto" : "smooth" });
    this.onPlace?.(now, this.player?.on);
  }
}

matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => rolls.forEach((roll) => roll.draw()));
