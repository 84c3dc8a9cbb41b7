/* Unpacks what the page carries compressed: figures, and the plotting library. */
"use strict";
const unpack = (() => {
  const nonce = document.currentScript.nonce;

  async function text(id) {
    const packed = document.getElementById(id).textContent.trim();
    const bytes = Uint8Array.from(atob(packed), (letter) => letter.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    return new Response(stream).text();
  }

  /* The library adds style sheets while it loads; the page's policy wants its nonce on them. */
  function evaluate(code) {
    const create = document.createElement;
    document.createElement = (name, options) => {
      const element = create.call(document, name, options);
      if (element instanceof HTMLStyleElement) element.nonce = nonce;
      return element;
    };
    const script = document.createElement("script");
    script.nonce = nonce;
    script.textContent = code;
    document.head.append(script);
    script.remove();
    delete document.createElement;
  }

  const supported = typeof DecompressionStream !== "undefined";
  const library = async () => evaluate(await text("data-library"));
  const figure = async (id) => JSON.parse(await text(id));
  const config = { showSendToCloud: false, plotlyServerURL: "", displaylogo: false, displayModeBar: false, doubleClick: false };
  return { supported, library, figure, config };
})();
