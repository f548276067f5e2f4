// One project: themes, learning, fusing, takes. Drawn once, then kept as the server's document says.
import { ask, listen } from "./api.js";
import { Curve } from "./curve.js";
import { button, el, note, tell } from "./dom.js";
import { Mix, pointsOf } from "./mix.js";
import { Player, Roll } from "./roll.js";
import { Fusion } from "./take.js";
import { words } from "./words.js";

const PLAIN = ["temperature", "bars", "key", "form", "max_quote", "keep", "takes", "rng"];
const KEYS = ["auto", "off", "C", "Cm", "C#m", "Db", "D", "Dm", "Eb", "Ebm", "E", "Em", "F", "Fm", "F#", "F#m", "G", "Gm", "Ab", "G#m", "A", "Am", "Bb", "Bbm", "B", "Bm"];
const OPEN = ["queued", "running"];

export class Project {
  constructor(main, where, settings, told) {
    Object.assign(this, { main, where, settings, told });
    this.themes = new Map(); this.fusions = new Map(); this.seedPlayers = [];
    this.curve = new Curve();
    this.wanted = this.remembered();
    this.build();
    this.update(told);
    this.answers = true;
    this.listen();
    // browsers allow six connections to one server: a tab that nobody sees holds none
    this.seen = () => { if (document.hidden) this.stream.close(); else this.listen(); };
    document.addEventListener("visibilitychange", this.seen);
  }

  listen() {
    this.stream?.close();
    this.stream = listen(this.told.id, (told) => this.update(told), (ok) => {
      if (ok !== this.answers) note(ok ? words.back : words.lost);
      this.answers = ok;
    });
  }

  close() {
    document.removeEventListener("visibilitychange", this.seen);
    this.stream.close(); this.curve.watch.disconnect(); this.mix?.watch.disconnect();
    for (const theme of this.themes.values()) theme.roll?.close();
    for (const fusion of this.fusions.values()) fusion.close();
    this.seedPlayers.forEach((player) => player.close());
  }

  // what is chosen for the next fusion outlives the page
  remembered() {
    try { return JSON.parse(localStorage.getItem(`hocket-${this.told.id}`)) || {}; } catch { return {}; }
  }

  remember() { localStorage.setItem(`hocket-${this.told.id}`, JSON.stringify(this.wanted)); }

  build() {
    this.name = el("input", { value: this.told.name, "aria-label": words.projectName, maxlength: "120", onchange: () => tell(() => ask("PATCH", `/projects/${this.told.id}`, { name: this.name.value })) });
    this.where.replaceChildren(this.name, el("a", { href: "#/" }, words.projects));
    const file = el("input", { type: "file", multiple: true, accept: ".mid,.midi,.kar,.rmi,.musicxml,.xml,.mxl,.abc", class: "visually", "aria-label": words.choose, tabindex: "-1", onchange: () => { this.add([...file.files]); file.value = ""; } });
    const drop = el("div", { class: "drop", ondragover: () => drop.classList.add("over"), ondragleave: () => drop.classList.remove("over"),
      ondrop: (event) => { drop.classList.remove("over"); this.add([...event.dataTransfer.files]); } },
    el("div", { class: "row" }, el("span", {}, words.drop), button(words.choose, () => file.click(), { class: "main" }), file),
    el("div", { class: "row small" }, el("span", {}, words.demos), this.settings.demos.map((demo) => button(words.demo(demo), () => this.demo(demo), { class: "small" }))));
    this.home = { themes: el("div", { class: "themes" }), learn: el("div", {}), job: el("div", { class: "card job", hidden: true }), fuse: el("div", {}), takes: el("div", {}) };
    const section = (title, ...inner) => el("section", { "aria-label": title.replace(/^\d\s+/, "") }, el("h2", { class: "step" }, title), inner);
    this.main.replaceChildren(el("h1", { class: "visually" }, this.told.name),
      section(words.step1, drop, this.home.themes), section(words.step2, this.home.learn), section(words.step3, this.home.fuse), section(words.step4, this.home.takes));
  }

  async add(files) {
    for (const each of files) {
      note(words.reading(each.name));
      const form = new FormData();
      form.append("file", each, each.name);
      await tell(() => ask("POST", `/projects/${this.told.id}/themes`, form));
    }
  }

  demo(name) { return tell(() => ask("POST", `/projects/${this.told.id}/demo`, { demo: name })); }

  update(told) {
    if (told.gone) { note(words.gone); location.hash = "#/"; return; }
    const before = this.told;
    this.told = told;
    document.title = `${told.name} · hocket studio`;
    if (document.activeElement !== this.name) this.name.value = told.name;
    this.showThemes();
    this.showLearning();
    this.showFuse(before);
    this.showTakes();
  }

  // themes

  showThemes() {
    const here = new Set(this.told.themes.map((theme) => theme.id));
    for (const [id, card] of this.themes) if (!here.has(id)) { card.roll?.close(); card.element.remove(); this.themes.delete(id); }
    this.told.themes.forEach((theme, i) => {
      const card = this.themes.get(theme.id), mark = JSON.stringify([theme.digest, theme.letter, theme.learned]);
      if (card?.mark === mark) return;
      card?.roll?.close();
      const fresh = this.card(theme, i);
      fresh.mark = mark;
      if (card) card.element.replaceWith(fresh.element); else this.home.themes.append(fresh.element);
      this.themes.set(theme.id, fresh);
    });
  }

  card(theme, i) {
    const roll = el("div", { class: "roll-home" }, el("p", { class: "quiet" }, words.opening));
    const [first, last] = theme.kept ? theme.kept.split("-") : [1, theme.whole];
    const number = (label, value) => el("input", { type: "number", min: "1", max: theme.whole, value, "aria-label": `${label}: ${theme.title}` });
    const from = number(words.trim, first), to = number(words.to, last);
    const trim = (bars) => tell(() => ask("PATCH", `/themes/${theme.id}`, { bars }));
    const remove = () => tell(async () => {
      await ask("DELETE", `/themes/${theme.id}`);
      note(words.removed(theme.title), { text: words.undo, run: () => tell(() => ask("POST", `/themes/${theme.id}/restore`)) });
    });
    const play = el("span", {}), facts = words.facts(theme);
    if (theme.kept) facts.splice(0, 1, words.trimmedFrom(theme.kept, theme.whole));
    const element = el("article", { class: "card theme", "aria-label": theme.title },
      el("div", { class: "row" }, el("span", { class: `badge b${i % 6}`, "aria-hidden": "true" }, theme.letter), el("h3", {}, theme.title),
        theme.learned ? el("span", { class: "tag" }, words.learned) : null, play, button(words.remove, remove, { class: "small", "aria-label": `${words.remove}: ${theme.title}` })),
      el("ul", { class: "facts" }, facts.map((fact) => el("li", {}, fact))),
      theme.remarks.length ? el("details", {}, el("summary", {}, words.leftOut), el("ul", { class: "remarks" }, theme.remarks.map((remark) => el("li", {}, remark)))) : null,
      roll,
      el("div", { class: "row small" }, el("span", { "aria-hidden": "true" }, words.trim), from, el("span", { "aria-hidden": "true" }, words.to), to,
        button(words.apply, () => trim(`${from.value}-${to.value}`), { class: "small", "aria-label": `${words.apply}: ${theme.title}` }),
        theme.kept ? button(words.all, () => trim(""), { class: "small" }) : null));
    const card = { element };
    tell(async () => {
      const shown = await ask("GET", `/themes/${theme.id}/shown?${theme.digest}`);
      card.roll = new Roll(theme.title, shown, { url: `/api/themes/${theme.id}/sound?${theme.digest}`, code: i });
      roll.replaceChildren(card.roll.element);
      play.replaceChildren(card.roll.player.button, " ", card.roll.time);
    });
    return card;
  }

  // learning, and whatever job is going on

  job() {
    const jobs = this.told.jobs;
    return jobs.filter((job) => OPEN.includes(job.state)).at(-1) || (jobs[0] && ["stopped", "failed"].includes(jobs[0].state) ? jobs[0] : null);
  }

  showLearning() {
    const { themes } = this.told, job = this.job(), home = this.home.learn;
    if (!this.learnButton) {
      this.learnLine = el("p", { class: "quiet" });
      this.learnButton = button(words.learn, () => tell(() => ask("POST", `/projects/${this.told.id}/learn`, {})), { class: "main" });
      home.append(this.learnLine, el("p", {}, this.learnButton), this.home.job, this.curve.element);
    }
    const left = themes.filter((theme) => !theme.learned);
    this.learnLine.textContent = themes.length < 2 ? words.needTwo : left.length ? "" : words.learnDone;
    this.learnButton.hidden = themes.length < 2 || !left.length || Boolean(job && OPEN.includes(job.state));
    this.showJob(job);
    const curves = {};
    for (const each of [...this.told.jobs].reverse()) Object.assign(curves, each.progress.curves || {});
    const lines = themes.map((theme, code) => ({ title: theme.title, code, points: curves[theme.id] || [] })).filter((line) => line.points.length);
    this.curve.element.hidden = !lines.length;
    this.curve.set(lines);
  }

  showJob(job) {
    const home = this.home.job;
    home.hidden = !job;
    if (!job) { home.replaceChildren(); this.jobShown = ""; return; }
    const words_ = this.jobWords(job), mark = `${job.id}${job.state}${job.wish}`;
    if (this.jobShown !== mark) {
      this.jobShown = mark;
      const act = (verb) => () => tell(() => ask("POST", `/jobs/${job.id}/${verb}`));
      this.jobLine = el("span", { role: "status" });
      this.jobBar = OPEN.includes(job.state) ? el("progress", { "aria-label": words.step2 }) : null;
      const actions = OPEN.includes(job.state) ? button(words.stop, act("stop"), { disabled: job.wish === "stop" }) : button(words.goOn, act("resume"), { class: "main" });
      home.replaceChildren(...[el("div", { class: "row" }, el("h3", {}, this.jobLine), actions), this.jobBar].filter(Boolean));
    }
    if (this.jobLine.textContent !== words_) this.jobLine.textContent = words_;
    if (this.jobBar) { const { step, of } = job.progress; if (of && job.state === "running") { this.jobBar.max = of; this.jobBar.value = step; } else this.jobBar.removeAttribute("value"); }
  }

  jobWords(job) {
    const p = job.progress;
    if (job.state === "failed") return words.failed(job.error);
    if (job.state === "stopped") return words.stopped;
    if (job.state === "queued") return words.queued(job.before);
    if (job.wish === "stop") return words.stopping;
    if (p.stage === "learning") return words.learning(this.told.themes.find((theme) => theme.id === p.theme)?.title || "", p);
    if (p.stage === "writing") return words.writing(p);
    return words.stages[p.stage] || words.stages.starting;
  }

  // fusing

  showFuse(before) {
    const titles = this.told.themes.map((theme) => theme.title), home = this.home.fuse;
    if (titles.length < 2) { home.replaceChildren(el("p", { class: "quiet" }, words.needTwo)); this.mix = null; return; }
    const same = this.mix && JSON.stringify(before.themes.map((t) => t.title)) === JSON.stringify(titles);
    if (!same) this.buildFuse(titles);
    this.fuseButton.disabled = this.told.jobs.some((job) => job.kind === "fuse" && OPEN.includes(job.state));
    this.seedButton.disabled = this.told.jobs.some((job) => job.kind === "seeds" && OPEN.includes(job.state));
    this.showSeeds();
  }

  default(name) { return this.settings.knobs.find((knob) => knob.name === name).default; }

  set(name, value) {
    if (value === "" || value === this.default(name)) delete this.wanted[name]; else this.wanted[name] = value;
    this.remember();
  }

  buildFuse(titles) {
    this.mix?.watch.disconnect();
    const bars = this.wanted.bars || this.default("bars");
    this.mix = new Mix(titles, bars, pointsOf(this.wanted.mix ?? .5), (text) => this.set("mix", text));
    const fields = PLAIN.map((name) => this.field(name));
    this.seedHome = el("ul", { class: "seeds" });
    this.seedButton = button(words.findSeeds, () => tell(() => ask("POST", `/projects/${this.told.id}/seeds`, this.knobs({ seeds: 8 }, ["seed"]))), { class: "small" });
    this.fuseButton = button(words.fuse, () => tell(() => ask("POST", `/projects/${this.told.id}/fuse`, this.knobs())), { class: "main" });
    this.seedsShown = "";
    this.home.fuse.replaceChildren(el("div", { class: "card" }, el("h3", {}, words.mix), this.mix.element, el("div", { class: "fields" }, fields),
      el("fieldset", { class: "plain" }, el("legend", {}, words.seedsTitle, " ", this.seedButton), this.seedHome),
      this.others(), el("p", { class: "row" }, this.fuseButton, el("span", { class: "quiet small" }, words.needLearned))));
  }

  knobs(more = {}, without = []) {
    const found = { ...this.wanted, ...more };
    for (const name of without) delete found[name];
    return found;
  }

  field(name) {
    const knob = this.settings.knobs.find((each) => each.name === name), value = this.wanted[name] ?? knob.default;
    const take = (input) => {
      this.set(name, input.type === "number" && input.value !== "" ? Number(input.value) : input.value);
      if (name === "bars" && Number(input.value) > 0) this.mix.setBars(Number(input.value));
    };
    const input = name === "key" ? el("select", { onchange: (event) => take(event.target) }, KEYS.map((key) => el("option", { value: key, selected: key === value }, key)))
      : el("input", { value, ...(typeof knob.default === "number" ? { type: "number", min: knob.low, max: knob.high, step: name === "temperature" ? "0.05" : "1" } : {}), onchange: (event) => take(event.target) });
    return el("label", {}, words.fields[name], input, words.help[name] ? el("span", { class: "quiet" }, words.help[name]) : null);
  }

  others() {
    const rest = this.settings.knobs.filter((knob) => !PLAIN.includes(knob.name) && !["mix", "seed"].includes(knob.name) && ["takes", "openings"].includes(knob.group));
    const input = (knob) => {
      const value = this.wanted[knob.name] ?? knob.default;
      if (typeof knob.default === "boolean") return el("select", { onchange: (event) => this.set(knob.name, event.target.value === "on") }, ["on", "off"].map((each) => el("option", { selected: (each === "on") === value }, each)));
      if (knob.choices.length) return el("select", { onchange: (event) => this.set(knob.name, event.target.value) }, knob.choices.map((each) => el("option", { selected: each === value }, each)));
      const number = typeof knob.default === "number" || (knob.default === null && knob.low !== null);
      return el("input", { value: value ?? "", ...(number ? { type: "number", step: "any", min: knob.low, max: knob.high } : {}), onchange: (event) => this.set(knob.name, number && event.target.value !== "" ? Number(event.target.value) : event.target.value) });
    };
    return el("details", {}, el("summary", {}, words.more), el("div", { class: "fields" }, rest.map((knob) => el("label", {}, knob.name.replaceAll("_", " "), input(knob), el("span", { class: "quiet" }, knob.help)))));
  }

  showSeeds() {
    const job = this.told.jobs.find((each) => each.kind === "seeds" && each.seeds.length), mark = `${job?.id}${job?.seeds.length}`;
    if (this.seedsShown === mark) return;
    this.seedsShown = mark;
    this.seedPlayers.forEach((player) => player.close());
    this.seedPlayers = [];
    const choice = (value, text, more) => el("li", {}, el("label", {}, el("input", { type: "radio", name: "seed", value, checked: (this.wanted.seed || "") === value, onchange: () => this.set("seed", value) }), text), more);
    this.seedHome.replaceChildren(choice("", words.seedAuto), ...(job?.seeds || []).map((seed, i) => {
      const player = new Player(seed.seed, `/api/seeds/${job.id}/${i + 1}/sound`, () => {});
      player.button.classList.add("small");
      this.seedPlayers.push(player);
      return choice(seed.seed, words.seedLine(seed), player.button);
    }));
    if (this.wanted.seed && !(job?.seeds || []).some((seed) => seed.seed === this.wanted.seed)) this.seedHome.append(choice(this.wanted.seed, this.wanted.seed));
  }

  // takes

  showTakes() {
    const fused = this.told.jobs.filter((job) => job.kind === "fuse" && job.takes.length), here = new Set(fused.map((job) => job.id));
    for (const [id, fusion] of this.fusions) if (!here.has(id)) { fusion.close(); this.fusions.delete(id); }
    if (!fused.length) { this.home.takes.replaceChildren(el("p", { class: "quiet" }, words.noTakes)); return; }
    if (!this.fusions.size) this.home.takes.replaceChildren();
    fused.forEach((job, i) => {
      if (!this.fusions.has(job.id)) {
        const fusion = new Fusion(job, fused.length - i);
        this.fusions.set(job.id, fusion);
        const next = fused.slice(i + 1).map((each) => this.fusions.get(each.id)).find(Boolean);
        this.home.takes.insertBefore(fusion.element, next?.element || null);
      }
      this.fusions.get(job.id).update(job);
    });
  }
}
