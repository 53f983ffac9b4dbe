// Says that the photo is being analysed and keeps it from being sent twice. Without it the form works as well.
for (const form of document.querySelectorAll("form[data-analyse]")) {
  const progress = form.querySelector("[data-progress]");
  form.addEventListener("submit", (event) => {
    if (form.dataset.sent) {
      event.preventDefault();
      return;
    }
    form.dataset.sent = "yes";
    progress.textContent = "Analysing the photo…";
  });
  // The browser shows the page as it was left when somebody goes back to it.
  addEventListener("pageshow", () => {
    delete form.dataset.sent;
    progress.textContent = "";
  });
}
