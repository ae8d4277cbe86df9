// Conveniences of the product forms. Without this file pictures are uploaded with the form itself.
(() => {
  "use strict";

  const MOST_BYTES = 12 * 1024 * 1024;
  const KINDS = ["image/jpeg", "image/png", "image/webp"];

  // Each picture is uploaded as soon as it is chosen, with its progress; the answer is the fields that carry it.
  const setUp = (section) => {
    const input = section.querySelector('input[type="file"][multiple]');
    const drop = section.querySelector("[data-drop]");
    const list = section.querySelector("[data-picture-list]");
    const uploads = section.querySelector("[data-uploads]");
    const form = section.closest("form");
    if (!input || !form) return;
    section.querySelector("[data-drop-hint]").hidden = false;

    const line = (file) => {
      const item = document.createElement("li");
      item.textContent = file.name;
      uploads.append(item);
      return item;
    };
    const fail = (item, file, words) => {
      item.className = "field__error";
      item.textContent = `${file.name} ${words}`;
    };
    let waiting = Promise.resolve();
    let running = 0;
    const busy = (change) => {
      running += change;
      for (const button of form.querySelectorAll('button[type="submit"]')) button.disabled = running > 0;
    };

    const upload = (file, item) => new Promise((finish) => {
      const progress = document.createElement("progress");
      progress.max = 1;
      progress.setAttribute("aria-label", file.name);
      item.append(progress);
      const body = new FormData();
      body.append("csrf_token", form.elements.csrf_token.value);
      body.append("pictures", file);
      const request = new XMLHttpRequest();
      request.open("POST", section.dataset.pictures);
      request.upload.addEventListener("progress", (event) => {
        if (event.lengthComputable) progress.value = event.loaded / event.total;
      });
      request.addEventListener("loadend", () => {
        const answer = new DOMParser().parseFromString(`<ol>${request.responseText}</ol>`, "text/html");
        const problem = answer.querySelector("[data-problem]");
        const picture = answer.querySelector("li.picture");
        if (request.status === 200 && picture) {
          for (const position of picture.querySelectorAll("[data-position]")) {
            position.value = list.children.length + 1;
          }
          // The same file twice has the same fields once.
          const known = document.getElementById(picture.querySelector("[data-position]").id);
          if (!known) list.append(document.importNode(picture, true));
          item.remove();
        } else if (problem) {
          item.className = "field__error";
          item.textContent = problem.textContent;
        } else {
          fail(item, file, uploads.dataset.failed);
        }
        finish();
      });
      request.send(body);
    });

    const take = (files) => {
      for (const file of files) {
        const item = line(file);
        if (!KINDS.includes(file.type)) { fail(item, file, uploads.dataset.notAPicture); continue; }
        if (file.size > MOST_BYTES) { fail(item, file, uploads.dataset.tooLarge); continue; }
        busy(1);
        waiting = waiting.then(() => upload(file, item)).finally(() => busy(-1));
      }
    };

    input.addEventListener("change", () => {
      const files = [...input.files];
      input.value = "";
      uploads.replaceChildren();
      take(files);
    });
    for (const kind of ["dragenter", "dragover"]) {
      drop.addEventListener(kind, (event) => {
        event.preventDefault();
        drop.classList.add("drop--over");
      });
    }
    for (const kind of ["dragleave", "drop"]) {
      drop.addEventListener(kind, () => drop.classList.remove("drop--over"));
    }
    drop.addEventListener("drop", (event) => {
      event.preventDefault();
      uploads.replaceChildren();
      take([...event.dataTransfer.files]);
    });
  };

  // How a search engine would show the page, while it is typed.
  const preview = (form) => {
    for (const place of form.querySelectorAll("[data-from]")) {
      const fields = place.dataset.from.split(" ").map((name) => form.elements[name]).filter(Boolean);
      const first = place.textContent;
      const show = () => { place.textContent = fields.map((field) => field.value.trim()).find(Boolean) ?? first; };
      for (const field of fields) field.addEventListener("input", show);
    }
  };

  // Pictures are put in order by dragging their handle, or by buttons; both fill in the fields for the position.
  const sortable = (section) => {
    const list = section.querySelector("[data-picture-list]");
    const tools = section.querySelector("[data-picture-tools]");
    const said = section.querySelector("[data-moved]");

    const number = (moved) => {
      [...list.children].forEach((item, index) => {
        for (const field of item.querySelectorAll("[data-position]")) field.value = index + 1;
      });
      said.textContent = said.dataset.moved.replace("0", [...list.children].indexOf(moved) + 1);
      list.dispatchEvent(new Event("input", { bubbles: true }));
    };

    const drag = (item, handle) => {
      handle.addEventListener("pointerdown", (event) => {
        if (event.button) return;
        event.preventDefault();
        handle.setPointerCapture(event.pointerId);
        item.classList.add("picture--dragged");
        const before = [...list.children].indexOf(item);
        const move = ({ clientX, clientY }) => {
          const over = [...list.children].find((other) => {
            const box = other.getBoundingClientRect();
            return other !== item && clientY >= box.top && clientY < box.bottom && clientX >= box.left && clientX < box.right;
          });
          if (!over) return;
          // The others move: what is taken out of the page, even for a moment, loses the pointer.
          const goesDown = item.compareDocumentPosition(over) & Node.DOCUMENT_POSITION_FOLLOWING;
          const all = [...list.children];
          const [from, to] = [all.indexOf(item), all.indexOf(over)];
          if (goesDown) item.before(...all.slice(from + 1, to + 1));
          else item.after(...all.slice(to, from));
        };
        const end = () => {
          handle.removeEventListener("pointermove", move);
          item.classList.remove("picture--dragged");
          if ([...list.children].indexOf(item) !== before) number(item);
        };
        handle.addEventListener("pointermove", move);
        handle.addEventListener("lostpointercapture", end, { once: true });
      });
    };

    const equip = (item) => {
      if (!item.matches("li.picture") || item.querySelector("[data-handle]")) return;
      item.prepend(document.importNode(tools.content, true));
      drag(item, item.querySelector("[data-handle]"));
      for (const button of item.querySelectorAll("[data-move]")) {
        button.addEventListener("click", () => {
          const up = button.dataset.move === "up";
          const other = up ? item.previousElementSibling : item.nextElementSibling;
          if (!other) return;
          list.insertBefore(item, up ? other : other.nextElementSibling);
          number(item);
          button.focus();
        });
      }
    };

    [...list.children].forEach(equip);
    new MutationObserver((changes) => {
      for (const change of changes) for (const item of change.addedNodes) if (item.matches?.("li")) equip(item);
    }).observe(list, { childList: true });
  };

  document.addEventListener("DOMContentLoaded", () => {
    document.querySelectorAll("[data-pictures]").forEach(setUp);
    document.querySelectorAll("[data-pictures]").forEach(sortable);
    document.querySelectorAll("[data-product-form]").forEach(preview);
  });
})();
