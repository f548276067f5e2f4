"use strict";
// One object for each take; only one plays at a time. All that is shown of files is set as text.
const data = JSON.parse(document.getElementById("data").textContent);
const calm = matchMedia("(prefers-reduced-motion: reduce)");
const takes = [];
const TOP = 34, HIGH = 7, FAST = 26, MOST_PIXELS = 12000;

function bytes(text) {
  const raw = atob(text), found = new Uint8Array(raw.length);
  for (let i = 0; i < raw.length; i++) found[i] = raw.charCodeAt(i);
  return found;
}

class Take {
  constructor(element, told) {
    this.element = element; this.data = told;
    this.find = (name) => element.querySelector(name);
    this.roll = this.find(".roll"); this.canvas = this.find(".roll canvas"); this.line = this.find(".head-line");
    this.end = told.bars.length ? told.bars[told.bars.length - 1] : 1;
    const pitches = told.notes.map((note) => note[2]);
    this.low = Math.min(...pitches, 60) - 2; this.high = Math.max(...pitches, 72) + 2;
    this.draw();
    if (told.mp3) {
      this.sound = new Audio(URL.createObjectURL(new Blob([bytes(told.mp3)], { type: "audio/mpeg" })));
      this.sound.preload = "metadata";
      this.sound.addEventListener("play", () => this.running());
      this.sound.addEventListener("pause", () => this.running());
      this.sound.addEventListener("ended", () => this.running());
      this.sound.addEventListener("seeked", () => this.place());
      this.find(".play").addEventListener("click", () => this.toggle());
      this.find(".volume input").addEventListener("input", (event) => { this.sound.volume = event.target.value; });
      this.roll.addEventListener("keydown", (event) => this.key(event));
      this.roll.addEventListener("click", (event) => this.seek(this.at(event)));
    }
    this.roll.addEventListener("pointermove", (event) => this.tell(event));
    this.roll.addEventListener("click", (event) => this.tell(event));
    this.find("details.score-part")?.addEventListener("toggle", () => { this.heads = null; });
    this.files();
    this.place();
  }

  scale() { return this.width / this.end; }

  draw() {
    const room = this.roll.clientWidth || 600, ratio = window.devicePixelRatio || 1;
    this.width = Math.min(Math.max(room, this.end * FAST), MOST_PIXELS / ratio);
    const height = TOP + (this.high - this.low + 1) * HIGH;
    this.canvas.width = this.width * ratio; this.canvas.height = height * ratio;
    this.canvas.style.width = `${this.width}px`; this.canvas.style.height = `${height}px`;
    const pen = this.canvas.getContext("2d"), x = (seconds) => seconds * this.scale();
    pen.scale(ratio, ratio);
    pen.fillStyle = colour("--card"); pen.fillRect(0, 0, this.width, height);
    for (let pitch = this.low; pitch <= this.high; pitch++) {
      if ([1, 3, 6, 8, 10].includes(pitch % 12)) {
        pen.fillStyle = colour("--black-key"); pen.fillRect(0, this.y(pitch), this.width, HIGH);
      }
    }
    this.curve(pen, x);
    pen.font = "11px sans-serif"; pen.textBaseline = "top";
    this.data.bars.forEach((bar, i) => {
      pen.fillStyle = colour("--line"); pen.fillRect(Math.round(x(bar)), 0, 1, height);
      if (i + 1 < this.data.bars.length && i + 1 >= this.data.first) {
        pen.fillStyle = colour("--soft"); pen.fillText(String(i + 2 - this.data.first), x(bar) + 4, 18);
      }
    });
    for (const note of this.data.notes) {
      paint(pen, data.themes.length, note[3], x(note[0]), this.y(note[2]), Math.max(x(note[1]) - 1, 2), HIGH);
    }
  }

  curve(pen, x) {
    // the mix: how much each theme was asked for in each bar, one above the other
    this.data.mix.forEach((weights, i) => {
      const left = x(this.data.bars[i]), wide = x(this.data.bars[i + 1] - this.data.bars[i]);
      let from = 0;
      weights.forEach((weight, theme) => {
        paint(pen, data.themes.length, theme, left, 2 + from * 13, wide, Math.max(weight * 13, 0)); from += weight;
      });
    });
  }

  y(pitch) { return TOP + (this.high - pitch) * HIGH; }

  at(event) {
    return (event.clientX - this.canvas.getBoundingClientRect().left) / this.scale();
  }

  toggle() {
    if (!this.sound.paused) { this.sound.pause(); return; }
    takes.forEach((other) => { if (other !== this) other.sound?.pause(); });
    this.sound.play();
  }

  seek(seconds) {
    this.sound.currentTime = Math.max(0, Math.min(seconds, this.end));
    this.place();
  }

  bar() {
    const now = this.sound ? this.sound.currentTime : 0;
    return Math.max(this.data.bars.filter((bar) => bar <= now + .02).length - 1, 0);
  }

  key(event) {
    const bar = this.bar(), bars = this.data.bars;
    const to = { ArrowLeft: bars[Math.max(bar - 1, 0)], ArrowRight: bars[Math.min(bar + 1, bars.length - 1)],
      Home: 0, End: this.end }[event.key];
    if (event.key === " ") this.toggle();
    else if (to !== undefined) this.seek(to);
    else return;
    event.preventDefault();
  }

  running() {
    const on = !this.sound.paused && !this.sound.ended, button = this.find(".play");
    button.textContent = on ? "Pause" : "Play";
    button.setAttribute("aria-pressed", String(on));
    if (on) requestAnimationFrame(() => this.frame()); else this.place();
  }

  frame() {
    this.place();
    if (!this.sound.paused && !this.sound.ended) requestAnimationFrame(() => this.frame());
  }

  place() {
    const now = this.sound ? this.sound.currentTime : 0, x = Math.min(now, this.end) * this.scale();
    this.line.style.transform = `translateX(${x}px)`;
    const bar = this.data.bars.length > 1 ? this.bar() + 2 - this.data.first : 0;
    this.find(".time").textContent = `${clock(now)} / ${clock(this.end)}`;
    this.roll.setAttribute("aria-valuenow", now.toFixed(1));
    this.roll.setAttribute("aria-valuetext", `bar ${bar}, ${clock(now)} of ${clock(this.end)}`);
    const left = this.roll.scrollLeft, room = this.roll.clientWidth;
    if (this.sound && !this.sound.paused && (x < left || x > left + room * .85)) {
      this.roll.scrollTo({ left: x - room * .15, behavior: calm.matches ? "auto" : "smooth" });
    }
    this.light(now);
  }

  light(now) {
    // heads that sound, in the score, while it is open
    const part = this.find("details.score-part");
    if (!part || !part.open) return;
    if (!this.heads) {
      this.heads = this.data.notes.map((_, i) => part.querySelector(`[id="t${this.data.place}n${i}"]`));
    }
    const on = this.sound && !this.sound.paused;
    this.data.notes.forEach((note, i) => {
      this.heads[i]?.classList.toggle("sounding", Boolean(on) && note[0] <= now && now < note[0] + note[1]);
    });
  }

  tell(event) {
    const seconds = this.at(event), box = this.canvas.getBoundingClientRect();
    const pitch = this.high - Math.floor((event.clientY - box.top - TOP) / HIGH);
    const near = this.data.notes.find((note) => Math.abs(note[2] - pitch) <= 1 && note[0] <= seconds
      && seconds < note[0] + Math.max(note[1], 4 / this.scale()) && note[2] === pitch)
      || this.data.notes.find((note) => Math.abs(note[2] - pitch) <= 1 && note[0] <= seconds && seconds < note[0] + note[1]);
    if (near) this.find(".told").textContent = this.words(near);
  }

  words(note) {
    const [, , pitch, code, bar, theme, from, moved, run] = note;
    const name = `${NAMES[pitch % 12]}${Math.floor(pitch / 12) - 1}`;
    if (code > data.themes.length || !run) {
      return `Bar ${bar}, ${name}: new, in no run of four that a theme has.`;
    }
    const title = data.themes[LETTERS.indexOf(theme[0])] || theme;
    const up = moved ? `, ${Math.abs(moved)} semitone${Math.abs(moved) > 1 ? "s" : ""} ${moved > 0 ? "higher" : "lower"}` : "";
    const also = code === data.themes.length ? " (and in another theme)" : "";
    return `Bar ${bar}, ${name}: in a run of ${run} notes that ${title} has as well, from its bar ${from}${up}${also}.`;
  }

  files() {
    for (const link of this.element.querySelectorAll("a[data-file]")) {
      const kind = link.dataset.file, text = this.data[kind];
      if (!text) { link.remove(); continue; }
      const type = { mid: "audio/midi", mxl: "application/vnd.recordare.musicxml", mp3: "audio/mpeg" }[kind];
      link.href = URL.createObjectURL(new Blob([bytes(text)], { type }));
    }
  }
}

function legend() {
  for (const swatch of document.querySelectorAll(".legend canvas")) {
    const ratio = window.devicePixelRatio || 1;
    swatch.width = 27 * ratio; swatch.height = 13 * ratio;
    const pen = swatch.getContext("2d");
    pen.scale(ratio, ratio);
    paint(pen, data.themes.length, Number(swatch.dataset.code), 0, 0, 27, 13);
  }
}

function again() { takes.forEach((take) => { take.draw(); take.place(); }); legend(); }

document.querySelectorAll(".take").forEach((element, i) => takes.push(new Take(element, data.takes[i])));
legend();
addEventListener("resize", again);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", again);
document.documentElement.dataset.ready = "yes";
