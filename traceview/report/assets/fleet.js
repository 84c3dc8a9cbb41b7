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
  const cut = (label) => (label.length > 26 ? `${label.slice(0, 25)}…` : label);

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
    const pen = document.createElement("canvas").getContext("2d");
    pen.font = `${layout.font.size}px ${layout.font.family}`;
    const widest = Math.max(...layout.xaxis.ticktext.map((label) => pen.measureText(label).width));
    const upright = widest + 4 > column;
    layout.xaxis.tickangle = upright ? -90 : 0;
    layout.margin.t = upright ? Math.max(base.top, Math.ceil(widest) + 14) : base.top;
    layout.height = base.height + layout.margin.t - base.top;
  }

  function laidOut(figure, box) {
    const { layout } = figure;
    const isHeat = layout.meta.metrics.length > 0;
    const room = paper ? PAPER : box.parentElement.clientWidth;
    const left = narrow() ? (isHeat ? SHORT : room * 0.55) : Math.min(layout.meta.left, room * (paper ? 0.46 : 0.42));
    layout.width = isHeat && !paper ? Math.max(room, left + COLUMN * Number(box.dataset.columns)) : room;
    layout.margin.l = left;
    if (isHeat) turnVersions(figure, (layout.width - left - layout.margin.r) / Number(box.dataset.columns));
    layout.yaxis.ticktext = narrow() ? figure.labels.map(isHeat ? short : cut) : figure.labels;
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
    box.figure.base = { height: box.figure.layout.height, top: box.figure.layout.margin.t };
    box.figure.labels = box.figure.layout.yaxis.ticktext;
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
