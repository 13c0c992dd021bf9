"use strict";
(() => {
  const all = (query, within = document) => [...within.querySelectorAll(query)];
  const one = (query) => document.querySelector(query);
  document.documentElement.classList.add("js");

  // Copying: what stands in the <code> before the button.
  const copy = async (text) => {
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      const area = document.createElement("textarea");
      area.value = text;
      document.body.append(area);
      area.select();
      document.execCommand("copy");
      area.remove();
    }
  };
  const said = (button, words) => {
    const before = button.textContent;
    button.textContent = words;
    button.disabled = true;
    setTimeout(() => { button.textContent = before; button.disabled = false; }, 1200);
  };

  // Picking: photos whose decision a person wants changed, as lines for overrides.csv.
  const picked = new Map();
  const tray = one("#tray"), lines = one("#lines"), count = one("#picked");
  const show = () => {
    for (const button of all(".pick"))
      button.setAttribute("aria-pressed", String(picked.has(button.dataset.id)));
    tray.hidden = picked.size === 0;
    count.textContent = picked.size === 1 ? "1 photo" : `${picked.size} photos`;
    lines.value = ["id,keep,reason", ...[...picked].map(([id, word]) => `${id},${word},`)].join("\n") + "\n";
  };

  document.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    if (button.matches(".copy")) {
      copy(button.parentElement.querySelector("code").textContent);
      said(button, "copied");
    } else if (button.matches(".pick")) {
      const { id, word } = button.dataset;
      if (!picked.delete(id)) picked.set(id, word);
      show();
    } else if (button.id === "copy-lines") {
      copy(lines.value);
      said(button, "copied");
    } else if (button.id === "clear-lines") {
      picked.clear();
      show();
    }
  });

  // Finding: in name, id, reason, mode; with * or ? the whole name or id has to match.
  const list = one("#list");
  if (!list) return;
  const find = one("#find"), reason = one("#reason"), order = one("#order"), told = one("#told");
  const plain = (text) => text.normalize("NFC").toLowerCase();
  const rows = all("li", list).map((item) => ({
    item,
    name: plain(item.querySelector(".name").textContent),
    id: item.querySelector(".id").textContent,
    text: plain(all(".name, .id, .why", item).map((part) => part.textContent).join(" ")) + " ",
    reason: item.dataset.reason,
    place: Number(item.dataset.order),
  }));
  const glob = (text) => new RegExp("^" + text.replace(/[.+^${}()|[\]\\]/g, "\\$&")
    .replace(/\*/g, ".*").replace(/\?/g, ".") + "$");
  const filter = () => {
    const wanted = plain(find.value.trimStart());
    const pattern = /[*?]/.test(wanted) ? glob(wanted) : null;
    let left = 0;
    for (const row of rows) {
      const found = pattern ? pattern.test(row.name) || pattern.test(row.id) : row.text.includes(wanted);
      row.item.hidden = !(found && (!reason.value || row.reason === reason.value));
      left += !row.item.hidden;
    }
    told.textContent = `${left.toLocaleString("en")} of ${rows.length.toLocaleString("en")}`;
  };
  const sort = () => {
    const by = {
      near: (a, b) => a.place - b.place,
      odd: (a, b) => b.place - a.place,
      name: (a, b) => (a.name < b.name ? -1 : Number(a.name > b.name)),
    }[order.value];
    list.append(...[...rows].sort(by).map((row) => row.item));
    list.scrollTop = 0;
  };
  find.addEventListener("input", filter);
  reason.addEventListener("change", filter);
  order.addEventListener("change", sort);
  for (const link of all("a[data-reason], a[data-find]"))
    link.addEventListener("click", () => {
      reason.value = link.dataset.reason ?? "";
      find.value = link.dataset.find ?? "";
      filter();
    });
  find.value = "";
  reason.value = "";
  order.value = "near";
  filter();
})();
