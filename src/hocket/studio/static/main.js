// Which view is shown: the list of projects, or one of them. The address says which, so it can be reloaded.
import { ask } from "./api.js";
import { button, el, note, tell } from "./dom.js";
import { Project } from "./project.js";
import { words } from "./words.js";

const main = document.getElementById("main"), where = document.getElementById("where");
let open = null;
let settings = null;

export async function newProject(name = words.untitled) {
  return (await ask("POST", "/projects", { name })).id;
}

async function list() {
  const { projects } = await ask("GET", "/projects");
  document.title = "hocket studio";
  where.replaceChildren();
  main.replaceChildren(
    el("h1", {}, words.projects), el("p", { class: "lead" }, words.lead),
    el("p", {}, button(words.newProject, () => tell(async () => { location.hash = `#/${await newProject()}`; }), { class: "main" })),
    projects.length ? el("ul", { class: "list" }, projects.map(line)) : el("p", { class: "quiet" }, words.noProjects));
}

function line(project) {
  const remove = () => tell(async () => {
    await ask("DELETE", `/projects/${project.id}`);
    await list();
    note(words.deleted(project.name), { text: words.undo, run: () => tell(async () => { await ask("POST", `/projects/${project.id}/restore`); await list(); }) });
  });
  return el("li", { class: "card row" }, el("h3", {}, el("a", { href: `#/${project.id}` }, project.name)),
    el("span", { class: "quiet" }, words.themesCount(project.themes), " · ", new Date(project.created * 1000).toLocaleDateString()),
    button(words.delete, remove, { class: "small", "aria-label": `${words.delete}: ${project.name}` }));
}

async function show() {
  open?.close(); open = null;
  settings ??= await ask("GET", "/settings");
  const id = location.hash.replace(/^#\//, "");
  if (!/^[0-9a-f]{16}$/.test(id)) { await list(); }
  else {
    try {
      const told = await ask("GET", `/projects/${id}`);
      open = new Project(main, where, settings, told);
    } catch (error) { note(error.message); location.hash = "#/"; return; }
  }
  document.documentElement.dataset.ready = "yes";
}

addEventListener("hashchange", () => tell(async () => { await show(); main.focus(); }));
addEventListener("dragover", (event) => event.preventDefault());
addEventListener("drop", (event) => event.preventDefault());

tell(async () => {
  if (!location.hash) {  // who comes first, or comes back, has a project at once
    const { projects } = await ask("GET", "/projects");
    history.replaceState(null, "", projects.length ? "#/" : `#/${await newProject()}`);
  }
  await show();
});
