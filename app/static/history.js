// Answers kept in this browser if the reader asks for it: in IndexedDB, with a picture of 512 px, without names.
import { _, percent } from "./words.js";

const NAME = "skin-lesion-classifier";
const STORE = "answers";
const KEPT_MONTHS = 12;
const FORMAT = 1; // of the exported file

function open() {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(NAME, 1);
    request.addEventListener("upgradeneeded", () => request.result.createObjectStore(STORE, { keyPath: "id" }));
    request.addEventListener("success", () => resolve(request.result));
    request.addEventListener("error", () => reject(request.error));
  });
}

// Run one transaction; `act` gets the store and may return a request; its result is returned.
async function inStore(mode, act) {
  const database = await open();
  try {
    return await new Promise((resolve, reject) => {
      const transaction = database.transaction(STORE, mode);
      const request = act(transaction.objectStore(STORE));
      transaction.addEventListener("complete", () => resolve(request?.result));
      transaction.addEventListener("error", () => reject(transaction.error));
      transaction.addEventListener("abort", () => reject(transaction.error));
    });
  } finally {
    database.close();
  }
}

// Remove answers that are too old; return all others, the newest first.
async function answers() {
  const oldest = new Date();
  oldest.setMonth(oldest.getMonth() - KEPT_MONTHS);
  const all = (await inStore("readonly", (store) => store.getAll())) ?? [];
  const gone = all.filter((one) => new Date(one.date) < oldest);
  if (gone.length) await inStore("readwrite", (store) => gone.forEach((one) => store.delete(one.id)));
  return all.filter((one) => !gone.includes(one)).sort((one, other) => other.date.localeCompare(one.date));
}

function spots(all) {
  return [...new Set(all.map((one) => one.spot))].sort((one, other) => one - other);
}

// ---- on an answer: keep it ----

async function offerToKeep(box) {
  if (!window.indexedDB) return;
  const select = box.querySelector("select");
  let known;
  try {
    known = await answers();
  } catch {
    return; // a browser that keeps nothing, for example in a private window
  }
  for (const spot of spots(known)) {
    const last = known.find((one) => one.spot === spot);
    select.add(new Option(spotName(spot, last.site), String(spot)));
  }
  box.hidden = false;
  box.querySelector("button").addEventListener("click", () => keep(box, select));
}

async function keep(box, select) {
  const main = box.closest("main");
  const values = [...main.querySelectorAll(".classes [data-name]")];
  const entry = {
    id: box.dataset.id,
    date: box.dataset.date,
    spot: Number(select.value),
    site: box.dataset.site,
    status: main.querySelector("[data-status]").dataset.status,
    cancer: Number(main.querySelector("[data-name=cancer]").dataset.value),
    probabilities: Object.fromEntries(values.map((one) => [one.dataset.name, Number(one.dataset.value)])),
    model: box.dataset.model,
    photo: main.querySelector(".analysed img").src,
  };
  const words = box.querySelector("[role=status]");
  try {
    await inStore("readwrite", (store) => put(store, entry));
    words.textContent = _("Kept in this browser as spot {spot}.", { spot: entry.spot });
    words.focus();
    box.querySelector("button").hidden = true;
  } catch {
    words.textContent = _("This browser could not keep the answer.");
  }
}

// The transaction that keeps a new spot also finds its number: another tab may have kept a spot meanwhile.
function put(store, entry) {
  const others = store.getAll();
  others.addEventListener("success", () => {
    entry.spot ||= Math.max(0, ...spots(others.result.filter((one) => one.id !== entry.id))) + 1;
    store.put(entry);
  });
}

// ---- the page of the history ----

async function showHistory(box) {
  let all;
  try {
    all = await answers();
  } catch {
    box.querySelector("[data-words]").textContent = _("This browser keeps no answers. Perhaps this is a private window.");
    box.hidden = false;
    return;
  }
  const list = box.querySelector("[data-list]");
  list.replaceChildren(...spots(all).map((spot) => section(spot, all.filter((one) => one.spot === spot))));
  box.querySelector("[data-words]").textContent = howMany(all.length);
  for (const button of box.querySelectorAll("[data-with-answers]")) button.hidden = !all.length;
  box.hidden = false;
}

function wire(box) {
  box.querySelector("[data-export]").addEventListener("click", async () => exported(await answers()));
  box.querySelector("[data-import]").addEventListener("change", async (event) => {
    try {
      await imported(event.target.files[0]);
      await showHistory(box);
    } catch {
      box.querySelector("[data-words]").textContent = _("This file was not saved by this page.");
    }
    event.target.value = "";
    box.querySelector("[data-words]").focus();
  });
  box.querySelector("[data-clear]").addEventListener("click", async () => {
    await inStore("readwrite", (store) => store.clear());
    await showHistory(box);
    box.querySelector("[data-words]").focus();
  });
}

// One spot: its answers in a row, and any two of them side by side.
function section(spot, found) {
  const title = Object.assign(document.createElement("h2"), {
    id: `spot-${spot}`,
    textContent: spotName(spot, found[0].site),
  });
  const part = document.createElement("section");
  part.setAttribute("aria-labelledby", title.id);
  part.append(title);
  if (found.length > 1) part.append(...comparison(spot, found));
  const list = document.createElement("ul");
  list.className = "kept";
  list.append(...found.map((one) => item(one)));
  part.append(list);
  return part;
}

function comparison(spot, found) {
  const pair = document.createElement("div");
  pair.className = "pair";
  const fields = ["earlier", "later"].map((which, index) => {
    const label = document.createElement("label");
    label.textContent = which === "earlier" ? _("Earlier") : _("Later");
    const select = document.createElement("select");
    select.id = `${which}-${spot}`;
    label.htmlFor = select.id;
    found.forEach((one, at) => select.add(new Option(dateOf(one), String(at))));
    select.selectedIndex = index === 0 ? found.length - 1 : 0;
    select.addEventListener("change", () => draw());
    const place = document.createElement("div");
    place.append(label, select);
    return { select, place };
  });
  const draw = () => pair.replaceChildren(...fields.map(({ select }) => card(found[select.selectedIndex])));
  draw();
  const choice = document.createElement("div");
  choice.className = "pair-choice";
  choice.append(...fields.map(({ place }) => place));
  const heading = Object.assign(document.createElement("h3"), { textContent: _("Two dates side by side") });
  return [heading, choice, pair];
}

function card(one) {
  const figure = document.createElement("figure");
  const picture = Object.assign(document.createElement("img"), {
    src: one.photo, width: 512, height: 512, alt: _("Photo of {date}", { date: dateOf(one) }),
  });
  const time = Object.assign(document.createElement("time"), {
    dateTime: one.date,
    textContent: _("{date}: cancer classes together {share}", { date: dateOf(one), share: percent(one.cancer) }),
  });
  const caption = document.createElement("figcaption");
  caption.append(time);
  figure.append(picture, caption);
  return figure;
}

function item(one) {
  const line = document.createElement("li");
  const remove = Object.assign(document.createElement("button"), { type: "button", className: "second" });
  remove.textContent = _("Remove");
  remove.setAttribute("aria-label", _("Remove the answer of {date}", { date: dateOf(one) }));
  remove.addEventListener("click", async () => {
    await inStore("readwrite", (store) => store.delete(one.id));
    const box = line.closest("[data-history]");
    await showHistory(box);
    box.querySelector("[data-words]").focus();
  });
  line.append(card(one), remove);
  return line;
}

function exported(all) {
  const text = JSON.stringify({ format: FORMAT, answers: all }, null, 1);
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type: "application/json" }));
  link.download = "skin-spots.json";
  link.click();
  URL.revokeObjectURL(link.href);
}

function spotName(spot, site) {
  return site ? _("Spot {spot}: {site}", { spot, site }) : _("Spot {spot}", { spot });
}

function howMany(count) {
  if (count === 0) return _("No answer is kept in this browser.");
  if (count === 1) return _("One answer is kept in this browser.");
  return _("{count} answers are kept in this browser.", { count });
}

function dateOf(one) {
  return localTime(one.date);
}

// A time in the time zone and the language of the reader.
function localTime(date) {
  return new Date(date).toLocaleString(document.documentElement.lang, { dateStyle: "medium", timeStyle: "short" });
}

// Answers of an earlier export, maybe from another browser; an answer that exists is replaced. A spot of the file is a
// spot of this browser only if they have an answer in common; otherwise it gets a free number.
async function imported(file) {
  const { format, answers: entries } = JSON.parse(await file.text());
  if (format !== FORMAT || !Array.isArray(entries) || !entries.every(isAnswer)) throw new Error("no export");
  const kept = await inStore("readonly", (store) => store.getAll());
  let last = Math.max(0, ...spots([...kept, ...entries]));
  const numbers = new Map(spots(entries).map((spot) => {
    const ids = entries.filter((one) => one.spot === spot).map((one) => one.id);
    const same = kept.find((one) => ids.includes(one.id));
    const isFree = kept.every((one) => one.spot !== spot);
    return [spot, same?.spot ?? (isFree ? spot : ++last)];
  }));
  await inStore("readwrite", (store) => entries.forEach((one) => store.put({ ...one, spot: numbers.get(one.spot) })));
}

function isAnswer(one) {
  return typeof one?.id === "string" && Number.isInteger(one.spot) && !Number.isNaN(Date.parse(one.date))
    && typeof one.photo === "string" && one.photo.startsWith("data:image/jpeg;base64,")
    && typeof one.cancer === "number" && typeof one.status === "string" && typeof one.model === "string"
    && typeof one.site === "string" && typeof one.probabilities === "object";
}

function enhance(root) {
  for (const time of root.querySelectorAll("[data-local]")) time.textContent = localTime(time.dateTime);
  for (const box of root.querySelectorAll("[data-keep]")) offerToKeep(box);
  for (const box of root.querySelectorAll("[data-history]")) {
    wire(box);
    showHistory(box);
  }
  for (const button of root.querySelectorAll("[data-print]")) {
    button.hidden = false;
    button.addEventListener("click", () => print());
  }
}

// On paper everything is unfolded.
addEventListener("beforeprint", () => {
  for (const part of document.querySelectorAll("main details")) part.open = true;
});
enhance(document);
document.addEventListener("fresh", (event) => enhance(event.target));
