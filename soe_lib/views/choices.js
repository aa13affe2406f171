// Numbers or bars that are buttons: text is set as text, a click tells Python which one.
export default {
  render({ model, el }) {
    const box = document.createElement("div");
    el.appendChild(box);
    const draw = () => {
      const look = model.get("look");
      box.className = `soe-choices soe-choices-${look}`;
      box.setAttribute("role", "group");
      box.replaceChildren(
        ...model.get("items").map((item, place) => {
          const button = document.createElement("button");
          button.type = "button";
          button.className = `soe-choice soe-${item.tone}`;
          button.dataset.key = item.key;
          button.setAttribute("aria-pressed", String(place === model.get("selected")));
          const part = (name, text) => {
            const span = document.createElement("span");
            span.className = `soe-choice-${name}`;
            span.textContent = text;
            button.appendChild(span);
            return span;
          };
          part("label", item.label).title = item.label;
          if (look === "bars") {
            const track = part("track", "");
            const bar = document.createElement("span");
            bar.style.width = `${Math.max(0, Math.min(100, 100 * item.share))}%`;
            track.appendChild(bar);
          }
          part("value", item.value);
          if (look === "tiles") part("note", item.note);
          button.addEventListener("click", () => {
            model.set("chosen", { key: item.key, stamp: Date.now() });
            model.save_changes();
          });
          return button;
        })
      );
      box.dataset.revision = model.get("revision");
    };
    draw();
    model.on("change:revision", draw);
    return () => model.off("change:revision", draw);
  },
};
