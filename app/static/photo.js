// Ways to choose a photo besides the file field: drop it, paste it, take it.
// It sends the event "chosen" (detail: {file, crop}; file is null if there is none) to the rest of the page.

function enhance(root) {
  for (const input of root.querySelectorAll("#photo")) wire(input.form, input);
}

function wire(form, input) {
  const camera = form.querySelector("#camera");
  const zone = form.querySelector("[data-drop]");
  form.querySelector("[data-with-drop]").hidden = false;

  for (const [one, other] of [[input, camera], [camera, input]]) {
    one.addEventListener("change", () => {
      if (one.files.length) other.value = "";
      announce(form, one);
    });
  }
  for (const kind of ["dragenter", "dragover"]) {
    zone.addEventListener(kind, (event) => {
      if (!event.dataTransfer.types.includes("Files")) return;
      event.preventDefault();
      zone.classList.add("over");
    });
  }
  for (const kind of ["dragleave", "drop"]) {
    zone.addEventListener(kind, (event) => {
      if (!zone.contains(event.relatedTarget)) zone.classList.remove("over");
    });
  }
  zone.addEventListener("drop", (event) => {
    event.preventDefault();
    zone.classList.remove("over");
    take(input, event.dataTransfer.files);
  });
}

// Put the first file into the field, as if it had been chosen there.
function take(input, files) {
  if (!files.length) return;
  const list = new DataTransfer();
  list.items.add(files[0]);
  input.files = list.files;
  input.dispatchEvent(new Event("change", { bubbles: true }));
}

function announce(form, input) {
  form.querySelector("[data-photo-words]").textContent = "";
  form.dispatchEvent(new CustomEvent("chosen", { detail: { file: input.files[0] ?? null, crop: null } }));
}

document.addEventListener("paste", (event) => {
  const input = document.querySelector("#photo");
  if (input && event.clipboardData?.files.length) take(input, event.clipboardData.files);
});
enhance(document);
document.addEventListener("fresh", (event) => enhance(event.target));
