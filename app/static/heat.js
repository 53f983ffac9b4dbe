// The opacity of the heat map over the photo. The class is chosen without any script.
function enhance(root) {
  for (const box of root.querySelectorAll("[data-strength]")) {
    const slider = box.querySelector("input");
    const maps = box.closest("[data-maps]");
    const apply = () => maps.style.setProperty("--strength", slider.value / 100);
    slider.addEventListener("input", apply);
    box.hidden = false;
    apply();
  }
}

enhance(document);
document.addEventListener("fresh", (event) => enhance(event.target));
