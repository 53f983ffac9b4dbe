// Several photos of one person: if chosen all at once, they fill the rows of the form, each with a small picture.
import { _ } from "./words.js";

const drawn = new WeakMap(); // the address of the picture of each field

function enhance(root) {
  for (const form of root.querySelectorAll("form[data-analyse=visit]")) wire(form);
  for (const button of root.querySelectorAll("[data-csv]")) {
    button.hidden = false;
    button.addEventListener("click", saveCsv);
  }
}

// The sheet as a csv: the names of the files never leave the browser.
function saveCsv() {
  const columns = ["photo", "rank", "status", "cancer_probability", "reasons"];
  const rows = [...document.querySelectorAll("[data-photo]")].map((spot) => [
    spot.querySelector("[data-label]").textContent,
    spot.dataset.rank ?? "",
    spot.dataset.spotStatus,
    spot.querySelector("[data-name^=cancer]")?.dataset.value ?? "",
    spot.dataset.reasons ?? "",
  ]);
  const cell = (text) => (/[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
  const text = [columns, ...rows].map((row) => `${row.map(cell).join(",")}\n`).join("");
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
  link.download = "spots.csv";
  link.click();
  URL.revokeObjectURL(link.href);
}

function wire(form) {
  const inputs = [...form.querySelectorAll("[type=file][name=photo]")];
  const several = form.querySelector("[data-several]");
  several.hidden = false;
  several.querySelector("input").addEventListener("change", (event) => {
    spread(form, inputs, [...event.target.files]);
    event.target.value = "";
  });
  for (const input of inputs) input.addEventListener("change", () => show(input));
  form.addEventListener("chosen", (event) => show(event.detail.input));
}

// Put files into the rows without a file.
function spread(form, inputs, files) {
  const free = inputs.filter((input) => !input.files.length);
  files.slice(0, free.length).forEach((file, index) => {
    const list = new DataTransfer();
    list.items.add(file);
    free[index].files = list.files;
    free[index].closest("details")?.setAttribute("open", "");
    show(free[index]);
  });
  const left = Math.max(0, files.length - free.length);
  form.querySelector("[data-photo-words]").textContent = left
    ? _("There was no room for {count} of the photos.", { count: left })
    : "";
}

function show(input) {
  const picture = input.closest("[data-row]").querySelector("img");
  if (drawn.has(input)) URL.revokeObjectURL(drawn.get(input));
  const file = input.files[0];
  picture.hidden = !file;
  if (file) {
    drawn.set(input, URL.createObjectURL(file));
    picture.src = drawn.get(input);
  } else {
    drawn.delete(input);
    picture.removeAttribute("src");
  }
}

enhance(document);
document.addEventListener("fresh", (event) => enhance(event.target));
