"""The technical fit of a model in plain words: one verdict for each use, each with the figure that decides.

Whether it looks like what was in the picture, no figure of the file tells.
"""

from __future__ import annotations

from core.domain.mesh_report import HeaderFacts, Light, MeshReport, ShapeFacts, Use, Verdict

MB = 1_000_000
WEB_GOOD_MB, WEB_MOST_MB = 10, 40  # what a phone fetches in a few seconds, and in half a minute
GAME_GOOD_FACES, GAME_MOST_FACES = 50_000, 300_000
AR_GOOD_MB, AR_MOST_MB = 15, 50
AR_MOST_FACES = 500_000
TEXTURE_MOST_PX = 4096
REAL_LEAST_M, REAL_MOST_M = 0.01, 10.0
FLAT_BASE, THIN_GOOD, THIN_MOST = 0.25, 0.02, 0.15


def verdicts(report: MeshReport) -> list[Verdict]:
    """In the order of `Use`."""
    return [_web(report.header), _games(report.header), _ar(report), _print(report)]


def _web(header: HeaderFacts) -> Verdict:
    size = header.file_bytes / MB
    sides = max((max(each.width_px, each.height_px) for each in header.textures), default=0)
    if size <= WEB_GOOD_MB:
        return Verdict(use=Use.WEB, light=Light.GREEN, reason=f"{_size(header)} load quickly.")
    remedy = "Download it with Draco compression"
    remedy += f" and textures smaller than {sides} pixels." if sides > 2048 else " or with fewer faces."
    light = Light.AMBER if size <= WEB_MOST_MB else Light.RED
    wait = "takes some seconds on a phone" if light is Light.AMBER else "is too much for a web page"
    return Verdict(use=Use.WEB, light=light, reason=f"{_size(header)} {wait}.", remedy=remedy)


def _games(header: HeaderFacts) -> Verdict:
    faces = header.face_count
    if faces <= GAME_GOOD_FACES:
        return Verdict(use=Use.GAMES, light=Light.GREEN, reason=f"{faces:,} faces are fine for a prop.")
    light = Light.AMBER if faces <= GAME_MOST_FACES else Light.RED
    few = "many for a single prop" if light is Light.AMBER else "too many for a game"
    remedy = f"Download it with at most {GAME_GOOD_FACES:,} faces."
    return Verdict(use=Use.GAMES, light=light, reason=f"{faces:,} faces are {few}.", remedy=remedy)


def _ar(report: MeshReport) -> Verdict:
    header = report.header
    size = header.file_bytes / MB
    sides = max((max(each.width_px, each.height_px) for each in header.textures), default=0)
    if size > AR_MOST_MB or header.face_count > AR_MOST_FACES:
        return Verdict(
            use=Use.AR,
            light=Light.RED,
            reason=f"{_size(header)} and {header.face_count:,} faces are too much for a phone.",
            remedy="Download it with at most 100,000 faces.",
        )
    if size > AR_GOOD_MB or sides > TEXTURE_MOST_PX:
        return Verdict(
            use=Use.AR,
            light=Light.AMBER,
            reason=f"{_size(header)} take a while to open on a phone.",
            remedy="Download it with fewer faces.",
        )
    largest = max(_extents(report), default=0.0)
    if report.is_size_known and largest and not REAL_LEAST_M <= largest <= REAL_MOST_M:
        return Verdict(
            use=Use.AR,
            light=Light.AMBER,
            reason=f"It would stand {largest:,.3g} m large in the room.",
            remedy="Make it again with its real height.",
        )
    if largest and not REAL_LEAST_M <= largest <= REAL_MOST_M:
        return Verdict(
            use=Use.AR,
            light=Light.AMBER,
            reason="Its real size is not known, and its file has one that no room or hand would hold.",
            remedy="Make it again with its real height, or scale it by hand.",
        )
    scale = "" if report.is_size_known else " Its real size is not known: scale it by hand."
    return Verdict(use=Use.AR, light=Light.GREEN, reason=f"{_size(header)} open at once.{scale}")


def _print(report: MeshReport) -> Verdict:
    shape = report.shape
    if shape is None:
        reason = report.problem or "The shape is still being measured."
        return Verdict(use=Use.PRINT, light=Light.AMBER, reason=reason)
    if not shape.is_watertight or not shape.has_consistent_winding:
        what = "has holes or loose edges" if not shape.is_watertight else "is inside out in places"
        return Verdict(
            use=Use.PRINT,
            light=Light.RED,
            reason=f"The surface {what}, so a printer cannot tell inside from outside.",
            remedy="Let the slicer repair it, or make the model again.",
        )
    return _solid_print(shape)


def _solid_print(shape: ShapeFacts) -> Verdict:
    thin, weak = shape.thin_share or 0.0, []
    if thin > THIN_GOOD:
        weak.append((f"{thin:.0%} of it is thinner than a hundredth of its size", "print it larger"))
    if shape.base_share < FLAT_BASE:
        weak.append(("it does not stand on a flat base", "print it with supports or a brim"))
    if shape.body_count > 1:
        weak.append((f"it has {shape.body_count} separate parts", "check in the slicer that none floats"))
    if not weak:
        return Verdict(use=Use.PRINT, light=Light.GREEN, reason="It is closed, thick enough and stands flat.")
    reason = "It is closed, but " + ", and ".join(what for what, _ in weak) + "."
    remedy = ", ".join(remedy for _, remedy in weak)
    light = Light.RED if thin > THIN_MOST else Light.AMBER
    return Verdict(use=Use.PRINT, light=light, reason=reason, remedy=f"{remedy[0].upper()}{remedy[1:]}.")


def _extents(report: MeshReport) -> tuple[float, ...]:
    if report.header.bounds_m is None:
        return () if report.shape is None else report.shape.extents_m
    low, high = report.header.bounds_m
    return tuple(b - a for a, b in zip(low, high, strict=True))


def _size(header: HeaderFacts) -> str:
    size = header.file_bytes
    return f"{size / MB:.1f} MB" if size >= MB else f"{max(1, size // 1000)} kB"
