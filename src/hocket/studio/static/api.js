// Requests to the server, and what it streams. Every change carries the token of this page.
const token = document.querySelector("meta[name=hocket-token]").content;

export async function ask(method, path, body) {
  const headers = method === "GET" ? {} : { "X-Hocket-Token": token };
  const form = body instanceof FormData;
  if (body !== undefined && !form) headers["Content-Type"] = "application/json";
  const answer = await fetch(`/api${path}`, { method, headers, body: body === undefined || form ? body : JSON.stringify(body) });
  const told = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Error(told.error || `${answer.status}`);
  return told;
}

export function listen(project, onDocument, onState) {
  const source = new EventSource(`/api/projects/${project}/events`);
  source.addEventListener("message", (event) => { onState(true); onDocument(JSON.parse(event.data)); });
  source.addEventListener("error", () => {
    onState(false);
    if (source.readyState === EventSource.CLOSED) again = setTimeout(() => { inner = listen(project, onDocument, onState); }, 1500);
  });
  let again, inner;
  return { close() { source.close(); clearTimeout(again); inner?.close(); } };
}
