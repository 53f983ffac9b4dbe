// Prepares a form for sending: of each photo that the browser can show, only the frame, as a JPEG of at most 768 px.
// DICOM files and small photos are sent unchanged.
import { _ } from "./words.js";

const MEGABYTE = 1024 * 1024;
const EDGE = 768; // pixels; six times what the network sees, and small enough to be sent with little compression
const MOST_BYTES = 195_000; // of the JPEG, and of a file that is sent unchanged
const QUALITIES = [0.98, 0.95, 0.92, 0.86, 0.8, 0.7, 0.6, 0.5];
const READ_BY_THE_SERVER = ["image/jpeg", "image/png", "image/webp"];
const CROP = ["crop_x", "crop_y", "crop_size"];

export async function formBody(form) {
  const body = new FormData(form);
  const inputs = [...form.querySelectorAll("[type=file][name=photo]")];
  if (!inputs.length) return body;
  body.delete("photo");
  for (const input of inputs) {
    const file = input.files[0];
    const picture = (input.closest("[data-row]") ?? form).querySelector("[data-picture]");
    const frame = file && await frameOf(picture, file, cropOf(form));
    body.append("photo", frame ?? file ?? new File([], ""), frame ? "photo.jpg" : file?.name ?? "");
    if (frame && form.elements.crop_x) for (const name of CROP) body.set(name, "");
  }
  return body;
}

// The sentence about a file that is too large, with the limit in MB; null if it is not.
export function tooLarge(file, limit) {
  if (file.size <= limit * MEGABYTE) return null;
  return _("This file has {size} MB; at most {limit} MB are accepted.", { size: Math.ceil(file.size / MEGABYTE), limit });
}

// The names of the chosen files by the number of their row.
export function fileNames(form) {
  const inputs = [...form.querySelectorAll("[type=file][name=photo]")];
  return inputs.map((input) => input.files[0]?.name);
}

function cropOf(form) {
  const [x, y, size] = CROP.map((name) => form.elements[name]?.value);
  return size ? { x: Number(x), y: Number(y), size: Number(size) } : null;
}

async function frameOf(picture, file, crop) {
  if (file.size <= MOST_BYTES && READ_BY_THE_SERVER.includes(file.type)) return null;
  await picture?.decode().catch(() => null); // a file that was chosen just now is still loading
  if (!picture?.naturalWidth || picture.dataset.fromServer) return null;
  const { naturalWidth: width, naturalHeight: height } = picture;
  const short = Math.min(width, height);
  const side = crop ? crop.size * short : short;
  const [left, top] = crop ? [crop.x * width, crop.y * height] : [(width - side) / 2, (height - side) / 2];
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = Math.max(1, Math.min(EDGE, Math.round(side)));
  const context = canvas.getContext("2d");
  context.fillStyle = "white"; // behind transparent parts, as on the server
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.imageSmoothingQuality = "high";
  context.drawImage(picture, left, top, side, side, 0, 0, canvas.width, canvas.height);
  let jpeg = null;
  for (const quality of QUALITIES) {
    jpeg = await new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", quality));
    if (!jpeg || jpeg.size <= MOST_BYTES) break;
  }
  return jpeg;
}
