// The place in the list: how far its table and its page were scrolled, kept in this tab until the list is left for good.
// On the page of one job: the navigation's own link to the list, which Streamlit does not follow to the page it is on.
const KEPT = "maquette-place";
const SCROLLED = [".dvn-scroller", '[data-testid="stMain"]'];
const PATIENCE_MS = 10000; // from when the table is there; a person who scrolls ends it at once
const MOST_PATIENCE_MS = 120000; // a busy server draws its table late
const OWN_MS = 1000; // so long after a turn of the wheel, a key or a drag, a scroll is the person's; a click opens a job

function toList(link) {
  const url = new URL(link.href, location.href);
  return url.origin === location.origin && url.pathname === location.pathname && !url.search && !url.hash;
}

function onJob(setTriggerValue) {
  const click = (event) => {
    const link = event.target.closest?.("a[href]");
    if (!link || event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    if (link.target === "_blank" || !toList(link)) return;
    event.preventDefault();
    event.stopPropagation();
    setTriggerValue("left", true);
  };
  document.addEventListener("click", click, true);
  return () => document.removeEventListener("click", click, true);
}

function onList(view) {
  const places = () => SCROLLED.map((each) => document.querySelector(each));
  const kept = JSON.parse(sessionStorage.getItem(KEPT) || "{}");
  const wanted = kept.view === view ? kept.tops : null;
  const ends = performance.now() + MOST_PATIENCE_MS;
  let until = ends;
  let timer = null;
  const stop = () => {
    clearInterval(timer);
    timer = null;
  };
  // again and again for a while: a table that is drawn anew, because its rows changed, begins at its top
  const restore = () => {
    places().forEach((place, number) => { if (place && wanted[number]) place.scrollTop = wanted[number]; });
    if (until === ends && places()[0]) until = Math.min(ends, performance.now() + PATIENCE_MS);
    if (performance.now() > until) stop();
  };
  if (wanted?.some(Boolean)) timer = setInterval(restore, 50);
  let last = wanted || [0, 0];
  let touched = -OWN_MS;
  const keep = (event) => {
    if (timer || !SCROLLED.some((each) => event.target.matches?.(each))) return;
    if (!places()[0]) return; // the list is being left: what is shown now has another height
    const tops = places().map((place) => place?.scrollTop || 0);
    if (last[0] && !tops[0] && performance.now() - touched > OWN_MS) return; // a table drawn anew begins at its top
    last = tops;
    sessionStorage.setItem(KEPT, JSON.stringify({ view, tops }));
  };
  const touch = (event) => {
    if (event.type === "pointermove" && !event.buttons) return;
    if (event.type !== "pointerdown") touched = performance.now();
    stop(); // a person moves
  };
  const touches = ["wheel", "keydown", "pointerdown", "pointermove", "touchmove"];
  document.addEventListener("scroll", keep, true);
  for (const kind of touches) document.addEventListener(kind, touch, true);
  return () => {
    stop();
    document.removeEventListener("scroll", keep, true);
    for (const kind of touches) document.removeEventListener(kind, touch, true);
  };
}

const mounted = (window[Symbol.for("maquette place")] ??= new WeakMap());

export default function ({ data, parentElement, setTriggerValue }) {
  const now = JSON.stringify(data);
  const known = mounted.get(parentElement);
  if (known?.now === now) known.tell = setTriggerValue; // a refresh of the same page
  else {
    known?.end();
    const place = { now, tell: setTriggerValue };
    place.end = data.isList ? onList(data.view) : onJob((...news) => place.tell(...news));
    mounted.set(parentElement, place);
  }
  // Streamlit tidies up after each call, too, that a newer one overtook: what is still on the page goes on
  return () => {
    if (parentElement.isConnected) return;
    mounted.get(parentElement)?.end();
    mounted.delete(parentElement);
  };
}
