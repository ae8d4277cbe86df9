// The preview of the appearance follows what is typed. Without this file there is a button for it.
(() => {
  "use strict";

  document.addEventListener("DOMContentLoaded", () => {
    const form = document.querySelector("[data-look]");
    const frame = document.querySelector("[data-look-preview]");
    if (!form || !frame) return;
    const names = form.dataset.look.split(" ");
    let timer = 0;
    const show = () => {
      const query = new URLSearchParams(names.map((name) => [name, form.elements[name].value]));
      // Replaced, so that the back button leads away from the page and not through the previews.
      frame.contentWindow.location.replace(`${frame.dataset.lookPreview}?${query}`);
    };
    form.addEventListener("input", () => {
      clearTimeout(timer);
      timer = setTimeout(show, 250);
    });
    for (const input of document.querySelectorAll("[data-preview-file]")) {
      input.addEventListener("change", () => {
        if (input.files.length) input.form.requestSubmit(input.form.querySelector("[data-preview-button]"));
      });
    }
  });
})();
