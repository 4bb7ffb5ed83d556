// Says what the calendar shows now, keeps the reader's place, and names the clock where theirs differs.
// The page works without it: every link and form is a plain one, and htmx only saves the reload.
const say = document.getElementById("calendar-say");
const calendar = () => document.getElementById("calendar");

// Two zones are told apart by what their clocks show, in winter and in summer: names have aliases.
const moments = [new Date(), new Date(Date.now() + 182 * 86400000)];

function clocks(zone) {
  const format = new Intl.DateTimeFormat("en", { timeZone: zone, dateStyle: "short", timeStyle: "short" });
  return moments.map((moment) => format.format(moment)).join();
}

function nameOwnZone() {
  const note = document.querySelector(".zone-note");
  if (!note) return;
  const own = Intl.DateTimeFormat().resolvedOptions().timeZone;
  try {
    const zones = note.dataset.zones.trim().split(" ");
    if (!own || zones.every((zone) => clocks(zone) === clocks(own))) return;
  } catch {
    return; // a zone that this browser does not know
  }
  const words = note.querySelector("[data-own-zone]");
  words.textContent = words.dataset.ownZone.replace("{zone}", own.replaceAll("_", " "));
  words.hidden = note.hidden = false;
}

function busy(event, is) {
  if (event.detail.target?.id === "calendar") calendar()?.setAttribute("aria-busy", is);
}

// An answer that is not a calendar (an address of long ago, no network) is the browser's business.
function goThere(event) {
  const path = event.detail.pathInfo?.finalRequestPath;
  if (path) location.assign(path);
}

// What was left open need not stand in the address. (For a move it must: it means “anyone”.)
document.addEventListener("htmx:configRequest", (event) => {
  const { elt, formData } = event.detail;
  if (!elt.matches("[data-short]")) return;
  for (const [name, value] of [...formData]) if (!value) formData.delete(name);
});

document.addEventListener("htmx:beforeRequest", (event) => busy(event, true));
document.addEventListener("htmx:afterRequest", (event) => busy(event, false));
document.addEventListener("htmx:responseError", goThere);
document.addEventListener("htmx:sendError", goThere);
document.addEventListener("htmx:historyRestore", nameOwnZone);

// After a step: what was pressed keeps the focus if it is still there, a chosen day leads to its
// times, and everything else to the heading of what is shown now.
document.addEventListener("htmx:afterSettle", (event) => {
  nameOwnZone();
  const anchor = event.detail.pathInfo?.anchor;
  const heads = anchor ? [`${anchor}-head`, "calendar-head"] : ["calendar-head"];
  const lost = !document.activeElement || document.activeElement === document.body;
  if (anchor || lost) {
    heads.map((id) => document.getElementById(id)).find(Boolean)?.focus({ preventScroll: true });
  }
  const parts = [...document.querySelectorAll("#calendar [data-say]")];
  if (say) say.textContent = parts.map((part) => part.dataset.say).join(". ");
});

nameOwnZone();
