// Streamlit hears of what is typed in a text area only when it is left. This says so after each pause: the counts of
// characters follow, and a reload of the page loses no words. Ctrl and Enter is how Streamlit itself is told.
const PAUSE_MS = 400;

function listen(fields) {
  const timers = new Map();
  const tell = (area) => {
    timers.delete(area);
    if (area.isConnected)
      area.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", ctrlKey: true, bubbles: true, cancelable: true }));
  };
  const typed = (event) => {
    const area = event.target;
    if (area.tagName !== "TEXTAREA" || event.isComposing || !area.closest(fields)) return;
    clearTimeout(timers.get(area));
    timers.set(area, setTimeout(() => tell(area), PAUSE_MS));
  };
  for (const kind of ["input", "compositionend"]) document.addEventListener(kind, typed, true);
  return () => {
    for (const kind of ["input", "compositionend"]) document.removeEventListener(kind, typed, true);
    timers.forEach(clearTimeout);
  };
}

const mounted = (window[Symbol.for("maquette live")] ??= new WeakMap());

export default function ({ data, parentElement }) {
  if (!mounted.has(parentElement)) mounted.set(parentElement, listen(data.fields));
  // Streamlit tidies up after each call, too: what is still on the page goes on
  return () => {
    if (parentElement.isConnected) return;
    mounted.get(parentElement)?.();
    mounted.delete(parentElement);
  };
}
