// A small editor over the text areas that take HTML. Without this file they are plain text areas, which stay the truth:
// the editor writes into them, and a text that nobody touches is left as it is.
(() => {
  "use strict";

  // What the server lets through (catalog/html_cleaning.py); the rest is unwrapped or dropped already when it is pasted.
  const ALLOWED = new Set(("a abbr b blockquote br caption code dd del div dl dt em h2 h3 h4 h5 h6 hr i ins li ol p pre q s small "
    + "span strong sub sup table tbody td tfoot th thead tr u ul").split(" "));
  const DROPPED = new Set("script style iframe object embed noscript template svg math title textarea select button form head".split(" "));
  const KEPT = { a: ["href", "title"], abbr: ["title"], td: ["colspan", "rowspan"], th: ["colspan", "rowspan", "scope"], ol: ["start", "type"] };

  const SAFE = /^(https?:|mailto:)/i;
  const SAFE_OR_OWN = /^(https?:|mailto:|\/(?![/\\])|#)/i;  // a path of the shop, too

  const clean = (parent, links) => {
    for (const node of [...parent.childNodes]) {
      if (node.nodeType === Node.TEXT_NODE) continue;
      const tag = node.nodeType === Node.ELEMENT_NODE ? node.localName : "";
      if (!tag || DROPPED.has(tag)) { node.remove(); continue; }
      clean(node, links);
      if (!ALLOWED.has(tag)) { node.replaceWith(...node.childNodes); continue; }
      for (const { name, value } of [...node.attributes]) {
        const safe = name !== "href" || links.test(value.trim());
        if (!(KEPT[tag] || []).includes(name) || !safe) node.removeAttribute(name);
      }
    }
    return parent;
  };
  const fragment = (html, links) => {
    const made = document.createDocumentFragment();
    made.append(...clean(new DOMParser().parseFromString(html, "text/html").body, links).childNodes);
    return document.importNode(made, true);
  };

  // As the server does it: a text without markup is paragraphs with blank lines between.
  const escaped = (text) => text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
  const asHtml = (text) => (/<[a-zA-Z/!]/.test(text)
    ? text
    : text.trim().split(/\n[^\S\n]*\n\s*/).map((part) => `<p>${escaped(part)}</p>`).join(""));
  const asText = (root, links) => {
    const copy = root.cloneNode(true);
    for (const end of copy.querySelectorAll(":is(p, h2, h3, li) > br:last-child")) end.remove();
    const html = clean(copy, links).innerHTML.replace(/\u200b/g, "");
    return copy.textContent.trim() ? html : "";
  };

  const setUp = (area) => {
    const tools = area.parentElement.querySelector("template[data-editor-tools]")?.content.firstElementChild.cloneNode(true);
    const label = document.querySelector(`label[for="${area.id}"]`);
    if (!tools || !window.Squire) return;
    const links = area.dataset.richText === "own-links" ? SAFE_OR_OWN : SAFE;
    const root = document.createElement("div");
    root.className = "rich-text prose";
    label.id ||= `${area.id}-label`;
    for (const [name, value] of Object.entries({ role: "textbox", "aria-multiline": "true", "aria-labelledby": label.id, tabindex: "0" })) {
      root.setAttribute(name, value);
    }
    const described = area.getAttribute("aria-describedby");
    if (described) root.setAttribute("aria-describedby", described);
    const whole = document.createElement("div");
    whole.append(tools, root);
    area.before(whole);
    area.hidden = true;
    label.addEventListener("click", () => root.focus());

    const editor = new window.Squire(root, { blockTag: "P", sanitizeToDOMFragment: (html) => fragment(html, links), addLinks: true });
    editor.setHTML(asHtml(area.value));
    editor.addEventListener("input", () => {
      area.value = asText(root, links);
      area.dispatchEvent(new Event("input", { bubbles: true }));
    });

    const blocks = (tag) => editor.modifyBlocks((part) => {
      for (const block of [...part.querySelectorAll("p, h2, h3")]) {
        const made = document.createElement(tag);
        made.append(...block.childNodes);
        block.replaceWith(made);
      }
      return part;
    });
    const link = tools.querySelector("[data-link]");
    const address = link.querySelector("input");
    const done = () => { link.hidden = true; address.value = ""; };
    const commands = {
      bold: () => (editor.hasFormat("B") ? editor.removeBold() : editor.bold()),
      italic: () => (editor.hasFormat("I") ? editor.removeItalic() : editor.italic()),
      heading: () => blocks(editor.hasFormat("H3") ? "p" : "h3"),
      list: () => (editor.hasFormat("UL") ? editor.removeList() : editor.makeUnorderedList()),
      numbers: () => (editor.hasFormat("OL") ? editor.removeList() : editor.makeOrderedList()),
      link: () => {
        if (editor.hasFormat("A")) { editor.removeLink(); return; }
        link.hidden = false;
        address.focus();
      },
      apply: () => {
        const typed = address.value.trim();
        const target = links.test(typed) ? typed : `https://${typed}`;
        if (typed) editor.makeLink(target);
        done();
      },
      html: (button) => {
        const plain = area.hidden;
        if (!plain) editor.setHTML(asHtml(area.value));
        area.hidden = !plain;
        root.hidden = plain;
        button.setAttribute("aria-pressed", String(plain));
        for (const other of tools.querySelectorAll("[data-command]")) other.disabled = plain && other !== button;
        (plain ? area : root).focus();
      },
    };
    tools.addEventListener("mousedown", (event) => { if (event.target.closest("button")) event.preventDefault(); });
    tools.addEventListener("click", (event) => {
      const button = event.target.closest("[data-command]");
      if (button) commands[button.dataset.command](button);
    });
    address.addEventListener("keydown", (event) => {
      if (event.key === "Enter") { event.preventDefault(); commands.apply(); }
      if (event.key === "Escape") { done(); root.focus(); }
    });
    const shown = { bold: "B", italic: "I", heading: "H3", list: "UL", numbers: "OL", link: "A" };
    editor.addEventListener("pathChange", () => {
      for (const [name, tag] of Object.entries(shown)) {
        tools.querySelector(`[data-command="${name}"]`).setAttribute("aria-pressed", String(editor.hasFormat(tag)));
      }
    });
    // A text that was refused is marked at the area; its error leads to what is seen.
    if (area.getAttribute("aria-invalid")) root.setAttribute("aria-invalid", "true");
  };

  document.addEventListener("DOMContentLoaded", () => document.querySelectorAll("textarea[data-rich-text]").forEach(setUp));
})();
