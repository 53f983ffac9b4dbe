// A body figure to click on. It sets the select beside it; the form sends the select.
function enhance(root) {
  for (const figures of root.querySelectorAll("[data-figures]")) {
    const select = figures.closest(".field").querySelector("select");
    const parts = [...figures.querySelectorAll("[data-site]")];
    const mark = () => {
      for (const part of parts) part.classList.toggle("chosen", part.dataset.site === select.value);
    };
    for (const part of parts) {
      part.addEventListener("click", () => {
        select.value = part.dataset.site;
        mark();
      });
    }
    select.addEventListener("change", mark);
    figures.hidden = false;
    mark();
  }
}

enhance(document);
document.addEventListener("fresh", (event) => enhance(event.target));
