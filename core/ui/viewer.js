// The preview of a model: Google's model-viewer, served by us, in a frame of our own. No request leaves this server.
const HOME = { cameraOrbit: "25deg 75deg auto", cameraTarget: "auto auto auto", fieldOfView: "auto" };
const LIGHTS = {
  neutral: { "environment-image": "neutral", "tone-mapping": "neutral", exposure: "1.1", "shadow-softness": "1" },
  studio: { "environment-image": "legacy", "tone-mapping": "aces", exposure: "1.5", "shadow-softness": "0.7" },
  dramatic: { "environment-image": "legacy", "tone-mapping": "aces", exposure: "0.6", "shadow-softness": "0.3" },
};
const LOOKS = 5; // at a file that is there, before a model that never comes is given up
const SNAPSHOT_GROUND = { white: "#ffffff", black: "#000000" }; // the others are saved transparent
const NO_WEBGL = "This browser cannot show 3D: WebGL is missing or switched off. You can still download it.";
const FAILED = "The model could not be shown here. You can still download it.";
const LOST = "The graphics card stopped drawing. Reload the page to see the model. You can still download it.";
const NO_LIBRARY = "The 3D viewer could not be loaded. Reload the page. You can still download the model.";
const SLOW = "Still loading: this takes longer than usual. You can download the model meanwhile.";
const STUCK = "The model did not finish loading here. Reload the page to try again. You can still download it.";
const SILENT = "The server does not answer. Reload the page to try again.";

const calm = matchMedia("(prefers-reduced-motion: reduce)");

class Preview {
  originals = new Map(); // mesh → its own material, while another one is shown
  look = { clay: false, wireframe: false };
  viewer = null;
  src = null;

  constructor(root) {
    this.root = root;
    this.stage = root.querySelector(".stage");
    for (const button of root.querySelectorAll("[data-do]")) button.onclick = () => this[button.dataset.do](button);
    root.querySelector(".more").onchange = () => this.light();
    root.onkeydown = (event) => { if (event.key === "Escape" && this.closeMore()) event.stopPropagation(); };
    this.outside = (event) => { if (!event.composedPath().some((node) => node === root)) this.closeMore(); };
    document.addEventListener("pointerdown", this.outside);
    this.stage.addEventListener("pointerdown", () => this.closeMore());
    this.calmer = () => { if (calm.matches) { this.spin(false); this.animate(false); } };
    calm.addEventListener("change", this.calmer);
    root.onfullscreenchange = () => this.press("full", root.getRootNode().fullscreenElement === root);
    this.part("full").hidden = !root.requestFullscreen; // iPhones have none
  }

  part(name) { return this.root.querySelector(`[data-do="${name}"]`); }
  press(name, pressed) { this.part(name).setAttribute("aria-pressed", String(pressed)); }

  show(data) {
    this.data = data;
    this.root.style.setProperty("--height", `${data.height}px`);
    const text = (name, words) => {
      const place = this.root.querySelector(name);
      place.textContent = words ?? "";
      place.hidden = !words;
    };
    text(".facts", data.facts);
    text(".address", data.phone?.text);
    this.root.querySelector(".phone").hidden = !data.phone;
    this.picture(".code", data.phone?.code);
    this.picture(".poster", data.poster && origin + data.poster);
    const src = origin + data.src;
    if (src !== this.src) this.open(src); // unchanged on a refresh: the camera stays, and nothing is fetched
    this.viewer?.setAttribute("alt", data.alt);
  }

  picture(name, src) {
    const image = this.root.querySelector(name);
    image.hidden = !src;
    image.onerror = () => { image.hidden = true; };
    if (src && image.getAttribute("src") !== src) image.src = src;
  }

  open(src) {
    this.restore();
    this.src = src;
    this.say("loading", "Loading the model");
    this.root.querySelector(".bar").removeAttribute("value");
    this.watch(src);
    if (!canDraw()) { this.say("failed", NO_WEBGL); return; }
    library().then(() => {
      if (src !== this.src) return; // another model was asked for meanwhile
      this.viewer ??= this.build();
      this.viewer.setAttribute("alt", this.data.alt);
      this.home();
      this.viewer.setAttribute("src", src);
    }).catch((problem) => {
      console.error("Maquette: the viewer could not be made.", problem);
      if (src === this.src) this.say("failed", NO_LIBRARY);
    });
  }

  // Of last resort, for what nobody tells us: a request without an answer, a decoder that hangs. Progress winds it up.
  watch(src, looks = 0) {
    clearTimeout(this.watchdog);
    this.watchdog = setTimeout(async () => {
      const trouble = looks < LOOKS ? await troubleWith(src) : STUCK;
      if (src !== this.src || this.root.dataset.state !== "loading") return;
      if (trouble) { this.say("failed", trouble); return; }
      this.root.querySelector(".says").textContent = SLOW;
      this.watch(src, looks + 1);
    }, once.patienceMs);
  }

  say(state, words) {
    this.root.dataset.state = state;
    this.root.querySelector(".says").textContent = words;
    this.root.querySelector(".poster").alt = state === "failed" ? this.data.alt : "";
    this.root.querySelector(".tools").inert = state !== "loaded";
    if (state !== "loaded") this.closeMore();
  }

  build() {
    const viewer = document.createElement("model-viewer");
    for (const [name, value] of Object.entries({
      "camera-controls": "", "touch-action": "pan-y", "interaction-prompt": "none", loading: "eager", ar: "",
      "ar-modes": "webxr scene-viewer quick-look", "camera-orbit": HOME.cameraOrbit,
    })) viewer.setAttribute(name, value);
    // model-viewer's own mark of the centre swallows a drag that begins on it; ours lets it through
    viewer.innerHTML = '<div slot="progress-bar"></div><div slot="pan-target" class="centre"></div>'
      + '<button slot="ar-button" class="room">View in your room</button>';
    viewer.addEventListener("progress", (event) => {
      const percent = Math.round((event.detail?.totalProgress ?? 0) * 100);
      if (viewer !== this.viewer || this.root.dataset.state !== "loading") return;
      this.root.querySelector(".bar").value = percent;
      this.watch(this.src);
    });
    viewer.addEventListener("load", (event) => {
      // model-viewer calls a load that was cancelled "load", too: then there is nothing in its scene
      if (event.detail?.url === this.src && sceneOf(viewer)?.models?.length !== 0) this.loaded();
    });
    viewer.addEventListener("error", (event) => {
      if (viewer !== this.viewer) return;
      this.say("failed", event.detail?.type === "webglcontextlost" ? LOST : FAILED);
    });
    this.stage.append(viewer);
    this.viewer = viewer;
    this.light();
    return viewer;
  }

  loaded() {
    const shapes = meshesOf(this.viewer).length > 0;
    for (const name of ["clay", "wireframe"]) this.part(name).hidden = !shapes;
    this.inspect();
    this.measure();
    const moves = (this.viewer.availableAnimations ?? []).length > 0;
    this.part("play").hidden = !moves;
    this.root.querySelector(".tools").classList.toggle("moving", moves);
    this.animate(moves && !calm.matches);
    this.say("loaded", "");
  }

  home() {
    const { viewer } = this;
    if (viewer.loaded) { // model-viewer sees no change where the last wish is repeated, so wish for the present first
      viewer.cameraOrbit = viewer.getCameraOrbit().toString();
      viewer.cameraTarget = viewer.getCameraTarget().toString();
      viewer.fieldOfView = `${viewer.getFieldOfView()}deg`;
    }
    return viewer.updateComplete.then(() => {
      Object.assign(viewer, HOME);
      viewer.resetTurntableRotation?.(0);
      if (calm.matches) viewer.updateComplete.then(() => viewer.jumpCameraToGoal());
    });
  }

  reset() { this.home(); }
  turn() { this.spin(!this.viewer.hasAttribute("auto-rotate")); }
  play() { this.animate(this.viewer.paused); }
  clay() { this.look.clay = !this.look.clay; this.inspect(); }
  wireframe() { this.look.wireframe = !this.look.wireframe; this.inspect(); }

  spin(turns) {
    this.viewer?.toggleAttribute("auto-rotate", turns);
    this.viewer?.setAttribute("auto-rotate-delay", "0");
    this.press("turn", turns);
  }

  animate(plays) {
    if (plays) this.viewer?.play(); else this.viewer?.pause();
    this.press("play", plays);
  }

  inspect() {
    this.restore();
    const { clay, wireframe } = this.look;
    if (clay || wireframe) {
      const meshes = meshesOf(this.viewer);
      const faces = meshes.reduce((sum, mesh) => sum + facesOf(mesh), 0);
      for (const mesh of meshes) {
        this.originals.set(mesh, mesh.material);
        mesh.material = each(mesh.material, (original) => inspected(original, this.look, faces));
      }
    }
    this.press("clay", clay);
    this.press("wireframe", wireframe);
    sceneOf(this.viewer)?.queueRender?.();
  }

  restore() {
    for (const [mesh, original] of this.originals) {
      each(mesh.material, (material) => material.dispose());
      mesh.material = original;
    }
    this.originals.clear();
  }

  size(button) {
    this.press("size", button.getAttribute("aria-pressed") !== "true");
    this.measure();
  }

  measure() {
    const place = this.root.querySelector(".size");
    place.hidden = this.part("size").getAttribute("aria-pressed") !== "true";
    const { x, y, z } = this.viewer.getDimensions();
    if (!this.data.isSizeKnown) {
      const part = (side) => (side / (Math.max(x, y, z) || 1)).toLocaleString("en", { maximumSignificantDigits: 2 });
      place.textContent = `${part(x)} wide × ${part(y)} high × ${part(z)} deep; the real size is not known`;
      return;
    }
    const cm = (metres) => (metres * 100).toLocaleString("en", { maximumSignificantDigits: 3 });
    place.textContent = `${cm(x)} wide × ${cm(y)} high × ${cm(z)} deep, in cm`;
  }

  light() {
    const chosen = (name) => this.root.querySelector(`input[name="${name}"]:checked`)?.value;
    this.root.dataset.background = chosen("background");
    if (!this.viewer) return;
    const shadow = chosen("light") === "dramatic" ? "1.6" : "1";
    const attributes = { ...LIGHTS[chosen("light")], "shadow-intensity": chosen("shadow") ? shadow : "0" };
    for (const [name, value] of Object.entries(attributes)) this.viewer.setAttribute(name, value);
  }

  async snapshot() {
    const { viewer } = this;
    const library = customElements.get("model-viewer");
    const scale = library.minimumRenderScale;
    let drawn;
    try {
      library.minimumRenderScale = 1; // a slow machine draws coarser while the model moves: not in a picture that is kept
      sceneOf(viewer)?.forceRescale?.();
      for (let frame = 0; frame < 3; frame += 1) await new Promise(requestAnimationFrame);
      drawn = await createImageBitmap(await viewer.toBlob({ mimeType: "image/png", idealAspect: false }));
    } finally { library.minimumRenderScale = scale; }
    const canvas = Object.assign(document.createElement("canvas"), { width: drawn.width, height: drawn.height });
    const paper = canvas.getContext("2d");
    const ground = SNAPSHOT_GROUND[this.root.dataset.background];
    if (ground) { paper.fillStyle = ground; paper.fillRect(0, 0, canvas.width, canvas.height); }
    paper.drawImage(drawn, 0, 0);
    drawn.close();
    canvas.toBlob((file) => {
      const link = Object.assign(document.createElement("a"), { href: URL.createObjectURL(file), download: this.data.file });
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 60_000); // a browser may still ask where to save it
    }, "image/png");
  }

  full() {
    if (this.root.getRootNode().fullscreenElement === this.root) document.exitFullscreen();
    else this.root.requestFullscreen();
  }

  more() {
    const panel = this.root.querySelector(".more");
    panel.hidden = !panel.hidden;
    this.part("more").setAttribute("aria-expanded", String(!panel.hidden));
    if (!panel.hidden) panel.querySelector("input:checked").focus();
  }

  closeMore() {
    const panel = this.root.querySelector(".more");
    if (panel.hidden) return false;
    const hadFocus = panel.contains(this.root.getRootNode().activeElement);
    panel.hidden = true;
    this.part("more").setAttribute("aria-expanded", "false");
    if (hadFocus) this.part("more").focus();
    return true;
  }

  // Gives memory of the graphics card back: model-viewer disposes of what it drew once it has no source and no place.
  close() {
    document.removeEventListener("pointerdown", this.outside);
    calm.removeEventListener("change", this.calmer);
    clearTimeout(this.watchdog);
    this.restore();
    this.src = null;
    this.viewer?.removeAttribute("src");
    this.viewer?.remove();
    this.viewer = null;
  }
}

const previews = (once.previews ??= new WeakMap());

export default function (component) {
  const root = component.parentElement.querySelector(".viewer");
  let preview = previews.get(root);
  if (!preview) previews.set(root, (preview = new Preview(root)));
  preview.show(component.data);
  // Streamlit tidies up after a call, too, that a newer one overtook: what is still on the page goes on
  return () => {
    if (root.isConnected) return;
    preview.close();
    previews.delete(root);
  };
}
