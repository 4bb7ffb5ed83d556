// On a laptop the lists need the room more than the navigation does, until somebody opens it.
const sidebar = "django.admin.navSidebarIsOpen";
if (localStorage.getItem(sidebar) === null && window.innerWidth < 1440) localStorage.setItem(sidebar, "false");

// A cross that empties the whole field stands where a list may hold entries only.
document.addEventListener("DOMContentLoaded", () => {
  for (const select of document.querySelectorAll("select.admin-autocomplete[multiple]")) select.dataset.allowClear = "false";
  // Behind Django's own, which makes the boxes.
  window.django?.jQuery?.(nameBoxes);
});

// The search boxes that Django makes of long lists say what they are for.
function nameBoxes() {
  for (const select of document.querySelectorAll("select.admin-autocomplete")) {
    const label = document.querySelector(`label[for="${select.id}"]`);
    const box = select.parentElement.querySelector(".select2-selection");
    if (!label || !box) continue;
    label.id ||= `${select.id}-label`;
    const shown = box.querySelector("[role=textbox]");
    if (shown) box.setAttribute("aria-labelledby", `${label.id} ${shown.id}`);
    else box.setAttribute("aria-labelledby", label.id);
    (shown || box.querySelector(".select2-search__field")).setAttribute("aria-labelledby", label.id);
  }
}
