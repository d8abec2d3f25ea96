"""A finished model: seen, judged, and given away in the format a person needs."""

from __future__ import annotations

from urllib.parse import urlencode

import streamlit as st

from core.bootstrap import get_services
from core.domain.errors import MaquetteError
from core.domain.export import FORMATS, PRINTED, Compression, ExportOrder, Format, size_note, what_is_lost
from core.domain.job import Job
from core.domain.mesh_report import Light, MeshReport, Use
from core.mesh import extras
from core.mesh.verdicts import verdicts
from core.ui import conversions, labels
from core.ui.viewer import model_viewer

VIEWER_PX = 520
MEASURING_S = 2
HEAVY_FACES, HEAVY_BYTES = 1_500_000, 60_000_000  # more than a phone's browser can draw
REDUCED_FACES = 200_000
LIGHTS: dict[Light, tuple[str, labels.Colour]] = {
    Light.GREEN: (":material/check_circle:", "green"),
    Light.AMBER: (":material/error:", "orange"),
    Light.RED: (":material/cancel:", "red"),
}
USES = {Use.WEB: "Web", Use.GAMES: "Games", Use.AR: "AR", Use.PRINT: "3D printing"}
PACKING = {
    Compression.NONE: "As it is",
    Compression.DRACO: "Draco: smallest file",
    Compression.MESHOPT: "Meshopt: loads fastest",
}


def draw(job: Job, url: str) -> None:
    """The viewer, downloads, verdicts and figures. Raises: StoreUnavailable."""
    report, problem = _report(job)
    source = _light_enough(job, url, report)
    if source is not None:
        model_viewer(
            source,
            alt=f"3D model of {job.target_object}",
            key=f"viewer-{job.id}",
            height_px=VIEWER_PX,
            poster=f"/api/jobs/{job.id}/thumbnail.png",
            is_size_known=job.has_known_size,
        )
    if report is not None and report.header.has_no_object:
        st.warning(
            f"{labels.literal(report.header.note)} If there is an object in it, try a picture where it stands out from "
            "its background.",
            icon=":material/image_search:",
        )
    with st.container(horizontal=True):
        st.link_button(
            "Download GLB",
            f"{url}?download=1",
            type="primary",
            icon=":material/download:",
            help="Opens in Blender, Unity, Unreal, PowerPoint, and most slicers.",
        )
        with st.popover("Other formats", icon=":material/file_export:"):
            _exports(job, report)
        conversions.draw_orders(job)
    conversions.draw_ordered(job)
    if problem:
        st.warning(labels.literal(problem), icon=":material/warning:")
    if report is not None:
        waits = report.shape is None and not report.problem
        st.fragment(_judged, run_every=MEASURING_S if waits else None)(job)


def _report(job: Job) -> tuple[MeshReport | None, str]:
    try:
        return get_services().inspect.report(job), ""
    except MaquetteError as exc:
        return None, f"{exc.message} You can still download the file."


def _light_enough(job: Job, url: str, report: MeshReport | None) -> str | None:
    """The model, or a smaller one of it when a browser could not draw it; None until a person chose."""
    if report is None or (report.header.face_count <= HEAVY_FACES and report.header.file_bytes <= HEAVY_BYTES):
        return url
    size = f"{report.header.face_count:,} faces, {labels.size(report.header.file_bytes)}"
    st.info(f"This model is heavy ({size}): a browser may take long to draw it.", icon=":material/hourglass:")
    choice = st.segmented_control(
        "Show", ["A lighter copy", "The whole model"], key=f"heavy-{job.id}", label_visibility="collapsed"
    )
    if choice == "The whole model":
        return url
    if choice is None:
        return None
    order = ExportOrder(format=Format.GLB, faces=REDUCED_FACES)
    with st.spinner("Making a lighter copy …"):
        try:
            return _export(job, order)
        except MaquetteError as exc:
            st.error(labels.literal(exc.message), icon=":material/error:")
            return None


def _export(job: Job, order: ExportOrder) -> str:
    """Make a file and return where it is given away. Raises: ModelInvalid, ExportFailed, StorageFull …"""
    get_services().inspect.export(job, order)
    asked = {"format": order.format.value, "compression": order.compression.value}
    if order.format in PRINTED:
        asked["heightMm"] = f"{order.height_mm:g}"
    if order.faces is not None:
        asked["faces"] = str(order.faces)
    return f"/api/jobs/{job.id}/export?{urlencode(asked)}"


def _exports(job: Job, report: MeshReport | None) -> None:
    chosen = st.selectbox(
        "Format",
        extras.formats(),
        format_func=lambda each: f"{FORMATS[each].label} – {FORMATS[each].use}",
        key=f"format-{job.id}",
    )
    kind = chosen or Format.GLB
    whole = report.header.face_count if report is not None else None
    faces = st.number_input(
        "Most faces",
        min_value=100,
        max_value=5_000_000,
        value=None,
        step=1000,
        placeholder="All" if whole is None else f"All {whole:,}",
        key=f"export-faces-{job.id}",
    )
    height, packing = 100.0, Compression.NONE
    if kind in PRINTED:
        height = st.number_input(
            "Height in millimetres", min_value=1.0, max_value=10_000.0, value=100.0, key=f"height-{job.id}"
        )
    if kind is Format.GLB:
        packed = st.selectbox("Packing", extras.packings(), format_func=PACKING.__getitem__, key=f"packing-{job.id}")
        packing = packed or Compression.NONE
    order = ExportOrder(format=kind, faces=faces, height_mm=height, compression=packing)
    lost = what_is_lost(report.header, order) if report is not None else ""
    if lost:
        st.warning(lost, icon=":material/animation:")
    if st.button("Make the file", key=f"export-{job.id}", icon=":material/build:", width="stretch"):
        with st.spinner("Making it, and reading it again to be sure …"):
            try:
                address = _export(job, order)
            except MaquetteError as exc:
                st.session_state[f"made-{job.id}"] = None
                st.error(labels.literal(f"{exc.message} The model itself is safe."), icon=":material/error:")
            else:
                st.session_state[f"made-{job.id}"] = (order, address)
    made = st.session_state.get(f"made-{job.id}")
    if made is not None and made[0] == order:
        if lost:
            st.caption(lost)
        unknown = size_note(job.has_known_size, order)
        if unknown:
            st.caption(unknown)
        st.link_button(
            f"Download {FORMATS[kind].label}", made[1], type="primary", icon=":material/download:", width="stretch"
        )
    st.caption("Made on this server, at no cost.")


def _judged(job: Job) -> None:
    report, _ = _report(job)
    if report is None:
        return
    if report.shape is not None and st.session_state.get(f"measured-{job.id}") is False:
        st.session_state[f"measured-{job.id}"] = True
        st.rerun()  # ends the refreshing
    st.session_state.setdefault(f"measured-{job.id}", report.shape is not None)
    st.subheader("Technical fit", anchor=False)
    st.caption("This is about the file, not about how well it shows what is in the picture.")
    for verdict in verdicts(report):
        icon, colour = LIGHTS[verdict.light]
        badge, text = st.columns([1, 5], vertical_alignment="center")
        badge.badge(USES[verdict.use], icon=icon, color=colour)
        text.markdown(labels.literal(f"{verdict.reason} {verdict.remedy}".strip()))
    with st.expander("Figures", icon=":material/straighten:"):
        _figures(report)


def _sizes(report: MeshReport) -> list[tuple[str, str]]:
    """In centimetres where those are the object's; otherwise how the sides compare."""
    if report.header.bounds_m is None:
        return []
    low, high = report.header.bounds_m
    sides = [b - a for a, b in zip(low, high, strict=True)]
    what = "(width, height, depth)"
    if report.is_size_known:
        size = " × ".join(f"{100 * side:,.1f}" for side in sides)
        return [("Size", f"{size} cm {what}")]
    size = " × ".join(f"{side / (max(sides) or 1):.2f}" for side in sides)
    return [("Proportions", f"{size} {what}"), ("Size", "not known; give the real height when it is made")]


def _figures(report: MeshReport) -> None:
    header, shape = report.header, report.shape
    rows = [
        ("Faces", f"{header.face_count:,}"),
        ("Vertices", f"{header.vertex_count:,}"),
        ("Meshes, materials", f"{header.mesh_count}, {header.material_count}"),
        (
            "File",
            f"{labels.size(header.file_bytes)}: geometry {labels.size(header.geometry_bytes)}, "
            f"textures {labels.size(header.texture_bytes)}",
        ),
    ]
    rows += _sizes(report)
    if shape is not None and report.is_size_known:
        centre = ", ".join(f"{100 * side:,.1f}" for side in shape.centre_m)
        rows.append(("Centre", f"{centre} cm; {header.up_axis} is up"))
    for texture in header.textures:
        use = ", ".join(texture.channels) or "unused"
        rows.append(("Texture", f"{texture.width_px} × {texture.height_px}, {labels.size(texture.size_bytes)}: {use}"))
    if header.animation_count or header.skin_count:
        rows.append(("Animations, skins", f"{header.animation_count}, {header.skin_count}"))
    if shape is not None:
        rows += [
            ("Closed surface", "yes" if shape.is_watertight else "no"),
            ("Same side outside everywhere", "yes" if shape.has_consistent_winding else "no"),
            ("Separate parts", f"{shape.body_count:,}"),
        ]
        if report.is_size_known:
            rows.append(("Surface", f"{shape.area_m2 * 1e4:,.1f} cm²"))
        if report.is_size_known and shape.volume_m3 is not None:
            rows.append(("Volume", f"{shape.volume_m3 * 1e6:,.1f} cm³"))
        if shape.degenerate_count or shape.duplicate_count:
            rows.append(("Faulty faces", f"{shape.degenerate_count:,} without area, {shape.duplicate_count:,} double"))
    elif report.problem:
        rows.append(("Shape", report.problem))
    if header.extensions:
        rows.append(("glTF extensions", ", ".join(header.extensions)))
    rows.append(("Made with", header.generator or "unknown"))
    for name, value in rows:
        st.markdown(f"**{name}** {labels.literal(value)}")
    if shape is None and not report.problem:
        st.caption("The shape is being measured …")
