/* Findings, permalinks, keys, theme and print. */
"use strict";
(() => {
  const byId = (id) => document.getElementById(id);
  const findings = [...document.querySelectorAll(".finding")];
  const timeline = byId("timeline");
  const pin = byId("pin");
  const zoomed = byId("zoomed");
  const missing = byId("missing");
  let selected = null;
  let written = null; // the fragment that this page wrote itself

  /* ---- permalinks: #f=<finding or fingerprint>, #t=<from>,<to>, #e=<episode>, #c=<call> ---- */
  function parameters(fragment) {
    const pairs = fragment.replace(/^#/, "").split("&").map((part) => part.split(/=(.*)/s));
    return new Map(pairs.map(([key, value]) => [key, value === undefined ? "" : decode(value)]));
  }

  function decode(text) {
    try {
      return decodeURIComponent(text);
    } catch {
      return text; // a stray percent sign: take it as it stands
    }
  }

  /* RFC 3339, or seconds since 1970; milliseconds UTC, or NaN. */
  const instant = (text) => (/^\d+(\.\d+)?$/.test(text) ? Number(text) * 1000 : Date.parse(text));

  function interval(text) {
    const [from, to] = text.split(",").map(instant);
    return Number.isFinite(from) && Number.isFinite(to) && from < to ? [from, to] : null;
  }

  function write(fragment) {
    written = fragment;
    missing.hidden = true;
    history.replaceState(null, "", fragment || location.pathname + location.search);
  }

  function follow() {
    if (location.hash === written) return;
    written = null;
    const asked = parameters(location.hash);
    const span = asked.has("t") ? interval(asked.get("t")) : null;
    const finding = asked.get("f") ? findingOf(asked.get("f")) : null;
    if (finding) select(finding, { zoom: !span, scroll: true });
    if (span) {
      plotView.zoom(span[0], span[1], !finding);
      zoomed.textContent = `Timeline shows ${asked.get("t").replace(",", " to ")}`;
      if (!finding) showLane();
    }
    if (asked.has("e")) reveal(byId(`e=${asked.get("e")}`));
    if (asked.has("c")) reveal(byId(`c=${asked.get("c")}`));
    tellMissing(asked, span, finding);
  }

  const findingOf = (name) => byId(`f=${name}`) || findings.find((item) => item.id.startsWith(`f=${name}`)) || null;

  /* What the address asks for and this page does not hold, in one line at its top. */
  function tellMissing(asked, span, finding) {
    const wanted = (key) => `“${asked.get(key).slice(0, 80)}”`;
    const told = [];
    if (asked.has("f") && !finding) told.push(`no finding ${wanted("f")}`);
    if (asked.has("e") && !byId(`e=${asked.get("e")}`)) told.push(`no table row ${wanted("e")}`);
    if (asked.has("c") && !byId(`c=${asked.get("c")}`)) told.push(`no call card ${wanted("c")}`);
    if (asked.has("t") && !span) told.push(`no time ${wanted("t")}`);
    missing.textContent = told.length ? `The link names what this report does not hold: ${told.join(", ")}.` : "";
    missing.hidden = !told.length;
    if (told.length && told.length === asked.size) missing.scrollIntoView({ block: "center" });
  }

  /* Bring the timeline into view: its beginning, or, where the lane of what the link is about lies below that, this lane. */
  let about = null; // id of the call or table row whose link was followed
  function showLane() {
    const tall = timeline.offsetHeight > innerHeight - BAR;
    if (!timeline.classList.contains("stuck")) (tall ? edge : timeline).scrollIntoView({ block: tall ? "start" : "nearest" });
    const lane = about === null ? null : plotView.laneOf(about);
    about = null;
    if (lane === null) return;
    if (timeline.classList.contains("stuck")) {
      const room = lanes.getBoundingClientRect();
      if (lane.top < room.top || lane.bottom > room.bottom) lanes.scrollBy({ top: lane.top - room.top - room.height / 3 });
    } else if (lane.bottom > innerHeight) {
      scrollBy({ top: lane.top - innerHeight / 2 });
    }
  }

  document.querySelector("main").addEventListener("click", (event) => {
    const link = event.target.closest("a[href^='#t=']");
    if (!link) return;
    const owner = link.closest("[id^='c='], [id^='e=']");
    about = owner ? owner.id.slice(2) : null;
    if (link.hash !== location.hash) return; // the address changes, and is followed
    event.preventDefault();
    written = null;
    follow();
  });

  function reveal(element) {
    if (!element) return;
    for (let parent = element.parentElement; parent; parent = parent.parentElement) {
      if (parent.tagName === "DETAILS") parent.open = true;
    }
    document.querySelectorAll("tr.selected").forEach((row) => row.classList.remove("selected"));
    element.classList.add("selected");
    element.scrollIntoView({ block: "center" });
  }

  /* ---- findings ---- */
  function select(finding, { zoom = true, scroll = false } = {}) {
    if (selected) selected.classList.remove("selected");
    selected = finding;
    finding.classList.add("selected");
    finding.open = true;
    const span = finding.dataset.window ? interval(finding.dataset.window.replace("#t=", "")) : null;
    if (zoom && span) {
      plotView.zoom(span[0], span[1], true);
      zoomed.textContent = `Timeline shows ${finding.dataset.window.replace("#t=", "").replace(",", " to ")}`;
    }
    write(`#${finding.id}`);
    if (scroll) {
      measure();
      finding.querySelector("summary").focus({ preventScroll: true });
      finding.scrollIntoView({ block: "start" });
    }
  }

  function step(by) {
    const shown = findings.filter((finding) => !finding.hidden);
    if (!shown.length) return;
    const at = shown.indexOf(selected);
    const next = at < 0 ? (by > 0 ? 0 : shown.length - 1) : Math.min(Math.max(at + by, 0), shown.length - 1);
    select(shown[next], { scroll: true });
  }

  for (const finding of findings) {
    finding.querySelector("summary").addEventListener("click", (event) => {
      if (finding.open && finding === selected) return; // the second click closes it
      event.preventDefault();
      select(finding);
    });
  }

  const filter = byId("filter");
  if (filter) {
    const texts = findings.map((finding) => finding.querySelector("summary").textContent.toLowerCase());
    filter.addEventListener("input", () => {
      const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
      let shown = 0;
      findings.forEach((finding, index) => {
        finding.hidden = !words.every((word) => texts[index].includes(word));
        shown += finding.hidden ? 0 : 1;
      });
      byId("filtered").textContent = words.length ? `${shown} of ${findings.length}` : "";
    });
  }

  plotView.listen((what, value) => {
    if (what === "picked") {
      const finding = byId(`f=${value}`);
      if (finding) select(finding, { scroll: true });
      else reveal(byId(`c=${value}`) || byId(`e=${value}`));
    } else if (what === "zoomed") {
      const [from, to] = value.map((edge) => new Date(edge).toISOString());
      write(`#t=${from},${to}`);
    } else {
      write("");
    }
  });

  /* A click on any printed time marks it in the timeline. */
  document.querySelector("main").addEventListener("click", (event) => {
    const time = event.target.closest("td time, .steps time, .disturbances time");
    if (time) plotView.point(Date.parse(time.dateTime));
  });

  /* ---- timeline in view: whole where it stands; once scrolled past, a compact box under the bar where it is pinned ---- */
  const BAR = 42;
  const SHARE = 0.4; // of the window, at most
  const edge = byId("timeline-edge"); // where the timeline stands, also while it is stuck
  const lanes = byId("lanes");
  const more = byId("more-rows");
  let pinned = false;
  let whole = 0; // its height where it is not stuck

  function setPinned(on) {
    pinned = on;
    pin.setAttribute("aria-pressed", String(on));
    measure();
  }

  const setVariable = (name, pixels) => document.documentElement.style.setProperty(name, `${pixels}px`);

  function measure() {
    const scrolled = lanes.scrollTop;
    unstick();
    whole = timeline.offsetHeight;
    const compact = Math.min(whole, Math.round(innerHeight * SHARE));
    setVariable("--compact", compact);
    setVariable("--spared", whole - compact);
    setVariable("--pinned", pinned ? compact : 0);
    stick();
    lanes.scrollTop = scrolled;
  }

  function unstick() {
    timeline.classList.remove("stuck", "more");
    more.hidden = true;
  }

  /* The page keeps its length, so that nothing jumps: what the box spares is margin below it. */
  function stick() {
    const compact = Math.min(whole, Math.round(innerHeight * SHARE));
    const past = pinned && edge.getBoundingClientRect().top + whole < BAR + compact;
    if (past === timeline.classList.contains("stuck")) return;
    if (!past) {
      unstick();
      return;
    }
    timeline.classList.add("stuck");
    const gutter = parseFloat(getComputedStyle(timeline).paddingRight);
    setVariable("--beside-scrollbar", Math.max(0, gutter - (lanes.offsetWidth - lanes.clientWidth)));
    tellMore();
  }

  function tellMore() {
    if (!timeline.classList.contains("stuck")) return;
    const below = plotView.rowsBelow(lanes.getBoundingClientRect().bottom);
    more.hidden = below === 0;
    timeline.classList.toggle("more", below > 0);
    more.textContent = `${below} more ${below === 1 ? "lane" : "lanes"} ↓`;
  }

  addEventListener("scroll", stick, { passive: true });
  timeline.addEventListener("toggle", measure, { capture: true }); // the legend
  new ResizeObserver(measure).observe(plotView.box);
  lanes.addEventListener("scroll", tellMore, { passive: true });
  more.addEventListener("click", () => lanes.scrollBy({ top: lanes.clientHeight * 0.8 }));
  document.querySelector("nav a[href='#timeline']").addEventListener("click", (event) => {
    event.preventDefault();
    edge.scrollIntoView({ block: "start" });
  });

  pin.addEventListener("click", () => setPinned(!pinned));
  byId("zoom-in").addEventListener("click", () => plotView.scale(0.5));
  byId("zoom-out").addEventListener("click", () => plotView.scale(2));
  byId("zoom-all").addEventListener("click", () => plotView.reset());

  theme.listen(() => plotView.restyle());
  const help = byId("help");
  byId("help-button").addEventListener("click", () => help.showModal());

  /* ---- keys ---- */
  const keys = {
    j: () => step(1),
    k: () => step(-1),
    "+": () => plotView.scale(0.5),
    "=": () => plotView.scale(0.5),
    "-": () => plotView.scale(2),
    0: () => plotView.reset(),
    p: () => pin.click(),
    t: theme.toggle,
    "?": () => help.showModal(),
  };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || help.open || event.target.matches("input, textarea, select")) return;
    const arrows = { ArrowLeft: -0.25, ArrowRight: 0.25 };
    if (event.target === plotView.box && event.key in arrows) {
      event.preventDefault();
      plotView.move(arrows[event.key]);
    } else if (Object.hasOwn(keys, event.key)) {
      event.preventDefault();
      keys[event.key]();
    }
  });

  /* ---- print: findings open, the timeline as wide as the paper; tables stay as they are ---- */
  const PAPER = 690;
  let closed = [];
  addEventListener("beforeprint", () => {
    closed = [...document.querySelectorAll(".finding:not([open]), .more:not([open]), .checked details:not([open])")];
    closed.forEach((details) => (details.open = true));
    plotView.print(PAPER);
  });
  addEventListener("afterprint", () => {
    closed.forEach((details) => (details.open = false));
    plotView.print(null);
  });

  addEventListener("hashchange", follow);
  addEventListener("resize", measure);
  setPinned(plotView.box.dataset.drawable === "yes" && innerHeight >= 860 && innerWidth > 980);
  follow();
  requestAnimationFrame(() => setTimeout(async () => {
    await plotView.draw();
    measure();
    if (selected && scrollY > 0) {
      selected.scrollIntoView({ block: "start" });
      if (document.activeElement === document.body) selected.querySelector("summary").focus({ preventScroll: true });
    }
  }, 0));
})();
