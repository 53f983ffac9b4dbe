// The chosen photo with a square frame: moved and sized by mouse, touch, buttons and keys. Its place is in three fields
// (fractions of the upright photo); an untouched frame is the middle square. If the browser cannot show a photo, such as
// DICOM, the server draws it.
import { tooLarge } from "./shrink.js";
import { _ } from "./words.js";

const SMALLEST = 0.1; // of the photo's shorter side
const HEIGHT = 24; // rem, of the picture on the page
const STEP = 0.05; // of the shorter side, for each press of a button or an arrow key
const KEYS = {
  ArrowLeft: "left", ArrowRight: "right", ArrowUp: "up", ArrowDown: "down",
  "-": "smaller", "+": "larger", "=": "larger", Home: "middle",
};

class Frame {
  constructor(form) {
    this.form = form;
    this.box = form.querySelector("[data-preview]");
    this.picture = form.querySelector("[data-picture]");
    this.frame = form.querySelector("[data-frame]");
    this.words = form.querySelector("[data-frame-words]");
    this.fields = ["crop_x", "crop_y", "crop_size"].map((name) => form.elements[name]);
    this.pointers = new Map();
    form.addEventListener("chosen", (event) => this.open(event.detail));
    this.picture.addEventListener("load", () => this.start());
    this.picture.addEventListener("error", () => this.cannotShow());
    this.frame.addEventListener("keydown", (event) => this.key(event));
    for (const button of form.querySelectorAll("[data-move]")) {
      button.addEventListener("click", () => this.move(button.dataset.move));
    }
    this.frame.addEventListener("pointerdown", (event) => this.grab(event));
    this.frame.addEventListener("pointermove", (event) => this.drag(event));
    for (const kind of ["pointerup", "pointercancel"]) {
      this.frame.addEventListener(kind, (event) => this.letGo(event));
    }
  }

  open({ file, crop }) {
    if (this.address) URL.revokeObjectURL(this.address);
    this.address = file ? URL.createObjectURL(file) : null;
    this.file = file;
    delete this.picture.dataset.fromServer;
    this.crop = crop;
    this.box.hidden = true;
    for (const field of this.fields) field.value = "";
    if (file) this.picture.src = this.address;
    else this.picture.removeAttribute("src");
  }

  start() {
    this.width = this.picture.naturalWidth;
    this.height = this.picture.naturalHeight;
    this.short = Math.min(this.width, this.height);
    this.picture.parentElement.style.width = `min(100%, ${(HEIGHT * this.width) / this.height}rem)`;
    this.box.hidden = false;
    if (this.crop) {
      const { x, y, size } = this.crop;
      this.place(x * this.width, y * this.height, size * this.short);
    } else {
      this.move("middle");
    }
  }

  async cannotShow() {
    this.box.hidden = true;
    const file = this.file;
    if (!file) return;
    const words = this.form.querySelector("[data-photo-words]");
    words.textContent = tooLarge(file, Number(this.form.dataset.maxMb)) ?? "";
    if (words.textContent) return;
    if (this.picture.dataset.fromServer || !(await this.draw(file))) {
      words.textContent = _("This browser cannot show the file. It may not be a photo that can be analysed.");
    }
  }

  // Let the server draw the photo; return whether it could.
  async draw(file) {
    const body = new FormData();
    body.set("photo", file);
    const answer = await fetch(this.form.dataset.draw, { method: "POST", body }).catch(() => null);
    if (!answer?.ok || file !== this.file) return Boolean(answer?.ok);
    const jpeg = await answer.blob();
    URL.revokeObjectURL(this.address);
    this.address = URL.createObjectURL(jpeg);
    this.picture.dataset.fromServer = "yes";
    this.picture.src = this.address;
    return true;
  }

  // Corner and edge of the square in pixels of the upright photo; kept inside it.
  place(left, top, side) {
    this.side = clamp(side, SMALLEST * this.short, this.short);
    this.left = clamp(left, 0, this.width - this.side);
    this.top = clamp(top, 0, this.height - this.side);
    const style = this.frame.style;
    style.left = `${(100 * this.left) / this.width}%`;
    style.top = `${(100 * this.top) / this.height}%`;
    style.width = `${(100 * this.side) / this.width}%`;
    style.height = `${(100 * this.side) / this.height}%`;
    this.fill();
  }

  fill() {
    const x = this.left / this.width;
    const y = this.top / this.height;
    const size = this.side / this.short;
    const middle = size === 1
      && Math.abs(2 * this.left + this.side - this.width) < 1
      && Math.abs(2 * this.top + this.side - this.height) < 1;
    this.fields.forEach((field, index) => { field.value = middle ? "" : [x, y, size][index]; });
    const per = (part) => `${Math.round(100 * part)} %`;
    this.words.textContent = middle
      ? _("The middle square is analysed.")
      : _("The square is as wide as {size} of the photo's shorter side. It starts {left} from the left and {top} from the top.", { size: per(size), left: per(x), top: per(y) });
  }

  move(way) {
    const step = STEP * this.short;
    const { left, top, side } = this;
    if (way === "left") this.place(left - step, top, side);
    if (way === "right") this.place(left + step, top, side);
    if (way === "up") this.place(left, top - step, side);
    if (way === "down") this.place(left, top + step, side);
    if (way === "smaller") this.resize(side - 2 * step);
    if (way === "larger") this.resize(side + 2 * step);
    if (way === "middle") this.place((this.width - this.short) / 2, (this.height - this.short) / 2, this.short);
  }

  // A new edge around the same middle.
  resize(side) {
    const wanted = clamp(side, SMALLEST * this.short, this.short);
    this.place(this.left + (this.side - wanted) / 2, this.top + (this.side - wanted) / 2, wanted);
  }

  key(event) {
    const way = KEYS[event.key];
    if (!way || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    this.move(way);
  }

  grab(event) {
    event.preventDefault();
    this.frame.focus({ preventScroll: true });
    this.frame.setPointerCapture(event.pointerId);
    this.pointers.set(event.pointerId, this.point(event));
    this.bySize = Boolean(event.target.closest("[data-grip]"));
  }

  drag(event) {
    const before = this.pointers.get(event.pointerId);
    if (!before) return;
    const now = this.point(event);
    const [dx, dy] = [now.x - before.x, now.y - before.y];
    if (this.pointers.size === 2) {
      const spread = this.spread();
      this.pointers.set(event.pointerId, now);
      this.resize(this.side * (this.spread() / spread));
    } else if (this.bySize) {
      this.place(this.left, this.top, Math.min(this.side + (dx + dy) / 2, this.width - this.left, this.height - this.top));
      this.pointers.set(event.pointerId, now);
    } else {
      this.place(this.left + dx, this.top + dy, this.side);
      this.pointers.set(event.pointerId, now);
    }
  }

  letGo(event) {
    this.pointers.delete(event.pointerId);
  }

  // The distance between two fingers.
  spread() {
    const [one, other] = [...this.pointers.values()];
    return Math.max(1, Math.hypot(one.x - other.x, one.y - other.y));
  }

  // Where a pointer is, in pixels of the photo.
  point(event) {
    const shown = this.picture.getBoundingClientRect();
    const scale = this.width / shown.width;
    return { x: (event.clientX - shown.left) * scale, y: (event.clientY - shown.top) * scale };
  }
}

function clamp(value, least, most) {
  return Math.max(least, Math.min(value, most));
}

function enhance(root) {
  for (const box of root.querySelectorAll("[data-frame]")) {
    const form = box.closest("form");
    const frame = new Frame(form);
    const input = [...form.querySelectorAll("[type=file][name=photo]")].find((field) => field.files.length);
    if (input) frame.open({ file: input.files[0], crop: null }); // chosen before this script ran
  }
}

enhance(document);
document.addEventListener("fresh", (event) => enhance(event.target));
