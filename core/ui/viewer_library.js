// What the preview needs of model-viewer and three.js. Read before viewer.js: together they are one module.
const origin = location.origin;

// Streamlit may evaluate this file again for another page; what a browser tab needs once is kept here.
const once = (self.maquetteViewer ??= {});
once.patienceMs ??= 20_000; // without progress, until we look for ourselves; a big model unpacks for seconds without a word

function library() {
  self.ModelViewerElement ??= {
    dracoDecoderLocation: `${origin}/assets/decoders/draco/`,
    ktx2TranscoderLocation: `${origin}/assets/decoders/basis/`,
    // model-viewer has its own Meshopt decoder inside; empty scripts keep it from asking other hosts
    meshoptDecoderLocation: "data:text/javascript,",
    lottieLoaderLocation: "data:text/javascript,",
  };
  once.library ??= import(`${origin}/assets/viewer/model-viewer.min.js`).then(
    () => { customElements.get("model-viewer").modelCacheSize = 1; }, // five by default: models are large
    (problem) => { once.library = undefined; throw problem; },
  );
  return once.library;
}

function canDraw() {
  if (once.canDraw === undefined) {
    const context = document.createElement("canvas").getContext("webgl2");
    once.canDraw = context !== null;
    context?.getExtension("WEBGL_lose_context")?.loseContext(); // a browser keeps few contexts: give this one back
  }
  return once.canDraw;
}

// Why the file cannot be had; empty where the server gives it. One byte is asked for: it may be big.
async function troubleWith(src) {
  try {
    const options = { headers: { Range: "bytes=0-0" }, cache: "no-store", signal: AbortSignal.timeout(once.patienceMs) };
    const answer = await fetch(src, options);
    answer.body?.cancel();
    return answer.ok ? "" : FAILED;
  } catch { return SILENT; }
}

// three.js is reachable only through a private symbol of model-viewer; null where a release hides it.
function sceneOf(viewer) {
  for (let level = viewer; level && level !== HTMLElement.prototype; level = Object.getPrototypeOf(level)) {
    const symbol = Object.getOwnPropertySymbols(level).find((each) => each.description === "scene");
    if (symbol) return viewer[symbol] ?? null;
  }
  return null;
}

function meshesOf(viewer) {
  const meshes = [];
  try {
    for (const model of sceneOf(viewer)?.models ?? []) {
      model?.traverse((node) => { if (node.isMesh && node.material) meshes.push(node); });
    }
  } catch (problem) { console.warn("Maquette: shape inspection is not possible.", problem); }
  return meshes;
}

const facesOf = (mesh) => (mesh.geometry?.index?.count ?? mesh.geometry?.attributes?.position?.count ?? 0) / 3;

function inspected(original, { clay, wireframe }, faces) {
  const material = original.clone();
  if (clay) {
    for (const key of Object.keys(material)) if (material[key]?.isTexture) material[key] = null;
    material.color?.setRGB(0.21, 0.21, 0.205); // linear: a middle grey, seen on white and on black
    material.emissive?.setRGB(0, 0, 0);
    const plain = { roughness: 0.85, metalness: 0, opacity: 1, alphaTest: 0, transmission: 0, clearcoat: 0, sheen: 0,
      iridescence: 0, anisotropy: 0, transparent: false, vertexColors: false, depthWrite: true };
    for (const [key, value] of Object.entries(plain)) if (key in material) material[key] = value;
  }
  if (wireframe) { // the more faces, the fainter the lines: or they would be a surface again
    const opacity = Math.min(1, Math.max(0.12, 10_000 / faces));
    Object.assign(material, { wireframe: true, opacity, transparent: opacity < 1, depthWrite: opacity === 1 });
  }
  material.needsUpdate = true;
  return material;
}

const each = (material, change) => (Array.isArray(material) ? material.map(change) : change(material));
