/* Light or dark: the system's choice, or the reader's, remembered where the browser lets a file remember. */
"use strict";
const theme = (() => {
  const system = matchMedia("(prefers-color-scheme: dark)");
  const root = document.documentElement;
  const listeners = [];
  const tell = () => listeners.forEach((listener) => listener());

  function stored() {
    try {
      return localStorage.getItem("traceview-theme");
    } catch {
      return null; // storage is off for files in some browsers: follow the system then
    }
  }

  function toggle() {
    const dark = root.dataset.theme ? root.dataset.theme === "dark" : system.matches;
    root.dataset.theme = dark ? "light" : "dark";
    try {
      localStorage.setItem("traceview-theme", root.dataset.theme);
    } catch {
      // not remembered, as above
    }
    tell();
  }

  const chosen = stored();
  if (chosen === "dark" || chosen === "light") root.dataset.theme = chosen;
  system.addEventListener("change", tell);
  document.getElementById("theme-button").addEventListener("click", toggle);
  return { toggle, listen: (listener) => listeners.push(listener), color: (name) => getComputedStyle(root).getPropertyValue(name).trim() };
})();
