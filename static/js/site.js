// Brings the reader to what needs fixing: the error summary gets the focus when a page opens with one.
const summary = document.querySelector(".error-summary");
if (summary) {
  summary.focus();
  document.title = `! ${document.title}`;
}

// Escape closes the phone's menu and gives the focus back to its button.
const menu = document.querySelector(".menu");
if (menu) {
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && menu.open) {
      menu.open = false;
      menu.querySelector("summary").focus();
    }
  });
}
