// Elements from names, attributes and children. Text is always set as text.
export function el(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (key === "class") element.className = value;
    else element.setAttribute(key, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

export function button(text, onclick, attributes = {}) {
  return el("button", { type: "button", onclick, ...attributes }, text);
}

export function note(text, action) {
  const home = document.getElementById("notes");
  const line = el("p", {}, text, action ? button(action.text, () => { line.remove(); action.run(); }) : null);
  home.append(line);
  while (home.children.length > 3) home.firstChild.remove();
  setTimeout(() => line.remove(), action ? 15000 : 7000);
}

export async function tell(work) {
  try { return await work(); } catch (error) { note(error.message); return undefined; }
}
