// Live updates of pages and conveniences of forms. Every page works without this script, by reloading.
"use strict";

// The button consumes a link from the command line; a program that only fetches the page does not.
document.querySelector("form[data-submit-at-once]")?.requestSubmit();

// Replaces each part of `html` that differs, and keeps the focus.
function update(container, html) {
  const fresh = new DOMParser().parseFromString(`<body>${html}</body>`, "text/html").body;
  const focused = document.activeElement?.id;
  for (const part of fresh.children) {
    const old = container.querySelector(`#${CSS.escape(part.id)}`);
    if (old && old.innerHTML !== part.innerHTML) old.innerHTML = part.innerHTML;
  }
  if (focused && document.activeElement === document.body) document.getElementById(focused)?.focus({ preventScroll: true });
}

const overview = document.querySelector("[data-live=overview]");
const refreshed = document.querySelector("[data-refresh]");
const offline = document.getElementById("offline");

// Fetches the page again and replaces the part that may have changed; ticked boxes stay ticked.
let busy = false;
async function refresh() {
  if (busy || document.hidden || refreshed.contains(document.activeElement?.closest("input, textarea, select"))) return;
  busy = true;
  try {
    const answer = await fetch(location.href, { headers: { accept: "text/html" } });
    if (!answer.ok || answer.redirected) return;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const fresh = page.querySelector("[data-refresh]");
    const ticked = [...refreshed.querySelectorAll("input:checked")].map((box) => box.value);
    const focused = document.activeElement?.id;
    if (fresh && fresh.innerHTML !== refreshed.dataset.seen) {
      refreshed.dataset.seen = fresh.innerHTML;
      refreshed.innerHTML = fresh.innerHTML;
      for (const box of refreshed.querySelectorAll("input[type=checkbox]")) box.checked = ticked.includes(box.value);
      if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
      count();
    }
  } finally {
    busy = false;
  }
}

if (overview || refreshed) {
  const source = new EventSource("/live");
  source.addEventListener("open", () => { offline.hidden = true; });
  source.addEventListener("error", () => { offline.hidden = false; });
  let last = 0;
  source.addEventListener("overview", (event) => {
    if (overview) update(overview, event.data);
    if (refreshed && Date.now() - last >= Number(refreshed.dataset.refresh) * 1000) {
      last = Date.now();
      refresh();
    }
  });
}

// Counts the ticked boxes, and handles the box that ticks all.
function count() {
  const boxes = [...document.querySelectorAll("input[name=id]")];
  const ticked = boxes.filter((box) => box.checked).length;
  for (const button of document.querySelectorAll("[data-needs-ticks]")) button.disabled = ticked === 0;
  for (const it of document.querySelectorAll("[data-ticks]")) it.textContent = ticked === 0 ? "" : `${ticked} chosen`;
  const all = document.getElementById("all");
  if (all) all.checked = ticked > 0 && ticked === boxes.length;
}
document.addEventListener("change", (event) => {
  if (event.target.id === "all") {
    for (const box of document.querySelectorAll("input[name=id]")) box.checked = event.target.checked;
  }
  count();
});
count();

// Appends to a log, which stays at its end unless the user has scrolled up.
const log = document.querySelector("[data-log]");
if (log) {
  log.scrollTop = log.scrollHeight;
  const source = new EventSource(log.dataset.log);
  source.addEventListener("line", (event) => {
    const atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 40;
    log.append(`${event.data}\n`);
    if (log.textContent.length > 400000) log.textContent = log.textContent.slice(-300000);
    if (atEnd) log.scrollTop = log.scrollHeight;
  });
}

// Continues a search that has found nothing yet.
const further = document.querySelector("[data-follow]");
if (further) location.replace(further.href);
