// Sends a form without leaving the page: with upload progress, only once at a time, with a time-out, and the photo is
// still there after an error or after going back from the answer. Without this script the browser sends the form.
import { fileNames, formBody, tooLarge } from "./shrink.js";
import { _ } from "./words.js";

const PATIENCE = 60; // seconds without any progress of the upload, or until the answer; data-patience overrides it
const ANALYSING = _("Analysing the photo…");
const ANALYSING_SEVERAL = _("Analysing the photos…");
const pages = []; // the main part and title of each page shown so far, by the number in history.state
let current = 0; // the number of the page that is shown

function enhance(root) {
  for (const form of root.querySelectorAll("form[data-analyse]")) {
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      if (!form.dataset.sent) send(form);
    });
  }
  for (const button of root.querySelectorAll("[data-back]")) {
    button.hidden = pages.length === 0;
    button.addEventListener("click", () => history.back());
  }
}

async function send(form) {
  const request = new XMLHttpRequest();
  let timer = 0;
  const ends = (then) => () => {
    clearTimeout(timer);
    rest(form);
    then();
  };
  const giveUp = ends(() => {
    request.abort();
    complain(_("No answer came in time. Everything that you chose is still here: try again."));
  });
  const wait = () => {
    clearTimeout(timer);
    timer = setTimeout(giveUp, 1000 * Number(form.dataset.patience ?? PATIENCE));
  };
  busy(form);
  const cancel = form.querySelector("[data-cancel]");
  if (cancel) cancel.onclick = ends(() => request.abort());
  const body = await formBody(form);
  if (!form.dataset.sent) return; // cancelled meanwhile
  const limit = Number(form.dataset.maxMb);
  const large = body.getAll("photo").map((file) => tooLarge(file, limit)).find(Boolean);
  if (large) {
    ends(() => complain(large))();
    return;
  }
  request.upload.addEventListener("progress", (event) => {
    wait();
    progress(form, event);
  });
  request.upload.addEventListener("load", () => {
    wait();
    say(form, form.dataset.analyse === "visit" ? ANALYSING_SEVERAL : ANALYSING);
  });
  request.addEventListener("load", ends(() => receive(form, request)));
  request.addEventListener("error", ends(() => complain(_("The photo could not be sent: there is no connection. Try again."))));
  request.open("POST", form.action);
  request.send(body);
  wait();
}

function busy(form) {
  form.dataset.sent = "yes";
  form.querySelector("button[type=submit]").setAttribute("aria-disabled", "true");
  const several = form.dataset.analyse === "visit";
  const box = form.querySelector("[data-sending]");
  if (box) box.hidden = false;
  say(form, several ? _("Uploading the photos…") : form.querySelector("[type=file]") ? _("Uploading the photo…") : ANALYSING);
}

function rest(form) {
  delete form.dataset.sent;
  form.querySelector("button[type=submit]").removeAttribute("aria-disabled");
  const box = form.querySelector("[data-sending]");
  if (box) box.hidden = true;
  say(form, "");
}

function say(form, words) {
  form.querySelector("[data-progress]").textContent = words;
}

function progress(form, event) {
  const box = form.querySelector("[data-sending]");
  if (!box || !event.lengthComputable) return;
  box.querySelector("progress").value = (100 * event.loaded) / event.total;
}

function receive(form, request) {
  const page = new DOMParser().parseFromString(request.responseText, "text/html");
  const main = page.querySelector("main");
  if (!main) complain(_("The answer could not be read. Try again."));
  else if (main.querySelector("[data-status]")) showAnswer(form, page.title, main);
  else if (main.querySelector("form[data-analyse]")) showErrors(form, page.title, main);
  else complain(main.querySelector(".lead").textContent);
}

function showAnswer(form, title, main) {
  const names = fileNames(form); // they never leave the browser
  for (const spot of main.querySelectorAll("[data-photo]")) {
    const name = names[spot.dataset.photo - 1];
    if (name) spot.querySelector("[data-label]").textContent = name;
  }
  pages[current] = { title: document.title, main: document.querySelector("main") };
  current += 1;
  history.pushState({ page: current }, "");
  replaceMain(title, main);
}

// Show the form again with its errors; the photos are moved to it, unless the only photo is the error.
function showErrors(form, title, main) {
  const chosen = [...form.querySelectorAll("[type=file]")].filter((input) => input.files.length);
  const [x, y, size] = ["crop_x", "crop_y", "crop_size"].map((name) => form.elements[name]?.value);
  replaceMain(title, main);
  if (!chosen.length || document.querySelector(".status-refused")) return;
  const crop = size ? { x: Number(x), y: Number(y), size: Number(size) } : null;
  for (const old of chosen) {
    const input = document.getElementById(old.id === "camera" ? "photo" : old.id);
    input.files = old.files;
    input.form.dispatchEvent(new CustomEvent("chosen", { detail: { file: input.files[0], crop, input } }));
  }
  document.querySelector("[data-photo-is-gone]")?.remove();
}

function replaceMain(title, main) {
  const first = main.querySelector("[autofocus]") ?? main.querySelector("h1");
  first.removeAttribute("autofocus"); // it is for pages that the browser loads; here the focus is set below
  document.title = title;
  document.querySelector("main").replaceWith(document.adoptNode(main));
  main.dispatchEvent(new CustomEvent("fresh", { bubbles: true }));
  scrollTo(0, 0);
  first.focus({ preventScroll: true });
}

// Show an error of the transfer at the top of the unchanged page.
function complain(words) {
  document.querySelector(".errors")?.remove();
  const box = document.createElement("section");
  box.className = "errors";
  box.tabIndex = -1;
  box.setAttribute("aria-labelledby", "errors-title");
  const title = Object.assign(document.createElement("h2"), { id: "errors-title", textContent: _("There is a problem") });
  const text = Object.assign(document.createElement("p"), { textContent: words });
  box.append(title, text);
  document.querySelector("main").prepend(box);
  const error = _("Error:");
  if (!document.title.startsWith(error)) document.title = `${error} ${document.title}`;
  scrollTo(0, 0);
  box.focus({ preventScroll: true });
}

addEventListener("popstate", (event) => {
  if (event.state === null) { // a link to a place on this page
    history.replaceState({ page: current }, "");
    return;
  }
  const number = event.state.page;
  if (number === current) return;
  const page = pages[number];
  if (!page) {
    location.reload();
    return;
  }
  pages[current] = { title: document.title, main: document.querySelector("main") };
  current = number;
  document.title = page.title;
  document.querySelector("main").replaceWith(page.main);
  page.main.querySelector("h1").focus({ preventScroll: true });
});
history.replaceState({ page: 0 }, "");
enhance(document);
document.addEventListener("fresh", (event) => enhance(event.target));
