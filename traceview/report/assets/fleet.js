/* The fleet page: heat maps, metric switch, links between figures, rules and captures. */
"use strict";
(() => {
  const NARROW = 640;
  const SHORT = 96; // left margin where only rule numbers fit
  const COLUMN = 46; // pixels below which figures in cells cannot be read
  const byId = (id) => document.getElementById(id);
  const boxes = [...document.querySelectorAll(".heat")];
  const PAPER = 690;
  const ON_PAPER = {
    "--heat-0": "#f3f4f6", "--heat-1": "#eda36a", "--heat-2": "#b01e25", "--worse": "#c02b31", "--better": "#007d5c",
    "--text": "#111", "--muted": "#555", "--line": "#ccc", "--surface": "#fff", "--grid": "#ddd",
  };
  let metric = "share";
  let paper = false;

  /* ---- figures ---- */
  const color = (name) => (paper && ON_PAPER[name]) || theme.color(name);
  const narrow = () => !paper && innerWidth < NARROW;
  const heat = () => [[0, color("--heat-0")], [0.5, color("--heat-1")], [1, color("--heat-2")]];
  const short = (label) => label.split(" ")[0].slice(0, 12);
  const marked = (text) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
  const GAP = 18; // between names and cells
  const NAMES = 0.42; // of the width, at most, where names and cells compete

  /* Words of a name in lines of so many pixels; a word that is wider stands alone. */
  function lines(pen, label, room) {
    const found = [];
    for (const word of label.split(" ")) {
      const longer = found.length ? `${found.at(-1)} ${word}` : word;
      if (found.length && pen.measureText(longer).width <= room) found[found.length - 1] = longer;
      else found.push(word);
    }
    return found;
  }

  /* Names of rows get the room that the cells leave them, and as many lines as they need in it. */
  function nameRows(figure, room, cells) {
    const { layout, base } = figure;
    const { labels, cell, line } = layout.meta;
    const pen = penOf(layout);
    const most = Math.max(Math.min(layout.meta.left, room * NAMES), room - cells);
    const widest = Math.max(...labels.map((label) => pen.measureText(label).width)) + GAP;
    const left = Math.min(widest, most);
    const names = labels.map((label) => lines(pen, label, left - GAP));
    layout.margin.l = left;
    layout.yaxis.ticktext = names.map((one) => one.map(marked).join("<br>"));
    layout.height = base.height + labels.length * (cell + line * (Math.max(...names.map((one) => one.length)) - 1) - base.row);
  }

  function penOf(layout) {
    const pen = document.createElement("canvas").getContext("2d");
    pen.font = `${layout.font.size}px ${layout.font.family}`;
    return pen;
  }

  function themed(figure) {
    for (const trace of figure.data) {
      if (trace.type === "heatmap") trace.colorscale = heat();
      else if (trace.mode === "text") trace.textfont = { color: color("--muted") };
      else {
        const tone = color({ worse: "--worse", better: "--better" }[trace.name] || "--muted");
        trace.marker.color = tone;
        trace.error_x.color = tone;
      }
    }
  }

  /* Versions that are wider than their columns stand upright, with the room above that they need. */
  function turnVersions(figure, column) {
    const { layout, base } = figure;
    const pen = penOf(layout);
    const widest = Math.max(...layout.xaxis.ticktext.map((label) => pen.measureText(label).width));
    const upright = widest + 4 > column;
    layout.xaxis.tickangle = upright ? -90 : 0;
    layout.margin.t = upright ? Math.max(base.top, Math.ceil(widest) + 14) : base.top;
    layout.height += layout.margin.t - base.top;
  }

  function laidOut(figure, box) {
    const { layout } = figure;
    const isHeat = layout.meta.metrics.length > 0;
    const room = paper ? PAPER : box.parentElement.clientWidth;
    const columns = Number(box.dataset.columns);
    if (narrow() && isHeat) {
      layout.margin.l = SHORT;
      layout.yaxis.ticktext = layout.meta.labels.map((label) => marked(short(label)));
      layout.height = figure.base.height + layout.meta.labels.length * (layout.meta.cell - figure.base.row);
    } else nameRows(figure, room, isHeat ? COLUMN * columns + layout.margin.r : room * (narrow() ? 0.45 : 0.5));
    layout.width = isHeat && !paper ? Math.max(room, layout.margin.l + COLUMN * columns) : room;
    if (isHeat) turnVersions(figure, (layout.width - layout.margin.l - layout.margin.r) / columns);
    layout.font.color = color("--muted");
    layout.yaxis.tickfont = { color: color("--text") };
    layout.hoverlabel = { ...layout.hoverlabel, bgcolor: color("--surface"), bordercolor: color("--line"), font: { color: color("--text") } };
    if (layout.xaxis.gridcolor) layout.xaxis.gridcolor = color("--grid");
    figure.data.forEach((trace, index) => {
      if (isHeat) trace.visible = layout.meta.metrics[index] === metric;
    });
  }

  async function draw(box) {
    const { figure } = box;
    themed(figure);
    laidOut(figure, box);
    await Plotly.react(box, figure.data, figure.layout, unpack.config);
    box.dataset.state = "drawn";
    box.dataset.metric = metric;
  }

  async function load(box) {
    box.figure = await unpack.figure(`data-${box.dataset.figure}`);
    const { height, margin, meta } = box.figure.layout;
    const most = Math.max(...box.figure.layout.yaxis.ticktext.map((label) => label.split("<br>").length));
    box.figure.base = { height, top: margin.t, row: meta.cell + meta.line * (most - 1) };
    box.replaceChildren();
    await draw(box);
    box.on("plotly_click", (event) => {
      const rule = event.points[0] && event.points[0].customdata;
      if (rule) location.hash = `#r=${encodeURIComponent(rule)}`;
    });
  }

  const redraw = () => Promise.all(boxes.filter((box) => box.dataset.state === "drawn").map(draw));

  async function start() {
    if (!boxes.length) return;
    if (!unpack.supported) {
      for (const box of boxes) fail(box, "The figures need a browser from 2023 or later. The tables have the same data.");
      return;
    }
    try {
      await unpack.library();
      for (const box of boxes) await load(box);
    } catch (error) {
      for (const box of boxes) if (box.dataset.state !== "drawn") fail(box, `The figure could not be drawn: ${error.message}`);
      console.error(error);
    }
  }

  function fail(box, words) {
    const note = document.createElement("p");
    note.className = "plot-note";
    note.textContent = words;
    box.replaceChildren(note);
    box.dataset.state = "failed";
  }

  for (const button of document.querySelectorAll(".metric")) {
    button.addEventListener("click", () => {
      metric = button.dataset.metric;
      document.querySelectorAll(".metric").forEach((one) => one.setAttribute("aria-pressed", String(one === button)));
      document.querySelectorAll(".meaning").forEach((one) => (one.hidden = one.dataset.metric !== metric));
      redraw();
    });
  }

  /* ---- captures ---- */
  const filter = byId("filter");
  const rows = filter ? [...byId("capture-table").tBodies[0].rows] : [];
  let texts = null;

  function apply() {
    texts ??= rows.map((row) => row.textContent.toLowerCase());
    const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    rows.forEach((row, index) => {
      row.hidden = !words.every((word) => texts[index].includes(word));
      shown += row.hidden ? 0 : 1;
    });
    byId("filtered").textContent = words.length ? `${shown} of ${rows.length}` : "";
  }

  if (filter) filter.addEventListener("input", apply);
  for (const link of document.querySelectorAll(".filter-link")) {
    link.addEventListener("click", () => {
      filter.value = link.dataset.filter;
      apply();
    });
  }

  /* ---- permalinks: #r=<rule> ---- */
  function follow() {
    let id = location.hash.slice(1);
    try {
      id = decodeURIComponent(id);
    } catch {
      // a stray percent sign: take it as it stands
    }
    const target = byId(id);
    if (target && target.classList.contains("rule")) {
      target.open = true;
      target.scrollIntoView({ block: "start" });
      target.querySelector("summary").focus({ preventScroll: true });
    }
  }

  /* ---- theme, size, print ---- */
  theme.listen(redraw);
  let width = innerWidth;
  addEventListener("resize", () => {
    if (innerWidth !== width) {
      width = innerWidth;
      redraw();
    }
  });
  let closed = [];
  addEventListener("beforeprint", () => {
    closed = [...document.querySelectorAll("details:not([open])")].filter((one) => !one.closest(".map"));
    closed.forEach((one) => (one.open = true));
    paper = true;
    redraw();
  });
  addEventListener("afterprint", () => {
    closed.forEach((one) => (one.open = false));
    paper = false;
    redraw();
  });
  addEventListener("hashchange", follow);
  addEventListener("load", follow); // after the browser's own jump, which would take the focus away
  requestAnimationFrame(() => setTimeout(start, 0));
})();
