// Draws the whole figure from one synced trait, so that first paint, refresh and late join agree.
const library = () =>
  new Promise((found) => {
    const look = () => (globalThis.Plotly ? found(globalThis.Plotly) : setTimeout(look, 25));
    look();
  });

export default {
  async render({ model, el }) {
    const box = document.createElement("div");
    box.style.width = "100%";
    el.appendChild(box);
    const Plotly = await library();
    const draw = async () => {
      const figure = JSON.parse(model.get("spec"));
      await Plotly.react(box, figure.data, figure.layout, { responsive: true, displaylogo: false });
      box.dataset.revision = model.get("revision");
    };
    await draw();
    const observer = new ResizeObserver(() => Plotly.Plots.resize(box));
    observer.observe(el);
    model.on("change:spec", draw);
    box.on("plotly_click", (event) => {
      const point = event.points[0];
      model.set("clicked", {
        curve: point.curveNumber,
        point: point.pointIndex ?? point.pointNumber,
        stamp: Date.now(),
      });
      model.save_changes();
    });
    return () => {
      observer.disconnect();
      Plotly.purge(box);
    };
  },
};
