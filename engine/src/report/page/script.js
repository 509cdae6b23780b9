"use strict";
(() => {
  // Tables: a click on a header sorts by its column, another one the other way round. Cells that begin with a number
  // count as numbers; empty ones come last either way.
  const number = (text) => {
    const match = /^[-−+]?[\d,]*\.?\d+(e[-+]?\d+)?/i.exec(text);
    return match ? Number(match[0].replace(/,/g, "").replace("−", "-")) : NaN;
  };
  const missing = (text) => text === "" || text === "–";
  const compare = (a, b) => {
    const [x, y] = [number(a), number(b)];
    if (Number.isNaN(x) !== Number.isNaN(y)) return Number.isNaN(x) ? 1 : -1;
    return Number.isNaN(x) ? a.localeCompare(b, undefined, { numeric: true }) : x - y;
  };
  const sort = (header) => {
    const table = header.closest("table");
    const body = table.tBodies[0];
    const column = header.cellIndex;
    const first = header.classList.contains("number") ? "descending" : "ascending";
    const other = first === "ascending" ? "descending" : "ascending";
    const order = header.getAttribute("aria-sort") === first ? other : first;
    for (const cell of header.parentElement.cells) cell.removeAttribute("aria-sort");
    header.setAttribute("aria-sort", order);
    const sign = order === "ascending" ? 1 : -1;
    const rows = Array.from(body.rows, (row) => [row.cells[column].textContent.trim(), row]);
    rows.sort(([a], [b]) => missing(a) - missing(b) || (missing(a) ? 0 : sign * compare(a, b)));
    body.append(...rows.map(([, row]) => row));
  };
  for (const button of document.querySelectorAll(".sortable th button")) {
    button.addEventListener("click", () => sort(button.parentElement));
  }

  // A link to a step opens it.
  const open = () => {
    const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (target instanceof HTMLDetailsElement) target.open = true;
  };
  addEventListener("hashchange", open);
  open();

  // A graph wider than a phone shows its first step at first.
  for (const graph of document.querySelectorAll(".graph.down")) {
    const [node, frame] = [graph.querySelector(".box"), graph].map((element) => element.getBoundingClientRect());
    graph.scrollLeft = node.left + node.width / 2 - frame.left - frame.width / 2;
  }

  for (const button of document.querySelectorAll(".copy")) {
    if (!navigator.clipboard) continue;
    button.hidden = false;
    button.addEventListener("click", async () => {
      try {
        await navigator.clipboard.writeText(button.previousElementSibling.textContent);
        button.textContent = "Copied";
      } catch {
        getSelection().selectAllChildren(button.previousElementSibling);
        button.textContent = "Selected";
      }
      setTimeout(() => { button.textContent = "Copy"; }, 1500);
    });
  }

  // On paper nothing can be opened.
  let closed = [];
  addEventListener("beforeprint", () => {
    closed = Array.from(document.querySelectorAll("details:not([open])"));
    for (const details of closed) details.open = true;
  });
  addEventListener("afterprint", () => {
    for (const details of closed) details.open = false;
  });
})();
