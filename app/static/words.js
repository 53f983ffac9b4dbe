// Messages of the scripts in the language of the page. The scripts have the English texts; the page names the file of
// another language.
const address = document.documentElement.dataset.words;
const words = address ? await (await fetch(address)).json() : {};

// A message with its values put in: _("{count} MB", {count: 5}).
export function _(message, values = {}) {
  return (words[message] ?? message).replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
}

// A number in whole per cent as the page writes it.
export function percent(probability) {
  if (probability < 0.01) return _("under 1 %");
  if (probability > 0.99) return _("over 99 %");
  return `${Math.round(100 * probability)} %`;
}
