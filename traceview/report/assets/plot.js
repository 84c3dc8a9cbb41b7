/* The timeline: unpack the plotting library after the first paint, draw, zoom. No string is ever evaluated from the capture. */
"use strict";
const plotView = (() => {
  const NARROW = 640;
  const KEEP_SPACE = 1.8; // rows get higher where their names stand above them
  const box = document.getElementById("plot");
  const note = document.getElementById("plot-note");
  const ruler = document.getElementById("ruler");
  const listeners = [];
  let figure = null;
  let full = null;
  let offset = 0;
  let quiet = 0; // programmatic zooms under way: they do not change the address
  let highlight = null;
  let cursor = null; // a moment that the reader pointed at
  let waiting = null;
  let printing = false;

  const { color } = theme;
  if (box.dataset.drawable === "yes") box.style.minHeight = `${box.dataset.height}px`; // no jump when the figure arrives
  const isNarrow = () => box.clientWidth < NARROW;

  function themed() {
    return {
      "font.color": color("--muted"),
      paper_bgcolor: color("--surface"),
      plot_bgcolor: color("--surface"),
      "xaxis.gridcolor": color("--grid"),
      "xaxis.linecolor": color("--line"),
      "xaxis.spikecolor": color("--muted"),
      "hoverlabel.bgcolor": color("--surface"),
      "hoverlabel.bordercolor": color("--line"),
      "hoverlabel.font.color": color("--text"),
    };
  }

  /* Row names stand beside the rows, or above them where the page is narrow. */
  function shaped() {
    const rows = figure.layout.meta.rows;
    const names = figure.layout.yaxis.ticktext;
    const narrow = isNarrow();
    const annotations = narrow
      ? rows.map((row, index) => ({
          text: names[index], x: 0, xref: "paper", xanchor: "left", y: row.top, yref: "y", yanchor: "top",
          showarrow: false, font: { size: 10 }, yshift: 4,
        }))
      : [];
    const base = figure.layout.height - figure.layout.margin.t - figure.layout.margin.b;
    const scale = narrow ? KEEP_SPACE : 1;
    return {
      annotations,
      width: box.clientWidth,
      height: base * scale + figure.layout.margin.t + figure.layout.margin.b,
      "yaxis.showticklabels": !narrow,
      "yaxis.automargin": !narrow,
      "xaxis.nticks": narrow ? 4 : 0,
    };
  }

  function marks() {
    const shapes = [...(figure.layout.shapes || [])];
    if (highlight) shapes.push({ ...tall(...highlight), type: "rect", fillcolor: color("--focus"), opacity: 0.09, line: { width: 0 }, layer: "below" });
    if (cursor !== null) shapes.push({ ...tall(cursor, cursor), type: "line", line: { color: color("--mark-edge"), width: 2 } });
    return shapes;
  }

  const tall = (from, to) => ({ xref: "x", yref: "paper", x0: from + offset, x1: to + offset, y0: 0, y1: 1 });

  async function relayout(change) {
    quiet += 1;
    try {
      await Plotly.relayout(box, change);
    } finally {
      quiet -= 1;
    }
  }

  function range() {
    const [from, to] = box._fullLayout.xaxis.range.map((edge) => box._fullLayout.xaxis.r2l(edge) - offset);
    return [from, to];
  }

  /* Zoom to a window in milliseconds UTC; `mark` also shades it. */
  async function zoom(from, to, mark) {
    if (!figure) {
      waiting = [from, to, mark];
      return;
    }
    highlight = mark ? [from, to] : null;
    const margin = mark ? Math.max((to - from) * 0.25, 500) : 0;
    await relayout({ "xaxis.range": [from - margin + offset, to + margin + offset], shapes: marks() });
    box.dataset.from = String(Math.round(from));
    box.dataset.to = String(Math.round(to));
  }

  /* Mark one moment, and move to it where it is not in view. */
  async function point(moment) {
    if (!figure) return;
    cursor = moment;
    const [from, to] = range();
    const half = (to - from) / 2;
    const view = moment < from || moment > to ? { "xaxis.range": [moment - half + offset, moment + half + offset] } : {};
    await relayout({ ...view, shapes: marks() });
    box.dataset.cursor = String(moment);
  }

  async function scale(factor) {
    if (!figure) return;
    const [from, to] = range();
    const middle = (from + to) / 2;
    const half = ((to - from) / 2) * factor;
    await zoomKeeping(middle - half, middle + half);
  }

  async function move(share) {
    if (!figure) return;
    const [from, to] = range();
    const step = (to - from) * share;
    await zoomKeeping(from + step, to + step);
  }

  async function zoomKeeping(from, to) {
    await relayout({ "xaxis.range": [from + offset, to + offset] });
    for (const listener of listeners) listener("zoomed", [from, to]);
  }

  async function reset() {
    if (!figure) return;
    highlight = null;
    cursor = null;
    await relayout({ "xaxis.range": full, shapes: marks() });
    for (const listener of listeners) listener("reset");
  }

  async function restyle() {
    if (figure) await relayout({ ...themed(), shapes: marks() });
  }

  /* On paper: a width in pixels; null to return to the screen. */
  async function print(width) {
    if (!figure) return;
    printing = width !== null;
    await relayout(printing ? { width, "font.color": "#444", paper_bgcolor: "#fff", plot_bgcolor: "#fff" } : { ...shaped(), ...themed() });
  }

  function assign(target, [key, ...rest], value) {
    if (rest.length) assign((target[key] ??= {}), rest, value);
    else target[key] = value;
  }

  async function draw() {
    if (box.dataset.drawable !== "yes") {
      box.dataset.state = "empty";
      return;
    }
    if (!unpack.supported) {
      note.textContent = "The timeline needs a browser from 2023 or later. Everything else on this page works here.";
      box.dataset.state = "unsupported";
      return;
    }
    try {
      [figure] = await Promise.all([unpack.figure("data-timeline"), unpack.library()]);
      offset = figure.layout.meta.offset_ms;
      full = [...figure.layout.meta.whole];
      note.remove();
      const layout = structuredClone(figure.layout);
      for (const [path, value] of Object.entries({ ...themed(), ...shaped() })) assign(layout, path.split("."), value);
      await Plotly.newPlot(box, figure.data, layout, unpack.config);
      watch();
      box.dataset.state = "drawn";
      if (waiting) await zoom(...waiting);
    } catch (error) {
      figure = null;
      note.textContent = `The timeline could not be drawn: ${error.message}`;
      if (!note.isConnected) box.append(note);
      box.dataset.state = "failed";
      console.error(error);
    }
  }

  /* The times of the axis once more, above the rows: they stay in view however far the rows are scrolled. */
  function rule() {
    const beside = box.getBoundingClientRect().left - ruler.getBoundingClientRect().left;
    const labels = [...box.querySelectorAll(".xtick text")].flatMap((tick) => {
      // where it stands, also of a label that the library hides at the edge
      const middle = tick.transform.baseVal.getItem(0).matrix.e + tick.x.baseVal.getItem(0).value + beside;
      const lines = [...tick.querySelectorAll("tspan.line")].map((line) => line.textContent);
      return (lines.length ? lines : [tick.textContent]).map((words, at) => {
        const label = document.createElement(at ? "em" : "span"); // the time, and the day above it
        label.textContent = words;
        return { label, middle };
      });
    });
    ruler.replaceChildren(...labels.map(({ label }) => label));
    const halves = labels.map(({ label }) => label.offsetWidth / 2 + 2);
    labels.forEach(({ label, middle }, index) => {
      label.style.left = `${Math.min(Math.max(middle, halves[index]), ruler.clientWidth - halves[index])}px`;
    });
  }

  /* How many rows have their middle below that edge (pixels of the window). */
  function rowsBelow(bottom) {
    if (!figure) return 0;
    const { yaxis } = box._fullLayout;
    const top = box.getBoundingClientRect().top + yaxis._offset;
    return figure.layout.meta.rows.filter((row) => top + yaxis.l2p(row.top + row.height / 2) > bottom).length;
  }

  /* Where the row of a shape lies (pixels of the window); null where it is not drawn. */
  function laneOf(id) {
    if (!figure) return null;
    const trace = box._fullData.find((one) => (one.customdata || []).includes(id));
    if (!trace) return null;
    const y = trace.y[trace.customdata.indexOf(id)];
    const row = figure.layout.meta.rows.find((one) => one.top <= y && y < one.top + one.height);
    const { yaxis } = box._fullLayout;
    const top = box.getBoundingClientRect().top + yaxis._offset;
    return { top: top + yaxis.l2p(row.top), bottom: top + yaxis.l2p(row.top + row.height) };
  }

  function watch() {
    rule();
    for (const event of ["plotly_afterplot", "plotly_relayout", "plotly_relayouting"]) box.on(event, rule);
    box.on("plotly_click", (event) => {
      const id = event.points[0] && event.points[0].customdata;
      if (id) for (const listener of listeners) listener("picked", id);
    });
    box.on("plotly_doubleclick", () => reset());
    box.on("plotly_relayout", (change) => {
      if (!quiet && "xaxis.range[0]" in change) for (const listener of listeners) listener("zoomed", range());
    });
    new ResizeObserver(() => {
      if (!printing && box.clientWidth !== box.layout.width) relayout(shaped());
    }).observe(box);
  }

  return { draw, zoom, point, scale, move, reset, restyle, print, rowsBelow, laneOf, box, listen: (listener) => listeners.push(listener) };
})();
