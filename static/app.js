// Small conveniences. Every page works without this file; state lives on the server.
(() => {
  "use strict";

  // After a form was refused, the list of its errors is where a keyboard or screen reader continues.
  const focusOn = (root) => root.querySelector?.("[data-focus]")?.focus();
  document.addEventListener("DOMContentLoaded", () => focusOn(document));
  document.addEventListener("htmx:after:swap", (event) => focusOn(event.target.parentNode || document));

  // A choice that takes effect at once (sorting a list); its button is there for everybody else.
  document.addEventListener("change", (event) => {
    if (event.target.matches("[data-submit-on-change]")) event.target.form.requestSubmit();
  });

  // A double click sends an order once. The server would answer the second time with the same order anyway.
  document.addEventListener("submit", (event) => {
    if (!event.target.matches("[data-once]")) return;
    if (event.target.dataset.sent) event.preventDefault();
    event.target.dataset.sent = "1";
  });
  window.addEventListener("pageshow", () => {
    for (const form of document.querySelectorAll("[data-sent]")) delete form.dataset.sent;
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
