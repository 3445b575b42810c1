// A click on a client ID selects and copies it.
document.addEventListener("click", async (event) => {
  const code = event.target.closest(".dbconnections-copy");
  if (!code) return;
  getSelection().selectAllChildren(code);
  try {
    await navigator.clipboard.writeText(code.textContent);
    code.classList.add("dbconnections-copied");
    setTimeout(() => code.classList.remove("dbconnections-copied"), 1500);
  } catch {
    // No clipboard without https; the text is selected all the same.
  }
});
