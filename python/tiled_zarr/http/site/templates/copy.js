document.addEventListener("click", async ({ target }) => {
  const text = target instanceof HTMLButtonElement && target.dataset.copy;
  if (!text) return;
  try {
    await navigator.clipboard.writeText(text);
  } catch { // plain http from another machine has no clipboard
    const field = document.body.appendChild(Object.assign(document.createElement("textarea"), { value: text }));
    field.select();
    document.execCommand("copy");
    field.remove();
  }
  target.dataset.state = "copied";
});
