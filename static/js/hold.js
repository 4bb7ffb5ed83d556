// Counts a hold down. The page works without it; see .reveal-after-N in booking.css.
//   <div class="hold" data-until="ISO" data-now="ISO" data-say-left="{m} min {s} s left" data-say-ending="..." data-say-over="...">
//     <p class="hold__text">...</p> <span class="hold__left" data-hold-left hidden></span>
//     <span class="visually-hidden" role="status" data-hold-say></span>
//   </div>
//   .no-script-only parts are hidden; elements with data-hold-over (hidden) are shown at the end, with data-hold-open hidden.
// data-now is the server's clock when it wrote the page, so a wrong clock here does not matter.
const WARN_MS = 2 * 60 * 1000;

function serverOffset(serverNow) {
  const entry = performance.getEntriesByType("navigation")[0];
  const arrived = entry ? performance.timeOrigin + entry.responseStart : Date.now();
  return serverNow - arrived;
}

function inWords(ms, words) {
  const seconds = Math.max(0, Math.ceil(ms / 1000));
  return words.replace("{m}", Math.floor(seconds / 60)).replace("{s}", seconds % 60);
}

function startCountdown(banner) {
  const until = Date.parse(banner.dataset.until);
  const offset = serverOffset(Date.parse(banner.dataset.now));
  if (Number.isNaN(until) || Number.isNaN(offset)) return;
  const left = banner.querySelector("[data-hold-left]");
  const say = banner.querySelector("[data-hold-say]");
  let timer = 0;

  // What .reveal-after-N says for those without a script would say it twice.
  for (const part of banner.querySelectorAll(".no-script-only")) part.hidden = true;

  function tell(sentence) {
    if (say && sentence && say.textContent !== sentence) say.textContent = sentence;
  }

  function tick() {
    const ms = until - (Date.now() + offset);
    if (left) {
      left.hidden = false;
      left.textContent = inWords(ms, banner.dataset.sayLeft);
    }
    if (ms <= 0) {
      clearInterval(timer);
      banner.classList.remove("hold--ending");
      banner.classList.add("hold--over");
      tell(banner.dataset.sayOver);
      for (const part of document.querySelectorAll("[data-hold-over]")) part.hidden = false;
      for (const part of document.querySelectorAll("[data-hold-open]")) part.hidden = true;
    } else if (ms <= WARN_MS) {
      banner.classList.add("hold--ending");
      tell(banner.dataset.sayEnding);
    }
  }

  timer = setInterval(tick, 1000);
  tick();
}

document.querySelectorAll(".hold[data-until]").forEach(startCountdown);
