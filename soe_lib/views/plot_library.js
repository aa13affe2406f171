// Puts plotly.js on the page once, whatever the number of figures.
export default {
  initialize({ model }) {
    if (globalThis.Plotly || globalThis.__soePlotly) return;
    globalThis.__soePlotly = true;
    const script = document.createElement("script");
    const source = model.get("source");
    script.textContent = `(function(define,module,exports){${source}\n}).call(window);`;
    document.head.appendChild(script);
  },
};
