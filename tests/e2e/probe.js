// Looks at the page it runs in, uses it a little, and gives what `View` in browser.rs says.
(() => {
  const shown = (element) => element.checkVisibility();
  const drawings = Array.from(document.querySelectorAll("svg.drawing, figure img")).filter(shown);
  const size = (element) => {
    const { width, height } = element.getBoundingClientRect();
    return [width, height];
  };

  // Texts of one drawing must neither touch each other nor reach out of it. A pixel is rounding.
  const overlaps = [], cutOff = [];
  for (const drawing of drawings.filter((drawing) => drawing.matches("svg"))) {
    const frame = drawing.getBoundingClientRect();
    const texts = Array.from(drawing.querySelectorAll("text")).filter(shown).slice(0, 400).map((text) => {
      const { left, right, top, bottom } = text.getBoundingClientRect();
      const trim = (bottom - top) * 0.18; // The box of a text has room for accents and descenders.
      return { text: text.textContent, left, right, top: top + trim, bottom: bottom - trim };
    }).filter(({ text, left, right }) => text && right > left);
    texts.forEach((a, index) => {
      if (a.left < frame.left - 1 || a.right > frame.right + 1 || a.bottom > frame.bottom + 1) cutOff.push(a.text);
      for (const b of texts.slice(index + 1)) {
        const apart = a.right <= b.left + 1 || b.right <= a.left + 1 || a.bottom <= b.top + 1 || b.bottom <= a.top + 1;
        if (!apart) overlaps.push(`${a.text} | ${b.text}`);
      }
    });
  }

  const scrollWidth = () => document.scrollingElement.scrollWidth;
  let widest = scrollWidth();
  const collapsibles = Array.from(document.querySelectorAll("details")).slice(0, 20).map((details) => {
    const summary = details.querySelector("summary");
    const before = details.getBoundingClientRect().height;
    summary.click();
    const opened = details.open && details.getBoundingClientRect().height > before;
    widest = Math.max(widest, scrollWidth());
    summary.click();
    return opened && !details.open && Math.abs(details.getBoundingClientRect().height - before) < 1;
  });

  let sorts = null;
  const table = Array.from(document.querySelectorAll("table.sortable")).find((table) => table.tBodies[0].rows.length > 1);
  if (table) {
    const header = table.querySelector("th");
    const cells = () => Array.from(table.tBodies[0].rows, (row) => row.cells[header.cellIndex].textContent);
    const before = cells();
    header.querySelector("button").click();
    const once = cells(), first = header.getAttribute("aria-sort");
    header.querySelector("button").click();
    const twice = cells(), second = header.getAttribute("aria-sort");
    const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);
    sorts = first !== second && Boolean(first && second) && same([...before].sort(), [...once].sort())
      && (same([...once].reverse(), twice) || new Set(before).size < before.length);
    header.removeAttribute("aria-sort");
  }

  return { scrollWidth: widest, drawings: drawings.map(size), collapsibles, sorts, overlaps, cutOff };
})()
