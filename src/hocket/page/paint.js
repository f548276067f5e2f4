// What the shared page and the studio both draw with: colours, patterns, times and names of notes.
const style = getComputedStyle(document.documentElement);
export const colour = (name) => style.getPropertyValue(name).trim();
export const LETTERS = "ABCDEFGHIJKLMNOP";
export const NAMES = ["C", "C♯", "D", "E♭", "E", "F", "F♯", "G", "A♭", "A", "B♭", "B"];

export function clock(seconds) {
  const whole = Math.floor(seconds);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}

export function paint(pen, themes, code, x, y, w, h) {
  // a theme is known by its pattern as well as by its colour: plain, striped, dotted, crossed
  if (code > themes) {
    pen.fillStyle = colour("--card"); pen.fillRect(x, y, w, h);
    pen.strokeStyle = colour("--new"); pen.lineWidth = 1; pen.strokeRect(x + .5, y + .5, Math.max(w - 1, 1), h - 1);
    return;
  }
  pen.fillStyle = code === themes ? colour("--both") : colour(`--c${code % 6}`);
  pen.fillRect(x, y, w, h);
  const kind = code === themes ? 0 : code % 4;
  if (!kind) return;
  pen.save(); pen.beginPath(); pen.rect(x, y, w, h); pen.clip();
  pen.strokeStyle = pen.fillStyle = colour("--card"); pen.lineWidth = 1;
  pen.beginPath();
  for (let at = x - h; at < x + w; at += 5) {
    if (kind === 2) { pen.rect(at + h + 1, y + h / 2 - 1, 2, 2); continue; }
    pen.moveTo(at, y + h); pen.lineTo(at + h, y);
    if (kind === 3) { pen.moveTo(at, y); pen.lineTo(at + h, y + h); }
  }
  kind === 2 ? pen.fill() : pen.stroke();
  pen.restore();
}

