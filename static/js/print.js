// A button with data-print prints the page; it is in the page but hidden until this script is there.
for (const button of document.querySelectorAll("[data-print]")) {
  button.hidden = false;
  button.addEventListener("click", () => window.print());
}
