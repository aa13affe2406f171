// A button that asks the kernel for a file and saves it in the browser: nothing is left on a server.
export default {
  render({ model, el }) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "soe-download";
    const draw = () => {
      button.textContent = model.get("label");
      button.disabled = !model.get("is_ready");
    };
    const save = (message, buffers) => {
      if (message.kind !== "file") return;
      const url = URL.createObjectURL(new Blob([buffers[0]], { type: message.type }));
      const link = document.createElement("a");
      link.href = url;
      link.download = message.name;
      link.click();
      setTimeout(() => URL.revokeObjectURL(url), 10000);
    };
    button.addEventListener("click", () => model.send({ kind: "wanted" }));
    draw();
    el.appendChild(button);
    model.on("change:label", draw);
    model.on("change:is_ready", draw);
    model.on("msg:custom", save);
    return () => {
      model.off("change:label", draw);
      model.off("change:is_ready", draw);
      model.off("msg:custom", save);
    };
  },
};
