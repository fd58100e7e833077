document.addEventListener("click", async ({ target }) => {
  if (!(target instanceof HTMLButtonElement && "copy" in target.dataset)) return;
  const text = target.dataset.copy || target.parentElement.nextElementSibling.textContent;
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
