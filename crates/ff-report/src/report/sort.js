"use strict";
// Sorts a table by the column whose header is clicked, numbers by value; a second click reverses the order.
for (const table of document.querySelectorAll("table.sortable")) {
  const body = table.tBodies[0];
  if (body.rows.length < 2) continue;
  const value = (row, at) => {
    const text = row.cells[at].textContent.trim().replaceAll("\u2212", "-").replaceAll(",", "");
    const time = /^(?:(\d+) h )?(?:(\d+) min)?(?: ?([\d.]+) s)?$/.exec(text);
    if (time && text) return (time[1] || 0) * 3600 + (time[2] || 0) * 60 + Number(time[3] || 0);
    const number = /^(?:\u2264 )?([+-]?[\d.]+(?:e-?\d+)?)(?=$|[ %\[\d])/.exec(text);
    return number ? Number(number[1]) : text === "\u2013" ? -Infinity : text;
  };
  const compare = (a, b) => typeof a === typeof b ? (a < b ? -1 : a > b ? 1 : 0) : typeof a === "number" ? -1 : 1;
  table.tHead.querySelectorAll("th").forEach((head, at) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const down = head.getAttribute("aria-sort") !== "descending";
      for (const other of table.tHead.querySelectorAll("th")) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      const rows = [...body.rows].map((row) => [value(row, at), row]);
      rows.sort((a, b) => compare(a[0], b[0]) * (down ? -1 : 1));
      body.append(...rows.map((pair) => pair[1]));
    });
  });
}
