// Keys of the back office. Every page works without this file.
(() => {
  "use strict";

  const PLACES = { h: "/admin/", o: "/admin/orders", p: "/admin/products", c: "/admin/customers", d: "/admin/pricing/promotions", s: "/admin/settings" };
  const WAIT = 1500; // milliseconds in which the second key of two counts
  let started = 0;

  const typing = (target) => target.closest?.("input, textarea, select, [contenteditable]");
  const shown = (element) => element && element.offsetParent !== null;
  const rows = () => [...document.querySelectorAll("#main tbody th[scope=row] a, #main .found a")].filter(shown);

  const move = (step) => {
    const all = rows();
    if (!all.length) return;
    const at = all.indexOf(document.activeElement);
    const next = at < 0 ? (step > 0 ? 0 : all.length - 1) : at + step;
    all[Math.max(0, Math.min(all.length - 1, next))].focus();
  };

  const go = (key) => {
    const link = document.querySelector(`#menu a[href="${PLACES[key]}"]`); // only where this person may go
    if (link) window.location.assign(link.href);
  };

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    if (event.key === "Escape" && location.hash === "#menu") {
      location.replace("#main");
      return;
    }
    if (typing(event.target) || document.querySelector("dialog[open]")) return;
    const second = Date.now() - started < WAIT;
    started = 0;
    if (second && Object.hasOwn(PLACES, event.key)) {
      event.preventDefault();
      go(event.key);
    } else if (event.key === "g") {
      started = Date.now();
    } else if (event.key === "/") {
      event.preventDefault();
      document.getElementById("find-all").select();
    } else if (event.key === "j" || event.key === "k") {
      event.preventDefault();
      move(event.key === "j" ? 1 : -1);
    } else if (event.key === "?") {
      event.preventDefault();
      document.getElementById("shortcuts").showModal();
    }
  });

  document.addEventListener("DOMContentLoaded", () => {
    const button = document.querySelector("[data-keys]");
    if (!button) return;
    button.hidden = false;
    button.addEventListener("click", () => document.getElementById("shortcuts").showModal());
  });
})();
