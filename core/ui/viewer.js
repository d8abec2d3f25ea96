// Google's model-viewer, served by us: no request leaves this server.
const origin = location.origin;
self.ModelViewerElement = self.ModelViewerElement || {
  dracoDecoderLocation: `${origin}/assets/decoders/draco/`,
  ktx2TranscoderLocation: `${origin}/assets/decoders/basis/`,
  // model-viewer has its own Meshopt decoder inside; an empty script keeps it from asking another host
  meshoptDecoderLocation: "data:text/javascript,",
};
const ready = customElements.get("model-viewer")
  ? Promise.resolve()
  : import(`${origin}/assets/viewer/model-viewer.min.js`);

const FAILED = "The model could not be shown here. You can still download it.";

function build(root) {
  const viewer = document.createElement("model-viewer");
  for (const [name, value] of Object.entries({
    "camera-controls": "", "touch-action": "pan-y", "interaction-prompt": "none", "environment-image": "neutral",
    "shadow-intensity": "1", "tone-mapping": "neutral", exposure: "1.1", "camera-orbit": "25deg 75deg auto",
  })) viewer.setAttribute(name, value);
  const note = root.querySelector(".note");
  viewer.addEventListener("progress", (event) => {
    const percent = Math.round((event.detail?.totalProgress ?? 0) * 100);
    note.textContent = percent < 100 ? `Loading the model: ${percent} %` : "";
  });
  viewer.addEventListener("load", () => { note.textContent = ""; root.dataset.state = "loaded"; });
  viewer.addEventListener("error", () => { note.textContent = FAILED; root.dataset.state = "failed"; });
  root.querySelector(".stage").append(viewer);
  const button = (name) => root.querySelector(`[data-do="${name}"]`);
  button("reset").addEventListener("click", () => {
    viewer.cameraOrbit = "25deg 75deg auto";
    viewer.cameraTarget = "auto auto auto";
    viewer.fieldOfView = "auto";
    viewer.resetTurntableRotation(0);
  });
  button("turn").addEventListener("click", (event) => {
    const turns = viewer.toggleAttribute("auto-rotate");
    event.currentTarget.setAttribute("aria-pressed", String(turns));
  });
  button("full").addEventListener("click", () => {
    if (document.fullscreenElement) document.exitFullscreen();
    else root.requestFullscreen?.();
  });
  return viewer;
}

export default function (component) {
  const { data, parentElement } = component;
  const root = parentElement.querySelector(".viewer");
  root.style.height = `${data.height}px`;
  const viewer = root.querySelector("model-viewer") ?? build(root);
  ready.catch(() => { root.querySelector(".note").textContent = "The 3D viewer could not be loaded. Reload the page."; });
  const set = (name, value) => { if (viewer.getAttribute(name) !== value) viewer.setAttribute(name, value); };
  set("alt", data.alt);
  set("src", origin + data.src); // unchanged on a refresh, so camera and model stay
}
