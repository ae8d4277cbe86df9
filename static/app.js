// Small conveniences. Every page works without this file; state lives on the server.
(() => {
  "use strict";

  // After a form was refused, the list of its errors is where a keyboard or screen reader continues.
  const focusOn = (root) => root.querySelector?.("[data-focus]")?.focus();
  document.addEventListener("DOMContentLoaded", () => focusOn(document));
  document.addEventListener("htmx:after:swap", (event) => focusOn(event.target.parentNode || document));

  // A choice that takes effect at once (sorting a list, a quantity in the cart); its button is there for everybody else.
  const SAVED = "[data-save-on-change]";
  document.addEventListener("change", (event) => {
    if (event.target.matches(`[data-submit-on-change], ${SAVED}`)) event.target.form.requestSubmit();
  });

  // The answer keeps what is being typed meanwhile; a field that holds what was sent shows what it came to.
  const sent = new WeakMap();
  document.addEventListener("htmx:before:request", () => {
    for (const field of document.querySelectorAll(SAVED)) sent.set(field, field.value);
  });
  document.addEventListener("htmx:after:swap", () => {
    for (const field of document.querySelectorAll(SAVED)) {
      if (sent.get(field) === field.value) field.value = field.defaultValue;
      sent.delete(field);
    }
  });

  // What was sent is not sent again while it is on its way: a double click. The server does it once anyway, by form_id.
  const underway = new WeakMap();
  const content = (form, button) => new URLSearchParams(new FormData(form, button?.name ? button : undefined)).toString();
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.getAttribute("method") !== "post") return;
    const now = content(form, event.submitter);
    if (underway.get(form) === now) {
      event.preventDefault();
      event.stopImmediatePropagation();
      return;
    }
    underway.set(form, now);
    form.dataset.sent = "1";
  }, true);
  const release = (form) => {
    underway.delete(form);
    delete form.dataset.sent;
  };
  window.addEventListener("pageshow", () => document.querySelectorAll("[data-sent]").forEach(release));

  // A form that stays on the page after htmx has sent it is a new one for the next click.
  document.addEventListener("htmx:finally:request", (event) => {
    const form = event.target.closest?.("form");
    if (form) release(form);
  });
  document.addEventListener("htmx:after:request", (event) => {
    const id = event.target.closest?.("form")?.elements.form_id;
    if (!id || !event.detail.ctx.response.raw.ok) return;
    const bytes = crypto.getRandomValues(new Uint8Array(16));
    id.value = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  });

  // What is shown only once is copied by a button, where the browser lets a page do so; the text can be marked anyway.
  document.addEventListener("DOMContentLoaded", () => {
    for (const button of document.querySelectorAll("[data-copy]")) button.hidden = !navigator.clipboard;
  });
  document.addEventListener("click", (event) => {
    const button = event.target.closest?.("[data-copy]");
    if (!button) return;
    const text = document.getElementById(button.dataset.copy).textContent;
    navigator.clipboard.writeText(text).then(() => (button.textContent = button.dataset.copied), () => (button.hidden = true));
  });

  // The request did not reach the shop: say so instead of doing nothing.
  document.addEventListener("htmx:error", (event) => {
    if (event.detail?.ctx?.response) return;
    const place = document.getElementById("problems");
    const notice = document.createElement("p");
    notice.className = "notice notice--bad";
    notice.textContent = place.dataset.message;
    place.replaceChildren(notice);
  });
  document.addEventListener("htmx:before:response", () => document.getElementById("problems").replaceChildren());
})();
